//! What people decide about duplicates: which are dropped, which come back, and what they say of pairs.
//!
//! Deduplication changes nothing; [`Engine::drop_duplicates`] acts on its report. A dropped paper leaves every
//! answer, and keeps its row, vector and content, so that [`Engine::undo`] brings it back as it was. Labels
//! are respected by every later deduplication, and tell how precise it is (`precision`).

mod flow;
mod precision;
mod threshold;

use std::collections::HashSet;

use cognate_corpus::PaperId;

pub use flow::SourceFlow;
pub use precision::{Precision, Stratum};
pub use threshold::{Bin, Cut, Histogram, PairScore, PairToLabel};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::store::{BringBack, DropRun, DroppedPaper, Label, NewDrop, Reader, StoredPaper};
use cognate_dedup::{Action, DedupReport, Judging, Match, Versions};

/// What [`Engine::drop_duplicates`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Application {
    /// Its number, for [`Undo::Run`]; `None` if there was nothing to drop.
    pub run: Option<u64>,
    /// Papers that left the answers.
    pub n_dropped: usize,
    /// Papers that stayed although the report drops them: they or their kept paper changed or went since it
    /// was made, or a label says that the two are no duplicates.
    pub n_left: usize,
}

/// What to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undo {
    /// The latest application of which papers are still dropped.
    Latest,
    /// The application of this number.
    Run(u64),
    /// The drops of these papers, named as for [`Engine::paper`].
    Papers(Vec<String>),
}

/// What [`Engine::undo`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The application that was taken back; `None` for [`Undo::Papers`].
    pub run: Option<u64>,
    /// Papers that came back.
    pub n_restored: usize,
}

/// A part of the list of dropped papers.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedPapers {
    /// Papers that are dropped at this moment.
    pub total: u64,
    /// In order of application and id.
    pub papers: Vec<DroppedPaper>,
}

/// What [`Engine::label`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labelled {
    /// The ids of the pair, in order.
    pub pair: (PaperId, PaperId),
    /// Papers that came back, since they had been dropped in favour of what they are no duplicate of.
    pub n_restored: usize,
}

impl Engine {
    /// Drops the papers that `report` says to drop, in one transaction. When this returns, it is on disk, and
    /// no later answer has them: neither searches nor lists, counts, facets and deduplication. `parameters`
    /// is kept with the application, to say what was asked for: any JSON.
    ///
    /// # Errors
    /// [`EngineError::Store`] if the store cannot be written; nothing is changed then.
    pub fn drop_duplicates(
        &self,
        report: &DedupReport,
        parameters: &str,
    ) -> Result<Application, EngineError> {
        let to_drop: Vec<(&PaperId, &PaperId, &Match)> = report
            .clusters
            .iter()
            .flat_map(|cluster| cluster.members.iter().map(move |member| (&cluster.keep, member)))
            .filter(|(_, member)| member.action == Action::Drop)
            .filter_map(|(kept, member)| Some((&member.id, kept, member.found.as_ref()?)))
            .collect();
        let ids = to_drop.iter().flat_map(|(id, kept, found)| [*id, *kept, &found.matched_to]);
        let rows = self.store()?.reader()?.rows_of(ids.map(PaperId::as_str))?;
        let drops: Vec<NewDrop> = to_drop
            .iter()
            .filter_map(|(id, kept, found)| {
                Some(NewDrop {
                    row: *rows.get(id.as_str())?,
                    kept: *rows.get(kept.as_str())?,
                    matched: *rows.get(found.matched_to.as_str())?,
                    score: found.score,
                    probability: found.probability,
                    kind: found.kind.name(),
                    reason: found.reason.clone(),
                })
            })
            .collect();
        let applied = self.store()?.apply(parameters, report.stats.generation, &drops)?;
        self.mark_seen(report.stats.generation)?;
        self.catch_up()?;
        let n_dropped = applied.dropped.len();
        Ok(Application { run: applied.run, n_dropped, n_left: to_drop.len() - n_dropped })
    }

    /// Brings dropped papers back, each as it was. When this returns, it is on disk and in every later answer.
    ///
    /// # Errors
    /// [`EngineError::RunNotFound`] or [`EngineError::PaperNotFound`] if there is nothing of that name,
    /// [`EngineError::NothingDropped`], or a failure of the store.
    pub fn undo(&self, undo: &Undo) -> Result<Undone, EngineError> {
        let (run, which) = {
            let reader = self.store()?.reader()?;
            match undo {
                Undo::Latest => {
                    let latest = reader.drop_runs()?.into_iter().find(|run| run.n_standing > 0);
                    let run = latest.ok_or(EngineError::NothingDropped)?.run;
                    (Some(run), vec![BringBack::Run(run)])
                }
                Undo::Run(run) => {
                    if !reader.drop_runs()?.iter().any(|known| known.run == *run) {
                        return Err(EngineError::RunNotFound { run: *run });
                    }
                    (Some(*run), vec![BringBack::Run(*run)])
                }
                Undo::Papers(keys) => {
                    let rows = keys.iter().map(|key| self.dropped_row(&reader, key));
                    let rows = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten();
                    (None, rows.map(BringBack::Row).collect())
                }
            }
        };
        let n_restored = self.store()?.bring_back(&which)?;
        self.catch_up()?;
        Ok(Undone { run, n_restored })
    }

    /// The row of the dropped paper that `key` names; `None` if the paper is in the answers already.
    fn dropped_row(&self, reader: &Reader, key: &str) -> Result<Option<u32>, EngineError> {
        match self.papers(key) {
            Err(EngineError::PaperDropped { id, .. }) => {
                let id = PaperId::new(&*id).map_err(|source| EngineError::DamagedId { id, source })?;
                Ok(reader.dropped_paper(&id)?.map(|(row, _)| row))
            }
            found => found.map(|_| None),
        }
    }

    /// The papers that are dropped at this moment, with what they matched and why: at most `limit`, after the
    /// first `offset`.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn dropped(&self, offset: usize, limit: usize) -> Result<DroppedPapers, EngineError> {
        let reader = self.store()?.reader()?;
        Ok(DroppedPapers { total: reader.n_dropped()?, papers: reader.dropped(offset, limit)? })
    }

    /// The papers that are dropped at this moment for one that stays, in order of id; at most `limit`. None where papers lie
    /// with another engine.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn dropped_for(&self, kept: &StoredPaper, limit: usize) -> Result<Vec<DroppedPaper>, EngineError> {
        if !self.is_here() {
            return Ok(Vec::new());
        }
        self.store()?.reader()?.dropped_for(kept.row, limit)
    }

    /// The paper of this id, if it is dropped at this moment.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn dropped_paper(&self, id: &PaperId) -> Result<Option<DroppedPaper>, EngineError> {
        Ok(self.store()?.reader()?.dropped_paper(id)?.map(|(_, dropped)| dropped))
    }

    /// Drops one paper for another, each named as for [`Engine::paper`], as a person says who looks at both; what they
    /// say is kept as a label too, in place of any earlier word. [`Engine::undo`] brings it back.
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`]; [`EngineError::InvalidRequest`] for a paper that nothing says may be the same; or a
    /// failure of the store.
    pub fn drop_for(&self, paper: &str, kept: &str) -> Result<Application, EngineError> {
        let judged = self.store()?.reader()?.generation()?;
        let (paper, kept) = (self.paper(paper)?, self.paper(kept)?);
        let found = self.duplicates_of(&kept, &Judging::new(None, Versions::Same)?)?;
        let Some(found) = found.into_iter().find(|found| found.id == paper.paper.id) else {
            return Err(EngineError::InvalidRequest {
                parameter: "paper",
                expected: format!("one that may be the same as {}", kept.paper.id),
                found: paper.paper.id.to_string(),
            });
        };
        self.store()?.label(&paper.paper.id, &kept.paper.id, Some(true))?;
        let drop = NewDrop {
            row: paper.row,
            kept: kept.row,
            matched: kept.row,
            score: found.score,
            probability: found.probability,
            kind: found.kind.name(),
            reason: found.reason,
        };
        let parameters = r#"{"decided": "one by one"}"#;
        let applied = self.store()?.apply(parameters, judged, &[drop])?;
        self.catch_up()?;
        let n_dropped = applied.dropped.len();
        Ok(Application { run: applied.run, n_dropped, n_left: 1 - n_dropped })
    }

    /// Calls `visit` with every paper that stays if `report` is acted on, else with all, in the order in which
    /// they were first indexed.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read, and those of `visit`.
    pub fn for_each_kept<E: From<EngineError>>(
        &self,
        report: Option<&DedupReport>,
        visit: &mut dyn FnMut(StoredPaper) -> Result<(), E>,
    ) -> Result<(), E> {
        let clusters = report.map_or(&[][..], |report| &report.clusters);
        let members = clusters.iter().flat_map(|cluster| &cluster.members);
        let to_drop: HashSet<&PaperId> =
            members.filter(|member| member.action == Action::Drop).map(|member| &member.id).collect();
        self.store()?.reader()?.for_each_paper(&mut |stored| {
            if to_drop.contains(&stored.paper.id) { Ok(()) } else { visit(stored) }
        })
    }

    /// The citation keys that records of papers gave, for an [`Exporter`](cognate_corpus::export::Exporter) to reserve.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn citation_keys(&self) -> Result<Vec<String>, EngineError> {
        self.store()?.reader()?.citation_keys()
    }

    /// Every application, the latest first.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn drop_runs(&self) -> Result<Vec<DropRun>, EngineError> {
        self.store()?.reader()?.drop_runs()
    }

    /// Stores what a person says of two papers, each named as for [`Engine::paper`], in place of any earlier
    /// word: whether they are duplicates; `None` takes it back. Every later deduplication respects it. When
    /// this returns, it is on disk.
    ///
    /// # Errors
    /// [`EngineError::PaperNotFound`], [`EngineError::AmbiguousPaper`], [`EngineError::InvalidRequest`] for a
    /// paper with itself, or a failure of the store.
    pub fn label(&self, a: &str, b: &str, is_duplicate: Option<bool>) -> Result<Labelled, EngineError> {
        let (a, b) = (self.id_of(a)?, self.id_of(b)?);
        if a == b {
            return Err(EngineError::InvalidRequest {
                parameter: "b",
                expected: "another paper than `a`".to_owned(),
                found: format!("{b} for both"),
            });
        }
        let n_restored = self.store()?.label(&a, &b, is_duplicate)?;
        if n_restored > 0 {
            self.catch_up()?;
        }
        Ok(Labelled { pair: if a < b { (a, b) } else { (b, a) }, n_restored })
    }

    /// Every label, in order of the two ids.
    ///
    /// # Errors
    /// [`EngineError`] if the store cannot be read.
    pub fn labels(&self) -> Result<Vec<Label>, EngineError> {
        self.store()?.reader()?.labels()
    }
}

#[cfg(test)]
mod tests;
