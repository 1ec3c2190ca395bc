//! The routes below `/v1/dedup/`: duplicates dropped and brought back, labels of pairs, and where to cut.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use crate::body::JsonBody;
use crate::error::ApiError;
use crate::manners::bare;
use crate::routes::{App, json_or_default, off_thread, off_thread_while_wanted};
use cognate_wire::{
    ApplyBody, DedupBody, DedupParams, DroppedBody, DroppedParams, ErrorBody, FlowBody, HistogramBody,
    HistogramParams, LabelParams, LabelledBody, LabelsBody, PairsBody, PairsParams, RunsBody, UndoParams,
    UndoneBody, UnlabelParams, recorded_parameters,
};

pub(crate) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(apply).map(bare))
        .routes(routes!(undo).map(bare))
        .routes(routes!(runs).map(bare))
        .routes(routes!(dropped))
        .routes(routes!(flow).map(bare))
        .routes(routes!(labels, label).map(bare))
        .routes(routes!(unlabel))
        .routes(routes!(rethreshold).map(bare))
        .routes(routes!(histogram))
        .routes(routes!(pairs))
}

/// Drops what `POST /v1/dedup` would say to drop.
#[utoipa::path(post, path = "/v1/dedup/apply", request_body = Option<DedupParams>, responses((status = 200, body = ApplyBody)))]
async fn apply(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ApplyBody>, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    off_thread_while_wanted(&app, move |app, cancel| {
        let report = app.engine.dedup(&request, cancel.flag(), &mut |_, _, _| {})?;
        let application = app.engine.drop_duplicates(&report, &recorded_parameters(&params))?;
        Ok(Json(ApplyBody::new(DedupBody::from(report), application)))
    })
    .await
}

/// Brings dropped papers back.
#[utoipa::path(post, path = "/v1/dedup/undo", request_body = Option<UndoParams>,
    responses((status = 200, body = UndoneBody), (status = 404, body = ErrorBody)))]
async fn undo(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<UndoneBody>, ApiError> {
    let params: UndoParams = json_or_default(&body?)?;
    let undo = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(app.engine.undo(&undo)?.into()))).await
}

/// Every application of duplicates, the latest first.
#[utoipa::path(get, path = "/v1/dedup/runs", responses((status = 200, body = RunsBody)))]
async fn runs(State(app): State<Arc<App>>) -> Result<Json<RunsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.drop_runs()?.into()))).await
}

/// Every dropped paper, and why.
#[utoipa::path(get, path = "/v1/dedup/dropped", params(DroppedParams), responses((status = 200, body = DroppedBody)))]
async fn dropped(
    State(app): State<Arc<App>>,
    params: Result<Query<DroppedParams>, QueryRejection>,
) -> Result<Json<DroppedBody>, ApiError> {
    let Query(params) = params?;
    let (offset, limit) = params.bounds()?;
    off_thread(&app, move |app| Ok(Json(app.engine.dropped(offset, limit)?.into()))).await
}

/// The numbers of a PRISMA flow chart.
#[utoipa::path(get, path = "/v1/dedup/flow", responses((status = 200, body = FlowBody)))]
async fn flow(State(app): State<Arc<App>>) -> Result<Json<FlowBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.flow(None)?.into()))).await
}

/// What people said of pairs.
#[utoipa::path(get, path = "/v1/dedup/labels", responses((status = 200, body = LabelsBody)))]
async fn labels(State(app): State<Arc<App>>) -> Result<Json<LabelsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.labels()?.into()))).await
}

/// Says of two papers whether they are duplicates.
#[utoipa::path(post, path = "/v1/dedup/labels", request_body = LabelParams,
    responses((status = 200, body = LabelledBody), (status = 404, body = ErrorBody)))]
async fn label(
    State(app): State<Arc<App>>,
    JsonBody(params): JsonBody<LabelParams>,
) -> Result<Json<LabelledBody>, ApiError> {
    let LabelParams { a, b, duplicate } = params;
    off_thread(&app, move |app| {
        let labelled = app.engine.label(&a, &b, Some(duplicate))?;
        Ok(Json(LabelledBody::new(labelled, Some(duplicate))))
    })
    .await
}

/// Takes a label back.
#[utoipa::path(delete, path = "/v1/dedup/labels", params(UnlabelParams),
    responses((status = 204, description = "The label is taken back."), (status = 404, body = ErrorBody)))]
async fn unlabel(
    State(app): State<Arc<App>>,
    params: Result<Query<UnlabelParams>, QueryRejection>,
) -> Result<StatusCode, ApiError> {
    let Query(UnlabelParams { a, b }) = params?;
    off_thread(&app, move |app| {
        app.engine.label(&a, &b, None)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// `POST /v1/dedup` from the pairs scored last, or not at all.
#[utoipa::path(post, path = "/v1/dedup/rethreshold", request_body = Option<DedupParams>,
    responses((status = 200, body = DedupBody), (status = 409, body = ErrorBody, description = "There are no kept pairs, or papers changed since.")))]
async fn rethreshold(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<DedupBody>, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(app.engine.rethreshold(&request)?.into()))).await
}

/// The kept pairs, counted by score.
#[utoipa::path(get, path = "/v1/dedup/histogram", params(HistogramParams),
    responses((status = 200, body = HistogramBody), (status = 409, body = ErrorBody, description = "There are no kept pairs, or papers changed since.")))]
async fn histogram(
    State(app): State<Arc<App>>,
    params: Result<Query<HistogramParams>, QueryRejection>,
) -> Result<Json<HistogramBody>, ApiError> {
    let Query(params) = params?;
    let cut = params.cut()?;
    off_thread(&app, move |app| Ok(Json(app.engine.dedup_histogram(cut, params.bins)?.into()))).await
}

/// Pairs to ask a person about.
#[utoipa::path(get, path = "/v1/dedup/pairs", params(PairsParams),
    responses((status = 200, body = PairsBody), (status = 409, body = ErrorBody, description = "There are no kept pairs, or papers changed since.")))]
async fn pairs(
    State(app): State<Arc<App>>,
    params: Result<Query<PairsParams>, QueryRejection>,
) -> Result<Json<PairsBody>, ApiError> {
    let Query(params) = params?;
    let cut = params.cut()?;
    off_thread(&app, move |app| Ok(Json(app.engine.pairs_to_label(cut, params.limit())?.into()))).await
}
