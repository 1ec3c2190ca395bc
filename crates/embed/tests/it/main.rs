//! The crate from outside: real models against sentence-transformers' own vectors, folders of every kind,
//! and damaged ones.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test reports a failed step by panicking")]

mod damage;
mod folders;
mod reference;

use std::path::{Path, PathBuf};

use cognate_embed::{EmbedError, Encoder, EncoderOptions, ModelFolder, ModelRoots, Precision};
use tempfile::TempDir;

/// The tiny models that `scripts/make-tiny-models` makes, one of each kind.
const TINY_MODELS: [&str; 6] =
    ["tiny-mean", "tiny-cls", "tiny-prompts", "tiny-odd", "tiny-dense", "tiny-head"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn load(dir: &Path) -> Result<Encoder, EmbedError> {
    load_in(dir, Precision::default())
}

fn load_in(dir: &Path, precision: Precision) -> Result<Encoder, EmbedError> {
    let folder = ModelFolder::locate(dir.to_str().unwrap(), &ModelRoots::new(Vec::new()))?;
    Encoder::load(&folder, &EncoderOptions { precision, ..EncoderOptions::default() })
}

/// A copy of a tiny model, to be changed. The model is the folder `model` in it.
fn copy_of(name: &str) -> (TempDir, PathBuf) {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let model = scratch.path().join("model");
    copy(&fixtures().join(name), &model);
    (scratch, model)
}

/// An error with all its causes, as the program prints it.
fn full_message(error: &EmbedError) -> String {
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    message
}
