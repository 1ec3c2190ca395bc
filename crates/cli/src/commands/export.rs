//! `cognate export`: every paper that fits, on standard output.

use std::io::{self, BufWriter, Write};

use cognate_corpus::export::Exporter;
use cognate_engine::Cancel;
use cognate_server::feed_meta;
use cognate_wire::ExportParams;

use crate::args::{ExportArgs, without_mark};
use crate::config::Config;

pub(crate) fn run(config: &Config, args: ExportArgs) -> anyhow::Result<()> {
    let ExportArgs { query, format, filters } = args;
    let words: Vec<String> = query.into_iter().map(without_mark).collect();
    let query = words.join(" ");
    let params = ExportParams { q: Some(query.clone()), format: Some(format), ..ExportParams::default() }
        .among(filters.into());
    let (request, format) = params.to_request()?;
    let engine = config.open()?;
    let mut papers = engine.export(&Cancel::default(), &request)?;
    let mut write = || -> anyhow::Result<()> {
        let mut exporter =
            Exporter::new(format, BufWriter::new(io::stdout().lock()), &feed_meta(&query, None))?;
        if format.has_keys() {
            exporter.reserve(papers.citation_keys()?);
        }
        loop {
            let portion = papers.next_portion()?;
            if portion.is_empty() {
                break;
            }
            for stored in portion {
                exporter.write(&stored.paper, None)?;
            }
        }
        Ok(exporter.finish()?.flush()?)
    };
    match write() {
        // A reader that has gone away (`cognate export … | head`) is no error.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
