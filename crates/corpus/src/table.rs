//! Tables, whatever file holds them: which row is the header, and what a row says.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::dates;
use crate::error::{Place, RecordError};
use crate::fields::{AUTHORS, YEAR, fold_name, is_known, names_text};
use crate::identifier::IdentifierKind;
use crate::literal;
use crate::record::MAX_FIELDS;
use crate::text::is_filler;

/// How many rows from the start may stand before the header: titles of reports, `sep=;`, blank ones.
pub(crate) const MAX_PREAMBLE_ROWS: usize = 20;

/// Two-letter tags of Web of Science's and others' tables, as the names that its other tables have.
#[rustfmt::skip]
const WOS_TAGS: [(&str, &str); 40] = [
    ("AU", "Authors"), ("AF", "Author Full Names"), ("BA", "Book Authors"), ("BE", "Editors"), ("CA", "Group Authors"), ("TI", "Title"),
    ("SO", "Source Title"), ("SE", "Book Series Title"), ("LA", "Language"), ("DT", "Document Type"), ("PT", "Publication Type Code"), ("CT", "Conference Title"),
    ("DE", "Author Keywords"), ("ID", "Keywords Plus"), ("AB", "Abstract"), ("C1", "Addresses"), ("CR", "Cited References"),
    ("TC", "Times Cited"), ("PU", "Publisher"), ("SN", "ISSN"), ("EI", "eISSN"), ("BN", "ISBN"), ("J9", "Journal Abbreviation"),
    ("JI", "Journal ISO Abbreviation"), ("PD", "Publication Date"), ("PY", "Publication Year"), ("VL", "Volume"), ("IS", "Issue"),
    ("BP", "Start Page"), ("EP", "End Page"), ("AR", "Article Number"), ("DI", "DOI"), ("PM", "Pubmed Id"), ("UT", "UT (Unique WOS ID)"),
    // bibliometrix's.
    ("PP", "Pages"), ("DB", "Database"),
    // Ovid's, whose source is a citation.
    ("YR", "Publication Year"), ("DO", "DOI"), ("UI", "Accession Number"), ("MH", "MeSH Terms"),
];

/// How sure a row is the header of a table of records: 0 where it is none, else how many of its names are known.
pub(crate) fn header_score<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> usize {
    if has_tags(cells.clone()) {
        return cells.filter(|cell| WOS_TAGS.iter().any(|(tag, _)| tag == cell)).count();
    }
    if cells.clone().nth(MAX_FIELDS).is_some() {
        return 0;
    }
    let names: Vec<String> = cells.map(fold_name).collect();
    // A sentence in a row of text is no name.
    let is_header = names.iter().any(|name| names_text(name)) && names.iter().all(|name| name.len() <= 100);
    if is_header { names.iter().filter(|name| is_known(name) || names_text(name)).count() } else { 0 }
}

/// Whether a row within a table is the header of another table: names of fields, each once, a title's among them, and
/// few that are not known.
pub(crate) fn is_other_header(cells: &[impl AsRef<str>]) -> bool {
    let names = || cells.iter().map(|cell| cell.as_ref().trim()).filter(|cell| !cell.is_empty());
    let (n_names, n_known) = (names().count(), header_score(names()));
    let is_made_of_names = n_known >= 2 && 3 * n_known >= 2 * n_names;
    is_made_of_names && names().collect::<HashSet<_>>().len() == n_names
}

/// Whether a header is made of Web of Science's tags, perhaps with what programs derive from them (`AU_UN`, `AU1_CO`).
pub(crate) fn has_tags<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> bool {
    let are_tags = |cell: &str| {
        let (tag, derived) = cell.split_once('_').unwrap_or((cell, ""));
        let is_tag = |text: &str| {
            text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        };
        cell.is_empty()
            || (is_tag(cell) && (2..=3).contains(&tag.len()) && (tag.len() == 2 || !derived.is_empty()))
    };
    let has = |tag: &str| cells.clone().any(|cell| cell == tag);
    cells.clone().all(are_tags) && has("TI") && has("AU") && (has("PY") || has("YR"))
}

/// The columns of a table.
pub(crate) struct Columns {
    names: Vec<Column>,
    /// The header row as it stands.
    header: Vec<String>,
}

struct Column {
    /// The name, once in the table.
    name: String,
    role: Role,
}

/// What is known of a column's cells, to tell a row whose cells are shifted.
#[derive(PartialEq)]
enum Role {
    Year,
    Doi,
    Authors,
    /// A number that tables with gaps hold as `12.0`.
    Number,
    /// An id, which may be arXiv's.
    Id,
    Other,
}

impl Columns {
    /// The columns of a header row. One without a name, or with one that is taken, is told apart by its number.
    pub(crate) fn new<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Self {
        let has_tags = has_tags(cells.clone());
        let is_ovids = cells.clone().any(|cell| cell.trim() == "YR");
        let header = cells.clone().map(|cell| cell.trim().to_owned()).collect();
        let mut taken = HashSet::new();
        let names = cells.enumerate().map(|(position, name)| {
            let name = name.trim();
            let tag = WOS_TAGS.iter().find(|(tag, _)| has_tags && *tag == name);
            let name = match tag {
                Some(("SO", _)) if is_ovids => "Citation",
                Some((_, name)) => name,
                None => name,
            };
            let is_usable = !name.is_empty() && taken.insert(name.to_owned());
            let unique = if is_usable {
                name.to_owned()
            } else {
                format!("{name}_{}", position + 1).trim_start_matches('_').to_owned()
            };
            Column { role: role(&fold_name(name)), name: unique }
        });
        Self { names: names.collect(), header }
    }

    /// Whether a row says the names of the columns again, as where tables were put together.
    pub(crate) fn is_header(&self, cells: &[impl AsRef<str>]) -> bool {
        cells.len() == self.header.len()
            && self.header.iter().zip(cells).all(|(name, cell)| name == cell.as_ref().trim())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// One row as an object of its cells. Missing cells at the end are blank.
    ///
    /// # Errors
    /// [`RecordError`] for a row of too many cells, or of too few with one that stands in the wrong column: a
    /// separator or line break that no quotation marks protect. Better no paper than a wrong one.
    pub(crate) fn object(&self, cells: &[&str], place: &Place) -> Result<Value, RecordError> {
        let n_columns = self.names.len();
        let has_more = cells.iter().skip(n_columns).any(|cell| !cell.trim().is_empty());
        if has_more || (cells.len() != n_columns && self.is_shifted(cells)) {
            let message = format!("expected a row of {n_columns} cells, found {}", cells.len());
            return Err(RecordError::whole(place, message));
        }
        let mut object = Map::new();
        for (column, cell) in self.names.iter().zip(cells) {
            let cell = cell.trim();
            // `NaN` and `NaT`, which programs write where nothing is.
            if cell.is_empty() || (cell.len() <= 5 && is_filler(cell)) {
                continue;
            }
            let structured = structured(cell).filter(|_| !names_text(&fold_name(&column.name)));
            let value = structured.unwrap_or_else(|| Value::String(column.cell(cell)));
            object.insert(column.name.clone(), value);
        }
        Ok(Value::Object(object))
    }

    fn is_shifted(&self, cells: &[&str]) -> bool {
        self.names.iter().zip(cells).any(|(column, cell)| {
            let cell = cell.trim();
            !is_filler(cell)
                && match column.role {
                    Role::Year => dates::read(&Value::String(cell.to_owned())).warning.is_some(),
                    Role::Doi => IdentifierKind::Doi.canonical(cell).is_none() && !cell.contains("10."),
                    Role::Authors => cell.parse::<f64>().is_ok(),
                    Role::Number | Role::Id | Role::Other => false,
                }
        })
    }
}

impl Column {
    fn cell(&self, cell: &str) -> String {
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match self.role {
            Role::Number | Role::Id | Role::Year => {
                match cell.strip_suffix(".0").filter(|whole| is_digits(whole)) {
                    Some(whole) => whole.to_owned(),
                    None if self.role == Role::Id => arxiv_id(cell).unwrap_or_else(|| cell.to_owned()),
                    None => cell.to_owned(),
                }
            }
            Role::Doi | Role::Authors | Role::Other => cell.to_owned(),
        }
    }
}

/// The object, or the list of lists or objects, that a cell holds as text.
fn structured(cell: &str) -> Option<Value> {
    let is_nested = |value: &Value| match value {
        Value::Object(_) => true,
        Value::Array(list) => list.iter().any(|element| element.is_array() || element.is_object()),
        _ => false,
    };
    let begins = cell.starts_with('{')
        || cell.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[', '(']));
    if begins { literal::parse(cell).filter(is_nested) } else { None }
}

fn role(name: &str) -> Role {
    match name {
        "id" | "paperid" | "arxivid" | "_id" => Role::Id,
        "doi" => Role::Doi,
        "pmid" | "pubmedid" | "volume" | "issue" | "number" | "pages" | "month" | "day" | "corpusid"
        | "startpage" | "endpage" => Role::Number,
        name if YEAR.contains(&name) => Role::Year,
        name if AUTHORS.contains(&name) => Role::Authors,
        _ => Role::Other,
    }
}

/// The arXiv id that a spreadsheet took for a number, so that it lost its outer zeros: `704.0001`, `1501.001`.
pub(crate) fn arxiv_id(cell: &str) -> Option<String> {
    let (month, number) = cell.split_once('.')?;
    let is_number = (3..=4).contains(&month.len()) && (1..=5).contains(&number.len());
    if !is_number || IdentifierKind::Arxiv.canonical(cell).is_some() {
        return None;
    }
    let n_digits = if month.len() == 4 && month >= "1501" { 5 } else { 4 };
    IdentifierKind::Arxiv.canonical(&format!("{month:0>4}.{number:0<n_digits$}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place() -> Place {
        Place { file: "test".into(), line: 2 }
    }

    #[test]
    fn headers_are_told_from_other_rows() {
        assert_eq!(header_score(["id", "title", "x"].into_iter()), 2);
        assert_eq!(header_score(["About the data: exported with title"].into_iter()), 0);
        assert_eq!(header_score(["sep=", ""].into_iter()), 0);
        assert_eq!(header_score(["PT", "AU", "TI", "PY", ""].into_iter()), 4);
        assert!(!has_tags(["ID", "TI"].into_iter()));
    }

    #[test]
    fn rows_are_objects() {
        let columns = Columns::new(["", "id", "Title", "Title", "year", "doi"].into_iter());
        let object = columns.object(&["0", "12.0", "A", "B", "2020.0", "nan"], &place()).unwrap();
        assert_eq!(object, json!({"1": "0", "id": "12", "Title": "A", "Title_4": "B", "year": "2020"}));
        let tags = Columns::new(["TI", "AU", "PY"].into_iter());
        assert_eq!(tags.object(&["A"], &place()).unwrap(), json!({"Title": "A"}));
    }

    #[test]
    fn rows_of_another_length_are_read_unless_they_are_shifted() {
        let columns = Columns::new(["title", "abstract", "authors", "year", "doi"].into_iter());
        assert!(columns.object(&["No trailing cells", "Text", "Doe B"], &place()).is_ok());
        assert!(columns.object(&["A", "Text", "Doe B", "2003", "", ""], &place()).is_ok());
        assert!(columns.object(&["A", "Text three", "with a comma", "Roe C", "2003", ""], &place()).is_err());
        assert!(columns.object(&["rest of a text", "Roe C", "2003"], &place()).is_err());
        assert!(columns.object(&["A", "Text", "Doe B", "2003", "", "more"], &place()).is_err());
    }

    #[test]
    fn numbers_that_were_arxiv_ids_are_so_again() {
        for (cell, expected) in [
            ("704.0001", Some("0704.0001")),
            ("1501.001", Some("1501.00100")),
            ("1412.75", Some("1412.7500")),
            ("0704.0001", None),
            ("12.5", None),
            ("1799.5", None),
        ] {
            assert_eq!(arxiv_id(cell).as_deref(), expected, "{cell}");
        }
    }
}
