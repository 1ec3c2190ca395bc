//! Talking to the server: a connection, a runtime of its own, and calls that end when nobody waits for them any more.
//! `questions` has what is asked by them.

mod questions;

use std::future::Future;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cognate_engine::{Cancel, EngineError};
use http::uri::PathAndQuery;
use prost::Message;
use tokio::runtime::Runtime;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request};
use tonic_prost::ProstCodec;

pub(crate) use questions::{IDS_AT_A_TIME, MAX_ROWS, Target};

use crate::address::{Address, Credentials};
use crate::messages::{Answer, CollectionRequest, Status};
use crate::rows::Malformed;

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for an answer to a question.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for what is written.
const WRITE_TIMEOUT: Duration = Duration::from_secs(120);
/// Longest wait for what the server does to a whole collection.
const LONG_TIMEOUT: Duration = Duration::from_secs(600);
/// How often it is asked whether the answer is still wanted, or whether what takes long is done.
const PATIENCE: Duration = Duration::from_millis(25);
/// How often the server is asked whether something is done.
const POLL: Duration = Duration::from_millis(500);
/// How often a call is made that fails for a reason that passes.
const ATTEMPTS: u32 = 3;
/// Bytes of an answer at the most, as Milvus has it.
const MAX_MESSAGE_BYTES: usize = 256 << 20;
/// What the server says of a collection that it does not keep ready for searches.
const NOT_LOADED: i32 = 101;
/// A call of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Method {
    path: &'static str,
    /// What it is for, in metrics.
    name: &'static str,
}

/// The calls that are made.
mod method {
    use super::Method;

    macro_rules! method {
        ($path:literal, $name:literal) => {
            Method { path: concat!("/milvus.proto.milvus.MilvusService/", $path), name: $name }
        };
    }

    pub(super) const GET_VERSION: Method = method!("GetVersion", "describe");
    pub(super) const HAS_COLLECTION: Method = method!("HasCollection", "describe");
    pub(super) const DESCRIBE_COLLECTION: Method = method!("DescribeCollection", "describe");
    pub(super) const CREATE_COLLECTION: Method = method!("CreateCollection", "make");
    pub(super) const LOAD_COLLECTION: Method = method!("LoadCollection", "load");
    pub(super) const CREATE_INDEX: Method = method!("CreateIndex", "make");
    pub(super) const DESCRIBE_INDEX: Method = method!("DescribeIndex", "describe");
    /// How many rows pass.
    pub(super) const COUNT: Method = method!("Query", "count");
    /// Rows that pass.
    pub(super) const LIST: Method = method!("Query", "list");
    /// Rows by id.
    pub(super) const FETCH: Method = method!("Query", "fetch");
    pub(super) const SEARCH: Method = method!("Search", "search");
    pub(super) const UPSERT: Method = method!("Upsert", "upsert");
    pub(super) const DELETE: Method = method!("Delete", "delete");
    pub(super) const FLUSH: Method = method!("Flush", "flush");
    pub(super) const GET_FLUSH_STATE: Method = method!("GetFlushState", "flush");
}

/// A connection to the server, made when it is first needed, and again when it was lost.
pub(crate) struct Client {
    address: Address,
    name: String,
    authorization: Option<MetadataValue<Ascii>>,
    channel: Channel,
    /// `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

impl Client {
    pub(crate) fn new(address: Address, credentials: &Credentials) -> Result<Self, EngineError> {
        let name = address.to_string();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("milvus")
            .enable_all()
            .build()
            .map_err(|error| away(&name, &error))?;
        let endpoint = endpoint(&address, credentials)?;
        let channel = {
            let _guard = runtime.enter();
            endpoint.connect_lazy()
        };
        let authorization = match &credentials.token {
            Some(token) => Some(
                MetadataValue::try_from(STANDARD.encode(token))
                    .map_err(|error| away(&name, &with_causes(&error)))?,
            ),
            None => None,
        };
        Ok(Self { address, name, authorization, channel, runtime: Some(runtime) })
    }

    /// What people call the place.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// An error of the server, or on the way to it.
    pub(crate) fn away(&self, reason: &dyn std::fmt::Display) -> EngineError {
        away(&self.name, reason)
    }

    /// A value that the server gave, if it can be used.
    pub(crate) fn told<T>(&self, value: Result<T, Malformed>) -> Result<T, EngineError> {
        value.map_err(|malformed| self.away(&malformed))
    }

    /// What cannot be done here.
    pub(crate) fn not_there(&self, reason: &str) -> EngineError {
        EngineError::NotThere { place: self.name.clone(), reason: reason.to_owned() }
    }

    /// Waits for `work` as long as it is wanted, and until `end` at the most.
    fn wait<T>(
        &self,
        cancel: &Cancel,
        end: Instant,
        work: impl Future<Output = T>,
    ) -> Result<T, EngineError> {
        let Some(runtime) = &self.runtime else { return Err(self.away(&"it is being closed")) };
        runtime.block_on(async {
            tokio::pin!(work);
            loop {
                tokio::select! {
                    done = &mut work => return Ok(done),
                    () = tokio::time::sleep(PATIENCE) => {
                        if cancel.is_cancelled() {
                            return Err(EngineError::Superseded);
                        }
                        if Instant::now() >= end {
                            return Err(self.away(&"it took too long to answer"));
                        }
                    }
                }
            }
        })
    }

    async fn once<Q, A>(&self, method: Method, message: Q) -> Result<A, tonic::Status>
    where
        Q: Message + 'static,
        A: Message + Default + 'static,
    {
        let mut grpc = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        grpc.ready().await.map_err(|error| tonic::Status::unavailable(with_causes(&error)))?;
        let mut request = Request::new(message);
        if let Some(authorization) = &self.authorization {
            request.metadata_mut().insert("authorization", authorization.clone());
        }
        let path = PathAndQuery::from_static(method.path);
        Ok(grpc.unary(request, path, ProstCodec::<Q, A>::default()).await?.into_inner())
    }

    /// Makes a call, and makes it again where it failed for a reason that passes. All calls may be made twice.
    fn call<Q, A>(&self, cancel: &Cancel, longest: Duration, call: (Method, &Q)) -> Result<A, EngineError>
    where
        Q: Message + Clone + 'static,
        A: Answer,
    {
        self.call_unless_refused(cancel, longest, call)?.map_err(|status| self.away(&reason_of(&status)))
    }

    /// The same, with what the server says where it refuses.
    fn call_unless_refused<Q, A>(
        &self,
        cancel: &Cancel,
        longest: Duration,
        (method, message): (Method, &Q),
    ) -> Result<Result<A, Status>, EngineError>
    where
        Q: Message + Clone + 'static,
        A: Answer,
    {
        let end = Instant::now() + longest;
        let mut n_failures = 0;
        loop {
            let started = Instant::now();
            let answer: Result<Result<A, tonic::Status>, EngineError> =
                self.wait(cancel, end, self.once(method, message.clone()));
            let has_failed = match &answer {
                Ok(Ok(answer)) => answer.status().is_some_and(Status::has_failed),
                Ok(Err(_)) => true,
                // Nobody waits for it any more.
                Err(error) => !matches!(error, EngineError::Superseded),
            };
            measure(method, started, has_failed);
            let answer = answer?;
            n_failures += 1;
            let is_last = n_failures >= ATTEMPTS;
            match answer {
                Ok(answer) => match answer.status().filter(|status| status.has_failed()) {
                    None => return Ok(Ok(answer)),
                    // A server that was started again.
                    Some(status) if is_unloaded(status) && method != method::LOAD_COLLECTION && !is_last => {
                        self.load(cancel)?;
                    }
                    Some(status) if status.retriable && !is_last => {}
                    Some(status) => return Ok(Err(status.clone())),
                },
                Err(status) => {
                    let passes = matches!(status.code(), Code::Unavailable | Code::Aborted | Code::Unknown);
                    let reason = reason_on_the_way(&status);
                    if !passes || is_last {
                        return Err(self.away(&reason));
                    }
                    tracing::debug!("{}: {reason}; trying again", self.name);
                }
            }
            self.wait(cancel, end, pause(PATIENCE * 4_u32.pow(n_failures)))?;
        }
    }

    /// The database's name, as requests take it.
    fn database(&self) -> String {
        self.address.database.clone().unwrap_or_default()
    }

    fn collection(&self) -> CollectionRequest {
        CollectionRequest { db_name: self.database(), collection_name: self.address.collection.clone() }
    }

    /// Has the server keep the collection ready for searches.
    pub(crate) fn load(&self, cancel: &Cancel) -> Result<(), EngineError> {
        self.call::<_, Status>(cancel, LONG_TIMEOUT, (method::LOAD_COLLECTION, &self.collection())).map(drop)
    }
}

/// Made within the runtime, which has the clock.
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

fn endpoint(address: &Address, credentials: &Credentials) -> Result<Endpoint, EngineError> {
    let name = address.to_string();
    let fault = |error: &dyn std::error::Error| away(&name, &with_causes(error));
    let scheme = if credentials.tls { "https" } else { "http" };
    let endpoint =
        Endpoint::from_shared(format!("{scheme}://{}", address.authority)).map_err(|error| fault(&error))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // Finds out within half a minute that the other machine is gone; a busy server may be silent for some seconds.
        .http2_keep_alive_interval(Duration::from_secs(10))
        .keep_alive_timeout(Duration::from_secs(15));
    if !credentials.tls {
        return Ok(endpoint);
    }
    let tls = match &credentials.ca_file {
        Some(file) => {
            let pem = std::fs::read(file).map_err(|source| EngineError::Io {
                action: "read",
                path: file.into(),
                source,
            })?;
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
        }
        None => ClientTlsConfig::new().with_native_roots(),
    };
    endpoint.tls_config(tls).map_err(|error| fault(&error))
}

/// Tells the metrics of a call that was made.
fn measure(method: Method, started: Instant, has_failed: bool) {
    metrics::histogram!("cognate_engine_call_duration_seconds", "call" => method.name)
        .record(started.elapsed().as_secs_f64());
    if has_failed {
        metrics::counter!("cognate_engine_call_failures_total", "call" => method.name).increment(1);
    }
}

fn is_unloaded(status: &Status) -> bool {
    status.code == NOT_LOADED
}

/// What a server says of a call, in one line.
fn reason_of(status: &Status) -> String {
    let reason = status.reason.split_whitespace().collect::<Vec<_>>().join(" ");
    if reason.is_empty() { format!("error {}", status.code) } else { reason }
}

fn reason_on_the_way(status: &tonic::Status) -> String {
    let cause = std::error::Error::source(status).map(with_causes);
    match (status.message(), cause) {
        ("", None) => status.code().description().to_owned(),
        ("", Some(cause)) => cause,
        (message, None) => message.to_owned(),
        (message, Some(cause)) if cause.contains(message) => cause,
        (message, Some(cause)) => format!("{message}: {cause}"),
    }
}

/// An error and its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

impl Drop for Client {
    fn drop(&mut self) {
        // A runtime that is dropped among the tasks of another would wait there for its own.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn away(place: &str, reason: &dyn std::fmt::Display) -> EngineError {
    EngineError::Away { place: place.to_owned(), reason: reason.to_string() }
}
