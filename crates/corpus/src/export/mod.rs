//! From papers to files: any list of papers, with a score each where a search made it.
//!
//! Every format is written paper by paper, so that memory does not grow with the list (BibTeX keeps the
//! citation keys that it has given). What a format cannot hold and how texts are changed for it is
//! said for users in `docs/formats.md`, and for each format in its module.

mod atom;
mod bibtex;
mod csl;
mod csv;
mod endnote_xml;
mod json;
mod kept;
mod keys;
mod ris;
#[cfg(test)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use jiff::Timestamp;
use serde_json::Value;

use crate::bibliography::ENTRY_TYPE;
use crate::identifier::IdentifierKind;
use crate::kind::PublicationKind;
use crate::paper::Paper;
use keys::Keys;

pub(crate) use bibtex::keep_bibtex;
pub(crate) use ris::keep_ris;

/// How a list of papers is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// A JSON array of papers, all fields.
    Json,
    /// One paper a line, all fields.
    Jsonl,
    /// A table with a header row.
    Csv,
    /// BibTeX, with BibLaTeX's `date` and `eprint`.
    Bibtex,
    /// RIS.
    Ris,
    /// EndNote's XML.
    EndnoteXml,
    /// A JSON array in CSL's form, which Pandoc, Zotero and citeproc read.
    Csl,
    /// An Atom feed (RFC 4287).
    Atom,
}

impl ExportFormat {
    /// Every format.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Jsonl,
        Self::Csv,
        Self::Bibtex,
        Self::Ris,
        Self::EndnoteXml,
        Self::Csl,
        Self::Atom,
    ];

    /// The name by which a user chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Bibtex => "bibtex",
            Self::Ris => "ris",
            Self::EndnoteXml => "endnote-xml",
            Self::Csl => "csl",
            Self::Atom => "atom",
        }
    }

    /// The media type for a `Content-Type` header; all are UTF-8.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Jsonl => "application/x-ndjson",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Bibtex => "application/x-bibtex; charset=utf-8",
            Self::Ris => "application/x-research-info-systems; charset=utf-8",
            Self::EndnoteXml => "application/xml; charset=utf-8",
            Self::Csl => "application/vnd.citationstyles.csl+json",
            Self::Atom => "application/atom+xml; charset=utf-8",
        }
    }

    /// Whether each paper is written with a key of its own, by which it is cited.
    #[must_use]
    pub fn has_keys(self) -> bool {
        matches!(self, Self::Bibtex | Self::Csl)
    }

    /// The usual ending of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
            Self::Bibtex => "bib",
            Self::Ris => "ris",
            Self::EndnoteXml => "xml",
            Self::Csl => "csl.json",
            Self::Atom => "atom",
        }
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no [`ExportFormat`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, found \"{found}\"", ExportFormat::ALL.map(ExportFormat::name).join(", "))]
pub struct UnknownExportFormat {
    /// The text.
    pub found: String,
}

impl FromStr for ExportFormat {
    type Err = UnknownExportFormat;

    fn from_str(name: &str) -> Result<Self, UnknownExportFormat> {
        let format = Self::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| UnknownExportFormat { found: name.to_owned() })
    }
}

/// What a feed says of itself; only Atom uses it.
#[derive(Debug, Clone)]
pub struct FeedMeta {
    /// The feed's title, such as the query.
    pub title: String,
    /// The feed's id, an absolute IRI that stays the same each time the feed is made.
    pub id: String,
    /// Where the feed itself is, if anywhere.
    pub link: Option<String>,
    /// When its papers last changed.
    pub updated: Timestamp,
}

/// A paper in a list.
#[derive(Debug, Clone)]
pub struct Exported<P> {
    /// The paper, owned or borrowed.
    pub paper: P,
    /// How well it fits, in the scale of the search that made the list; higher is better. JSON, JSONL,
    /// CSV and, from 0 to 1, Atom have it.
    pub score: Option<f32>,
}

/// Writes one list of papers, one after another; [`finish`](Self::finish) completes it.
///
/// For lists whose source can fail between two papers, or that are written as they come; where all are
/// at hand, [`export`] is shorter.
pub struct Exporter<W: Write> {
    out: W,
    state: State,
}

/// What a format remembers between two papers.
enum State {
    Json { is_empty: bool },
    Jsonl,
    Csv,
    Bibtex(Keys),
    Ris,
    EndnoteXml { n_records: u64 },
    Csl { keys: Keys, is_empty: bool },
    Atom { updated: Timestamp, set: Option<fn(&str) -> String> },
}

impl<W: Write> Exporter<W> {
    /// Writes what stands before the first paper.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(format: ExportFormat, mut out: W, meta: &FeedMeta) -> io::Result<Self> {
        let state = match format {
            ExportFormat::Json => State::Json { is_empty: true },
            ExportFormat::Jsonl => State::Jsonl,
            ExportFormat::Csv => {
                csv::write_header(&mut out)?;
                State::Csv
            }
            ExportFormat::Bibtex => State::Bibtex(Keys::default()),
            ExportFormat::Ris => State::Ris,
            ExportFormat::EndnoteXml => {
                endnote_xml::write_head(&mut out)?;
                State::EndnoteXml { n_records: 0 }
            }
            ExportFormat::Csl => State::Csl { keys: Keys::default(), is_empty: true },
            ExportFormat::Atom => {
                atom::write_head(&mut out, meta)?;
                State::Atom { updated: meta.updated, set: None }
            }
        };
        Ok(Self { out, state })
    }

    /// Keeps citation keys for the papers whose records have them: without that, a paper whose record has none may be given
    /// the key of one that comes later.
    pub fn reserve(&mut self, citation_keys: impl IntoIterator<Item = impl AsRef<str>>) {
        if let State::Bibtex(keys) | State::Csl { keys, .. } = &mut self.state {
            citation_keys.into_iter().for_each(|key| keys.reserve(key.as_ref()));
        }
    }

    /// Has `set` make the HTML of titles and abstracts, where the format has a place for HTML: in Atom. It is for feeds
    /// that people read; texts come back from a file as they were only without it.
    pub fn set_texts(&mut self, set_text: fn(&str) -> String) {
        if let State::Atom { set, .. } = &mut self.state {
            *set = Some(set_text);
        }
    }

    /// Writes one paper.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, paper: &Paper, score: Option<f32>) -> io::Result<()> {
        // JSON has no number for NaN and infinities.
        let score = score.filter(|score| score.is_finite());
        let out = &mut self.out;
        match &mut self.state {
            State::Json { is_empty } => {
                out.write_all(if *is_empty { b"[\n" } else { b",\n" })?;
                *is_empty = false;
                json::write(out, paper, score)
            }
            State::Jsonl => {
                json::write(out, paper, score)?;
                out.write_all(b"\n")
            }
            State::Csv => csv::write(out, paper, score),
            State::Bibtex(keys) => bibtex::write(out, paper, keys),
            State::Ris => ris::write(out, paper),
            State::EndnoteXml { n_records } => {
                *n_records += 1;
                endnote_xml::write(out, paper, *n_records)
            }
            State::Csl { keys, is_empty } => {
                out.write_all(if *is_empty { b"[\n" } else { b",\n" })?;
                *is_empty = false;
                csl::write(out, paper, &keys.key(paper))
            }
            State::Atom { updated, set } => atom::write(out, Exported { paper, score }, (*updated, *set)),
        }
    }

    /// The output, for whoever passes on what was written so far.
    pub fn output(&mut self) -> &mut W {
        &mut self.out
    }

    /// Writes what stands behind the last paper, flushes, and gives the output back.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        match self.state {
            State::Json { is_empty: true } | State::Csl { is_empty: true, .. } => {
                self.out.write_all(b"[]\n")?
            }
            State::Json { .. } | State::Csl { .. } => self.out.write_all(b"\n]\n")?,
            State::EndnoteXml { .. } => endnote_xml::write_end(&mut self.out)?,
            State::Atom { .. } => atom::write_end(&mut self.out)?,
            State::Jsonl | State::Csv | State::Bibtex(_) | State::Ris => {}
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Writes a list of papers, all of which are at hand.
///
/// # Errors
/// Those of `out`.
pub fn export<P: Borrow<Paper>>(
    format: ExportFormat,
    out: &mut impl Write,
    papers: impl IntoIterator<Item = Exported<P>>,
    meta: &FeedMeta,
) -> io::Result<()> {
    let mut exporter = Exporter::new(format, out, meta)?;
    let papers: Vec<Exported<P>> = papers.into_iter().collect();
    exporter.reserve(papers.iter().filter_map(|listed| keys::own_key(listed.paper.borrow())));
    for Exported { paper, score } in papers {
        exporter.write(paper.borrow(), score)?;
    }
    exporter.finish().map(drop)
}

/// Where a paper can be read: its address, else the page of its arXiv id, DOI, PMID or PMCID.
#[must_use]
pub fn link(paper: &Paper) -> Option<String> {
    if let Some(url) = &paper.url {
        return Some(url.clone());
    }
    page_of(&paper.external_ids)
}

/// The page of the first of these identifiers that has one: of the arXiv id, DOI, PMID, PMCID or ACL Anthology id.
pub(crate) fn page_of(ids: &BTreeMap<IdentifierKind, String>) -> Option<String> {
    let page = |kind: IdentifierKind, site: &str| {
        let id = ids.get(&kind)?;
        Some(format!("{site}{}", percent_encoding::utf8_percent_encode(id, IN_PATH)))
    };
    page(IdentifierKind::Arxiv, "https://arxiv.org/abs/")
        .or_else(|| page(IdentifierKind::Doi, "https://doi.org/"))
        .or_else(|| page(IdentifierKind::Pmid, "https://pubmed.ncbi.nlm.nih.gov/"))
        .or_else(|| page(IdentifierKind::Pmcid, "https://pmc.ncbi.nlm.nih.gov/articles/"))
        .or_else(|| page(IdentifierKind::Acl, "https://aclanthology.org/"))
}

/// What an identifier in a URL's path has percent-encoded.
const IN_PATH: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// An address on one line that no format needs to escape.
pub(crate) fn plain_address(url: &str) -> String {
    const CHANGED: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
        .add(b' ')
        .add(b'"')
        .add(b'<')
        .add(b'>')
        .add(b'\\')
        .add(b'`')
        .add(b'{')
        .add(b'}');
    let white = |c: char| c.is_whitespace() || c.is_control();
    let mut address = String::with_capacity(url.len());
    for c in url.chars() {
        if white(c) || c.is_ascii() {
            address.extend(percent_encoding::utf8_percent_encode(c.encode_utf8(&mut [0; 4]), CHANGED));
        } else {
            address.push(c);
        }
    }
    address
}

/// A paper's type, by BibTeX's names: what the record said, else what its kind, venue and identifiers say.
fn entry_type(paper: &Paper) -> &str {
    const MEETINGS: [&str; 5] = ["conference", "proceedings", "symposium", "workshop", "meeting of"];

    if let Some(Value::String(known)) = paper.extra.get(ENTRY_TYPE)
        && (1..=30).contains(&known.len())
        && known.bytes().all(|byte| byte.is_ascii_lowercase())
        && !matches!(known.as_str(), "comment" | "preamble" | "string" | "xdata")
    {
        return known;
    }
    match paper.kind {
        Some(PublicationKind::Article) => return "article",
        Some(PublicationKind::ConferencePaper) => return "inproceedings",
        Some(PublicationKind::Book) => return "book",
        Some(PublicationKind::Chapter) => return "incollection",
        Some(PublicationKind::Thesis) => return "phdthesis",
        Some(PublicationKind::Report) => return "techreport",
        Some(PublicationKind::Dataset) => return "dataset",
        Some(PublicationKind::Software) => return "software",
        _ => {}
    }
    let Some(venue) = &paper.venue else {
        // PubMed indexes journals.
        let in_journal = paper.external_ids.contains_key(&IdentifierKind::Pmid);
        let is_preprint = paper.external_ids.contains_key(&IdentifierKind::Arxiv);
        return if in_journal && !is_preprint { "article" } else { "misc" };
    };
    let venue = venue.to_lowercase();
    // "Proceedings of the National Academy" and of the Royal Society are journals.
    let is_journal = venue.contains("academy") || venue.contains("society");
    let is_meeting = MEETINGS.iter().any(|word| venue.contains(word)) && !is_journal;
    let in_anthology = paper.external_ids.contains_key(&IdentifierKind::Acl);
    if is_meeting || (in_anthology && !venue.contains("transactions")) { "inproceedings" } else { "article" }
}

/// The texts that a record brought under this name, which no field of the paper holds.
fn extra_texts(paper: &Paper, name: &str) -> Vec<String> {
    match paper.extra.get(name) {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Number(number)) => vec![number.to_string()],
        Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}
