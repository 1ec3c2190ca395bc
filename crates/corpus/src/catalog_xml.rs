//! XML of catalogues and repositories: OAI-PMH (Dublin Core, arXiv's own forms, DataCite), DBLP, Europe PMC.
//!
//! Such a record says what the same catalogue says in JSON, under the same names. So it becomes JSON, and is
//! read as any record in JSON is.

use serde_json::{Map, Value};

use crate::bibliography::ENTRY_TYPE;
use crate::doi;
use crate::error::{Place, RecordError};
use crate::fields::fold_name;
use crate::identifier::IdentifierKind;
use crate::record::{Record, paper_from_json};
use crate::text::fold;
use crate::xml::{Element, root};

/// The elements that are records, by the element that a file has around all.
#[rustfmt::skip]
const CATALOGUES: [(&str, &[&str]); 9] = [
    ("OAI-PMH", &["record"]),
    ("dblp", &["article", "inproceedings", "proceedings", "book", "incollection", "phdthesis", "mastersthesis", "data"]),
    ("responseWrapper", &["result"]),
    ("result", &["info"]),
    ("resource", &["resource"]),
    ("dc", &["dc"]),
    ("arXiv", &["arXiv"]),
    ("arXivRaw", &["arXivRaw"]),
    ("metadata", &["dc", "arXiv", "arXivRaw", "resource"]),
];

/// The names of the elements that are records, where a text is such a file.
pub(crate) fn records(head: &[u8]) -> Option<&'static [&'static str]> {
    let root = root(head)?;
    CATALOGUES.iter().find(|(name, _)| *name == root).map(|(_, records)| *records)
}

/// The record that an element is; none where a repository only says that it has one no longer.
pub(crate) fn read(element: Element, place: &Place) -> Option<Result<Record, RecordError>> {
    let is_deleted =
        element.child("header").is_some_and(|header| header.attribute("status") == Some("deleted"));
    if is_deleted {
        return None;
    }
    let mut kind = element.name.clone();
    // A repository's own head, and the record in its body.
    let mut header = None;
    let mut inner = &element;
    if let Some(body) = element.child("metadata").and_then(|metadata| metadata.children().next()) {
        header = element.child("header");
        kind.clone_from(&body.name);
        // DataCite's is within another.
        inner = body.all(&["payload", "resource"]).first().copied().unwrap_or(body);
    }
    let Value::Object(mut record) = to_json(inner) else {
        return Some(paper_from_json(Value::Object(Map::new()), place));
    };
    match kind.as_str() {
        "dc" => dublin_core(&mut record),
        "arXiv" | "arXivRaw" => arxiv(&mut record),
        "result" | "info" => {}
        "resource" | "oai_datacite" => {
            // The record's own DOI, and no other database's name for it.
            let is_doi = |identifier: &Value| identifier["@identifierType"] == "DOI";
            if let Some(Value::Object(mut identifier)) =
                record.get_mut("identifier").filter(|id| is_doi(id)).map(Value::take)
            {
                record.insert("doi".to_owned(), identifier.shift_remove("#text").unwrap_or_default());
            }
        }
        kind => dblp(&mut record, kind),
    }
    for name in ["identifier", "datestamp", "setSpec"] {
        if let Some(text) = header.and_then(|header| header.child(name)) {
            record.insert(format!("oai_{}", fold_name(name)), Value::from(fold(&text.text())));
        }
    }
    Some(paper_from_json(Value::Object(record), place))
}

/// An element as JSON: text, or an object of what is in it, lists where a name stands several times. What only wraps
/// a list is the list, and attributes are members whose names begin with `@`.
fn to_json(element: &Element) -> Value {
    let mut members: Map<String, Value> =
        element.attributes().map(|(name, value)| (format!("@{name}"), Value::from(value))).collect();
    if element.has_text() || element.children().next().is_none() {
        let text = Value::from(element.text().trim());
        if members.is_empty() {
            return text;
        }
        members.insert("#text".to_owned(), text);
        return Value::Object(members);
    }
    let n_attributes = members.len();
    for child in element.children() {
        let value = to_json(child);
        match members.get_mut(&child.name) {
            None => {
                members.insert(child.name.clone(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    let wraps = |name: &str| {
        let (outer, inner) = (fold_name(&element.name), fold_name(name));
        let rest = outer.strip_prefix(inner.trim_end_matches('y')).unwrap_or_default();
        matches!(rest, "s" | "list" | "ies")
    };
    let only =
        members.keys().next().filter(|name| n_attributes == 0 && members.len() == 1 && wraps(name)).cloned();
    match only.and_then(|name| members.shift_remove(&name)) {
        Some(Value::Array(list)) => Value::Array(list),
        Some(one) => Value::Array(vec![one]),
        None => Value::Object(members),
    }
}

/// Dublin Core has a name for each kind of thing, and no order within it.
fn dublin_core(record: &mut Map<String, Value>) {
    let texts = |record: &mut Map<String, Value>, name: &str| -> Vec<String> {
        let values = match record.shift_remove(name) {
            Some(Value::Array(values)) => values,
            value => value.into_iter().collect(),
        };
        let text = |value: &Value| value.as_str().or_else(|| value.get("#text")?.as_str()).map(str::to_owned);
        values.iter().filter_map(text).filter(|text| !text.trim().is_empty()).collect()
    };
    let set = |record: &mut Map<String, Value>, name: &str, texts: Vec<String>| {
        if !texts.is_empty() {
            record.insert(name.to_owned(), texts.into());
        }
    };
    // arXiv's remarks are beside the abstract.
    let (remarks, descriptions): (Vec<String>, Vec<String>) =
        texts(record, "description").into_iter().partition(|text| text.starts_with("Comment:"));
    set(record, "comments", remarks);
    if !descriptions.is_empty() {
        record.insert("abstract".to_owned(), descriptions.join("\n").into());
    }
    let (mut dois, mut urls, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for text in texts(record, "identifier") {
        if let Some(id) = IdentifierKind::Arxiv.canonical(&text) {
            record.entry("arxiv_id").or_insert_with(|| id.into());
        } else if doi::is_doi(&text) {
            dois.push(text);
        } else if text.contains("://") {
            urls.push(text);
        } else {
            others.push(text);
        }
    }
    set(record, "doi", dois);
    set(record, "url", urls);
    set(record, "identifier", others);
    // The first is when it came, where there are several.
    let mut dates = texts(record, "date").into_iter();
    if let Some(first) = dates.next() {
        record.insert("date".to_owned(), first.into());
    }
    set(record, "other_dates", dates.collect());
}

/// DBLP's types are BibTeX's; its addresses are of pages on its own site, and the article's is the electronic edition.
fn dblp(record: &mut Map<String, Value>, kind: &str) {
    record.insert(ENTRY_TYPE.to_owned(), Value::from(kind));
    for (name, own) in [("url", "dblp_url"), ("@key", "dblp_key"), ("@mdate", "dblp_mdate")] {
        if let Some(value) = record.shift_remove(name) {
            record.insert(own.to_owned(), value);
        }
    }
    let Some(editions) = record.shift_remove("ee") else { return };
    let text = |value: &Value| value.as_str().or_else(|| value.get("#text")?.as_str()).map(str::to_owned);
    let editions: Vec<String> = match &editions {
        Value::Array(editions) => editions.iter().filter_map(text).collect(),
        one => text(one).into_iter().collect(),
    };
    if let Some(doi) = editions.iter().find(|edition| doi::is_doi(edition)) {
        record.insert("doi".to_owned(), Value::from(doi.as_str()));
    }
    record.insert("url".to_owned(), editions.into());
}

fn arxiv(record: &mut Map<String, Value>) {
    // An arXiv id, whatever other catalogues call so.
    if let Some(id) = record.shift_remove("id") {
        record.insert("arxiv_id".to_owned(), id);
    }
    if let Some(created) = record.shift_remove("created") {
        record.insert("publication_date".to_owned(), created);
    }
    // As in the snapshot of its metadata.
    if let Some(versions) = record.shift_remove("version") {
        let versions = match versions {
            Value::Array(versions) => versions,
            one => vec![one],
        };
        let version = |version: &Value| {
            let number = version.get("@version").cloned().unwrap_or_default();
            let created = version.get("date").cloned().unwrap_or_default();
            serde_json::json!({"version": number, "created": created})
        };
        record.insert("versions".to_owned(), versions.iter().map(version).collect());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::input::Input;
    use crate::reader::FormatReader;
    use crate::xml::XmlRecords;

    #[test]
    fn elements_become_json() {
        let xml =
            b"<resource><titles><title>A</title><title xml:lang=\"de\">B</title></titles><creators><creator>\
            <creatorName nameType=\"Personal\">Smith, Ada</creatorName></creator></creators><subjects/>\
            <note>of <i>Fundulus</i></note><x/></resource>";
        let read = |element: Element, _: &Place| {
            let expected = json!({
                "titles": ["A", {"@lang": "de", "#text": "B"}],
                "creators": [{"creatorName": {"@nameType": "Personal", "#text": "Smith, Ada"}}],
                "subjects": "", "note": "of Fundulus", "x": ""
            });
            assert_eq!(to_json(&element), expected);
            None
        };
        let mut records = XmlRecords::new(Input::of_bytes(xml), records(xml).unwrap(), read);
        assert!(records.next_record().unwrap().is_none());
    }
}
