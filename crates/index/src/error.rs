//! What can go wrong in this crate.

use std::fmt;
use std::path::PathBuf;

use cognate_vector::VectorError;

use crate::files::is_no_file;

/// Why an index could not be made, changed, searched, written or read.
///
/// Every error that [`Collection::open`](crate::Collection::open) gives beside an empty collection means the
/// same to its caller: the files are not to be used, and are to be written again from the store. The others are
/// the caller's fault, save [`Io`](Self::Io) and [`ThreadPool`](Self::ThreadPool), which are the system's.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A row was given more than once.
    #[error("expected every row at most once, found row {row} again")]
    DuplicateRow {
        /// The row.
        row: u32,
    },
    /// A vector or query has another number of components than the set.
    #[error("expected a vector of {expected} components, as the others of this set have, found {found}")]
    Dimension {
        /// Components of each vector of the set.
        expected: usize,
        /// Components of the vector that was given.
        found: usize,
    },
    /// A change would take the set back to an earlier generation.
    #[error("expected changes of generation {current} or later, found generation {found}")]
    GenerationBackwards {
        /// The set's generation.
        current: u64,
        /// The generation that was given.
        found: u64,
    },
    /// A graph parameter is out of range.
    #[error("expected {name} from {min} to {max}, found {found}")]
    GraphParam {
        /// The parameter.
        name: &'static str,
        /// Its smallest value.
        min: usize,
        /// Its largest value.
        max: usize,
        /// The value that was given.
        found: usize,
    },
    /// The set has more rows than a graph can hold.
    #[error("expected at most {max} vectors in one graph, found {found}")]
    TooManyForGraph {
        /// The most a graph can hold.
        max: usize,
        /// The set's rows.
        found: usize,
    },
    /// The threads for building a graph could not be started.
    #[error("could not start the threads that build the graph")]
    ThreadPool(#[source] rayon::ThreadPoolBuildError),
    /// A vector is not one that f16 can give back, so a file could not hold it.
    #[error(
        "row {row}: expected a vector that was read from f16, found one that rounding to f16 would change; \
         take vectors through `UnitVector::rounded_to_f16` before they enter a set that is written"
    )]
    NotF16 {
        /// The row.
        row: u32,
    },
    /// The operating system refused.
    #[error("could not {action} `{}`", path.display())]
    Io {
        /// What was tried, as in "could not …".
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file was written by a later release.
    #[error("`{}`, header: expected a file of version {expected}, found {found}; the engine rebuilds it from the store", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// The version that this release reads and writes.
        expected: u32,
        /// What the file says it is.
        found: u32,
    },
    /// The file is whole but belongs to another store or another model.
    #[error("`{}`, header: expected a file of this store and model, found one of another; the engine rebuilds it from the store", path.display())]
    OfAnotherStore {
        /// The file.
        path: PathBuf,
    },
    /// The files show a later generation than the store has, so the store was put back since.
    #[error("`{}`: expected generation {expected} or earlier, found generation {found}; the engine rebuilds it from the store", path.display())]
    GenerationAhead {
        /// The file.
        path: PathBuf,
        /// The latest generation that is used.
        expected: u64,
        /// The generation of the files.
        found: u64,
    },
    /// A file of a collection is not as it was written.
    #[error("`{}`, {section}: expected {expected}, found {found}; the engine rebuilds it from the store", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part that is damaged.
        section: Section,
        /// What a whole file has there.
        expected: String,
        /// What this one has.
        found: String,
    },
    /// A segment was found to be damaged after the collection was opened, so that no answer from it
    /// can be trusted: open the collection anew, and feed it from the store.
    #[error("a segment is damaged, and its collection is to be begun anew from the store")]
    FoundDamaged(#[source] std::sync::Arc<IndexError>),
    /// The collection was opened without the right to write.
    #[error("expected a collection that was opened to be written, found one opened to be read")]
    ReadOnly,
    /// A stored vector has no direction.
    #[error("`{}`, {}: row {row} is not a unit vector; the engine rebuilds it from the store", path.display(), Section::Values)]
    NotAUnitVector {
        /// The file.
        path: PathBuf,
        /// The row.
        row: u32,
        /// What is wrong with it.
        source: VectorError,
    },
}

impl IndexError {
    /// Whether the files are at fault, so that the collection is to be opened anew: they are damaged, of something
    /// else, or no files at all.
    #[must_use]
    pub fn calls_for_rebuild(&self) -> bool {
        match self {
            Self::UnknownVersion { .. }
            | Self::OfAnotherStore { .. }
            | Self::GenerationAhead { .. }
            | Self::Damaged { .. }
            | Self::FoundDamaged(_)
            | Self::NotAUnitVector { .. } => true,
            Self::Io { source, .. } => is_no_file(source),
            Self::DuplicateRow { .. }
            | Self::Dimension { .. }
            | Self::GenerationBackwards { .. }
            | Self::GraphParam { .. }
            | Self::TooManyForGraph { .. }
            | Self::ThreadPool(_)
            | Self::NotF16 { .. }
            | Self::ReadOnly => false,
        }
    }
}

/// A part of a file; see docs/format.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The header.
    Header,
    /// The row numbers.
    Rows,
    /// The vectors.
    Vectors,
    /// The neighbour lists of the lowest layer.
    Links,
    /// The layers above the lowest.
    UpperLayers,
    /// The values that scores are made from.
    Values,
    /// The list of segments.
    Segments,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Rows => "rows section",
            Self::Vectors => "vectors section",
            Self::Links => "links section",
            Self::UpperLayers => "upper layers section",
            Self::Values => "values section",
            Self::Segments => "list of segments",
        })
    }
}
