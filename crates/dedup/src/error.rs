//! What can go wrong in this crate.

/// Why a request is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DedupError {
    /// A parameter is out of its bounds.
    #[error("`{parameter}`: expected {expected}, found {found}")]
    InvalidRequest {
        /// The parameter's name.
        parameter: &'static str,
        /// What is accepted.
        expected: String,
        /// What was given.
        found: String,
    },
}
