//! The interfaces of other services, so that clients written for them work unchanged.
//!
//! One module for each: it reads that service's requests, makes the same engine calls as the routes of
//! `/v1`, and shapes the answers as its clients expect. `docs/clients.md` says what differs.

pub(crate) mod hugging_face;
mod openai;
mod semantic_scholar;
mod text_embeddings_inference;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::Uri;
use cognate_engine::{Engine, EngineError, StoredPaper};
use cognate_wire::Object;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::routes::{App, decoded_id};

/// Most texts that are embedded in one request.
const MAX_TEXTS: usize = 2_048;

/// All of them.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(hugging_face::routes())
        .merge(semantic_scholar::routes())
        .merge(openai::routes())
        .merge(text_embeddings_inference::routes())
}

/// The rest of the path after `prefix`, which is one id, with its slashes as they are or percent-encoded.
fn id_after(prefix: &str, uri: &Uri) -> Result<String, ApiError> {
    decoded_id(uri.path().strip_prefix(prefix).unwrap_or_default())
}

/// The first paper in order of id that `key` means.
fn first(engine: &Engine, key: &str) -> Result<StoredPaper, EngineError> {
    let not_found = || EngineError::PaperNotFound { key: key.to_owned() };
    engine.papers(key)?.into_iter().next().ok_or_else(not_found)
}

/// A body in JSON, whatever its `Content-Type`.
fn json<T: DeserializeOwned>(body: Result<Bytes, BytesRejection>) -> Result<T, ApiError> {
    serde_json::from_slice(&body?)
        .map(|Object(params)| params)
        .map_err(|error| ApiError::bad_request("invalid_json", format!("the body cannot be read: {error}")))
}

/// One text or several.
#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

impl Texts {
    /// The texts: at least one, at most [`MAX_TEXTS`], none of them blank.
    fn checked(&self, field: &str) -> Result<Vec<&str>, ApiError> {
        let texts: Vec<&str> = match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts.iter().map(String::as_str).collect(),
        };
        if !(1..=MAX_TEXTS).contains(&texts.len()) {
            let message = format!("`{field}`: expected 1 to {MAX_TEXTS} texts, found {}", texts.len());
            return Err(ApiError::bad_request("invalid_parameter", message));
        }
        if let Some(position) = texts.iter().position(|text| text.trim().is_empty()) {
            let message = format!("`{field}`: expected texts, found a blank one at position {position}");
            return Err(ApiError::bad_request("invalid_parameter", message));
        }
        Ok(texts)
    }
}
