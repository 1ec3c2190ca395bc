//! Papers that lie with another engine are answered as those of a data folder are. A data folder stands for the other engine.

use std::collections::HashMap;
use std::sync::Arc;

use cognate_corpus::PaperId;
use cognate_vector::UnitVector;
use tempfile::TempDir;

use super::tests::engine_of;
use super::{
    Cursor, Page, RangeRequest, RecommendRequest, SearchOptions, SearchRequest, SearchResponse, Seed, Shown,
    Strategy,
};
use crate::backend::{Backend, Known, Remote, Scan, Scanned, Upsert};
use crate::cancel::Cancel;
use crate::catalog::FacetField;
use crate::engine::Engine;
use crate::error::{EngineError, Fault};
use crate::filter::{Clause, Condition, Filter};
use crate::model::ModelChoice;
use crate::store::StoredPaper;
use crate::stored_model::StoredModel;
use crate::view::View;

const NAME: &str = "other://there/papers";
const N_PAPERS: usize = 300;

/// A data folder as another engine.
struct Other {
    engine: Engine,
    view: Arc<View>,
    is_exact: bool,
    is_away: bool,
    _folder: TempDir,
}

impl Other {
    fn new(is_exact: bool, is_away: bool) -> Self {
        let (folder, engine) = engine_of(N_PAPERS);
        let view = engine.view().unwrap().unwrap();
        Self { engine, view, is_exact, is_away, _folder: folder }
    }
}

impl Other {
    /// All papers in order of id.
    fn everything(&self, cancel: &Cancel) -> Result<Vec<StoredPaper>, EngineError> {
        self.check(cancel)?;
        let mut papers = self.engine.store()?.reader()?.papers_after(0, usize::MAX >> 1)?;
        papers.sort_by(|a, b| a.paper.id.cmp(&b.paper.id));
        Ok(papers)
    }
}

/// This one is only read.
fn takes_nothing() -> EngineError {
    EngineError::NotThere { place: NAME.to_owned(), reason: "it takes no papers".to_owned() }
}

impl Remote for Other {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, cancel: &Cancel) -> Result<(), EngineError> {
        cancel.check()?;
        if self.is_away {
            return Err(EngineError::Away { place: NAME.to_owned(), reason: "nobody listens".to_owned() });
        }
        Ok(())
    }

    fn is_exact(&self, _cancel: &Cancel) -> Result<bool, EngineError> {
        Ok(self.is_exact)
    }

    fn model(&self, cancel: &Cancel) -> Result<Option<StoredModel>, EngineError> {
        self.check(cancel)?;
        Ok(Some(self.view.model().clone()))
    }

    fn moment<'a>(&'a self, cancel: &Cancel) -> Result<Box<dyn Backend + 'a>, EngineError> {
        self.check(cancel)?;
        Ok(Box::new(self.view.exact_moment(self.engine.store()?)?))
    }

    fn n_papers(&self, cancel: &Cancel) -> Result<u64, EngineError> {
        self.check(cancel)?;
        self.engine.store()?.reader()?.n_papers()
    }

    fn papers_of(&self, cancel: &Cancel, ids: &[String]) -> Result<Vec<StoredPaper>, EngineError> {
        self.check(cancel)?;
        let reader = self.engine.store()?.reader()?;
        let rows: Vec<u32> = reader.rows_of(ids.iter().map(String::as_str))?.into_values().collect();
        let mut papers: Vec<StoredPaper> = reader.papers(&rows)?.into_values().collect();
        papers.sort_by(|a, b| a.paper.id.cmp(&b.paper.id));
        Ok(papers)
    }

    fn with_title(&self, cancel: &Cancel, title: &str) -> Result<Vec<StoredPaper>, EngineError> {
        let mut papers = self.everything(cancel)?;
        papers.retain(|stored| stored.paper.title.as_deref() == Some(title));
        Ok(papers)
    }

    fn scan(&self, cancel: &Cancel, scan: &Scan<'_>) -> Result<Vec<Scanned>, EngineError> {
        assert!(scan.allowed.is_none(), "a data folder has sets of keys alone");
        let papers = self.everything(cancel)?.into_iter();
        let behind = papers.filter(|stored| stored.paper.id.as_str() > scan.after);
        Ok(behind.take(scan.n).map(|stored| Scanned { stored, vector: None }).collect())
    }

    fn prepare(&self, _cancel: &Cancel, _model: &StoredModel) -> Result<(), EngineError> {
        Err(takes_nothing())
    }

    fn known(&self, _cancel: &Cancel, _ids: &[&PaperId]) -> Result<HashMap<String, Known>, EngineError> {
        Err(takes_nothing())
    }

    fn vectors_of(
        &self,
        _cancel: &Cancel,
        _ids: &[&PaperId],
    ) -> Result<HashMap<String, UnitVector>, EngineError> {
        Err(takes_nothing())
    }

    fn upsert(&self, _cancel: &Cancel, _papers: &[Upsert<'_>]) -> Result<(), EngineError> {
        Err(takes_nothing())
    }

    fn delete(&self, cancel: &Cancel, id: &PaperId) -> Result<bool, EngineError> {
        self.check(cancel)?;
        let is_deleted = self.engine.store()?.delete(id)?;
        self.engine.catch_up()?;
        Ok(is_deleted)
    }

    fn settle(&self, cancel: &Cancel) -> Result<(), EngineError> {
        self.check(cancel)
    }
}

/// The same papers in a data folder, and with another engine.
pub(crate) fn here_and_there() -> (TempDir, Engine, Engine) {
    let (folder, here) = engine_of(N_PAPERS);
    (folder, here, elsewhere(Other::new(true, false)))
}

fn elsewhere(other: Other) -> Engine {
    let model = ModelChoice {
        name: None,
        roots: cognate_embed::ModelRoots::new(Vec::new()),
        precision: None,
        query_prefix: None,
        passage_prefix: None,
        dim: None,
    };
    Engine::elsewhere(Arc::new(other), model)
}

/// What is the same wherever papers lie.
fn told(mut response: SearchResponse) -> SearchResponse {
    response.meta.took = std::time::Duration::ZERO;
    response.meta.generation = None;
    // Each place has its own clock.
    response.hits.iter_mut().for_each(|hit| hit.paper.first_indexed.clear());
    response
}

#[test]
fn answers_are_those_of_a_data_folder() {
    let (_folder, here) = engine_of(N_PAPERS);
    let there = elsewhere(Other::new(true, false));
    let cancel = Cancel::default();
    let some = Clause::Condition(Condition::Year("2000-2012".parse().unwrap()));
    let filter = Filter { must: vec![some], ..Filter::default() };
    for (offset, filter, facets) in [
        (0, Filter::default(), Vec::new()),
        (40, filter.clone(), vec![FacetField::Year]),
        (270, Filter::default(), vec![FacetField::Year]),
    ] {
        let page = Page::new(Some(20), Some(offset), None).unwrap();
        let options = SearchOptions { page, filter, facets, ..SearchOptions::default() };
        let similar = |engine: &Engine| told(engine.similar(&cancel, "p007", &options).unwrap());
        assert_eq!(similar(&here), similar(&there));
        assert!(offset > 100 || similar(&there).hits.len() == 20);
        let browsed =
            |engine: &Engine| told(engine.search(&SearchRequest::new("", options.clone()).unwrap()).unwrap());
        assert_eq!(browsed(&here), browsed(&there));
        let by_id =
            SearchRequest::new("p011", SearchOptions { facets: Vec::new(), ..options.clone() }).unwrap();
        assert_eq!(told(here.search(&by_id).unwrap()), told(there.search(&by_id).unwrap()));
        for strategy in [Strategy::AverageVector, Strategy::BestScore, Strategy::SumScores] {
            let seed = |id: &str| Seed::Paper(id.to_owned());
            let request = RecommendRequest {
                positive: vec![seed("p001"), seed("10.5555/p050")],
                negative: vec![seed("p002")],
                strategy,
                options: options.clone(),
                ..RecommendRequest::default()
            };
            let recommended = |engine: &Engine| told(engine.recommend(&cancel, &request).unwrap());
            assert_eq!(recommended(&here), recommended(&there));
        }
    }
    let named = |engine: &Engine| {
        let papers = engine.papers("10.5555/p003").unwrap().into_iter();
        papers.map(|stored| (stored.row, stored.paper)).collect::<Vec<_>>()
    };
    assert_eq!(named(&here), named(&there));
    assert!(matches!(there.paper("p999"), Err(EngineError::PaperNotFound { .. })));
    assert_eq!(there.stats().unwrap().n_papers, N_PAPERS as u64);
    assert_eq!(there.stats().unwrap().generation, None);
    assert_eq!(there.delete("p003").unwrap().as_str(), "p003");
    assert!(matches!(there.delete("p003"), Err(EngineError::PaperNotFound { .. })));
    assert_eq!(there.stats().unwrap().n_papers, N_PAPERS as u64 - 1);
}

#[test]
fn what_is_not_done_elsewhere_is_refused() {
    let there = elsewhere(Other::new(false, false));
    let cancel = Cancel::default();
    let refused = |error: EngineError| {
        assert_eq!(error.fault(), Fault::Unsupported, "{error}");
        assert!(error.to_string().contains(NAME), "{error}");
    };
    let similar = |options: SearchOptions| there.similar(&cancel, "p007", &options).unwrap_err();
    refused(similar(SearchOptions { versions: Shown::One, ..SearchOptions::default() }));
    refused(similar(SearchOptions { exact: true, ..SearchOptions::default() }));
    let page = Page::new(None, None, Some(0.5)).unwrap();
    refused(similar(SearchOptions { page, ..SearchOptions::default() }));
    refused(there.saved_queries().unwrap_err());
    refused(there.map().unwrap_err());
    refused(there.drop_runs().unwrap_err());
    refused(there.labels().unwrap_err());
    refused(there.backup(std::path::Path::new("nowhere")).unwrap_err());
    // Nothing to follow, and nothing to settle in a file.
    there.follow(&std::sync::atomic::AtomicBool::new(false));
    there.settle_store();
    there.persist_index().unwrap();
}

#[test]
fn a_cursor_goes_through_all_papers_though_one_is_deleted() {
    let there = elsewhere(Other::new(true, false));
    let page = Page::new(Some(40), None, None).unwrap();
    let mut options = SearchOptions { page, cursor: Some(Cursor::New), ..SearchOptions::default() };
    let mut ids: Vec<String> = Vec::new();
    while options.cursor.is_some() {
        let answer = there.similar(&Cancel::default(), "p007", &options).unwrap();
        assert_eq!(answer.offset, ids.len() - usize::from(!ids.is_empty()));
        ids.extend(answer.hits.iter().map(|hit| hit.paper.paper.id.to_string()));
        if options.cursor == Some(Cursor::New) {
            // The first that was given: what comes next stands one place earlier from then on.
            there.delete(&ids[0]).unwrap();
        }
        options.cursor = answer.meta.cursor;
    }
    assert_eq!(ids.len(), N_PAPERS - 1);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), N_PAPERS - 1);
    options.cursor = Some(Cursor::At { listing: 1, offset: 40 });
    let gone = there.similar(&Cancel::default(), "p007", &options).unwrap_err();
    assert!(matches!(gone, EngineError::CursorGone));
}

#[test]
fn papers_are_found_above_a_score() {
    let (_folder, here) = engine_of(N_PAPERS);
    let there = elsewhere(Other::new(true, false));
    let cancel = Cancel::default();
    let year = Clause::Condition(Condition::Year("2000-2012".parse().unwrap()));
    let filter = Filter { must: vec![year], ..Filter::default() };
    let range = RangeRequest::new("p007", Some(0.1), filter).unwrap();
    let found = |engine: &Engine| {
        let mut hits = engine.range(&cancel, &range).unwrap();
        let mut found = Vec::new();
        loop {
            let portion = hits.next_portion().unwrap();
            if portion.is_empty() {
                assert_eq!(hits.total(), found.len() as u64);
                // Equal scores come in the order of each place.
                found.sort_by(|a: &(String, f32), b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                return found;
            }
            found.extend(portion.into_iter().map(|hit| (hit.paper.paper.id.to_string(), hit.score)));
        }
    };
    assert!(found(&here).len() > 3);
    assert_eq!(found(&here), found(&there));
    let there = elsewhere(Other::new(false, false));
    assert_eq!(there.range(&cancel, &range).err().map(|error| error.fault()), Some(Fault::Unsupported));
}

#[test]
fn an_engine_that_is_away_is_told_as_such() {
    let there = elsewhere(Other::new(true, true));
    let away = |error: EngineError| assert_eq!(error.fault(), Fault::Away, "{error}");
    away(there.similar(&Cancel::default(), "p007", &SearchOptions::default()).unwrap_err());
    away(there.paper("p007").unwrap_err());
    away(there.stats().unwrap_err());
    away(there.load_vectors().unwrap_err());
    away(there.check_place(&Cancel::default()).unwrap_err());
}
