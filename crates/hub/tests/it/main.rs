//! Pulling models from a hub on this machine, in good and bad weather.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, fail by panicking")]

mod faults;
mod pull;
mod server;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use cognate_hub::{Endpoint, HubError, PullRequest, Pulled, Repository, RetryPolicy};

use crate::server::Hub;

/// A request for `owner/tiny` that does not wait long between attempts.
pub(crate) fn request<'a>(hub: &Hub, models_dir: &'a Path) -> PullRequest<'a> {
    PullRequest {
        repository: Repository::parse("owner/tiny").unwrap(),
        revision: None,
        update: false,
        endpoint: Endpoint::parse(&hub.endpoint).unwrap(),
        token: None,
        models_dir,
        retry: RetryPolicy { attempts: 3, first_pause: Duration::from_millis(1) },
    }
}

pub(crate) fn pull(request: &PullRequest<'_>) -> Result<Pulled, HubError> {
    cognate_hub::pull(request, &mut |_| {})
}

/// Every file below the models folder that is no trace of the pull itself.
pub(crate) fn files_below(root: &Path) -> BTreeSet<String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let mut found = BTreeSet::new();
    walk(root, root, &mut found);
    found.retain(|path| path != ".tiny.pull/lock");
    found
}

/// The files of [`Hub::with_model`] once they are pulled.
pub(crate) fn whole_model() -> BTreeSet<String> {
    let files = [
        "tiny.toml",
        "tiny/1_Pooling/config.json",
        "tiny/config.json",
        "tiny/model.safetensors",
        "tiny/modules.json",
        "tiny/tokenizer.json",
    ];
    files.map(str::to_owned).into()
}

/// Asserts that everything is there, as the hub has it, and matches the manifest.
pub(crate) fn assert_whole(hub: &Hub, models_dir: &Path, pulled: &Pulled) {
    assert_eq!(files_below(models_dir), whole_model());
    assert_eq!(pulled.folder, models_dir.join("tiny"));
    assert_eq!(pulled.manifest.files.len(), 5);
    for file in &pulled.manifest.files {
        let content = std::fs::read(pulled.folder.join(&file.path)).unwrap();
        assert_eq!(content, hub.content(&file.path), "{}", file.path);
        assert_eq!(file.size, content.len() as u64);
        assert_eq!(file.sha256, server::sha256(&content));
    }
}

/// Asserts that nothing is there that could be taken for a model: neither weights nor a manifest.
pub(crate) fn assert_no_model(models_dir: &Path) {
    let files = files_below(models_dir);
    assert!(!files.contains("tiny.toml") && !files.contains("tiny/model.safetensors"), "{files:?}");
}
