//! How many records there were, and how many are left: the numbers of a PRISMA flow chart, per source.

use std::collections::{BTreeMap, HashMap};

use cognate_corpus::PaperId;
use cognate_dedup::{Action, DedupReport};

use crate::engine::Engine;
use crate::error::EngineError;

/// What became of the records of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFlow {
    /// The database that the records name; `None` for those that name none.
    pub source: Option<String>,
    /// Records that there were before any was dropped as a duplicate.
    pub n_found: u64,
    /// Records dropped in favour of one of the same source.
    pub n_within: u64,
    /// Records dropped in favour of one of another source.
    pub n_across: u64,
    /// Records that are left.
    pub n_left: u64,
}

impl Engine {
    /// The numbers of a PRISMA flow chart, in order of source: of the papers as they are, or as they would be if
    /// `report` were acted on. Deleted papers are not counted.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn flow(&self, report: Option<&DedupReport>) -> Result<Vec<SourceFlow>, EngineError> {
        let reader = self.store.reader()?;
        let mut flows: BTreeMap<Option<String>, SourceFlow> = BTreeMap::new();
        for (source, n_left) in reader.n_by_source()? {
            let flow =
                SourceFlow { source: source.clone(), n_found: n_left, n_left, ..SourceFlow::default() };
            flows.insert(source, flow);
        }
        for drops in reader.drops_between()? {
            let flow = flows.entry(drops.source.clone()).or_default();
            let n = if drops.source == drops.kept_source { &mut flow.n_within } else { &mut flow.n_across };
            *n += drops.n;
            flow.n_found += drops.n;
            flow.source = drops.source;
        }
        for cluster in report.into_iter().flat_map(|report| &report.clusters) {
            let sources: HashMap<&PaperId, &Option<String>> =
                cluster.members.iter().map(|member| (&member.id, &member.source)).collect();
            for member in cluster.members.iter().filter(|member| member.action == Action::Drop) {
                let flow = flows.entry(member.source.clone()).or_default();
                let is_within = sources.get(&cluster.keep) == Some(&&member.source);
                *(if is_within { &mut flow.n_within } else { &mut flow.n_across }) += 1;
                flow.n_left = flow.n_left.saturating_sub(1);
            }
        }
        Ok(flows.into_values().collect())
    }
}
