//! From a file to its records: opening, detecting the format, and the stream of papers.
//!
//! **To add a format**: where its records are lines with tags or elements of XML, write a function that makes a
//! `Draft` of one (as `ris.rs` and `pubmed.rs` do, for `Tagged` and `XmlRecords`); else a type that implements
//! `FormatReader`. Add the format to [`Format`] and its name to [`Format::ALL`], and give it an arm in `detect` and one
//! in `open_format`. Every record becomes a JSON object for [`paper_from_json`](crate::paper_from_json), so that
//! aliases, bounds and warnings are the same in every format.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::civil::Date;

use crate::atom;
use crate::bibtex::{self, BibTex};
use crate::catalog_xml;
use crate::csv::{self, Table};
use crate::daily_papers::{self, DailyPapers};
use crate::encoding::Found;
use crate::endnote_xml;
use crate::error::{ReadError, RecordError};
use crate::field_rows::{self, FieldRows};
use crate::identity::Numbers;
use crate::input::Input;
use crate::json::{self, JsonDocument};
use crate::jsonl::JsonLines;
use crate::lines::Lines;
use crate::mixed::Marks;
use crate::nbib;
use crate::ovid;
use crate::pubmed;
use crate::pubmed_text::{self, PubMedText};
use crate::record::Record;
use crate::refer;
use crate::ris;
use crate::tagged::{self, Layout, Tagged};
use crate::web_of_science;
use crate::xlsx::Workbook;
use crate::xml::XmlRecords;

/// Longest record accepted, in bytes of its text; what bounds the memory that reading takes.
pub const MAX_RECORD_BYTES: usize = 16 << 20;

/// How a file holds its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Whichever of the others the text looks like.
    #[default]
    Auto,
    /// One JSON object a line, as in arXiv's metadata snapshot.
    Jsonl,
    /// A JSON array of objects, an object that wraps such an array in any way, or single objects over several
    /// lines.
    Json,
    /// A table with a header row and commas (or, where the header has them, semicolons, tabs or bars).
    Csv,
    /// A table with a header row and tabs.
    Tsv,
    /// A workbook of a spreadsheet, whose sheets are tables with a header row.
    Xlsx,
    /// The text of a Daily Papers page.
    DailyPapers,
    /// BibTeX or BibLaTeX.
    Bibtex,
    /// RIS, as reference managers and publishers export it.
    Ris,
    /// MEDLINE, as PubMed exports it.
    Nbib,
    /// Web of Science's plain text.
    Ciw,
    /// EndNote's refer.
    Enw,
    /// RefWorks's tagged format.
    RefWorks,
    /// EndNote's XML.
    EndnoteXml,
    /// PubMed's XML.
    PubmedXml,
    /// PubMed's abstracts as text.
    PubmedText,
    /// Atom, as arXiv and we write it.
    Atom,
    /// Ovid's text.
    Ovid,
    /// XML of catalogues and repositories: OAI-PMH, DBLP, Europe PMC, DataCite.
    Xml,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 19] = [
        Self::Auto,
        Self::Jsonl,
        Self::Json,
        Self::Csv,
        Self::Tsv,
        Self::Xlsx,
        Self::DailyPapers,
        Self::Bibtex,
        Self::Ris,
        Self::Nbib,
        Self::Ciw,
        Self::Enw,
        Self::RefWorks,
        Self::EndnoteXml,
        Self::PubmedXml,
        Self::PubmedText,
        Self::Atom,
        Self::Ovid,
        Self::Xml,
    ];

    /// The format that the beginning of a text looks like, if any; never [`Format::Auto`].
    #[must_use]
    pub fn of(text: &[u8]) -> Option<Self> {
        detect(&text[..text.len().min(crate::encoding::CHUNK_BYTES)])
    }

    /// The name by which a user chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Jsonl => "jsonl",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Xlsx => "xlsx",
            Self::DailyPapers => "daily-papers",
            Self::Bibtex => "bibtex",
            Self::Ris => "ris",
            Self::Nbib => "nbib",
            Self::Ciw => "ciw",
            Self::Enw => "enw",
            Self::RefWorks => "refworks",
            Self::EndnoteXml => "endnote-xml",
            Self::PubmedXml => "pubmed-xml",
            Self::PubmedText => "pubmed-text",
            Self::Atom => "atom",
            Self::Ovid => "ovid",
            Self::Xml => "xml",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no [`Format`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}, found \"{found}\"", Format::ALL.map(Format::name).join(", "))]
pub struct UnknownFormatName {
    /// The text.
    pub found: String,
}

impl FromStr for Format {
    type Err = UnknownFormatName;

    fn from_str(name: &str) -> Result<Self, UnknownFormatName> {
        let format = Self::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| UnknownFormatName { found: name.to_owned() })
    }
}

/// How to read a source.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The format, where it shall not be detected.
    pub format: Format,
    /// The day of a Daily Papers page, whose text says none with a year: its papers'
    /// `publication_date`. Other formats do not use it.
    pub day: Option<Date>,
    /// Whether numbers in `id` fields name papers.
    pub numbers: Numbers,
}

/// The records of a source, in its order, read as they are asked for.
///
/// An item `Ok(Ok(…))` is a paper, `Ok(Err(…))` one bad record among others, and `Err(…)` the fault at
/// which reading ended: it is the last item. Memory is bounded by [`MAX_RECORD_BYTES`], not by the file.
pub struct Records {
    /// `None` once it has ended.
    reader: Option<Box<dyn FormatReader>>,
    format: Format,
    size: Option<u64>,
    consumed: Arc<AtomicU64>,
    encoding: Found,
    numbers: Numbers,
}

impl Records {
    /// Finds the format of a text, unless `options` names it, and begins to read.
    pub(crate) fn open(
        input: Input,
        size: Option<u64>,
        consumed: Arc<AtomicU64>,
        options: &ReadOptions,
    ) -> Result<Self, ReadError> {
        let format = match options.format {
            Format::Auto => detect(&input.head).ok_or_else(|| ReadError::UnknownFormat {
                file: Arc::clone(&input.file),
                found: String::from_utf8_lossy(&input.head).into_owned(),
            })?,
            forced => forced,
        };
        let encoding = Arc::clone(&input.encoding);
        let reader = open_format(format, input, options)?;
        Ok(Self { reader: Some(reader), format, size, consumed, encoding, numbers: options.numbers })
    }

    /// The records of a workbook.
    pub(crate) fn of_workbook(workbook: Workbook, size: Option<u64>, options: &ReadOptions) -> Self {
        Self {
            reader: Some(Box::new(workbook)),
            format: Format::Xlsx,
            size,
            consumed: Arc::new(AtomicU64::new(size.unwrap_or(0))),
            encoding: Found::default(),
            numbers: options.numbers,
        }
    }

    /// The encoding of the text, or of some of its lines, where it is not UTF-8: `windows-1252`. Known once such a
    /// line was read.
    #[must_use]
    pub fn encoding(&self) -> Option<&'static str> {
        self.encoding.get().copied()
    }

    /// The format, never [`Format::Auto`]; where several are in one file, the first.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// The file's size in bytes as stored (compressed, if it is), where it is known: for progress.
    #[must_use]
    pub fn size_bytes(&self) -> Option<u64> {
        self.size
    }

    /// How many bytes of the stored file have been taken in; runs ahead of the records by some buffers.
    #[must_use]
    pub fn consumed_bytes(&self) -> u64 {
        self.consumed.load(Ordering::Relaxed)
    }
}

impl Iterator for Records {
    type Item = Result<Result<Record, RecordError>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut item = self.reader.as_mut()?.next_record().transpose();
            match &mut item {
                Some(Ok(Ok(record))) => self.numbers.apply(record),
                Some(Ok(Err(_))) => {}
                Some(Err(_)) => self.reader = None,
                None => {
                    let (marks, lines) = self.reader.take()?.into_rest()?;
                    self.reader = Some(reader_of_lines(marks, lines));
                    continue;
                }
            }
            return item;
        }
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("format", &self.format)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// One format's reading of a text; see this module's documentation for how to add one.
pub(crate) trait FormatReader: Send {
    /// The next record, or `None` at the end. A fault ends the reading: there is no call after it.
    fn next_record(&mut self) -> Result<Option<Result<Record, RecordError>>, ReadError>;

    /// What follows in another format, where that is why it ended.
    fn into_rest(self: Box<Self>) -> Option<(Marks, Lines)> {
        None
    }
}

/// The format that a text's beginning looks like.
fn detect(head: &[u8]) -> Option<Format> {
    match head.trim_ascii_start() {
        // No text: no records, in whatever format.
        [] => Some(Format::Jsonl),
        [b'[', ..] if json::begins_too_deep(head) => Some(Format::Jsonl),
        [b'[', ..] => Some(Format::Json),
        [b'{', ..] if json::is_document(head) => Some(Format::Json),
        [b'{', ..] => Some(Format::Jsonl),
        // Whatever stands in its elements.
        [b'<', b'?', ..] => detect_xml(head),
        _ if bibtex::begins_with_block(head) => Some(Format::Bibtex),
        _ => detect_xml(head).or_else(|| detect_lines(head)),
    }
}

fn detect_xml(head: &[u8]) -> Option<Format> {
    if catalog_xml::records(head).is_some() {
        Some(Format::Xml)
    } else if pubmed::is_pubmed(head) {
        Some(Format::PubmedXml)
    } else if endnote_xml::is_endnote(head) {
        Some(Format::EndnoteXml)
    } else {
        atom::is_atom(head).then_some(Format::Atom)
    }
}

/// The format of a text whose lines say what they are.
fn detect_lines(head: &[u8]) -> Option<Format> {
    // Anything may stand before the first record of RIS; a table is no such thing, whose cells may quote one.
    let is_ris = tagged::first_record(head, Layout::Ris).is_some_and(|at| !csv::is_in_cell(head, at));
    if is_ris {
        return Some(Format::Ris);
    }
    let layouts = [
        (Layout::Medline, Format::Nbib),
        (Layout::WebOfScience, Format::Ciw),
        (Layout::Refer, Format::Enw),
        (Layout::RefWorks, Format::RefWorks),
        (Layout::Ovid, Format::Ovid),
    ];
    if let Some((_, format)) = layouts.into_iter().find(|(layout, _)| tagged::has_record(head, *layout)) {
        return Some(format);
    }
    if pubmed_text::is_pubmed_text(head) {
        return Some(Format::PubmedText);
    }
    match csv::detect(head).map(|dialect| dialect.separator) {
        Some(b'\t') => Some(Format::Tsv),
        Some(_) => Some(Format::Csv),
        None if daily_papers::is_page(head) => Some(Format::DailyPapers),
        None => bibtex::has_block(head).then_some(Format::Bibtex),
    }
}

fn open_format(
    format: Format,
    input: Input,
    options: &ReadOptions,
) -> Result<Box<dyn FormatReader>, ReadError> {
    let of_lines = |marks, input| {
        let is_named = options.format != Format::Auto;
        reader_of_lines(marks, if is_named { Lines::new(input) } else { Lines::mixed(input) })
    };
    Ok(match format {
        Format::Auto | Format::Jsonl => Box::new(JsonLines::new(input)),
        Format::Json => Box::new(JsonDocument::new(input)),
        Format::Csv if field_rows::is_table(&input.head) => Box::new(FieldRows::new(input)),
        Format::Csv => Box::new(Table::new(input, None)?),
        Format::Tsv => Box::new(Table::new(input, Some(b'\t'))?),
        Format::Xlsx => {
            let expected = "a workbook of a spreadsheet (.xlsx), which is a zip archive".to_owned();
            return Err(unexpected(&input, expected));
        }
        Format::DailyPapers => Box::new(DailyPapers::new(input, options.day)),
        Format::Bibtex => of_lines(Marks::Bibtex, input),
        Format::Ris => of_lines(Marks::Tags(Layout::Ris), input),
        Format::Nbib => of_lines(Marks::Tags(Layout::Medline), input),
        Format::Ciw => of_lines(Marks::Tags(Layout::WebOfScience), input),
        Format::Enw => of_lines(Marks::Tags(Layout::Refer), input),
        Format::RefWorks => of_lines(Marks::Tags(Layout::RefWorks), input),
        Format::Ovid => of_lines(Marks::Tags(Layout::Ovid), input),
        Format::EndnoteXml => Box::new(XmlRecords::new(input, endnote_xml::RECORDS, |element, place| {
            Some(endnote_xml::draft(element).finish().into_paper(place))
        })),
        Format::PubmedXml => Box::new(XmlRecords::new(input, pubmed::RECORDS, |element, place| {
            Some(pubmed::draft(element).finish().into_paper(place))
        })),
        Format::PubmedText => Box::new(PubMedText::new(input)),
        Format::Atom => Box::new(XmlRecords::new(input, atom::RECORDS, |element, place| {
            Some(atom::draft(element).finish().into_paper(place))
        })),
        Format::Xml => match catalog_xml::records(&input.head) {
            Some(records) => Box::new(XmlRecords::new(input, records, catalog_xml::read)),
            None => {
                let expected = "XML of OAI-PMH, DBLP, Europe PMC or DataCite".to_owned();
                return Err(unexpected(&input, expected));
            }
        },
    })
}

fn reader_of_lines(marks: Marks, lines: Lines) -> Box<dyn FormatReader> {
    let Marks::Tags(layout) = marks else { return Box::new(BibTex::new(lines)) };
    let draft = match layout {
        Layout::Ris => ris::draft,
        Layout::Medline => nbib::draft,
        Layout::WebOfScience => web_of_science::draft,
        Layout::RefWorks => refer::refworks_draft,
        Layout::Refer => refer::draft,
        Layout::Ovid => ovid::draft,
    };
    Box::new(Tagged::new(lines, layout, draft))
}

/// The error of a text that is not in the format that it should be in.
fn unexpected(input: &Input, expected: String) -> ReadError {
    ReadError::Unexpected { place: input.place(1), expected, found: "another file".to_owned() }
}
