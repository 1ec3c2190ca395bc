//! Errors as HTTP answers: one place where a status is chosen.

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use cognate_engine::{EngineError, Fault};

use cognate_wire::ErrorBody;

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    kind: &'static str,
    message: String,
}

impl ApiError {
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
        let retry = (self.status == StatusCode::TOO_MANY_REQUESTS).then_some([(header::RETRY_AFTER, "1")]);
        (self.status, retry.map(axum::response::AppendHeaders), Json(body)).into_response()
    }

    /// The same under another name.
    pub(crate) fn coded(self, code: &'static str) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, kind: "invalid_request", message: message.into() }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, code: "not_found", kind: "not_found", message: message.into() }
    }

    pub(crate) fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, code, kind: "invalid_request", message: message.into() }
    }

    pub(crate) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "method_not_allowed",
            kind: "invalid_request",
            message: message.into(),
        }
    }

    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            code: "body_too_large",
            kind: "limit",
            message: message.into(),
        }
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
        Self { status: StatusCode::TOO_MANY_REQUESTS, code: "busy", kind: "limit", message: message.into() }
    }

    pub(crate) fn unsupported_encoding(message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "unsupported_encoding",
            kind: "invalid_request",
            message: message.into(),
        }
    }

    pub(crate) fn stalled() -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            code: "timeout",
            kind: "limit",
            message: "the body came too slowly; send it without pauses".into(),
        }
    }

    pub(crate) fn timed_out() -> Self {
        Self {
            status: StatusCode::REQUEST_TIMEOUT,
            code: "timeout",
            kind: "limit",
            message:
                "the request took too long; send less at once, or try again when the server is less busy"
                    .into(),
        }
    }

    pub(crate) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "internal",
            kind: "system",
            message: "the server failed; its log says why, and `cognate doctor` checks the data folder"
                .into(),
        }
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
            Fault::NotFound => Self {
                status: StatusCode::NOT_FOUND,
                code: if matches!(error, EngineError::SavedQueryNotFound { .. }) {
                    "saved_query_not_found"
                } else {
                    "paper_not_found"
                },
                kind: "not_found",
                message,
            },
            Fault::Conflict => {
                Self { status: StatusCode::CONFLICT, code: "conflict", kind: "conflict", message }
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
            JsonRejection::JsonDataError(_) => Self {
                status: StatusCode::UNPROCESSABLE_ENTITY,
                code: "invalid_parameter",
                kind: "invalid_request",
                message: rejection.body_text(),
            },
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
