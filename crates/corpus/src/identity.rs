//! What a record is: which paper of a store it belongs to. The only place where that is decided.
//!
//! - An **id of its own** names one paper everywhere: an explicit `id`, or an id of Semantic Scholar, arXiv,
//!   PubMed, the ACL Anthology or OpenAlex. [`Identity::Named`].
//! - Every other record is named by **its content** ([`content_id`]), so that equal records of different
//!   files are one paper. [`Identity::Content`].
//! - A **DOI** is never an id: chapters carry their book's, conference abstracts their supplement's, and
//!   duplicates share one. A **number** is none where the file counts its records: see [`Numbers`].
//! - A **key** (citation key, RIS `ID`, number of a row) tells records of one source apart, no more.

use sha2::{Digest, Sha256};

use crate::error::FieldIssue;
use crate::identifier::{IdentifierKind, sniff_record_id};
use crate::paper::{Paper, PaperId};
use crate::record::Record;
use crate::text::{fold, normalize};

/// What names a record's paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// An id of the record's own.
    Named,
    /// Its content.
    Content,
}

/// The kinds of identifiers that are ids, the first first, where a record has no explicit `id`.
pub(crate) const NAMING_KINDS: [IdentifierKind; 5] = [
    IdentifierKind::CorpusId,
    IdentifierKind::Arxiv,
    IdentifierKind::Pmid,
    IdentifierKind::Acl,
    IdentifierKind::OpenAlex,
];

/// The id that an identifier is; `None` for kinds that name no paper. Bare numbers get a label, since those of two
/// databases collide.
#[must_use]
pub fn named_id(kind: IdentifierKind, canonical: &str) -> Option<PaperId> {
    let id = match kind {
        IdentifierKind::Doi | IdentifierKind::Pmcid => return None,
        IdentifierKind::Pmid => format!("PMID:{canonical}"),
        IdentifierKind::CorpusId => format!("CorpusId:{canonical}"),
        IdentifierKind::Arxiv | IdentifierKind::Acl | IdentifierKind::OpenAlex => canonical.to_owned(),
    };
    PaperId::new(id).ok()
}

/// The id of a record that has none of its own: `p-` and 16 hex digits of the SHA-256 of title, abstract, authors,
/// year, venue, volume, issue, pages and identifiers. White space is folded, identifiers are in
/// canonical form, and nothing else is changed. The form is frozen: ids must not change from one release to
/// the next.
#[must_use]
pub fn content_id(paper: &Paper) -> PaperId {
    /// Bytes that UTF-8 does not hold, so that no text moved from one field to the next gives the same hash.
    const END_OF_FIELD: [u8; 1] = [0xff];
    const END_OF_ITEM: [u8; 1] = [0xfe];

    let mut hasher = Sha256::new();
    let mut add = |items: &mut dyn Iterator<Item = String>| {
        for item in items {
            hasher.update(fold(&item).as_bytes());
            hasher.update(END_OF_ITEM);
        }
        hasher.update(END_OF_FIELD);
    };
    let one = |text: &Option<String>| text.clone().into_iter();
    add(&mut one(&paper.title));
    add(&mut one(&paper.abstract_text));
    add(&mut paper.authors.iter().cloned());
    add(&mut paper.year.map(|year| year.to_string()).into_iter());
    add(&mut one(&paper.venue));
    add(&mut one(&paper.volume));
    add(&mut one(&paper.issue));
    add(&mut one(&paper.pages));
    add(&mut paper.external_ids.iter().map(|(kind, id)| format!("{}:{id}", kind.name())));
    PaperId::of_digest(&hasher.finalize())
}

/// Another id of the same form, for a paper whose content's id another paper has kept while what it says changed. `n`
/// tells such ids apart.
#[must_use]
pub fn numbered_id(id: &PaperId, n: u64) -> PaperId {
    let mut hasher = Sha256::new();
    hasher.update(id.as_str().as_bytes());
    hasher.update(n.to_le_bytes());
    PaperId::of_digest(&hasher.finalize())
}

/// The id that version 2 gave to a record without one: a hash of title and abstract alone, in lower case.
pub(crate) fn legacy_content_id(title: Option<&str>, abstract_text: Option<&str>) -> PaperId {
    let mut hasher = Sha256::new();
    for part in [title, abstract_text] {
        hasher.update(normalize(part.unwrap_or_default()).to_lowercase().as_bytes());
        hasher.update([0xff]);
    }
    PaperId::of_digest(&hasher.finalize())
}

/// What a record says that may name it.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Its explicit id, as it stands there.
    pub(crate) own: Option<PaperId>,
    /// Whether that stood in a field that databases only use for their own ids (`_id`).
    pub(crate) is_database_id: bool,
    /// Its key within the source, where it says one.
    pub(crate) key: Option<String>,
}

/// What a record is named by.
pub(crate) struct Named {
    pub(crate) id: Option<PaperId>,
    pub(crate) key: Option<String>,
    pub(crate) stated: Stated,
}

/// What stands in a record's field for its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stated {
    /// Nothing, or what names a paper.
    Id,
    /// A number, which may count rows.
    Number,
    /// An identifier that names no paper, such as a DOI.
    Identifier(IdentifierKind),
}

/// Decides what names a record that says `claims` and carries `identifiers` (those that it states as its own, not
/// those that an address or a list of other databases' ids gives).
pub(crate) fn decide<'a>(claims: Claims, identifier: impl Fn(IdentifierKind) -> Option<&'a str>) -> Named {
    let Claims { own, is_database_id, key } = claims;
    let by_identifier = || NAMING_KINDS.iter().find_map(|&kind| named_id(kind, identifier(kind)?));
    let Some(own) = own else {
        return Named { id: by_identifier(), key, stated: Stated::Id };
    };
    if let Some(number) = as_number(own.as_str()) {
        let id = PaperId::new(number).ok();
        let stated = if is_database_id { Stated::Id } else { Stated::Number };
        return Named { id, key, stated };
    }
    // Semantic Scholar's answers have a hash beside the id that its bulk files are joined by.
    let is_hash = own.as_str().len() == 40 && own.as_str().bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash && let Some(id) = identifier(IdentifierKind::CorpusId) {
        return Named { id: named_id(IdentifierKind::CorpusId, id), key, stated: Stated::Id };
    }
    match sniff_record_id(&own) {
        // In its canonical form, whatever the spelling: it names the same paper in every file.
        Some(found) => match named_id(found.kind, &found.value) {
            Some(id) => Named { id: Some(id), key, stated: Stated::Id },
            None => Named {
                id: by_identifier(),
                key: key.or(Some(own.into())),
                stated: Stated::Identifier(found.kind),
            },
        },
        None => Named { id: Some(own), key, stated: Stated::Id },
    }
}

/// A text that is a number and no more, without the `.0` of tables that hold numbers with gaps.
fn as_number(text: &str) -> Option<&str> {
    let digits = text.strip_suffix(".0").unwrap_or(text);
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(digits)
}

/// Whether numbers in the `id` fields of a file name papers.
///
/// Tables that are written by programs count their rows: 0, 1, 2 and so on, or from 1. Such a number names another
/// paper in the next file. So if the first number of a file is 0 or 1, all of its numbers are keys within
/// the source and no ids. A file that begins with another number has the ids of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Numbers {
    /// As the first number of the file says.
    #[default]
    Judged,
    /// They are ids, whatever they are: the client of an interface names its papers, and does not count rows.
    Ids,
    /// They count rows.
    Rows,
}

impl Numbers {
    /// Takes the id from a record whose number counts rows.
    pub(crate) fn apply(&mut self, record: &mut Record) {
        if *self == Self::Ids {
            record.name_by_filler();
            // A client means to name the paper, and would look for it under that.
            if let Stated::Identifier(kind) = record.stated {
                let message = format!(
                    "expected an id, found a {}, which names no paper; the id is {}",
                    kind.name(),
                    record.paper.id
                );
                record.warnings.push(FieldIssue {
                    place: record.place.clone(),
                    field: "id".to_owned(),
                    message,
                });
            }
        }
        if record.stated != Stated::Number {
            return;
        }
        if *self == Self::Judged {
            let first = record.paper.id.as_str().trim_start_matches('0');
            *self = if matches!(first, "" | "1") { Self::Rows } else { Self::Ids };
        }
        if *self == Self::Rows {
            record.unname();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Place;
    use crate::record::paper_from_json;
    use crate::{ReadOptions, Source};

    fn record(value: serde_json::Value) -> Record {
        let place = Place { file: "test".into(), line: 1 };
        paper_from_json(value, &place).unwrap()
    }

    #[test]
    fn what_a_client_sends_as_id_is_the_id() {
        for id in ["none", "..", "-", "N/A", "null"] {
            let text = json!({"id": id, "title": "First"}).to_string();
            let read = |numbers| {
                let options = ReadOptions { numbers, ..ReadOptions::default() };
                let source = Source::from_reader("test", std::io::Cursor::new(text.clone()));
                source.records(&options).unwrap().next().unwrap().unwrap().unwrap()
            };
            let of_client = read(Numbers::Ids);
            assert_eq!((of_client.paper.id.as_str(), of_client.identity), (id, Identity::Named));
            assert!(of_client.paper.extra.is_empty() && of_client.warnings.is_empty(), "{of_client:?}");
            let of_file = read(Numbers::Judged);
            assert_eq!((of_file.identity, of_file.warnings.len()), (Identity::Content, 1));
        }
    }

    /// The ids of stores depend on this: a change here loses track of every record that is named by its content.
    #[test]
    fn the_content_id_is_frozen() {
        let whole = json!({
            "title": "Tides  and\ttrade", "abstract": "Trade follows\n tides. ", "authors": ["Ada Smith", "Bo Doe"],
            "year": 2019, "venue": "Journal of Quays", "volume": "4", "issue": "2", "pages": "1-9",
            "doi": "https://doi.org/10.5555/CASE.1", "pmcid": "PMC17"
        });
        assert_eq!(record(whole.clone()).paper.id.as_str(), "p-81024833a74284d9");
        assert_eq!(record(json!({"title": "Tides and trade"})).paper.id.as_str(), "p-e42c4139b45659b0");
        // White space and the spelling of identifiers make no difference; everything else does.
        let id_with = |name: &str, value: serde_json::Value| {
            let mut changed = whole.clone();
            changed[name] = value;
            record(changed).paper.id
        };
        let id = record(whole.clone()).paper.id;
        for (name, value) in [
            ("title", json!("Tides and trade")),
            ("doi", json!("doi:10.5555/case.1")),
            ("publisher", json!("Quay Press")),
            ("language", json!("eng")),
        ] {
            assert_eq!(id_with(name, value), id, "{name}");
        }
        for (name, value) in [
            ("title", json!("Tides and Trade")),
            ("abstract", json!("Trade follows tides")),
            ("authors", json!(["Ada Smith Bo", "Doe"])),
            ("year", json!(2020)),
            ("venue", json!("Quays")),
            ("volume", json!("5")),
            ("issue", json!("3")),
            ("pages", json!("1-8")),
            ("doi", json!("10.5555/case.2")),
            ("pmcid", json!("PMC18")),
        ] {
            assert_ne!(id_with(name, value), id, "{name}");
        }
    }

    #[test]
    fn what_names_a_record() {
        let check = |value: serde_json::Value, id: &str| {
            let mut value = value;
            value["title"] = json!("Tides");
            let record = record(value.clone());
            let found = (record.identity, record.paper.id.as_str());
            if id.is_empty() {
                assert_eq!(found.0, Identity::Content, "{value} {found:?}");
                assert!(found.1.starts_with("p-"));
            } else {
                assert_eq!(found, (Identity::Named, id), "{value}");
            }
        };
        check(json!({"id": "tides-1"}), "tides-1");
        check(json!({"_id": "x", "doi": "10.5555/1"}), "x");
        check(json!({"id": "https://openalex.org/W2741809807"}), "W2741809807");
        check(json!({"id": "arXiv:1704.03578v2"}), "1704.03578");
        check(json!({"id": "PMID: 31234567"}), "PMID:31234567");
        check(json!({"pmid": 31234567}), "PMID:31234567");
        check(json!({"pmid": "31234567.0", "arxiv_id": "1704.03578"}), "1704.03578");
        check(json!({"corpusid": 2000001, "arxiv_id": "1704.03578"}), "CorpusId:2000001");
        check(json!({"acl_id": "P19-1001"}), "P19-1001");
        let hash = "0123456789abcdef0123456789abcdef01234567";
        check(json!({"paperId": hash}), hash);
        check(json!({"paperId": hash, "externalIds": {"CorpusId": 12345}}), "CorpusId:12345");
        // What other databases call it does not name it.
        check(json!({"externalIds": {"ArXiv": "1704.03578"}}), "");
        for doi in ["10.5555/1", "https://doi.org/10.5555/1", "doi:10.5555/1"] {
            check(json!({"doi": doi}), "");
            check(json!({"id": doi}), "");
        }
        check(json!({"pmcid": "PMC17"}), "");
        check(json!({"citation_key": "smith2020"}), "");
        assert_eq!(record(json!({"id": "10.5555/1", "title": "A"})).key.as_deref(), Some("10.5555/1"));
        assert_eq!(record(json!({"citation_key": "s", "title": "A"})).key.as_deref(), Some("s"));
    }

    #[test]
    fn numbers_that_count_rows_are_keys() {
        let ids = |numbers: Numbers, values: &[serde_json::Value]| {
            let mut numbers = numbers;
            let ids = values.iter().map(|id| {
                let mut record = record(json!({"id": id, "title": "Tides"}));
                numbers.apply(&mut record);
                match record.identity {
                    Identity::Named => record.paper.id.to_string(),
                    Identity::Content => format!("key {}", record.key.unwrap()),
                }
            });
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(Numbers::Judged, &[json!(0), json!(1), json!("7")]), ["key 0", "key 1", "key 7"]);
        assert_eq!(ids(Numbers::Judged, &[json!("1.0"), json!("a")]), ["key 1", "a"]);
        assert_eq!(ids(Numbers::Judged, &[json!("12.0"), json!(0)]), ["12", "0"]);
        assert_eq!(ids(Numbers::Ids, &[json!(0), json!(1.0)]), ["0", "1"]);
    }
}
