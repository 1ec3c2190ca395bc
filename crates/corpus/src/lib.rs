//! Papers, their identifiers, and reading them from the files that people have.
//!
//! A record's way in, read downwards: a [`Source`] (file, standard input or any reader) is
//! decompressed, its [`Format`] is detected, that format's module splits it into records, and
//! [`paper_from_json`] makes each a [`Paper`]. Test collections in the BEIR layout are a
//! [`BeirFolder`](beir::BeirFolder).
//!
//! The way out, of any list of papers in any format, is [`export`](export::export).

mod archive;
mod atom;
mod authors;
pub mod beir;
mod bibliography;
mod bibtex;
mod catalog_xml;
mod csv;
mod csv_rows;
mod daily_papers;
mod dates;
mod doi;
mod encoding;
mod endnote_xml;
mod error;
pub mod export;
mod field_rows;
mod fields;
pub mod identifier;
pub mod identity;
mod ids;
mod input;
mod json;
mod jsonl;
mod kind;
mod lines;
mod literal;
mod lookup;
pub mod markup;
pub mod matching;
mod mixed;
mod nbib;
mod ovid;
mod paper;
mod person;
mod pubmed;
mod pubmed_text;
mod reader;
mod reading;
mod record;
mod refer;
mod ris;
mod scripts;
mod source;
mod structure;
mod table;
mod tagged;
mod tex;
pub mod text;
mod twice_encoded;
mod unpack;
mod values;
mod web_of_science;
mod xlsx;
mod xml;

pub use archive::files as files_in;
pub use error::{FieldIssue, PaperIdError, Place, ReadError, RecordError};
pub use identifier::{ExternalId, IdentifierKind, Lookup, lookup, sniff_record_id};
pub use identity::{Identity, Numbers};
pub use kind::{PublicationKind, UnknownKind};
pub use paper::{MAX_ID_BYTES, Paper, PaperId};
pub use person::family_name;
pub use reader::{Format, MAX_RECORD_BYTES, ReadOptions, Records, UnknownFormatName};
pub use record::{
    MAX_ABSTRACT_BYTES, MAX_AUTHORS, MAX_CATEGORIES, MAX_FIELDS, MAX_TITLE_BYTES, Record, paper_from_json,
};
pub use source::Source;
pub use tex::tex_character;
