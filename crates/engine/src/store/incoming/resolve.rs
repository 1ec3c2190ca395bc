//! Which record or paper of the store a record on its way in is about.

use cognate_corpus::{Identity, Paper, PaperId, Place, Record, identity, paper_from_json};
use rusqlite::Connection;
use serde_json::Value;

use super::super::DELETED;
use super::super::compose::{are_clearly_two, are_nearly_alike, share_an_author};
use super::super::records::{self, Held};
use super::{Clash, Incoming, Meant, Session, id_of, stored};
use crate::error::EngineError;

/// What is found of a record in the store.
pub(super) struct Found {
    pub(super) meant: Meant,
    pub(super) record_id: PaperId,
    pub(super) clash: Option<Clash>,
    pub(super) is_one_of_many: bool,
}

/// Finds what a record is to the store.
pub(super) fn resolve(
    connection: &Connection,
    session: &mut Session,
    incoming: &Incoming,
) -> Result<Found, EngineError> {
    let Record { paper, identity, .. } = &incoming.record;
    let found = |meant, record_id: &PaperId, clash| {
        Ok(Found { meant, record_id: record_id.clone(), clash, is_one_of_many: false })
    };
    let is_whole = session.policy.whole && *identity == Identity::Named;
    if is_whole {
        let Some(row) = named_row(connection, &paper.id)? else {
            return found(Meant::New, &paper.id, None);
        };
        let ends = records::ends(connection, row)?;
        let repeated = ends.map(|(_, last)| last).filter(|last| {
            session.seen.contains(&last.record) && last.hash.as_slice() == incoming.hash().as_slice()
        });
        let meant = repeated.map_or(Meant::Replaces { row }, Meant::Repeat);
        return found(meant, &paper.id, None);
    }
    let source = session.numbers.source(connection, incoming.source())?;
    if let Some(source) = source {
        let which = (source, incoming.hash());
        let first = records::by_hash(connection, which, 0)?;
        let is_one_of_many = first.len() > 1;
        let later = match session.reached.get(&(source, *incoming.hash())) {
            Some(reached) => records::by_hash(connection, which, *reached)?,
            None => first.clone(),
        };
        let mut later = later.into_iter().filter(|held| !session.seen.contains(&held.record));
        if let Some(same) = later.next() {
            return Ok(Found { is_one_of_many, ..found(Meant::Same(same), &paper.id, None)? });
        }
        if let Some(repeated) = first.into_iter().next() {
            return Ok(Found { is_one_of_many: true, ..found(Meant::Repeat(repeated), &paper.id, None)? });
        }
    }

    let mut record_id = paper.id.clone();
    let mut clash = None;
    let mut is_named = *identity == Identity::Named;
    if is_named && let Some(row) = named_row(connection, &record_id)? {
        if let Some(own) = own_of(connection, session, (row, source, &record_id))? {
            return found(Meant::Own(own), &record_id, None);
        }
        let ends = records::ends(connection, row)?;
        let before = stored(connection, row)?;
        if !are_clearly_two(&before, paper) {
            let meant =
                if ends.is_none() { Meant::Takes { row } } else { Meant::Joins { row, is_repeat: false } };
            return found(meant, &record_id, None);
        }
        let other = match &ends {
            Some((first, _)) => records::place(connection, first)?,
            None => (String::new(), 0),
        };
        clash = Some(Clash { id: record_id.to_string(), other: (other.0.into(), other.1) });
        record_id = identity::content_id(paper);
        is_named = false;
    }

    let by_content = if is_named { Vec::new() } else { content_rows(connection, &record_id)? };
    for row in &by_content {
        if let Some(own) = own_of(connection, session, (*row, source, &record_id))? {
            return found(Meant::Own(own), &record_id, clash);
        }
    }
    let key = incoming.own_key().or(clash.as_ref().map(|clash| clash.id.as_str()));
    if let (Some(source), Some(key)) = (source, key) {
        let own = own_by_key(connection, session, (incoming, is_named, source, key))?;
        if let Some(own) = own {
            return found(Meant::Own(own), &record_id, clash);
        }
    }
    for row in &by_content {
        if !says_another(&stored(connection, *row)?, paper) {
            return found(Meant::Joins { row: *row, is_repeat: true }, &record_id, clash);
        }
    }
    if session.has_legacy
        && by_content.is_empty()
        && clash.is_none()
        && let Some(row) = legacy_row(connection, &incoming.record)?
    {
        return found(Meant::Takes { row }, &record_id, None);
    }
    found(Meant::New, &record_id, clash)
}

/// The paper that an id names.
fn named_row(connection: &Connection, id: &PaperId) -> Result<Option<u32>, EngineError> {
    if let Some((row, deleted)) = records::row_of(connection, id.as_str())?
        && deleted != DELETED
    {
        return Ok(Some(row));
    }
    Ok(records::by_id(connection, id)?.first().map(|held| held.row))
}

/// The papers of which a record has this content. A paper whose id is that of a content which none of its records has any
/// more is another one.
fn content_rows(connection: &Connection, id: &PaperId) -> Result<Vec<u32>, EngineError> {
    let mut rows = Vec::new();
    if let Some((row, deleted)) = records::row_of(connection, id.as_str())?
        && deleted != DELETED
        && (records::ends(connection, row)?.is_none() || records::has_own_id(connection, row)?)
    {
        rows.push(row);
    }
    for row in records::rows_of_id(connection, id)? {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    Ok(rows)
}

/// Whether a record whose content is a paper's own is of another one: fields that its id is not made of tell them apart,
/// as the registrations of two trials by one sponsor, two editions, two pages of one site.
fn says_another(before: &Paper, now: &Paper) -> bool {
    // What an identifier names is one paper, wherever it is read.
    if !now.external_ids.is_empty() {
        return false;
    }
    let differ =
        |a: &Option<String>, b: &Option<String>| a.as_deref().zip(b.as_deref()).is_some_and(|(a, b)| a != b);
    let address = |url: &str| {
        let start = url.find("://").map_or(0, |at| at + 3);
        let bare = url[start..].trim_end_matches('/').to_lowercase();
        bare.strip_prefix("www.").map_or(bare.clone(), str::to_owned)
    };
    let urls = [&before.url, &now.url].map(|url| url.as_deref().map(address));
    let have_other_isbns = !before.isbn.is_empty()
        && !now.isbn.is_empty()
        && !before.isbn.iter().any(|isbn| now.isbn.contains(isbn));
    // Numbers that databases and registries give.
    const NUMBERS: [&str; 6] = ["edition", "an", "ris_an", "accession_number", "accession number", "number"];
    let text = |paper: &Paper, wanted: &str| {
        let found = paper.extra.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        found.1.as_str().map(str::to_owned)
    };
    differ(&urls[0], &urls[1])
        || have_other_isbns
        || NUMBERS.iter().any(|name| differ(&text(before, name), &text(now, name)))
        || before.publication_date.zip(now.publication_date).is_some_and(|(before, now)| before != now)
}

/// The record of a source among those of a paper that the same id names, if it did not come yet.
fn own_of(
    connection: &Connection,
    session: &Session,
    (row, source, id): (u32, Option<i64>, &PaperId),
) -> Result<Option<Held>, EngineError> {
    let Some(source) = source else { return Ok(None) };
    let mut own = records::of_row_and_source(connection, row, source)?;
    own.retain(|held| !session.seen.contains(&held.record));
    if own.is_empty() {
        return Ok(None);
    }
    let paper_id = id_of(connection, row)?;
    let is_named_so = |held: &Held| held.id.as_deref().unwrap_or(paper_id.as_str()) == id.as_str();
    Ok(own.into_iter().find(is_named_so))
}

/// The record of a source that has this key, if it did not come yet and may be of the same paper.
fn own_by_key(
    connection: &Connection,
    session: &Session,
    (incoming, is_named, source, key): (&Incoming, bool, i64, &str),
) -> Result<Option<Held>, EngineError> {
    let mut candidates = records::by_key(connection, source, key)?;
    candidates.retain(|held| !session.seen.contains(&held.record));
    let file = incoming.place().file.as_ref();
    let mut best = None;
    for held in candidates {
        let paper = stored(connection, held.row)?;
        // Two ids are two papers.
        if is_named && !is_content_id(held.id.as_deref().unwrap_or(paper.id.as_str())) {
            continue;
        }
        let said = records::fields(connection, held.record)?.unwrap_or(paper);
        if are_clearly_two(&said, incoming.paper()) {
            continue;
        }
        if records::place(connection, &held)?.0 == file {
            return Ok(Some(held));
        }
        best = best.or(Some(held));
    }
    Ok(best)
}

/// Whether an id is that of a content.
fn is_content_id(id: &str) -> bool {
    id.strip_prefix("p-")
        .is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The row of a store before version 3 that the record made.
fn legacy_row(connection: &Connection, record: &Record) -> Result<Option<u32>, EngineError> {
    for id in record.legacy_ids() {
        let Some((row, deleted)) = records::row_of(connection, id.as_str())? else { continue };
        if deleted == DELETED || records::ends(connection, row)?.is_some() {
            continue;
        }
        let before = stored(connection, row)?;
        if is_legacy_of(&before, record) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Whether a record made a paper that had its id. Such stores had chapters under their book's DOI, each in the place of
/// the one before, so that a title must be alike; but an entry may have got another title, and is known by its key then.
fn is_legacy_of(before: &Paper, record: &Record) -> bool {
    let now = &record.paper;
    let is_alike = match (&before.title, &now.title) {
        (Some(before), Some(now)) => are_nearly_alike(before, now),
        _ => true,
    };
    let has_its_key = || {
        let key = before.extra.get("citation_key").and_then(Value::as_str);
        key.is_some() && key == record.key.as_deref()
    };
    let may_be_its_authors =
        || before.authors.is_empty() || now.authors.is_empty() || share_an_author(before, now);
    is_alike || (has_its_key() && may_be_its_authors())
}

/// A paper of an earlier store as it would be read today: much of what is a field now was in `extra` then.
pub(super) fn read_again(paper: Paper) -> Paper {
    let id = paper.id.clone();
    let place = Place { file: "the store".into(), line: 0 };
    let Ok(Value::Object(mut record)) = serde_json::to_value(&paper) else { return paper };
    record.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    if let Some(Value::Object(extra)) = record.remove("extra") {
        for (name, value) in extra {
            record.entry(name).or_insert(value);
        }
    }
    paper_from_json(Value::Object(record), &place).map_or(paper, |read| Paper { id, ..read.paper })
}

/// The id itself, or where a paper has it that says something else by now, the next that is free.
pub(super) fn free_id(connection: &Connection, id: &PaperId) -> Result<PaperId, EngineError> {
    let is_free = |id: &PaperId| -> Result<bool, EngineError> {
        Ok(records::row_of(connection, id.as_str())?.is_none_or(|(_, deleted)| deleted == DELETED))
    };
    let mut free = id.clone();
    let mut n = 1_u64;
    while !is_free(&free)? {
        free = identity::numbered_id(id, n);
        n += 1;
    }
    Ok(free)
}
