//! Where the records are in a JSON value: found by what they hold, not by the names of what wraps them.
//!
//! A record is an object with a title or an abstract. Databases wrap lists of them in answers
//! (`{"message": {"items": […]}}`, `{"hits": {"hits": […]}}`), and single ones in envelopes (`{"key": …, "data": {…}}`).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::fields::{
    ABSTRACT, AUTHORS, TITLE, VENUE, fold_name, names_detail, names_text, names_text_surely,
};
use crate::text::fold;

/// Deepest nesting of lists and answers around a record.
const MAX_DEPTH: usize = 12;

/// Whether a JSON text has more than `limit` values: each takes far more memory than the file. Commas in strings
/// are no values, which only a text with many commas is looked through for.
pub(crate) fn has_more_values(text: &[u8], limit: usize) -> bool {
    if memchr::memchr_iter(b',', text).take(limit + 1).count() <= limit {
        return false;
    }
    let (mut n_values, mut at) = (0, 0);
    while let Some(found) = memchr::memchr2(b',', b'"', &text[at..]) {
        at += found + 1;
        if text[at - 1] == b',' {
            n_values += 1;
            continue;
        }
        // To the end of the string.
        loop {
            let Some(found) = memchr::memchr2(b'"', b'\\', &text[at..]) else { return n_values > limit };
            at += found + 1;
            if text[at - 1] == b'"' {
                break;
            }
            at = (at + 1).min(text.len());
        }
    }
    n_values > limit
}

/// The records in a JSON value, each as its text; where there is none but the value is no empty answer
/// either, the value itself, so that it is told what it lacks.
pub(crate) fn records_in(value: &str) -> Vec<&str> {
    let mut records = Vec::new();
    collect(value, 0, &mut records);
    if records.is_empty() && !is_empty_answer(value) {
        records.push(value);
    }
    records.retain(|record| !is_attachment(record) && !is_reply(record));
    records
}

/// The records within a value that is part of something larger: nothing where it holds none.
pub(crate) fn records_within(value: &str) -> Vec<&str> {
    let mut records = Vec::new();
    collect(value, 0, &mut records);
    records.retain(|record| !is_attachment(record) && !is_reply(record));
    records
}

/// Whether a record is what Zotero keeps beside works: a file, a note, a mark in a file.
fn is_attachment(record: &str) -> bool {
    const TYPE: &str = "itemType";
    if memchr::memmem::find(record.as_bytes(), TYPE.as_bytes()).is_none() {
        return false;
    }
    let is_of_type = |members: &[(Cow<'_, str>, &str)]| {
        let kind = members.iter().find(|(name, _)| name == TYPE).map(|(_, kind)| *kind);
        matches!(kind, Some("\"attachment\"" | "\"note\"" | "\"annotation\""))
    };
    let Some(own) = members(record) else { return false };
    let inner = own.iter().find(|(name, _)| name == "data").and_then(|(_, data)| members(data));
    is_of_type(&own) || inner.is_some_and(|inner| is_of_type(&inner))
}

/// Whether a record is what OpenReview has beside works: what somebody replied to one.
fn is_reply(record: &str) -> bool {
    const CONTENT: &str = "content";
    if memchr::memmem::find(record.as_bytes(), b"\"content\"").is_none() {
        return false;
    }
    let Some(own) = members(record) else { return false };
    let text = |name: &str| {
        let value = own.iter().find(|(found, _)| found == name).map(|(_, value)| *value);
        value.filter(|value| value.starts_with('"'))
    };
    let Some(content) =
        own.iter().find(|(name, _)| name == CONTENT).and_then(|(_, content)| members(content))
    else {
        return false;
    };
    let has = |names: &[&str]| content.iter().any(|(name, _)| names.contains(&fold_name(name).as_str()));
    let is_in_forum = matches!((text("id"), text("forum")), (Some(id), Some(forum)) if id != forum);
    let says_reply = has(&["comment", "review", "decision", "metareview", "rebuttal", "rating"]);
    is_in_forum || text("replyto").is_some() || (says_reply && !has(ABSTRACT) && !has(AUTHORS))
}

fn collect<'a>(value: &'a str, depth: usize, records: &mut Vec<&'a str>) {
    if depth > MAX_DEPTH {
        return;
    }
    if let Some(elements) = elements(value) {
        let n_before = records.len();
        let mut objects = Vec::new();
        for element in elements {
            if element.starts_with('{') {
                objects.push(element);
            }
            collect(element, depth + 1, records);
        }
        // Beside records every object is one, also where a title is missing.
        let n_found = records.len() - n_before;
        let is_direct = records[n_before..].iter().all(|record| objects.contains(record));
        if n_found > 0 && n_found < objects.len() && is_direct {
            records.truncate(n_before);
            records.extend(objects);
        }
        return;
    }
    let Some(members) = members(value) else { return };
    let is_list = |member: &&str| member.starts_with('[');
    let lists = || members.iter().map(|(_, member)| *member).filter(is_list);
    if has_text(&members) {
        // A feed has a title and a list of records; what else a paper has, a feed has not.
        let is_feed = !has_details(&members)
            && lists().any(|list| {
                elements(list).is_some_and(|elements| elements.iter().any(|element| is_record(element)))
            });
        if !is_feed {
            records.push(value);
            return;
        }
    }
    let inner: Vec<&str> = members
        .iter()
        .filter(|(name, member)| !is_container(name) && is_record(member))
        .map(|(_, member)| *member)
        .collect();
    let is_envelope = inner.len() == 1
        && !lists().any(|list| {
            elements(list).is_some_and(|elements| elements.iter().any(|element| is_record(element)))
        });
    if is_envelope {
        records.push(value);
        return;
    }
    for (name, member) in &members {
        // The works that a work cites are no records of the file.
        let is_of_record = has_details(&members) && is_relation(name);
        if member.starts_with(['{', '[']) && !is_of_record {
            collect(member, depth + 1, records);
        }
    }
}

fn is_relation(name: &str) -> bool {
    ["references", "reference", "citations", "citedby", "relatedworks", "similar"]
        .contains(&fold_name(name).as_str())
}

/// Whether a value is an object with a title or an abstract of its own.
fn is_record(value: &str) -> bool {
    value.starts_with('{') && members(value).is_some_and(|members| has_text(&members))
}

fn has_text(members: &[(Cow<'_, str>, &str)]) -> bool {
    let names: Vec<String> = members.iter().map(|(name, _)| fold_name(name)).collect();
    let has_id = || names.iter().any(|name| matches!(name.as_str(), "id" | "_id" | "paperid" | "doi"));
    names.iter().any(|name| names_text_surely(name))
        || (names.iter().any(|name| names_text(name)) && has_id())
}

fn has_details(members: &[(Cow<'_, str>, &str)]) -> bool {
    members.iter().any(|(name, member)| names_detail(&fold_name(name)) && *member != "null")
}

/// `{"status": "ok", "results": []}`, `{"totalResults": "0", "entry": [{"error": "…"}]}`: an answer that found nothing.
fn is_empty_answer(value: &str) -> bool {
    if let Some(elements) = elements(value) {
        return elements.is_empty();
    }
    let Some(members) = members(value) else { return false };
    !has_details(&members)
        && members.iter().any(|(name, member)| {
            elements(member).is_some_and(|elements| elements.is_empty())
                || (member.starts_with('{') && is_empty_answer(member))
                || (matches!(*member, "0" | "\"0\"") && counts_hits(&fold_name(name)))
        })
}

/// Whether a folded name is that of the number of all that an answer found.
fn counts_hits(name: &str) -> bool {
    ["total", "totalresults", "opensearchtotalresults", "totalhits", "numfound", "hitcount", "totalrecords"]
        .contains(&name)
}

/// The record that an envelope holds, and the envelope without it; without an envelope, nothing and the record.
///
/// What is in an envelope has a title, which the envelope lacks or repeats.
pub(crate) fn inner_record(mut record: Map<String, Value>) -> (Map<String, Value>, Map<String, Value>) {
    let title_of = |record: &Map<String, Value>| {
        let found = record.iter().find(|(name, value)| {
            !value.is_null()
                && TITLE.contains(&fold_name(name).as_str())
                && names_text_surely(&fold_name(name))
        });
        // One of them may have its lines broken.
        found.map(|(_, title)| title.as_str().map_or_else(|| title.clone(), |title| fold(title).into()))
    };
    let own = title_of(&record);
    let is_inner = |(name, value): &(&String, &Value)| {
        let Some(inner) = value.as_object().filter(|_| !is_container(name)) else { return false };
        let has_text = inner.keys().any(|name| names_text_surely(&fold_name(name)));
        has_text && (own.is_none() || title_of(inner) == own)
    };
    let name = record.iter().find(is_inner).map(|(name, _)| name.clone());
    match name.and_then(|name| record.shift_remove(&name)) {
        Some(Value::Object(inner)) => (inner, record),
        _ => (Map::new(), record),
    }
}

/// Whether a member of a record is what it was published in, which has a title of its own, or is our `extra`.
fn is_container(name: &str) -> bool {
    let name = fold_name(name);
    VENUE.contains(&name.as_str())
        || ["extra", "series", "book", "issue", "host", "source", "event", "project", "abstract", "title"]
            .contains(&name.as_str())
}

/// Whether the beginning of an object, cut off anywhere, has a title or an abstract of its own.
pub(crate) fn begins_record(text: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let start = at + 1;
                at = start;
                while text.get(at).is_some_and(|&byte| byte != b'"') {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                let is_name =
                    text.get(at + 1..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"));
                let name = text.get(start..at).unwrap_or_default();
                if depth == 1 && is_name && names_text_surely(&fold_name(&String::from_utf8_lossy(name))) {
                    return true;
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}

/// The elements of a list, as texts.
fn elements(value: &str) -> Option<Vec<&str>> {
    if !value.starts_with('[') {
        return None;
    }
    let elements: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The members of an object: names, and values as texts.
fn members(value: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    if !value.starts_with('{') {
        return None;
    }
    serde_json::from_str::<Members<'_>>(value).ok().map(|members| members.0)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name.0, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// A name that is borrowed where nothing in it is escaped.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// A JSON text with what other programs write and JSON does not allow made right: `NaN` and infinities become null,
/// control characters in strings are escaped, halves of surrogate pairs are replaced.
pub(crate) fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len() + 16);
    let mut in_string = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let mut length = c.len_utf8();
        if in_string {
            match c {
                '"' => in_string = false,
                '\\' if rest.starts_with("\\u") => {
                    let (fixed, n_bytes) = surrogates(rest);
                    repaired.push_str(fixed);
                    rest = &rest[n_bytes..];
                    continue;
                }
                '\\' => length += rest[1..].chars().next().map_or(0, char::len_utf8),
                '\0'..='\x1f' => {
                    repaired.push(' ');
                    rest = &rest[length..];
                    continue;
                }
                _ => {}
            }
        } else {
            let bare = ["NaN", "-Infinity", "Infinity", "-NaN", "nan", "-inf", "inf"]
                .into_iter()
                .find(|word| rest.starts_with(word));
            if let Some(word) = bare {
                repaired.push_str("null");
                rest = &rest[word.len()..];
                continue;
            }
            in_string = c == '"';
        }
        repaired.push_str(&rest[..length]);
        rest = &rest[length..];
    }
    repaired
}

/// The escape at the start of `rest`, made right, and how many bytes it takes.
fn surrogates(rest: &str) -> (&str, usize) {
    let unit = |at: usize| u16::from_str_radix(rest.get(at..at + 4)?, 16).ok();
    match unit(2) {
        Some(0xd800..=0xdbff) => {
            let is_pair = rest[6..].starts_with("\\u") && matches!(unit(8), Some(0xdc00..=0xdfff));
            if is_pair { (&rest[..12], 12) } else { ("\\ufffd", 6) }
        }
        Some(0xdc00..=0xdfff) => ("\\ufffd", 6),
        Some(_) => (&rest[..6], 6),
        None => (&rest[..2], 2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: &[&str]) {
        assert_eq!(records_in(value), expected, "{value}");
    }

    #[test]
    fn records_are_found_in_any_wrapper() {
        let a = r#"{"title":"A"}"#;
        let b = r#"{"title":"B","doi":"10.5555/b"}"#;
        for wrapper in [
            r#"{"results":[A,B]}"#,
            r#"{"status":"ok","message":{"total":2,"items":[A,B]}}"#,
            r#"{"responseHeader":{"params":{"q":"x"}},"response":{"numFound":2,"docs":[A,B]}}"#,
            r#"[A,B]"#,
            r#"[[A],[B]]"#,
            r#"[{"page":1,"data":[A]},{"page":2,"data":[B]}]"#,
            r#"{"title":"A feed","items":[A,B]}"#,
            r#"{"x":A,"y":B}"#,
        ] {
            check(
                &wrapper
                    .replace('A', a)
                    .replace('B', b)
                    .replace("{\"title\":\"{\"title\":\"A\"} feed\"", "{\"title\":\"A feed\""),
                &[a, b],
            );
        }
        for envelope in
            [r#"{"key":"K","data":A}"#, r#"{"_id":"1","_source":A}"#, r#"{"status":"ok","message":A}"#]
        {
            let envelope = envelope.replace('A', a);
            check(&envelope, &[&envelope]);
            check(&format!("{{\"hits\":[{envelope},{envelope}]}}"), &[&envelope, &envelope]);
        }
    }

    #[test]
    fn a_records_own_lists_are_not_records() {
        for record in [
            r#"{"references":[{"title":"Cited"}],"title":"A","year":2020}"#,
            r#"{"paperId":"x","references":[{"title":"Cited"}]}"#,
            r#"{"id":1,"text":"B","authors":[{"name":"Ada"}]}"#,
            r#"{"doi":"10.5555/1"}"#,
            r#"{"no":"text"}"#,
        ] {
            check(record, &[record]);
        }
        check(r#"{"meta":{"count":0},"results":[]}"#, &[]);
        check("[]", &[]);
        // Beside records an object without a title is one too.
        check(r#"{"data":[{"title":"A"},{"year":2020}]}"#, &[r#"{"title":"A"}"#, r#"{"year":2020}"#]);
        let deep = format!("{}{}", "{\"a\":".repeat(50), "1") + &"}".repeat(50);
        check(&deep, &[&deep]);
    }

    #[test]
    fn what_zotero_keeps_beside_works_is_no_record() {
        let work = r#"{"key":"A","data":{"itemType":"book","title":"A"}}"#;
        let file = r#"{"key":"B","data":{"itemType":"attachment","title":"PDF"}}"#;
        let note = r#"{"itemType":"note","note":"<p>x</p>","title":"n"}"#;
        check(&format!("[{work},{file},{note}]"), &[work]);
        check(&format!("{{\"items\":[{file},{work}]}}"), &[work]);
        check(file, &[]);
    }

    #[test]
    fn values_are_counted_outside_strings() {
        for (text, n_values) in
            [(r#"[1,2,3]"#, 2), (r#"{"a":",,\",,","b":[1,2]}"#, 2), (r#"["a,"#, 0), (r#"[",\"#, 0), ("", 0)]
        {
            assert!(!has_more_values(text.as_bytes(), n_values), "{text}");
            assert_eq!(has_more_values(text.as_bytes(), n_values.saturating_sub(1)), n_values > 0, "{text}");
        }
    }

    #[test]
    fn what_json_does_not_allow_is_repaired() {
        for (text, expected) in [
            (r#"{"a":NaN,"b":[-Infinity,"NaN"]}"#, r#"{"a":null,"b":[null,"NaN"]}"#),
            ("{\"a\":\"x\ty\\n\"}", "{\"a\":\"x y\\n\"}"),
            (r#"{"a":"\ud83d\ude00 \ud83d x \u00e9"}"#, r#"{"a":"\ud83d\ude00 \ufffd x \u00e9"}"#),
        ] {
            assert_eq!(repair(text), expected);
        }
        assert!(begins_record(br#"{"id": 1, "x": {"y": 2}, "title": "A"#));
        assert!(!begins_record(br#"{"meta": {"title": "A"}, "results": [{"title""#));
    }
}
