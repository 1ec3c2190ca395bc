//! `cognate embed`: texts in, vectors out, no papers and no data folder.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde_json::json;

use super::InvalidInput;
use crate::args::EmbedArgs;
use crate::config::Config;
use crate::npy::NpyWriter;
use crate::output::Output;
use crate::progress::Progress;

/// Texts read before they are embedded together: enough to sort by length, little enough to hold.
const WINDOW_TEXTS: usize = 512;

/// Longest line accepted, in bytes: no abstract comes near it.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// One line of the input.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Text(String),
    Object { text: String },
}

/// Where vectors go.
enum Sink {
    Npy(NpyWriter),
    Ndjson(io::BufWriter<io::Stdout>),
}

pub(crate) fn run(config: &Config, output: &Output, args: &EmbedArgs) -> anyhow::Result<()> {
    super::outputs::refuse_input("--output", &args.output, [args.input.as_path()])?;
    let encoder = config.model.load(None)?;
    let is_stdout = args.output == Path::new("-");
    let mut lines = Lines::open(&args.input)?;
    let mut sink = if is_stdout {
        Sink::Ndjson(io::BufWriter::new(io::stdout()))
    } else {
        let writer = NpyWriter::create(&args.output, encoder.identity().dim);
        Sink::Npy(writer.with_context(|| format!("could not write `{}`", args.output.display()))?)
    };

    let mut progress = Progress::start("embed", lines.total_bytes);
    let mut n_texts = 0;
    loop {
        let window = lines.next_window()?;
        if window.is_empty() {
            break;
        }
        let texts: Vec<&str> = window.iter().map(String::as_str).collect();
        for vector in encoder.embed_raw(&texts)? {
            match &mut sink {
                Sink::Npy(writer) => writer.push(vector.as_slice())?,
                Sink::Ndjson(writer) => writeln!(writer, "{}", json!({ "embedding": vector.as_slice() }))?,
            }
        }
        n_texts += window.len();
        let rate = n_texts as f64 / progress.elapsed().as_secs_f64();
        progress.update(lines.n_bytes, &format!("{n_texts} texts, {rate:.1}/s"));
    }
    let seconds = progress.elapsed().as_secs_f64();
    progress.finish();
    match sink {
        Sink::Npy(writer) => {
            writer.finish().with_context(|| format!("could not write `{}`", args.output.display()))?;
            let body = json!({ "n_texts": n_texts, "dim": encoder.identity().dim, "seconds": seconds });
            output.print(&body, |_| format!("{n_texts} texts embedded in {seconds:.1} s"))
        }
        Sink::Ndjson(mut writer) => Ok(writer.flush()?),
    }
}

/// The input's texts, line by line.
struct Lines {
    reader: Box<dyn BufRead>,
    name: String,
    n_lines: u64,
    n_bytes: u64,
    total_bytes: Option<u64>,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            let reader = Box::new(io::stdin().lock());
            return Ok(Self {
                reader,
                name: "standard input".to_owned(),
                n_lines: 0,
                n_bytes: 0,
                total_bytes: None,
            });
        }
        let file =
            File::open(path).map_err(|error| InvalidInput(format!("`{}`: {error}", path.display())))?;
        let total_bytes = file.metadata().ok().map(|metadata| metadata.len());
        let name = path.display().to_string();
        Ok(Self { reader: Box::new(BufReader::new(file)), name, n_lines: 0, n_bytes: 0, total_bytes })
    }

    /// The next texts; none at the end.
    fn next_window(&mut self) -> anyhow::Result<Vec<String>> {
        let mut window = Vec::new();
        let mut line = Vec::new();
        while window.len() < WINDOW_TEXTS {
            line.clear();
            let n = io::Read::take(&mut self.reader, MAX_LINE_BYTES).read_until(b'\n', &mut line)?;
            if n == 0 {
                break;
            }
            self.n_lines += 1;
            self.n_bytes += n as u64;
            if n as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
                return Err(self.bad(&format!("the line is longer than {MAX_LINE_BYTES} bytes")));
            }
            window.push(match serde_json::from_slice(&line) {
                Ok(Line::Text(text) | Line::Object { text }) => text,
                Err(_) => return Err(self.bad("the line is something else")),
            });
        }
        Ok(window)
    }

    fn bad(&self, found: &str) -> anyhow::Error {
        let Self { name, n_lines, .. } = self;
        InvalidInput(format!(
            "{name}, line {n_lines}: expected a JSON string or an object with `text`; {found}"
        ))
        .into()
    }
}
