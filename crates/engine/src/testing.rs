//! An engine for tests, over papers that are committed with made-up vectors.

use cognate_embed::ModelRoots;
use tempfile::TempDir;

use crate::engine::{Engine, EngineOptions};
use crate::model::ModelChoice;
use crate::view::DerivedFiles;

/// An engine over a store of its own. No model can be found.
pub(crate) fn engine() -> (TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let model = ModelChoice {
        name: None,
        roots: ModelRoots::new(Vec::new()),
        precision: None,
        query_prefix: None,
        passage_prefix: None,
        dim: None,
    };
    let engine = Engine::create(EngineOptions {
        data_dir: folder.path().to_owned(),
        model,
        derived_files: DerivedFiles::Keep,
        index_memory: None,
        index_layout: cognate_index::Layout::Compact,
    })
    .unwrap();
    (folder, engine)
}
