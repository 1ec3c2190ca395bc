//! Unit vectors, cosine similarity and exact top-k: the vocabulary that the embedding, index and
//! engine crates share without knowing each other.
//!
//! Every score is a cosine in `[-1, 1]`; higher is closer. Vectors are `f32 [dim]` in memory and
//! little-endian IEEE 754 binary16 `[dim]` at rest.

mod error;
pub mod kernels;
mod top_k;
mod unit_vector;

pub use error::VectorError;
pub use kernels::dot;
pub use top_k::{Scored, TopK};
pub use unit_vector::UnitVector;
