//! `cognate copy`: papers from a data folder to another engine, and back.

use serde_json::json;

use super::stop_flag;
use crate::args::CopyArgs;
use crate::config::Config;
use crate::output::Output;
use crate::progress::Progress;

pub(crate) fn run(config: &Config, output: &Output, args: &CopyArgs) -> anyhow::Result<()> {
    let from = config.at(&args.from).open()?;
    let to = config.at(&args.to).create()?;
    let stop = stop_flag()?;
    let mut progress = Progress::start("copy", Some(from.stats()?.n_papers));
    let report = from.copy_to(&to, &stop, &mut |n_papers| {
        progress.update(n_papers, &format!("{n_papers} papers"));
    });
    progress.finish();
    let report = report?;
    let body = json!({ "n_papers": report.n_papers, "unchanged": report.n_unchanged });
    output.print(&body, |_| {
        format!(
            "{} papers of {} are in {}; {} of them were there as they are",
            report.n_papers,
            from.place_name(),
            to.place_name(),
            report.n_unchanged
        )
    })
}
