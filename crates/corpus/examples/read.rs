//! Reads files as `cognate index` does, and does nothing with them: what reading alone costs.
//!
//! - `read FILE…` prints a line of JSON for each file: format, records, bad records, warnings, seconds, and the most
//!   memory that the process had resident so far.
//! - `read --write FORMAT FILE…` writes the papers in a format that `cognate` exports; bad records and warnings go to
//!   standard error.
//!
//! `scripts/bench-read` runs it.

use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Instant;

use cognate_corpus::export::{ExportFormat, Exporter, FeedMeta};
use cognate_corpus::{ReadOptions, Source};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).peekable();
    let written = args.next_if(|first| first == "--write").and_then(|_| args.next());
    let paths: Vec<PathBuf> = args.map(PathBuf::from).collect();
    match written {
        Some(format) => write(&format, &paths),
        None => measure(&paths),
    }
}

fn measure(paths: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    for source in sources(paths)? {
        let name = source.name().to_owned();
        let start = Instant::now();
        let mut records = source.records(&ReadOptions::default())?;
        let (mut n_records, mut n_bad, mut n_warnings) = (0_u64, 0_u64, 0_usize);
        for item in records.by_ref() {
            match item? {
                Ok(record) => (n_records, n_warnings) = (n_records + 1, n_warnings + record.warnings.len()),
                Err(_) => n_bad += 1,
            }
        }
        let line = json!({
            "file": name, "format": records.format().name(), "records": n_records, "bad": n_bad, "warnings": n_warnings,
            "seconds": start.elapsed().as_secs_f64(), "peak_mb": peak_mb(),
        });
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

fn write(format: &str, paths: &[PathBuf]) -> Result<(), Box<dyn Error>> {
    let format: ExportFormat = format.parse()?;
    let meta = FeedMeta {
        title: "Papers".to_owned(),
        id: "urn:cognate:feed:read".to_owned(),
        link: None,
        updated: jiff::Timestamp::UNIX_EPOCH,
    };
    let mut errors = io::stderr();
    let mut out = Exporter::new(format, BufWriter::new(io::stdout()), &meta)?;
    for source in sources(paths)? {
        let records = match source.records(&ReadOptions::default()) {
            Ok(records) => records,
            Err(error) => {
                writeln!(errors, "{error}")?;
                continue;
            }
        };
        for item in records {
            match item? {
                Ok(record) => {
                    out.write(&record.paper, None)?;
                    for warning in record.warnings {
                        writeln!(errors, "{warning}")?;
                    }
                }
                Err(bad) => writeln!(errors, "{bad}")?,
            }
        }
    }
    out.finish()?;
    Ok(())
}

fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, Box<dyn Error>> {
    let sources: Result<Vec<_>, _> = paths.iter().map(|path| Source::open_all(path)).collect();
    Ok(sources?.into_iter().flatten().collect())
}

/// The most memory that was resident, in MB, where the kernel says it.
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()? * 1024.0 / 1e6)
}
