//! How many records there were, and how many are left: the numbers of a PRISMA flow chart, per source.

use std::collections::{BTreeMap, HashMap};

use cognate_dedup::{Action, DedupReport};

use crate::engine::Engine;
use crate::error::EngineError;

/// What became of the records of one source. Of the records of one paper and of those that are dropped for it, one is left,
/// the first; of another source's, one is a duplicate across sources; the rest are duplicates within their source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFlow {
    /// The database that the records name, else the source that was named when they were indexed, else the file.
    pub source: Option<String>,
    /// Records that were found, exact repeats too.
    pub n_found: u64,
    /// Records that are duplicates of one of the same source.
    pub n_within: u64,
    /// Records that are duplicates of one of another source.
    pub n_across: u64,
    /// Records that are left.
    pub n_left: u64,
}

/// How many records of each source a paper has, the first one's source first.
type Sources = Vec<(Option<String>, u64)>;

impl Engine {
    /// The numbers of a PRISMA flow chart, in order of source: of the papers as they are, or as they would be if
    /// `report` were acted on. Deleted papers are not counted.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn flow(&self, report: Option<&DedupReport>) -> Result<Vec<SourceFlow>, EngineError> {
        let reader = self.store()?.reader()?;
        let mut papers: HashMap<u32, Sources> = HashMap::new();
        let mut kept_for: HashMap<u32, u32> = HashMap::new();
        reader.for_each_record(&mut |record| {
            add(papers.entry(record.row).or_default(), record.source, 1);
            kept_for.extend(record.kept.map(|kept| (record.row, kept)));
        })?;
        let clusters = report.map_or(&[][..], |report| &report.clusters);
        let members =
            clusters.iter().flat_map(|cluster| cluster.members.iter().map(|member| member.id.as_str()));
        let rows = reader.rows_of(members)?;
        for cluster in clusters {
            let Some(&kept) = rows.get(cluster.keep.as_str()) else { continue };
            let dropped = cluster.members.iter().filter(|member| member.action == Action::Drop);
            kept_for.extend(dropped.filter_map(|member| Some((*rows.get(member.id.as_str())?, kept))));
        }

        let mut rows: Vec<u32> = papers.keys().copied().collect();
        rows.sort_unstable();
        // What a paper was dropped for may have been dropped later itself.
        let stays = |mut row: u32| {
            for _ in 0..kept_for.len() {
                match kept_for.get(&row).filter(|kept| papers.contains_key(kept)) {
                    Some(&kept) => row = kept,
                    None => break,
                }
            }
            row
        };
        let mut groups: BTreeMap<u32, Sources> = BTreeMap::new();
        // The paper that stays before those that are dropped for it, so that the record that is left is its own.
        let (staying, dropped): (Vec<u32>, Vec<u32>) = rows.into_iter().partition(|&row| stays(row) == row);
        for row in staying.into_iter().chain(dropped) {
            let group = groups.entry(stays(row)).or_default();
            papers[&row].iter().for_each(|(source, n)| add(group, source.clone(), *n));
        }

        let mut flows: BTreeMap<Option<String>, SourceFlow> = BTreeMap::new();
        for (place, (source, n)) in groups.into_values().flat_map(|group| group.into_iter().enumerate()) {
            let flow =
                flows.entry(source.clone()).or_insert_with(|| SourceFlow { source, ..SourceFlow::default() });
            flow.n_found += n;
            flow.n_within += n - 1;
            *(if place == 0 { &mut flow.n_left } else { &mut flow.n_across }) += 1;
        }
        Ok(flows.into_values().collect())
    }
}

fn add(sources: &mut Sources, source: Option<String>, n: u64) {
    match sources.iter_mut().find(|(known, _)| *known == source) {
        Some((_, count)) => *count += n,
        None => sources.push((source, n)),
    }
}
