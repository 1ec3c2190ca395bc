//! Lists of papers as answers: JSON with scores, the formats that other programs read, and streams.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cognate_corpus::Paper;
use cognate_corpus::export::{ExportFormat, Exported, FeedMeta, export};
use cognate_engine::{Engine, Hit, RangeRequest, SearchResponse};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;

use crate::error::ApiError;
use cognate_wire::{FieldNames, HitBody, RangeHeadBody, SearchBody, checked_fields};

/// Bytes that are gathered before they are sent.
const PIECE_BYTES: usize = 1 << 16;
/// Pieces that wait for a slow reader.
const MAX_WAITING: usize = 4;

/// How a list is answered.
pub(crate) struct List<'a> {
    /// What it is a list of: a feed's title.
    pub(crate) about: &'a str,
    /// `None` for JSON with scores.
    pub(crate) format: Option<ExportFormat>,
}

impl List<'_> {
    /// The answer.
    pub(crate) fn of(
        &self,
        response: SearchResponse,
        fields: Option<&FieldNames>,
    ) -> Result<Response, ApiError> {
        match self.format {
            None => Ok(Json(SearchBody::new(response, fields)?).into_response()),
            Some(format) => {
                let bytes = exported(response.hits, format, self.about).map_err(|_| ApiError::internal())?;
                let name = format!("attachment; filename=\"papers.{}\"", format.extension());
                let headers = [
                    (header::CONTENT_TYPE, format.media_type().to_owned()),
                    (header::CONTENT_DISPOSITION, name),
                ];
                Ok((headers, bytes).into_response())
            }
        }
    }
}

/// The papers of hits in a format that other programs read. `about` is the title of a feed.
///
/// # Errors
/// None but a defect: memory takes everything that is written.
pub fn exported(hits: Vec<Hit>, format: ExportFormat, about: &str) -> Result<Vec<u8>, std::io::Error> {
    let meta = feed_meta(about, last_indexed(&hits));
    exported_with(hits, format, &meta)
}

/// The same, with all that a feed says of itself.
pub(crate) fn exported_with(
    hits: Vec<Hit>,
    format: ExportFormat,
    meta: &FeedMeta,
) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    let papers = hits.into_iter().map(|hit| Exported { paper: hit.paper.paper, score: Some(hit.score) });
    export(format, &mut bytes, papers, meta)?;
    Ok(bytes)
}

/// When the last of the papers came.
pub(crate) fn last_indexed(hits: &[Hit]) -> Option<Timestamp> {
    hits.iter().filter_map(|hit| hit.paper.first_indexed.parse().ok()).max()
}

/// One paper as BibTeX.
pub(crate) fn bibtex(paper: &Paper) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    let papers = std::iter::once(Exported { paper, score: None });
    export(ExportFormat::Bibtex, &mut bytes, papers, &feed_meta("", None))
        .map_err(|_| ApiError::internal())?;
    String::from_utf8(bytes).map_err(|_| ApiError::internal())
}

/// What a feed `about` something says of itself.
#[must_use]
pub fn feed_meta(about: &str, updated: Option<Timestamp>) -> FeedMeta {
    FeedMeta {
        title: format!("cognate: {about}"),
        id: format!("urn:x-cognate:papers:{}", utf8_percent_encode(about, NON_ALPHANUMERIC)),
        link: None,
        updated: updated.unwrap_or(Timestamp::UNIX_EPOCH),
    }
}

/// Everything above a score: a line with the total, then one for each hit. A failure after the first line
/// breaks the connection off, so that no part passes for the whole.
pub(crate) async fn stream_range(
    engine: Arc<Engine>,
    request: RangeRequest,
    fields: Option<FieldNames>,
) -> Result<Response, ApiError> {
    checked_fields(fields.as_ref())?;
    let (sender, mut receiver) = mpsc::channel::<Result<Bytes, std::io::Error>>(MAX_WAITING);
    let (began, begun) = tokio::sync::oneshot::channel();
    tokio::task::spawn_blocking(move || {
        let hits = match engine.range(&request) {
            Ok(hits) => hits,
            Err(error) => {
                let _ = began.send(Err(ApiError::from(error)));
                return;
            }
        };
        let mut piece = line(&RangeHeadBody { total: hits.total() });
        if began.send(Ok(())).is_err() {
            return;
        }
        let fields = checked_fields(fields.as_ref()).ok().flatten();
        for hit in hits {
            match hit {
                Ok(hit) => piece.extend(line(&HitBody::from(hit).reduced_to(fields.as_deref()))),
                Err(error) => {
                    tracing::error!("a range search failed: {error}");
                    let _ = sender.blocking_send(Err(std::io::Error::other("the store could not be read")));
                    return;
                }
            }
            // Who has gone away gets no more.
            if piece.len() >= PIECE_BYTES
                && sender.blocking_send(Ok(std::mem::take(&mut piece).into())).is_err()
            {
                return;
            }
        }
        let _ = sender.blocking_send(Ok(piece.into()));
    });
    begun.await.map_err(|_| ApiError::internal())??;
    let pieces = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response())
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
