//! Why bytes or numbers are not a unit vector.

/// Why a value was refused as a [`UnitVector`](crate::UnitVector).
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum VectorError {
    /// The vector has no components.
    #[error("expected a vector with at least one component, found an empty one")]
    Empty,
    /// A component is NaN or infinite.
    #[error("expected finite components, found {value} at position {position}")]
    NotFinite {
        /// Position of the first such component.
        position: usize,
        /// Its value.
        value: f32,
    },
    /// The norm is zero, or too small to normalise, so the vector points nowhere.
    #[error("expected a vector with a direction, found one of norm {norm:e}")]
    NoDirection {
        /// The Euclidean norm as computed.
        norm: f32,
    },
    /// The norm is not 1, though it was said to be.
    #[error("expected a vector of norm 1, found one of norm {norm}")]
    NotUnit {
        /// The Euclidean norm as computed.
        norm: f32,
    },
    /// The byte string is not a whole number of f16 components.
    #[error("expected an even number of bytes (little-endian f16 components), found {len}")]
    OddLength {
        /// Its length in bytes.
        len: usize,
    },
}
