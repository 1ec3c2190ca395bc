//! Text-embeddings-inference's routes, for what speaks to that server.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use cognate_engine::{Role, SpecialTokens};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use cognate_wire::LimitsBody;

use super::{MAX_TEXTS, Texts, json};
use crate::error::ApiError;
use crate::routes::{App, off_thread, off_thread_while_wanted};

pub(super) fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(embed))
        .routes(routes!(embed_at_root))
        .routes(routes!(rerank))
        .routes(routes!(similarity))
        .routes(routes!(tokenize))
        .routes(routes!(info))
}

/// An error with the kind that these clients look for.
struct TeiError(ApiError);

impl<E: Into<ApiError>> From<E> for TeiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// An error as this service tells it.
#[derive(Serialize, ToSchema)]
#[schema(as = TextEmbeddingsError)]
pub(crate) struct TeiErrorBody {
    error: String,
    message: String,
    error_type: &'static str,
    code: &'static str,
}

impl IntoResponse for TeiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let kind = match error.status() {
            StatusCode::TOO_MANY_REQUESTS => "Overloaded",
            status if status.is_server_error() => "Backend",
            _ => "Validation",
        };
        let message = error.message().to_owned();
        error.with_body(TeiErrorBody {
            error: message.clone(),
            message,
            error_type: kind,
            code: error.code(),
        })
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EmbedParams {
    inputs: Texts,
    normalize: Option<bool>,
    truncate: Option<bool>,
    truncation_direction: Option<String>,
    prompt_name: Option<String>,
    dimensions: Option<usize>,
}

/// A vector for each text.
#[utoipa::path(post, path = "/embed", request_body = EmbedParams, responses((status = 200, body = Vec<Vec<f32>>)))]
async fn embed(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Vec<f32>>>, TeiError> {
    let params: EmbedParams = json(body)?;
    if params.normalize == Some(false) {
        let message = "`normalize`: expected true, or none: vectors are of unit length here";
        return Err(ApiError::bad_request("invalid_parameter", message).into());
    }
    check_direction(params.truncation_direction.as_deref())?;
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
            check_lengths(app, &texts, model.max_tokens)?;
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

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SimilarityParams {
    inputs: SimilarityInputs,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SimilarityInputs {
    source_sentence: String,
    sentences: Vec<String>,
}

/// The cosine of each sentence to one.
#[utoipa::path(post, path = "/similarity", request_body = SimilarityParams, responses((status = 200, body = Vec<f32>)))]
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

/// A vector for each text, at the root, where that service answers too.
#[utoipa::path(post, path = "/", request_body = EmbedParams, responses((status = 200, body = Vec<Vec<f32>>)))]
async fn embed_at_root(
    state: State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Vec<Vec<f32>>>, TeiError> {
    embed(state, body).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RerankParams {
    query: String,
    texts: Vec<String>,
    /// Not heeded: a cosine is what it is.
    #[serde(rename = "raw_scores")]
    #[schema(value_type = Option<bool>)]
    _raw_scores: Option<bool>,
    /// Whether to give each text too.
    #[serde(default)]
    return_text: bool,
    truncate: Option<bool>,
    truncation_direction: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Rank)]
struct RankBody {
    index: usize,
    /// The cosine of the text and the query, from -1 to 1.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// Says that texts were ranked by the cosine of their vectors, and by no model that reads both.
const RANKED_BY: (HeaderName, &str) = (HeaderName::from_static("x-ranked-by"), "cosine");

/// Texts by how near they are to a query, the nearest first.
///
/// The score is the cosine of the two vectors, since there is no model here that reads a query and a text together; the
/// header `x-ranked-by: cosine` says so.
#[utoipa::path(post, path = "/rerank", request_body = RerankParams, responses((status = 200, body = Vec<RankBody>,
    headers(("x-ranked-by" = String, description = "`cosine`")))))]
async fn rerank(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, TeiError> {
    let RerankParams { query, texts, return_text, truncate, truncation_direction, .. } = json(body)?;
    check_direction(truncation_direction.as_deref())?;
    let (query, texts) = (Texts::One(query), Texts::Many(texts));
    query.checked("query")?;
    texts.checked("texts")?;
    let ranked = off_thread_while_wanted(&app, move |app, cancel| {
        let (query, texts) = (query.checked("query")?, texts.checked("texts")?);
        if truncate == Some(false) {
            let max_tokens = app.engine.load_model()?.max_tokens;
            check_lengths(app, &query, max_tokens)?;
            check_lengths(app, &texts, max_tokens)?;
        }
        let query = app.engine.embed(cancel, &query, Role::Query)?.vectors;
        let vectors = app.engine.embed(cancel, &texts, Role::Passage)?.vectors;
        let Some(query) = query.first() else { return Err(ApiError::internal()) };
        let mut ranked: Vec<RankBody> = vectors
            .iter()
            .zip(texts)
            .enumerate()
            .map(|(index, (vector, text))| RankBody {
                index,
                score: query.cosine(vector),
                text: return_text.then(|| text.to_owned()),
            })
            .collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(ranked)
    });
    Ok(([RANKED_BY], Json(ranked.await?)).into_response())
}

/// Refuses to cut texts where they begin.
fn check_direction(direction: Option<&str>) -> Result<(), ApiError> {
    if direction.is_some_and(|from| !from.eq_ignore_ascii_case("right")) {
        let message = "`truncation_direction`: expected `Right`, or none: texts are cut at their end here";
        return Err(ApiError::bad_request("invalid_parameter", message));
    }
    Ok(())
}

/// Refuses texts that would be cut.
fn check_lengths(app: &App, texts: &[&str], max_tokens: usize) -> Result<(), ApiError> {
    for text in texts {
        let n_tokens = app.engine.tokens(text, SpecialTokens::Add)?.len();
        if n_tokens > max_tokens {
            let message = format!(
                "`inputs`: expected at most {max_tokens} tokens without `truncate`, found {n_tokens}"
            );
            return Err(ApiError::too_large(message));
        }
    }
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenizeParams {
    inputs: Texts,
    #[serde(default = "yes")]
    add_special_tokens: bool,
}

fn yes() -> bool {
    true
}

#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
struct TokenBody {
    id: u32,
    text: String,
    special: bool,
    start: Option<usize>,
    stop: Option<usize>,
}

/// The tokens of each text, with where they stand in it.
#[utoipa::path(post, path = "/tokenize", request_body = TokenizeParams, responses((status = 200, body = Vec<Vec<TokenBody>>)))]
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

/// The model and the limits, under the names of this service.
#[derive(Serialize, ToSchema)]
#[schema(as = TextEmbeddingsInfo)]
struct InfoBody {
    model_id: String,
    model_sha: String,
    model_dtype: String,
    model_type: ModelTypeBody,
    max_concurrent_requests: usize,
    max_input_length: usize,
    max_batch_tokens: usize,
    max_batch_requests: Option<usize>,
    max_client_batch_size: usize,
    auto_truncate: bool,
    tokenization_workers: usize,
    version: &'static str,
    sha: Option<String>,
    docker_label: Option<String>,
    limits: LimitsBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TextEmbeddingsModelType)]
struct ModelTypeBody {
    embedding: PoolingBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = TextEmbeddingsPooling)]
struct PoolingBody {
    pooling: String,
}

/// The model and the limits.
#[utoipa::path(get, path = "/info", responses((status = 200, body = InfoBody)))]
async fn info(State(app): State<Arc<App>>) -> Result<Json<InfoBody>, TeiError> {
    let model = off_thread(&app, |app| Ok(app.engine.load_model()?)).await?;
    let dtype = if model.precision == "f32" { "float32".to_owned() } else { model.precision };
    Ok(Json(InfoBody {
        model_id: model.name,
        model_sha: model.weights_sha256,
        model_dtype: dtype,
        model_type: ModelTypeBody { embedding: PoolingBody { pooling: model.pooling } },
        max_concurrent_requests: app.limits.max_requests(),
        max_input_length: model.max_tokens,
        max_batch_tokens: MAX_TEXTS * model.max_tokens,
        max_batch_requests: None,
        max_client_batch_size: MAX_TEXTS,
        auto_truncate: true,
        tokenization_workers: std::thread::available_parallelism().map_or(1, usize::from),
        version: env!("CARGO_PKG_VERSION"),
        sha: None,
        docker_label: None,
        limits: app.limits.body(),
    }))
}
