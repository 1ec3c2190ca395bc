//! Whether two records are of the same paper: their evidence, its probability, a verdict, and clusters of what
//! belongs together. It needs neither a store nor a model.
//!
//! The way of a pair, read downwards: a [`Profile`] of each record, what speaks for and against the two
//! ([`Evidence`]), how likely that makes them one ([`probability`]), what is to be done about it ([`Judgment`]), and
//! which records stay for which others ([`groups`]). Nothing depends on the order of records.

mod cluster;
mod codes;
mod coefficients;
mod containers;
mod error;
mod evidence;
mod journal;
mod keep;
mod model;
mod notes;
mod notice;
mod people;
mod place;
mod profile;
mod report;
mod request;
mod sketch;
mod telling;
mod title;
mod venue;
mod verdict;
mod wording;

pub use cluster::{Group, Link, Place, groups};
pub use codes::CodeEvidence;
pub use containers::{Containers, is_container};
pub use error::DedupError;
pub use evidence::{Evidence, TextEvidence, TitleEvidence, VenueEvidence};
pub use keep::{Preference, merged};
pub use model::{Probability, named_features, probability, rules};
pub use people::AuthorEvidence;
pub use place::{Agreement, PlaceEvidence};
pub use profile::Profile;
pub use report::{Action, Cluster, DedupReport, DedupStats, Match, Member, ScoredPair};
pub use request::{ClusterMode, DEFAULT_MIN_PROBABILITY, DedupRequest, Judging, KeepPolicy, Versions};
pub use sketch::{BANDS, Sketch};
pub use telling::Telling;
pub use verdict::{Judgment, Kind, Relation, Verdict, kind, reason, relation};
pub use wording::Wording;
