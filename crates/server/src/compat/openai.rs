//! OpenAI's embeddings, for `openai`: `client.embeddings.create` and `client.models`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cognate_engine::{Role, StoredModel, UnitVector};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Texts, id_after, json};
use crate::error::ApiError;
use crate::manners::bare;
use crate::routes::{App, off_thread, off_thread_while_wanted};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/embeddings", bare(post(embeddings)))
        .route("/v1/models", bare(get(models)))
        .route("/v1/models/{*id}", bare(get(model)))
}

/// An error as these clients read it: an object in `error`.
struct OpenAiError(ApiError);

impl<E: Into<ApiError>> From<E> for OpenAiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for OpenAiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let kind = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let body = json!({
            "error": { "message": error.message(), "type": kind, "param": null, "code": error.code() }
        });
        error.with_body(body)
    }
}

/// Body of `POST /v1/embeddings`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbeddingsParams {
    model: String,
    input: Value,
    #[serde(default)]
    encoding_format: EncodingFormat,
    dimensions: Option<usize>,
    /// Whom the client asks for, which nobody here needs to know.
    #[serde(rename = "user")]
    _user: Option<IgnoredAny>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

#[derive(Serialize)]
struct EmbeddingsBody {
    object: &'static str,
    data: Vec<EmbeddingBody>,
    model: String,
    usage: UsageBody,
}

#[derive(Serialize)]
struct EmbeddingBody {
    object: &'static str,
    index: usize,
    embedding: VectorBody,
}

#[derive(Serialize)]
#[serde(untagged)]
enum VectorBody {
    Float(Vec<f32>),
    Base64(String),
}

#[derive(Serialize)]
struct UsageBody {
    prompt_tokens: usize,
    total_tokens: usize,
}

async fn embeddings(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<EmbeddingsBody>, OpenAiError> {
    let EmbeddingsParams { model, input, encoding_format, dimensions, _user: _ } = json(body)?;
    let input: Texts = serde_json::from_value(input).map_err(|_| {
        let message =
            "`input`: expected a text or a list of texts; this server takes no tokens of other models";
        ApiError::bad_request("invalid_parameter", message)
    })?;
    input.checked("input")?;
    let embedded = off_thread_while_wanted(&app, move |app, cancel| {
        let stored = app.engine.load_model()?;
        check_model(&stored, &model)?;
        if dimensions.is_some_and(|dimensions| dimensions != stored.dim) {
            let message = format!("`dimensions`: expected {}, or none, as {model} has no others", stored.dim);
            return Err(ApiError::bad_request("invalid_parameter", message));
        }
        let embedded = app.engine.embed(cancel, &input.checked("input")?, Role::AsGiven)?;
        Ok((stored.name, embedded))
    });
    let (model, embedded) = embedded.await?;
    let data = embedded.vectors.iter().enumerate().map(|(index, vector)| EmbeddingBody {
        object: "embedding",
        index,
        embedding: encoded(vector, encoding_format),
    });
    Ok(Json(EmbeddingsBody {
        object: "list",
        data: data.collect(),
        model,
        usage: UsageBody { prompt_tokens: embedded.n_tokens, total_tokens: embedded.n_tokens },
    }))
}

/// Vectors of another model than the client believes would be of no use to it, or worse.
fn check_model(stored: &StoredModel, asked: &str) -> Result<(), ApiError> {
    let name = stored.name.as_str();
    // As the hub names it, `sentence-transformers/all-MiniLM-L6-v2`.
    if asked == name || asked.rsplit('/').next() == Some(name) {
        return Ok(());
    }
    let message = format!("`model`: expected {name:?}, the model of this server, found {asked:?}");
    Err(ApiError::not_found(message).coded("model_not_found"))
}

fn encoded(vector: &UnitVector, format: EncodingFormat) -> VectorBody {
    match format {
        EncodingFormat::Float => VectorBody::Float(vector.as_slice().to_vec()),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> = vector.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
            VectorBody::Base64(BASE64_STANDARD.encode(bytes))
        }
    }
}

#[derive(Serialize)]
struct ModelBody {
    id: String,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

impl ModelBody {
    /// When a model was made is not known.
    fn new(stored: StoredModel) -> Self {
        Self { id: stored.name, object: "model", created: 0, owned_by: "cognate" }
    }
}

async fn models(State(app): State<Arc<App>>) -> Result<Json<Value>, OpenAiError> {
    let stored = off_thread(&app, |app| Ok(app.engine.load_model()?)).await?;
    Ok(Json(json!({ "object": "list", "data": [ModelBody::new(stored)] })))
}

async fn model(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<ModelBody>, OpenAiError> {
    let asked = id_after("/v1/models/", &uri)?;
    let stored = off_thread(&app, |app| Ok(app.engine.load_model()?)).await?;
    check_model(&stored, &asked)?;
    Ok(Json(ModelBody::new(stored)))
}
