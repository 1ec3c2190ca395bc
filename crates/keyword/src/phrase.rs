//! The rows that have a query's phrases.

use tantivy::postings::{Postings, SegmentPostings};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, TERMINATED};

use crate::document::Field;
use crate::query::{Phrase, Query};
use crate::schema;
use crate::snapshot::{Segment, Snapshot};

/// The places that have every phrase of a query, ascending; `None` where it has none.
pub(crate) fn required(snapshot: &Snapshot, query: &Query) -> tantivy::Result<Option<Vec<u32>>> {
    let mut required: Option<Vec<u32>> = None;
    for phrase in &query.phrases {
        let found = places_of(snapshot, phrase)?;
        required = Some(match required {
            None => found,
            Some(mut before) => {
                before.retain(|place| found.binary_search(place).is_ok());
                before
            }
        });
    }
    Ok(required)
}

/// The places that have a phrase in any field, ascending.
fn places_of(snapshot: &Snapshot, phrase: &Phrase) -> tantivy::Result<Vec<u32>> {
    let mut places = Vec::new();
    for (segment, base) in snapshot.parts() {
        for field in Field::ALL {
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
