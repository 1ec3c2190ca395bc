//! Text-embeddings-inference's routes, for what speaks to that server.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cognate_engine::{Role, SpecialTokens};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{MAX_TEXTS, Texts, json};
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/embed", post(embed))
        .route("/similarity", post(similarity))
        .route("/tokenize", post(tokenize))
        .route("/info", get(info))
}

/// An error with the kind that these clients look for.
struct TeiError(ApiError);

impl<E: Into<ApiError>> From<E> for TeiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for TeiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let kind = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => "Overloaded",
            status if status.is_server_error() => "Backend",
            _ => "Validation",
        };
        let body = json!({
            "error": error.message(), "message": error.message(), "error_type": kind, "code": error.code()
        });
        error.with_body(body)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EmbedParams {
    inputs: Texts,
    normalize: Option<bool>,
    truncate: Option<bool>,
    truncation_direction: Option<String>,
    prompt_name: Option<String>,
    dimensions: Option<usize>,
}

/// `POST /embed`: a vector for each text.
async fn embed(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Vec<f32>>>, TeiError> {
    let params: EmbedParams = json(body)?;
    if params.normalize == Some(false) {
        let message = "`normalize`: expected true, or none: vectors are of unit length here";
        return Err(ApiError::bad_request("invalid_parameter", message).into());
    }
    if params.truncation_direction.as_ref().is_some_and(|from| !from.eq_ignore_ascii_case("right")) {
        let message = "`truncation_direction`: expected `Right`, or none: texts are cut at their end here";
        return Err(ApiError::bad_request("invalid_parameter", message).into());
    }
    let role = role_of(params.prompt_name.as_deref())?;
    params.inputs.checked("inputs")?;
    let vectors = off_thread_while_wanted(&app, move |app, cancel| {
        let texts = params.inputs.checked("inputs")?;
        let model = app.engine.load_model()?;
        if params.dimensions.is_some_and(|dimensions| dimensions != model.dim) {
            let message = format!("`dimensions`: expected {}, or none", model.dim);
            return Err(ApiError::bad_request("invalid_parameter", message));
        }
        if params.truncate == Some(false) {
            for text in &texts {
                let n_tokens = app.engine.tokens(text, SpecialTokens::Add)?.len();
                if n_tokens > model.max_tokens {
                    let message = format!(
                        "`inputs`: expected at most {} tokens without `truncate`, found {n_tokens}",
                        model.max_tokens
                    );
                    return Err(ApiError::too_large(message));
                }
            }
        }
        let embedded = app.engine.embed(cancel, &texts, role)?;
        Ok(embedded.vectors.iter().map(|vector| vector.as_slice().to_vec()).collect())
    });
    Ok(Json(vectors.await?))
}

fn role_of(prompt_name: Option<&str>) -> Result<Role, ApiError> {
    match prompt_name {
        None => Ok(Role::AsGiven),
        Some("query") => Ok(Role::Query),
        Some("passage" | "document") => Ok(Role::Passage),
        Some(other) => {
            let message = format!("`prompt_name`: expected `query`, `passage` or none, found {other:?}");
            Err(ApiError::bad_request("invalid_parameter", message))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimilarityParams {
    inputs: SimilarityInputs,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimilarityInputs {
    source_sentence: String,
    sentences: Vec<String>,
}

/// `POST /similarity`: the cosine of each sentence to one.
async fn similarity(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<f32>>, TeiError> {
    let SimilarityParams { inputs: SimilarityInputs { source_sentence, sentences } } = json(body)?;
    let (source, sentences) = (Texts::One(source_sentence), Texts::Many(sentences));
    source.checked("source_sentence")?;
    sentences.checked("sentences")?;
    let scores = off_thread_while_wanted(&app, move |app, cancel| {
        let mut texts = source.checked("source_sentence")?;
        texts.extend(sentences.checked("sentences")?);
        let vectors = app.engine.embed(cancel, &texts, Role::AsGiven)?.vectors;
        let Some((source, others)) = vectors.split_first() else { return Err(ApiError::internal()) };
        Ok(others.iter().map(|other| source.cosine(other)).collect())
    });
    Ok(Json(scores.await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenizeParams {
    inputs: Texts,
    #[serde(default = "yes")]
    add_special_tokens: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize)]
struct TokenBody {
    id: u32,
    text: String,
    special: bool,
    start: Option<usize>,
    stop: Option<usize>,
}

/// `POST /tokenize`: the tokens of each text, with where they stand in it.
async fn tokenize(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Vec<TokenBody>>>, TeiError> {
    let TokenizeParams { inputs, add_special_tokens } = json(body)?;
    let special = if add_special_tokens { SpecialTokens::Add } else { SpecialTokens::Omit };
    let tokens = off_thread(&app, move |app| {
        let tokens_of = |text: &&str| -> Result<Vec<TokenBody>, ApiError> {
            let tokens = app.engine.tokens(text, special)?.into_iter();
            let body = tokens.map(|token| TokenBody {
                id: token.id,
                text: token.text,
                special: token.is_special,
                start: (!token.is_special).then_some(token.chars.start),
                stop: (!token.is_special).then_some(token.chars.end),
            });
            Ok(body.collect())
        };
        inputs.checked("inputs")?.iter().map(tokens_of).collect::<Result<Vec<_>, _>>()
    });
    Ok(Json(tokens.await?))
}

/// `GET /info`: the model and the limits.
async fn info(State(app): State<Arc<App>>) -> Result<Json<Value>, TeiError> {
    let model = off_thread(&app, |app| Ok(app.engine.load_model()?)).await?;
    Ok(Json(json!({
        "model_id": model.name,
        "model_sha": model.weights_sha256,
        "model_dtype": if model.precision == "f32" { "float32" } else { model.precision.as_str() },
        "model_type": { "embedding": { "pooling": model.pooling } },
        "max_concurrent_requests": app.limits.max_requests(),
        "max_input_length": model.max_tokens,
        "max_batch_tokens": MAX_TEXTS * model.max_tokens,
        "max_batch_requests": null,
        "max_client_batch_size": MAX_TEXTS,
        "auto_truncate": true,
        "tokenization_workers": std::thread::available_parallelism().map_or(1, usize::from),
        "version": env!("CARGO_PKG_VERSION"),
        "sha": null,
        "docker_label": null,
        "limits": app.limits.body(),
    })))
}
