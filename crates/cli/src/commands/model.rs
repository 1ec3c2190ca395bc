//! `cognate model`: fetching and checking models.

use std::path::PathBuf;

use cognate_embed::{ModelFolder, ModelRoots};
use cognate_hub::{PullRequest, Revision, pull};
use serde_json::json;

use crate::args::{ModelCommand, PullArgs};
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

pub(crate) fn run(config: &Config, output: &Output, command: ModelCommand) -> anyhow::Result<()> {
    match command {
        ModelCommand::Pull(args) => run_pull(output, args),
        ModelCommand::Verify { name } => verify(config, output, name),
    }
}

fn run_pull(output: &Output, args: PullArgs) -> anyhow::Result<()> {
    let name = args.name.rsplit('/').next().unwrap_or(&args.name);
    let models_dir = args.models.clone().unwrap_or_else(|| default_models_dir(name));
    let mut request = PullRequest::from_env(&args.name, &models_dir)?;
    request.revision = args.revision.as_deref().map(Revision::parse).transpose()?;
    request.update = args.update;
    let mut progress: Option<Progress> = None;
    let pulled = pull(&request, &mut |event| {
        let progress = progress.get_or_insert_with(|| Progress::start("pull", Some(event.total_bytes)));
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let message =
            format!("{} {:.0} of {:.0} MiB", event.file, mib(event.done_bytes), mib(event.total_bytes));
        progress.update(event.done_bytes, &message);
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    let pulled = pulled?;
    let body = json!({
        "name": pulled.manifest.name,
        "folder": pulled.folder,
        "revision": pulled.manifest.hub.as_ref().map(|hub| &hub.revision),
        "fetched_bytes": pulled.fetched_bytes,
    });
    output.print(&body, |_| {
        let state =
            if pulled.fetched_bytes == 0 { "is here already, every hash right" } else { "is complete" };
        format!("{} {state}: `{}`", pulled.manifest.name, pulled.folder.display())
    })
}

fn verify(config: &Config, output: &Output, name: Option<String>) -> anyhow::Result<()> {
    let name = name.or_else(|| config.model.name.clone());
    let name = name.as_deref().unwrap_or(cognate_engine::DEFAULT_MODEL);
    let folder = ModelFolder::locate(name, &config.model.roots)?;
    folder.verify()?;
    let n_files = folder.manifest().map(|manifest| manifest.files.len());
    let body = json!({ "name": folder.name(), "folder": folder.dir(), "n_files": n_files });
    output.print(&body, |_| match n_files {
        Some(n_files) => {
            format!("{}: {n_files} files, every hash right: `{}`", folder.name(), folder.dir().display())
        }
        None => format!("`{}` has no manifest to check it against", folder.dir().display()),
    })
}

/// Where a model goes: the folder that it is in already, so that a pull mends it there; else the first
/// folder where models are looked up that exists, else the last, which is the user's own.
fn default_models_dir(name: &str) -> PathBuf {
    let roots = ModelRoots::from_environment();
    if let Ok(folder) = ModelFolder::locate(name, &roots)
        && let Some(parent) = folder.dir().parent()
    {
        return parent.to_owned();
    }
    let existing = roots.dirs().iter().find(|dir| dir.is_dir());
    existing.or(roots.dirs().last()).cloned().unwrap_or_else(|| PathBuf::from("models"))
}
