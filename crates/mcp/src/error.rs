//! What can go wrong.

use cognate_engine::EngineError;

/// Why a session did not begin or went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum McpError {
    /// The client did not open a session.
    #[error("the client did not begin a session of the Model Context Protocol: {0}")]
    Start(String),
    /// The session ended in a failure.
    #[error("the session failed: {0}")]
    End(String),
}

impl McpError {
    pub(crate) fn start(error: impl std::fmt::Display) -> Self {
        Self::Start(error.to_string())
    }

    pub(crate) fn end(error: impl std::fmt::Display) -> Self {
        Self::End(error.to_string())
    }
}

/// Why a tool has no answer. The model reads the message, and can ask better.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    /// An argument is missing, unknown or wrong.
    #[error("{0}")]
    Arguments(String),
    /// The engine refused or failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Even the ids alone do not fit.
    #[error(
        "the ids alone of {n} items need about {needed} tokens, and max_tokens is {budget}; ask for fewer with limit, \
         or raise max_tokens"
    )]
    Budget {
        /// Items of the answer.
        n: usize,
        /// Tokens that their ids need.
        needed: usize,
        /// Tokens that the answer may have.
        budget: usize,
    },
    /// An answer could not be written.
    #[error("the answer could not be written: {0}")]
    Json(#[from] serde_json::Error),
}
