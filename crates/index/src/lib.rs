//! Nearest neighbours of unit vectors, exact and by graph.
//!
//! A collection is a set of *rows*, each a `u32` with a unit vector of one dimension; what a row
//! stands for is the caller's business. Every score is a cosine in `[-1, 1]`, higher is closer, and
//! equal scores are in order of row. The same two vectors give the same score, to the bit, on every
//! path and with any number of threads.
//!
//! Read downwards: a [`Collection`] is kept in a folder, takes changes, and gives [`Snapshot`]s to
//! search, exactly or by graph. It is made of immutable segments (see docs/format.md), which are
//! sealed, merged and rewritten while searches go on. `segment` owns their files, `build` their graphs
//! (it alone names `hnsw_rs`), `walk` the search on a graph, `quantize` the bounds by which an exact
//! search leaves most rows unread.
//!
//! Vectors at rest are f16. For a set to be the same whether its vectors came through the file or
//! from the store, it must hold what
//! [`UnitVector::from_f16_le_bytes`](cognate_vector::UnitVector::from_f16_le_bytes) gives, so callers
//! take every vector through that form first ([`UnitVector::rounded_to_f16`](cognate_vector::UnitVector::rounded_to_f16)).

mod bitmap;
mod build;
mod codes;
mod collection;
mod error;
mod files;
mod map;
mod quantize;
mod rotation;
mod segment;
#[cfg(test)]
mod testing;
mod walk;

pub use build::BuildParams;
pub use collection::{
    Access, AtLeast, Changes, Collection, CollectionOptions, DEFAULT_EF, Found, GRAPH_FROM, KnnGraph,
    LEAST_MEMORY_BUDGET, Maintained, SearchParams, SearchPath, SegmentStatus, Snapshot, Status, Wanted,
};
pub use error::{IndexError, Section};
pub use segment::{Layout, cosine};
