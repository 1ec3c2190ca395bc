//! The rows that have what a query asks for.

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};

use crate::analysis;
use crate::document::Field;
use crate::query::{Asked, Beginning, Phrase, Query};
use crate::schema;
use crate::snapshot::{Segment, Snapshot};

/// The places that have one part of each list and none of those that are excluded, ascending; `None` where a
/// query has no such phrases.
pub(crate) fn permitted(snapshot: &Snapshot, query: &Query) -> tantivy::Result<Option<Vec<u32>>> {
    if !query.is_restricted() {
        return Ok(None);
    }
    let mut permitted: Option<Vec<u32>> = None;
    for alternatives in &query.required {
        let mut found = Vec::new();
        for asked in alternatives {
            found.append(&mut places_having(snapshot, asked)?);
        }
        found.sort_unstable();
        found.dedup();
        if let Some(before) = permitted {
            found.retain(|place| before.binary_search(place).is_ok());
        }
        permitted = Some(found);
    }
    let mut permitted = permitted.unwrap_or_else(|| {
        let mut places = snapshot.places().to_vec();
        places.sort_unstable();
        places
    });
    for asked in &query.excluded {
        let excluded = places_having(snapshot, asked)?;
        permitted.retain(|place| excluded.binary_search(place).is_err());
    }
    Ok(Some(permitted))
}

fn places_having(snapshot: &Snapshot, asked: &Asked) -> tantivy::Result<Vec<u32>> {
    match asked {
        Asked::Phrase(phrase) => places_of(snapshot, phrase),
        Asked::Beginning(beginning) => places_beginning(snapshot, beginning),
        Asked::Without(asked) => {
            let having = places_having(snapshot, asked)?;
            let others = snapshot.places().iter().copied();
            Ok(others.filter(|place| having.binary_search(place).is_err()).collect())
        }
    }
}

/// The places that have a word that begins so in its field, or in any, ascending. Unlike in scoring, all such words
/// count, however many.
fn places_beginning(snapshot: &Snapshot, beginning: &Beginning) -> tantivy::Result<Vec<u32>> {
    let Beginning { prefix, field } = beginning;
    // The beginning may be a word itself, of which the index has the stem.
    let word = Phrase {
        terms: vec![(analysis::term_of_spelling(prefix), 0)],
        field: *field,
        surface: String::new(),
    };
    let mut places = places_of(snapshot, &word)?;
    for (segment, base) in snapshot.parts() {
        for of_field in Field::ALL.into_iter().filter(|known| field.is_none_or(|own| own == *known)) {
            let reader = &segment.postings[of_field as usize];
            let mut stream = reader.terms().range().ge(prefix).into_stream()?;
            while stream.advance() && stream.key().starts_with(prefix.as_bytes()) {
                let mut postings =
                    reader.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
                while postings.doc() != TERMINATED {
                    if !segment.is_dead(postings.doc()) {
                        places.push(base + postings.doc());
                    }
                    postings.advance();
                }
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// The places that have a phrase in its field, or in any, ascending.
pub(crate) fn places_of(snapshot: &Snapshot, phrase: &Phrase) -> tantivy::Result<Vec<u32>> {
    let mut places = Vec::new();
    for (segment, base) in snapshot.parts() {
        for field in Field::ALL.into_iter().filter(|field| phrase.may_stand_in(*field)) {
            documents_of(segment, field, phrase, |doc| {
                if !segment.is_dead(doc) {
                    places.push(base + doc);
                }
            })?;
        }
    }
    places.sort_unstable();
    places.dedup();
    Ok(places)
}

/// Calls `found` with each document of a segment that has a phrase in a field.
fn documents_of(
    segment: &Segment,
    field: Field,
    phrase: &Phrase,
    mut found: impl FnMut(u32),
) -> tantivy::Result<()> {
    let mut terms: Vec<(SegmentPostings, u32)> = Vec::with_capacity(phrase.terms.len());
    for (term, offset) in &phrase.terms {
        let option = match phrase.terms.len() {
            1 => IndexRecordOption::Basic,
            _ => IndexRecordOption::WithFreqsAndPositions,
        };
        let term = schema::text_term(field, term);
        match segment.postings[field as usize].read_postings(&term, option)? {
            Some(postings) => terms.push((postings, *offset)),
            None => return Ok(()),
        }
    }
    // The rarest leads, and the others follow it.
    terms.sort_by_key(|(postings, _)| postings.size_hint());
    let Some(((lead, lead_offset), others)) = terms.split_first_mut() else { return Ok(()) };
    let (mut starts, mut positions) = (Vec::new(), Vec::new());
    let mut doc = lead.doc();
    'docs: while doc != TERMINATED {
        for (other, _) in others.iter_mut() {
            let at = if other.doc() < doc { other.seek(doc) } else { other.doc() };
            if at != doc {
                doc = if at == TERMINATED { TERMINATED } else { lead.seek(at) };
                continue 'docs;
            }
        }
        if others.is_empty() {
            found(doc);
        } else {
            lead.positions(&mut positions);
            starts.clear();
            starts.extend(positions.iter().filter_map(|&position| position.checked_sub(*lead_offset)));
            for (other, offset) in others.iter_mut() {
                other.positions(&mut positions);
                starts.retain(|start| positions.binary_search(&(start + *offset)).is_ok());
            }
            if !starts.is_empty() {
                found(doc);
            }
        }
        doc = lead.advance();
    }
    Ok(())
}
