//! `cognate reembed`: every paper embedded anew with another model.

use cognate_engine::Engine;
use serde_json::json;

use super::stop_flag;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

pub(crate) fn run(config: &Config, output: &Output) -> anyhow::Result<()> {
    let stop = stop_flag()?;
    let mut progress: Option<Progress> = None;
    let report = Engine::reembed(&config.engine_options(), &stop, &mut |done, total| {
        let progress = progress.get_or_insert_with(|| Progress::start("reembed", Some(total)));
        progress.update(done, &format!("{done} of {total} papers"));
    });
    if let Some(progress) = progress {
        progress.finish();
    }
    let report = report?;
    let body = json!({ "n_papers": report.n_papers, "embedded": report.embedded });
    output.print(&body, |_| format!("{} papers now have vectors of the new model", report.n_papers))
}
