//! `cognate dedup check --new`: the records that are not in the store yet, in the formats that they came in.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cognate_corpus::export::{ExportFormat, Exporter};
use cognate_corpus::{Format, Paper};
use cognate_server::feed_meta;

use super::InvalidInput;
use super::outputs::refuse_input;

/// A file for each format that records come in: the one that was named for the format of its ending, else for the first
/// that comes, and others beside it with the endings of theirs.
pub(super) struct NewRecords {
    path: PathBuf,
    /// What no file may be written over.
    inputs: Vec<PathBuf>,
    /// The format of the file that was named.
    format: Option<ExportFormat>,
    files: Vec<NewFile>,
}

struct NewFile {
    path: PathBuf,
    format: ExportFormat,
    exporter: Exporter<BufWriter<File>>,
}

impl NewRecords {
    /// Refuses a path that is one of `inputs`, or cannot be written, before any work; begins nothing else.
    pub(super) fn begin(path: &Path, inputs: Vec<PathBuf>) -> anyhow::Result<Self> {
        refuse_input("--new", path, inputs.iter().map(PathBuf::as_path))?;
        create(path)?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = ExportFormat::ALL.into_iter().find(|format| Some(format.extension()) == extension);
        Ok(Self { path: path.to_owned(), inputs, format, files: Vec::new() })
    }

    /// Writes a record that came in this format.
    pub(super) fn write(&mut self, paper: &Paper, format: Option<Format>) -> anyhow::Result<()> {
        let file = self.file(export_format(format))?;
        file.exporter.write(paper, None).with_context(|| could_not_write(&file.path))
    }

    /// Ends all files, of which there is one without any record too, in the format `of_nothing`. Gives their names.
    pub(super) fn finish(mut self, of_nothing: Option<Format>) -> anyhow::Result<Vec<String>> {
        if self.files.iter().all(|file| file.path != self.path) {
            let format = self.format.unwrap_or_else(|| export_format(of_nothing));
            self.file(format)?;
        }
        let mut names = Vec::new();
        for NewFile { path, exporter, .. } in self.files {
            exporter.finish().with_context(|| could_not_write(&path))?;
            names.push(path.display().to_string());
        }
        Ok(names)
    }

    fn file(&mut self, format: ExportFormat) -> anyhow::Result<&mut NewFile> {
        let at = match self.files.iter().position(|file| file.format == format) {
            Some(at) => at,
            None => {
                let path = if *self.format.get_or_insert(format) == format {
                    self.path.clone()
                } else {
                    let path = self.path.with_extension(format.extension());
                    refuse_input("--new", &path, self.inputs.iter().map(PathBuf::as_path))?;
                    path
                };
                let out = BufWriter::new(create(&path)?);
                let exporter = Exporter::new(format, out, &feed_meta("new records", None))?;
                self.files.push(NewFile { path, format, exporter });
                self.files.len() - 1
            }
        };
        Ok(&mut self.files[at])
    }
}

/// The format in which records of a format are written: the same, else RIS, which reference managers read.
fn export_format(format: Option<Format>) -> ExportFormat {
    match format {
        Some(Format::Bibtex) => ExportFormat::Bibtex,
        Some(Format::Json) => ExportFormat::Json,
        Some(Format::Jsonl | Format::DailyPapers) => ExportFormat::Jsonl,
        Some(Format::Csv | Format::Tsv | Format::Xlsx) => ExportFormat::Csv,
        Some(Format::EndnoteXml) => ExportFormat::EndnoteXml,
        Some(Format::Atom) => ExportFormat::Atom,
        _ => ExportFormat::Ris,
    }
}

fn create(path: &Path) -> Result<File, InvalidInput> {
    File::create(path).map_err(|error| InvalidInput(format!("--new: {}: {error}", could_not_write(path))))
}

fn could_not_write(path: &Path) -> String {
    format!("could not write `{}`", path.display())
}
