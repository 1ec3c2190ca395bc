//! What can be wrong with records and the files that hold them.

/// Why a text was refused as a [`PaperId`](crate::PaperId).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaperIdError {
    /// It is empty.
    #[error("expected an id, found an empty text")]
    Empty,
    /// It is longer than [`MAX_ID_BYTES`](crate::MAX_ID_BYTES).
    #[error("expected an id of at most {} bytes, found {len}", crate::MAX_ID_BYTES)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It holds control characters, or white space at an end.
    #[error("expected an id without control characters or outer white space, found \"{id}\"")]
    Unprintable {
        /// The id, escaped.
        id: String,
    },
}
