//! Lists of papers as answers: JSON with scores, the formats that other programs read, and streams.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use cognate_corpus::Paper;
use cognate_corpus::export::{ExportFormat, Exported, Exporter, FeedMeta, export};
use cognate_engine::{Cancel, ExportPapers, ExportRequest, Hit, RangeHits, RangeRequest, SearchResponse};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::ApiError;
use crate::routes::{App, off_thread_while_wanted};
use cognate_wire::{AnswerShape, FieldNames, Fields, HitBody, RangeHeadBody, SearchBody};

/// Bytes that are gathered before they are sent.
const PIECE_BYTES: usize = 1 << 16;

/// How a list is answered.
pub(crate) struct List<'a> {
    /// What it is a list of: a feed's title.
    pub(crate) about: &'a str,
    pub(crate) shape: AnswerShape,
}

impl List<'_> {
    /// The answer.
    pub(crate) fn of(self, response: SearchResponse) -> Result<Response, ApiError> {
        match self.shape.format {
            None => Ok(Json(SearchBody::new(response, self.shape.fields)).into_response()),
            Some(format) => {
                let bytes = exported(response.hits, format, self.about).map_err(|_| ApiError::internal())?;
                Ok((file_headers(format), bytes).into_response())
            }
        }
    }
}

/// Papers as a file of this name, without its ending: letters, digits and hyphens.
pub(crate) fn file_of(papers: &[Paper], (format, name): (ExportFormat, &str)) -> Result<Response, ApiError> {
    let mut bytes = Vec::new();
    let exported = papers.iter().map(|paper| Exported { paper, score: None });
    export(format, &mut bytes, exported, &feed_meta(name, None)).map_err(|_| ApiError::internal())?;
    Ok((headers_of(format, name), bytes).into_response())
}

/// What says that an answer is a file.
fn file_headers(format: ExportFormat) -> [(header::HeaderName, String); 2] {
    headers_of(format, "papers")
}

fn headers_of(format: ExportFormat, name: &str) -> [(header::HeaderName, String); 2] {
    let name = format!("attachment; filename=\"{name}.{}\"", format.extension());
    [(header::CONTENT_TYPE, format.media_type().to_owned()), (header::CONTENT_DISPOSITION, name)]
}

/// The papers of hits in a format that other programs read. `about` is the title of a feed.
///
/// # Errors
/// None but a defect: memory takes everything that is written.
pub fn exported(hits: Vec<Hit>, format: ExportFormat, about: &str) -> Result<Vec<u8>, std::io::Error> {
    let meta = feed_meta(about, last_indexed(&hits));
    let mut bytes = Vec::new();
    let papers = hits.into_iter().map(|hit| Exported { paper: hit.paper.paper, score: Some(hit.score) });
    export(format, &mut bytes, papers, &meta)?;
    Ok(bytes)
}

/// The papers of hits as an Atom feed for people: with formulas in titles and abstracts.
pub(crate) fn atom_feed(hits: &[Hit], meta: &FeedMeta) -> Result<Vec<u8>, std::io::Error> {
    let mut exporter = Exporter::new(ExportFormat::Atom, Vec::new(), meta)?;
    exporter.set_texts(|text| cognate_typeset::html(text, cognate_typeset::For::Reader));
    for hit in hits {
        exporter.write(&hit.paper.paper, Some(hit.score))?;
    }
    exporter.finish()
}

/// When the last of the papers came.
pub(crate) fn last_indexed(hits: &[Hit]) -> Option<Timestamp> {
    hits.iter().filter_map(|hit| hit.paper.first_indexed.parse().ok()).max()
}

/// One paper in a format that programs for references read.
pub(crate) fn citation(paper: &Paper, format: ExportFormat) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    let papers = std::iter::once(Exported { paper, score: None });
    export(format, &mut bytes, papers, &feed_meta("", None)).map_err(|_| ApiError::internal())?;
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

/// Some lines, or why there are no more.
type Piece = Result<Vec<u8>, io::Error>;

/// A range that is given piece by piece.
struct Pieces {
    hits: RangeHits,
    fields: Fields,
    cancel: Cancel,
}

/// Everything above a score: a line with the total, then one for each hit. Each piece is made when the one before it
/// is sent, so that a slow reader holds no thread. A failure after the first line breaks the connection off, so that
/// no part passes for the whole.
pub(crate) async fn stream_range(
    app: &Arc<App>,
    request: RangeRequest,
    fields: Option<FieldNames>,
) -> Result<Response, ApiError> {
    let fields = Fields::checked(fields.as_ref())?;
    let pieces = off_thread_while_wanted(app, move |app, cancel| {
        Ok((app.engine.range(cancel, &request)?, cancel.clone()))
    });
    let (hits, cancel) = pieces.await?;
    let head = line(&RangeHeadBody { total: hits.total() });
    let rest = Pieces { hits, fields, cancel };
    let pieces = stream::unfold(Some(rest), |rest| async {
        let piece = tokio::task::spawn_blocking(move || rest.and_then(Pieces::next)).await;
        piece.unwrap_or_else(|_| Some((Err(unreadable()), None)))
    });
    let pieces = stream::once(async { Ok(head) }).chain(pieces).fuse();
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(pieces)).into_response())
}

impl Pieces {
    /// The next lines, and what is left.
    fn next(mut self) -> Option<(Piece, Option<Self>)> {
        if self.cancel.is_cancelled() {
            return None;
        }
        let mut piece = Vec::new();
        while piece.len() < PIECE_BYTES {
            match self.hits.next_portion() {
                Ok(hits) if hits.is_empty() => break,
                Ok(hits) => piece.extend(
                    hits.into_iter().flat_map(|hit| line(&HitBody::from(hit).reduced_to(&self.fields))),
                ),
                Err(error) => {
                    tracing::error!("a range search failed: {error}");
                    return Some((Err(unreadable()), None));
                }
            }
        }
        (!piece.is_empty()).then_some((Ok(piece), Some(self)))
    }
}

/// Papers that are exported piece by piece.
struct ExportPieces {
    papers: ExportPapers,
    /// `None` once the end is written.
    exporter: Option<Exporter<Vec<u8>>>,
    cancel: Cancel,
}

/// Every paper that fits, as a file. As for [`stream_range`], a failure breaks the connection off.
pub(crate) async fn stream_export(
    app: &Arc<App>,
    request: ExportRequest,
    (format, about): (ExportFormat, String),
) -> Result<Response, ApiError> {
    let found = off_thread_while_wanted(app, move |app, cancel| {
        let papers = app.engine.export(cancel, &request)?;
        let meta = feed_meta(&about, None);
        let mut exporter = Exporter::new(format, Vec::new(), &meta).map_err(|_| ApiError::internal())?;
        if format.has_keys() {
            exporter.reserve(papers.citation_keys()?);
        }
        Ok((papers, exporter, cancel.clone()))
    });
    let (papers, exporter, cancel) = found.await?;
    let rest = ExportPieces { papers, exporter: Some(exporter), cancel };
    let pieces = stream::unfold(Some(rest), |rest| async {
        let piece = tokio::task::spawn_blocking(move || rest.and_then(ExportPieces::next)).await;
        piece.unwrap_or_else(|_| Some((Err(unreadable()), None)))
    });
    Ok((file_headers(format), Body::from_stream(pieces.fuse())).into_response())
}

impl ExportPieces {
    /// The next piece of the file, and what is left.
    fn next(mut self) -> Option<(Piece, Option<Self>)> {
        if self.cancel.is_cancelled() {
            return None;
        }
        let mut exporter = self.exporter.take()?;
        loop {
            let papers = match self.papers.next_portion() {
                Ok(papers) => papers,
                Err(error) => {
                    tracing::error!("an export failed: {error}");
                    return Some((Err(unreadable()), None));
                }
            };
            // Memory takes everything that is written.
            if papers.is_empty() {
                return exporter.finish().ok().map(|bytes| (Ok(bytes), None));
            }
            for stored in papers {
                if let Err(error) = exporter.write(&stored.paper, None) {
                    return Some((Err(error), None));
                }
            }
            if exporter.output().len() >= PIECE_BYTES {
                let piece = std::mem::take(exporter.output());
                self.exporter = Some(exporter);
                return Some((Ok(piece), Some(self)));
            }
        }
    }
}

fn unreadable() -> io::Error {
    io::Error::other("the store could not be read")
}

fn line(value: &impl serde::Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
