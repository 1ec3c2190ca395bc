//! Papers that lie with another engine are answered as those of a data folder are. A data folder stands for the other engine.

use std::sync::Arc;

use cognate_corpus::PaperId;
use tempfile::TempDir;

use super::tests::engine_of;
use super::{
    Cursor, Page, RecommendRequest, SearchOptions, SearchRequest, SearchResponse, Seed, Shown, Strategy,
};
use crate::backend::{Backend, Remote};
use crate::cancel::Cancel;
use crate::catalog::FacetField;
use crate::engine::Engine;
use crate::error::{EngineError, Fault};
use crate::filter::{Clause, Condition, Filter};
use crate::model::ModelChoice;
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
    refused(similar(SearchOptions { cursor: Some(Cursor::New), ..SearchOptions::default() }));
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
fn an_engine_that_is_away_is_told_as_such() {
    let there = elsewhere(Other::new(true, true));
    let away = |error: EngineError| assert_eq!(error.fault(), Fault::Away, "{error}");
    away(there.similar(&Cancel::default(), "p007", &SearchOptions::default()).unwrap_err());
    away(there.paper("p007").unwrap_err());
    away(there.stats().unwrap_err());
    away(there.load_vectors().unwrap_err());
    away(there.check_place(&Cancel::default()).unwrap_err());
}
