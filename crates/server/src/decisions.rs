//! The routes below `/v1/dedup/`: duplicates dropped and brought back, labels of pairs, and where to cut.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::body::JsonBody;
use crate::error::ApiError;
use crate::manners::bare;
use crate::routes::{App, json_or_default, off_thread, off_thread_while_wanted};
use cognate_wire::{
    ApplyBody, DedupBody, DedupParams, DroppedBody, DroppedParams, FlowBody, HistogramBody, HistogramParams,
    LabelParams, LabelledBody, LabelsBody, PairsBody, PairsParams, RunsBody, UndoParams, UndoneBody,
    UnlabelParams, recorded_parameters,
};

pub(crate) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/dedup/apply", bare(post(apply)))
        .route("/v1/dedup/undo", bare(post(undo)))
        .route("/v1/dedup/runs", bare(get(runs)))
        .route("/v1/dedup/dropped", get(dropped))
        .route("/v1/dedup/flow", bare(get(flow)))
        .route("/v1/dedup/labels", bare(get(labels).post(label)).delete(unlabel))
        .route("/v1/dedup/rethreshold", bare(post(rethreshold)))
        .route("/v1/dedup/histogram", get(histogram))
        .route("/v1/dedup/pairs", get(pairs))
}

/// `POST /v1/dedup/apply`: what `POST /v1/dedup` would say to drop, dropped.
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

async fn undo(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<UndoneBody>, ApiError> {
    let params: UndoParams = json_or_default(&body?)?;
    let undo = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(app.engine.undo(&undo)?.into()))).await
}

async fn runs(State(app): State<Arc<App>>) -> Result<Json<RunsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.drop_runs()?.into()))).await
}

async fn dropped(
    State(app): State<Arc<App>>,
    params: Result<Query<DroppedParams>, QueryRejection>,
) -> Result<Json<DroppedBody>, ApiError> {
    let Query(params) = params?;
    let (offset, limit) = params.bounds()?;
    off_thread(&app, move |app| Ok(Json(app.engine.dropped(offset, limit)?.into()))).await
}

async fn flow(State(app): State<Arc<App>>) -> Result<Json<FlowBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.flow(None)?.into()))).await
}

async fn labels(State(app): State<Arc<App>>) -> Result<Json<LabelsBody>, ApiError> {
    off_thread(&app, |app| Ok(Json(app.engine.labels()?.into()))).await
}

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

/// `POST /v1/dedup/rethreshold`: `POST /v1/dedup` from the pairs scored last, or not at all.
async fn rethreshold(
    State(app): State<Arc<App>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<DedupBody>, ApiError> {
    let params: DedupParams = json_or_default(&body?)?;
    let request = params.to_request()?;
    off_thread(&app, move |app| Ok(Json(app.engine.rethreshold(&request)?.into()))).await
}

async fn histogram(
    State(app): State<Arc<App>>,
    params: Result<Query<HistogramParams>, QueryRejection>,
) -> Result<Json<HistogramBody>, ApiError> {
    let Query(params) = params?;
    let cut = params.cut()?;
    off_thread(&app, move |app| Ok(Json(app.engine.dedup_histogram(cut, params.bins)?.into()))).await
}

/// `GET /v1/dedup/pairs`: those to ask a person about.
async fn pairs(
    State(app): State<Arc<App>>,
    params: Result<Query<PairsParams>, QueryRejection>,
) -> Result<Json<PairsBody>, ApiError> {
    let Query(params) = params?;
    let cut = params.cut()?;
    off_thread(&app, move |app| Ok(Json(app.engine.pairs_to_label(cut, params.limit())?.into()))).await
}
