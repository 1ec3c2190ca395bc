//! What the store holds of each source, and what papers share.

use std::collections::{BTreeMap, HashMap, HashSet};

use cognate_corpus::IdentifierKind;

use super::Reader;
use super::read::json_column;
use crate::error::EngineError;

/// Every record beside its paper; papers of stores before version 3 have none.
const RECORDS: &str = "papers p LEFT JOIN records r ON r.row = p.row \
     LEFT JOIN sources s ON s.source = r.source LEFT JOIN files f ON f.file = r.file";

/// Whose a record is: the database that it names, else the source that was named when it was indexed, else its file.
const SOURCE_OF_RECORD: &str = "coalesce(iif(r.fields IS NULL, p.source, json_extract(r.fields, '$.source')), \
     iif(s.is_file, f.name, s.name))";

/// A record, of which paper it is, and whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordOf {
    pub(crate) row: u32,
    /// The row of the paper that this one is dropped for.
    pub(crate) kept: Option<u32>,
    pub(crate) source: Option<String>,
}

/// What one source brought: the database that its records name, else the source that was named, else the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Its name; none for papers of stores before version 3 that name no database.
    pub name: Option<String>,
    /// Records, exact repeats too.
    pub n_records: u64,
    /// Papers that these are of.
    pub n_papers: u64,
    /// Records with an abstract.
    pub n_abstracts: u64,
    /// Records with an identifier, by its kind.
    pub n_identifiers: BTreeMap<IdentifierKind, u64>,
}

impl Reader {
    /// What each source brought, those with most records first, ties by name. Papers that were dropped as duplicates
    /// count, since they were found.
    pub(crate) fn sources(&self) -> Result<Vec<SourceCounts>, EngineError> {
        let mut statement = self.prepare(&format!(
            "SELECT p.row, \
               {SOURCE_OF_RECORD}, \
               iif(r.fields IS NULL, p.abstract IS NOT NULL, json_extract(r.fields, '$.abstract') IS NOT NULL), \
               coalesce(json_extract(r.fields, '$.external_ids'), p.external_ids) \
             FROM {RECORDS} WHERE p.deleted != 1",
        ))?;
        let mut sources: HashMap<Option<String>, (SourceCounts, HashSet<u32>)> = HashMap::new();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let paper: u32 = row.get(0)?;
            let name: Option<String> = row.get(1)?;
            let identifiers: BTreeMap<IdentifierKind, String> = json_column(row, 3)?;
            let (counts, papers) = sources.entry(name).or_default();
            counts.n_records += 1;
            counts.n_abstracts += u64::from(row.get::<_, bool>(2)?);
            papers.insert(paper);
            for kind in identifiers.into_keys() {
                *counts.n_identifiers.entry(kind).or_default() += 1;
            }
        }
        let counted = sources.into_iter().map(|(name, (counts, papers))| SourceCounts {
            name,
            n_papers: papers.len() as u64,
            ..counts
        });
        let mut counted: Vec<SourceCounts> = counted.collect();
        counted.sort_by(|a, b| b.n_records.cmp(&a.n_records).then_with(|| a.name.cmp(&b.name)));
        Ok(counted)
    }

    /// Every record of every paper that is not deleted, in the order of papers and in which each is composed of them.
    pub(crate) fn for_each_record(&self, visit: &mut dyn FnMut(RecordOf)) -> Result<(), EngineError> {
        let mut statement = self.prepare(&format!(
            "SELECT p.row, d.kept, {SOURCE_OF_RECORD} FROM {RECORDS} \
             LEFT JOIN drops d ON d.row = p.row AND d.ended IS NULL \
             WHERE p.deleted != 1 ORDER BY p.row, r.rank, r.record",
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            visit(RecordOf { row: row.get(0)?, kept: row.get(1)?, source: row.get(2)? });
        }
        Ok(())
    }

    /// Every name under which records of these papers came: databases that they name, sources that were named, files; in
    /// the order in which each paper is composed of its records. Papers of stores before version 3 name a database only.
    pub(crate) fn source_names(&self, rows: &[u32]) -> Result<HashMap<u32, Vec<String>>, EngineError> {
        let mut statement = self.prepare(&format!(
            "SELECT iif(r.fields IS NULL, p.source, json_extract(r.fields, '$.source')), \
               iif(s.is_file, NULL, s.name), f.name \
             FROM {RECORDS} WHERE p.row = ?1 ORDER BY r.rank, r.record LIMIT 64",
        ))?;
        let mut all = HashMap::with_capacity(rows.len());
        for &row in rows {
            let mut found = statement.query([row])?;
            let mut names: Vec<String> = Vec::new();
            while let Some(record) = found.next()? {
                for column in 0..3 {
                    let name: Option<String> = record.get(column)?;
                    names.extend(name.filter(|name| !names.contains(name)));
                }
            }
            all.insert(row, names);
        }
        Ok(all)
    }

    /// Papers that share an identifier, or a title but for case, spaces and marks, with another.
    pub(crate) fn n_that_share(&self) -> Result<u64, EngineError> {
        let mut sharing: HashSet<u32> = self
            .prepare(
                "SELECT row FROM (SELECT i.row, count(*) OVER (PARTITION BY i.kind, i.value) AS n \
                 FROM identifiers i JOIN papers p ON p.row = i.row WHERE p.deleted = 0) WHERE n > 1",
            )?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut statement =
            self.prepare("SELECT row, title FROM papers WHERE deleted = 0 AND title IS NOT NULL")?;
        let mut titles = statement.query([])?;
        let mut first: HashMap<u64, u32> = HashMap::new();
        let mut folded = String::new();
        while let Some(row) = titles.next()? {
            let number: u32 = row.get(0)?;
            let title = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            folded.clear();
            folded.extend(title.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase));
            if folded.is_empty() {
                continue;
            }
            // An equal hash of unequal titles would count two papers more, once in millions of stores.
            match first.entry(xxhash_rust::xxh3::xxh3_64(folded.as_bytes())) {
                std::collections::hash_map::Entry::Occupied(other) => sharing.extend([*other.get(), number]),
                std::collections::hash_map::Entry::Vacant(place) => {
                    place.insert(number);
                }
            }
        }
        Ok(sharing.len() as u64)
    }
}
