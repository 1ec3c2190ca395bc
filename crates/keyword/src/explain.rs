//! Which words of a query a row has.

use tantivy::DocSet;
use tantivy::schema::IndexRecordOption;

use crate::document::Field;
use crate::error::KeywordError;
use crate::query::Query;
use crate::schema;
use crate::snapshot::Snapshot;

/// A word of a query that a row has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchedTerm {
    /// As the query writes it, where it does so first.
    pub surface: String,
    /// The fields that have it.
    pub fields: Vec<Field>,
}

impl Snapshot {
    /// The words of a [resolved](Self::resolve) query that a row has, in the query's order; none for a row that is not here. Of a
    /// compound, the whole is named where the row has the whole, beside those of its words that it has.
    ///
    /// # Errors
    /// As [`rank`](Self::rank).
    pub fn matched_terms(&self, query: &Query, row: u32) -> Result<Vec<MatchedTerm>, KeywordError> {
        self.searching(|| self.matched(query, row))
    }

    fn matched(&self, query: &Query, row: u32) -> tantivy::Result<Vec<MatchedTerm>> {
        let mut matched: Vec<MatchedTerm> = Vec::new();
        let Some(place) = self.place_of(row) else { return Ok(matched) };
        let (segment, doc) = self.document_at(place);
        for term in &query.terms {
            let mut fields = Vec::new();
            for field in Field::ALL {
                for term in term.alternatives() {
                    let term = schema::text_term(field, term);
                    let postings =
                        segment.postings[field as usize].read_postings(&term, IndexRecordOption::Basic)?;
                    if let Some(mut postings) = postings
                        && (postings.doc() == doc || (postings.doc() < doc && postings.seek(doc) == doc))
                    {
                        fields.push(field);
                        break;
                    }
                }
            }
            if fields.is_empty() {
                continue;
            }
            // An acronym's stem and its capitals are one word of the query.
            match matched.iter_mut().find(|before| before.surface == term.surface) {
                Some(before) => {
                    before.fields.extend(fields);
                    before.fields.sort_unstable();
                    before.fields.dedup();
                }
                None => matched.push(MatchedTerm { surface: term.surface.clone(), fields }),
            }
        }
        Ok(matched)
    }
}
