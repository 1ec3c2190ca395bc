//! Keyword search: BM25 over rows with texts.
//!
//! A row is a `u32` with a [`Document`]; what it stands for is the caller's business. Scores are positive,
//! higher is better, and equal scores are in order of row. They depend on the rows that live and on
//! nothing else: not on how they came, nor on what was deleted, nor on segments or threads.
//!
//! Read downwards: a [`KeywordIndex`] is kept in a folder, takes changes ([`KeywordIndex::begin`],
//! [`KeywordIndex::apply`]), and gives [`Snapshot`]s. [`Query::parse`] reads words, and
//! [`Snapshot::rank`] scores every row for them; from the [`Ranking`] come the best rows, their number, the
//! set of all that match, and the scores of any. `analysis` says what a text's terms are, `schema` what
//! tantivy keeps of them, `directory` and `load` how files are checked. tantivy writes, merges and gives
//! postings; what is scored and how is `rank`'s.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use cognate_keyword::{Access, Document, KeywordIndex, KeywordOptions, Query};
//!
//! let dir = tempfile::tempdir()?;
//! let options = KeywordOptions { access: Access::Write, ..KeywordOptions::new(dir.path(), [7; 32]) };
//! let index = KeywordIndex::open(options)?;
//! let mut update = index.begin()?;
//! update.upsert(3, &Document { title: "Attention is all you need".to_owned(), ..Document::default() })?;
//! update.commit(1)?;
//!
//! let ranking = index.snapshot().rank(&Query::parse("attentive networks"))?;
//! assert_eq!(ranking.top(10, None)[0].0, 3);
//! # Ok(())
//! # }
//! ```

mod analysis;
mod dictionary;
mod directory;
mod document;
mod error;
mod explain;
mod index;
mod load;
mod memory;
mod phrase;
mod portable;
mod query;
mod rank;
mod schema;
mod scoring;
mod snapshot;
mod stamp;
mod top;
mod verified;
mod writer;

pub use analysis::{TextWord, fold, fold_to_digraphs, words_of};
pub use document::{Document, Field};
pub use error::KeywordError;
pub use explain::MatchedTerm;
pub use index::{
    Access, Changes, DEFAULT_MEMORY_BUDGET, KeywordIndex, KeywordOptions, SegmentStatus, Status,
};
pub use portable::{ANALYSIS, PhraseTerms, Weighed};
pub use query::{Correction, MAX_QUERY_PHRASES, MAX_QUERY_TERMS, Part, Query};
pub use rank::Ranking;
pub use scoring::Scoring;
pub use snapshot::Snapshot;
pub use writer::Update;
