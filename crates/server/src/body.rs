//! Bodies of requests, read whole before anything is done about them, and answers on their way out.
//!
//! A body is read with a limit for its size, for the memory of all bodies together, and for the time that its client
//! takes: whoever stalls for some seconds is told so and loses the connection. It is decompressed only where
//! `Content-Encoding` says so, and then within the same limit of size.

use std::borrow::Cow;
use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use cognate_wire::{Object, UniqueObject};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use serde::de::DeserializeOwned;
use tokio::sync::OwnedSemaphorePermit;

use crate::error::ApiError;
use crate::limits::{ANSWER_PATIENCE, BODY_PATIENCE, Class, Limits, Memory, ReadBody, max_body_bytes};

/// Of each body and each answer so much is not counted: connections are, and searches are smaller.
const UNCOUNTED_BYTES: usize = 16 << 10;

/// Time that a client may be silent at most.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes for which a client gets another second, up to [`PATIENCE`].
pub(crate) const BYTES_PER_SECOND: usize = 8 << 10;

/// The time left to a client of a connection that must move bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(PATIENCE)
    }
}

impl Patience {
    /// What is left.
    pub(crate) fn left(self) -> Duration {
        self.0
    }

    /// Takes off what the client took for these bytes, and adds what they are worth.
    pub(crate) fn moved(&mut self, n_bytes: usize, took: Duration) {
        let earned = Duration::from_secs_f64(n_bytes as f64 / BYTES_PER_SECOND as f64);
        self.0 = (self.0.saturating_sub(took) + earned).min(PATIENCE);
    }
}

/// A body that is being read, without its compression.
enum Unpacked {
    Plain(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// Packed bytes that are unpacked between two looks at how much came of them: a thousand times as much at most.
const PACKED_PORTION: usize = 1 << 10;

impl Unpacked {
    /// For the compression that the headers tell.
    fn new(headers: &HeaderMap) -> Result<Self, ApiError> {
        let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
        let (first, second) = (encodings.next(), encodings.next());
        let name = first.map_or(Ok("identity"), |name| name.to_str()).unwrap_or_default().trim();
        match (name.to_ascii_lowercase().as_str(), second) {
            ("identity" | "", None) => Ok(Self::Plain(Vec::new())),
            ("gzip" | "x-gzip", None) => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))),
            _ => Err(ApiError::unsupported_encoding(format!(
                "`Content-Encoding`: expected `gzip`, `identity` or none, found {name:?}"
            ))),
        }
    }

    /// Takes bytes in, and says how many there are now.
    fn add(&mut self, bytes: &[u8]) -> Result<usize, ApiError> {
        match self {
            Self::Plain(plain) => {
                plain.extend_from_slice(bytes);
                Ok(plain.len())
            }
            Self::Gzip(decoder) => {
                decoder.write_all(bytes).map_err(not_gzip)?;
                Ok(decoder.get_ref().len())
            }
        }
    }

    fn finish(self) -> Result<Vec<u8>, ApiError> {
        match self {
            Self::Plain(plain) => Ok(plain),
            Self::Gzip(decoder) => decoder.finish().map_err(not_gzip),
        }
    }
}

fn not_gzip(error: io::Error) -> ApiError {
    let message = format!("the body is not what its `Content-Encoding` says: {error}");
    ApiError::bad_request("unreadable_body", message)
}

/// Reads the body of a request to `path`, and puts it back whole.
pub(crate) async fn read(limits: &Limits, request: Request) -> Result<(Request, ReadBody), ApiError> {
    let (parts, body) = request.into_parts();
    let max_bytes = max_body_bytes(parts.uri.path());
    // Told before the body comes, so that a client need not send what will be refused.
    if announced_length(&parts.headers) > max_bytes {
        return Err(ApiError::body_too_large());
    }
    let memory = limits.memory_for(parts.uri.path());
    let unpacked = Unpacked::new(&parts.headers)?;
    let (bytes, read) = read_whole(memory, body, unpacked, max_bytes).await?;
    Ok((Request::from_parts(parts, Body::from(bytes)), read))
}

/// The length of the body as its header has it.
fn announced_length(headers: &HeaderMap) -> usize {
    let length = headers.get(header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

async fn read_whole(
    memory: &Memory,
    mut body: Body,
    mut unpacked: Unpacked,
    max_bytes: usize,
) -> Result<(Vec<u8>, ReadBody), ApiError> {
    let mut read = ReadBody::default();
    let mut counted = UNCOUNTED_BYTES;
    let mut patience = Patience::default();
    let mut is_empty = true;
    loop {
        let started = Instant::now();
        let frame = tokio::time::timeout(patience.left(), body.frame()).await;
        let data = match frame.map_err(|_| ApiError::stalled())? {
            None => break,
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(error)) => {
                let message = format!("the body broke off: {error}");
                return Err(ApiError::bad_request("unreadable_body", message));
            }
        };
        patience.moved(data.len(), started.elapsed());
        for portion in data.chunks(PACKED_PORTION) {
            is_empty = false;
            read.n_bytes = unpacked.add(portion)?;
            if read.n_bytes > max_bytes {
                return Err(ApiError::body_too_large());
            }
            while read.n_bytes > counted {
                // As much again, which is how the vector grows.
                read.memory.push(memory.take(counted, BODY_PATIENCE).await?);
                counted *= 2;
            }
        }
        tokio::task::yield_now().await;
    }
    let bytes = if is_empty { Vec::new() } else { unpacked.finish()? };
    read.n_bytes = bytes.len();
    Ok((bytes, read))
}

/// A body in JSON, whatever its `Content-Type`: `curl -d` says that it sends a form. (A page of another origin cannot
/// make use of that: its requests are refused before.)
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let Json(Object(value)) = Json::from_bytes(&Bytes::from_request(request, state).await?)?;
        Ok(Self(value))
    }
}

/// The body of a request that takes no parameters: nothing, or an object without fields.
pub(crate) struct EmptyBody;

impl<S: Send + Sync> FromRequest<S> for EmptyBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = Bytes::from_request(request, state).await?;
        if body.trim_ascii().is_empty() {
            return Ok(Self);
        }
        let Json(UniqueObject(fields)) = Json::from_bytes(&body)?;
        match fields.keys().next() {
            Some(name) => {
                let message = format!("`{name}`: expected no parameters; what is asked is what was saved");
                Err(ApiError::bad_request("invalid_parameter", message))
            }
            None => Ok(Self),
        }
    }
}

/// The parameters in the address. A list may be written with commas, or as the same name several times, as HTTP clients
/// write lists.
pub(crate) struct Parameters<T>(pub(crate) T);

/// The parameters that are lists.
const LISTS: [&str; 3] = ["categories", "facets", "fields"];

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let list = pairs.iter_mut().find(|(known, _)| *known == name && LISTS.contains(&&*name));
            match list {
                Some((_, values)) => *values = format!("{values},{value}").into(),
                None => pairs.push((name, value)),
            }
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let uri = Uri::builder().path_and_query(format!("/?{query}")).build();
        let uri =
            uri.map_err(|_| ApiError::bad_request("invalid_parameter", "expected shorter parameters"))?;
        let Query(params) = Query::try_from_uri(&uri)?;
        Ok(Self(params))
    }
}

/// Counts the memory of an answer until it is sent. `held` is given back before that, but for an answer that is made
/// while it is read: one of a stream, or of a long run that tells how far it is.
pub(crate) async fn count<H: Send + Sync + Unpin + 'static>(
    limits: &Limits,
    class: Class,
    response: Response,
    held: H,
) -> Result<Response, ApiError> {
    let n_bytes = response.body().size_hint().exact();
    let is_made_as_read = class == Class::Stream || (class == Class::Long && n_bytes.is_none());
    let n_bytes = usize::try_from(n_bytes.unwrap_or(0)).unwrap_or(usize::MAX);
    let kept = |held| is_made_as_read.then_some(held);
    if n_bytes <= UNCOUNTED_BYTES {
        return Ok(match kept(held) {
            Some(held) => response.map(|body| Body::new(Kept { body, _held: held })),
            None => response,
        });
    }
    // With its place still held: those that wait with an answer made are no more than the places.
    let memory = limits.answers.take(n_bytes, ANSWER_PATIENCE).await?;
    let held = kept(held);
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.map_err(|_| ApiError::internal())?;
    // What grew as it was written has room for up to as much again, which is not counted: a copy has none. The bytes
    // own their place in memory, because hyper lets go of a body long before its last bytes are written.
    let bytes = Bytes::from_owner(Counted { bytes: bytes.to_vec(), _memory: memory });
    let body = Body::from(bytes);
    Ok(Response::from_parts(
        parts,
        match held {
            Some(held) => Body::new(Kept { body, _held: held }),
            None => body,
        },
    ))
}

/// Bytes whose memory is counted.
struct Counted {
    bytes: Vec<u8>,
    _memory: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A streamed body, and what is given back when it was sent.
struct Kept<H> {
    body: Body,
    _held: H,
}

impl<H: Unpin> HttpBody for Kept<H> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
