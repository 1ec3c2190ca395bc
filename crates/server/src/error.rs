//! Errors as HTTP answers: one place where a status is chosen.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use cognate_engine::{EngineError, Fault};

use cognate_wire::ErrorBody;

/// The code of a refusal for want of something that is being made.
pub(crate) const NOT_READY: &str = "not_ready";

/// The name of the error that an answer tells, for whoever counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code(pub(crate) &'static str);

/// An error on its way to a client.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    kind: &'static str,
    message: String,
    /// After how many seconds it is worth trying again, where it is too early now.
    retry_after: u64,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, kind, message: message.into(), retry_after: 1 }
    }

    /// The status that the answer has.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What was expected, what was found, and what to do.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// A stable name for the error.
    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    /// The answer with a body of another shape.
    pub(crate) fn with_body(&self, body: impl serde::Serialize) -> Response {
        let comes_back =
            [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&self.status);
        let retry = comes_back.then(|| AppendHeaders([(header::RETRY_AFTER, self.retry_after.to_string())]));
        let challenge = (self.status == StatusCode::UNAUTHORIZED)
            .then_some(AppendHeaders([(header::WWW_AUTHENTICATE, "Bearer")]));
        let mut response = (self.status, retry, challenge, Json(body)).into_response();
        response.extensions_mut().insert(Code(self.code));
        response
    }

    /// The same under another name.
    pub(crate) fn coded(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, "invalid_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "not_found", message)
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, "invalid_request", message)
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "invalid_request", message)
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "limit", message)
    }

    pub(crate) fn body_too_large() -> Self {
        let papers = crate::limits::MAX_PAPERS_BODY_BYTES >> 20;
        let texts = crate::limits::MAX_TEXTS_BODY_BYTES >> 20;
        Self::too_large(format!(
            "expected a body of at most {papers} MiB for papers, {texts} MiB for texts to embed, 1 MiB elsewhere; \
             send it in parts"
        ))
    }

    pub(crate) fn busy(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, "busy", "limit", message)
    }

    /// No key, or none that is good.
    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "invalid_request", message)
    }

    /// More requests than the client may send in a time.
    pub(crate) fn too_often(retry_after: std::time::Duration) -> Self {
        let seconds = retry_after.as_secs_f64().ceil().max(1.0) as u64;
        let message = format!("too many requests; try again in {seconds} s");
        Self {
            retry_after: seconds,
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", "limit", message)
        }
    }

    pub(crate) fn unsupported_encoding(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding", "invalid_request", message)
    }

    pub(crate) fn stalled() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "limit",
            "the body came too slowly; send it without pauses",
        )
    }

    pub(crate) fn timed_out() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "timeout",
            "limit",
            "the request took too long; send less at once, or try again when the server is less busy",
        )
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "system",
            "the server failed; its log says why",
        )
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.with_body(ErrorBody {
            error: self.message.clone(),
            message: self.message.clone(),
            code: self.code,
            kind: self.kind,
        })
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error.fault() {
            Fault::Caller => Self::bad_request("invalid_parameter", message),
            Fault::NotFound => {
                let code = match error {
                    EngineError::SavedQueryNotFound { .. } => "saved_query_not_found",
                    EngineError::ListNotFound { .. } => "list_not_found",
                    _ => "paper_not_found",
                };
                Self::new(StatusCode::NOT_FOUND, code, "not_found", message)
            }
            Fault::Gone => Self::new(StatusCode::GONE, "cursor_gone", "not_found", message),
            Fault::Conflict => Self::new(StatusCode::CONFLICT, "conflict", "conflict", message),
            Fault::Unsupported => {
                Self::new(StatusCode::NOT_IMPLEMENTED, "not_supported", "unsupported", message)
            }
            Fault::Early => Self {
                retry_after: 2,
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, NOT_READY, "system", message)
            },
            Fault::Away => {
                tracing::warn!("{message}");
                Self {
                    retry_after: 2,
                    ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "engine_away", "system", message)
                }
            }
            Fault::System => {
                // What failed is the operator's to know, not the client's.
                let mut causes = String::new();
                let mut cause = std::error::Error::source(&error);
                while let Some(error) = cause {
                    causes.push_str(&format!(": {error}"));
                    cause = error.source();
                }
                tracing::error!("{message}{causes}");
                Self::internal()
            }
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad_request("invalid_parameter", rejection.body_text())
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::BytesRejection(rejection) => rejection.into(),
            JsonRejection::JsonDataError(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_parameter",
                "invalid_request",
                rejection.body_text(),
            ),
            other => Self::bad_request("invalid_json", other.body_text()),
        }
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::body_too_large();
        }
        Self::bad_request("unreadable_body", rejection.body_text())
    }
}
