//! What can be wrong with a model, or with a text for it.

use std::error::Error;
use std::path::PathBuf;

use cognate_vector::VectorError;

/// Why a model could not be found, read or used.
///
/// Only [`ModelNotFound`](Self::ModelNotFound), [`Unsupported`](Self::Unsupported),
/// [`Dim`](Self::Dim), [`Precision`](Self::Precision) and [`Kernel`](Self::Kernel) can be the caller's choice; the
/// others are faults of the model's files or of this machine. No text is refused: an empty one,
/// or one of any length, has a vector.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// No folder holds a model of that name.
    #[error(
        "expected the model {name:?} as a folder or in one of {}, found it in none; run \
         `scripts/fetch-model {name}` or `cognate model pull {name}`",
        list(looked_in)
    )]
    ModelNotFound {
        /// The name, or the folder, as given.
        name: String,
        /// The folders that were looked in, in order.
        looked_in: Vec<PathBuf>,
    },
    /// A file that the model needs does not exist.
    #[error("{}: expected this file, found none; {repair}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What the user can do.
        repair: String,
    },
    /// A file is not the one that the manifest describes.
    #[error("{}: expected {expected}, found {found}; the file is damaged: {repair}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The size or hash in the manifest.
        expected: String,
        /// That of the file.
        found: String,
        /// What the user can do.
        repair: String,
    },
    /// The system did not read a file.
    #[error("{}: expected a readable file; check its permissions and the disk", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The system did not write a file.
    #[error("{}: could not be written; check the folder's permissions and the disk", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A manifest is not TOML of the expected form.
    #[error("{}: expected a model manifest; restore it, or delete it to use the folder unverified", path.display())]
    ManifestSyntax {
        /// The manifest.
        path: PathBuf,
        /// Where, and what is wrong there.
        source: Box<toml::de::Error>,
    },
    /// A manifest is TOML of the expected form, but a value in it cannot be right.
    #[error("{}: expected {expected} in {field}, found {found:?}; restore the manifest", path.display())]
    ManifestValue {
        /// The manifest.
        path: PathBuf,
        /// The field, with its position in a list.
        field: String,
        /// What it should hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// A JSON file of the model is not JSON, or a field of it has another type than expected.
    #[error("{}: expected a configuration as sentence-transformers writes it; {repair}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the user can do.
        repair: String,
        /// Line, column and field.
        source: serde_json::Error,
    },
    /// The model is of a kind that this crate does not compute.
    #[error("{}: {field} is {found}, which is not supported; expected {supported}; use another model", path.display())]
    Unsupported {
        /// The file that says so.
        path: PathBuf,
        /// The field in it.
        field: &'static str,
        /// What it says.
        found: String,
        /// What would do.
        supported: &'static str,
    },
    /// Two files of the model contradict each other, or a number cannot be right.
    #[error("{}: expected {expected}, found {found}; {repair}", path.display())]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// What it should say.
        expected: String,
        /// What it says.
        found: String,
        /// What the user can do.
        repair: String,
    },
    /// `tokenizer.json` cannot be used.
    #[error("{}: expected a tokenizer; {repair}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What the user can do.
        repair: String,
        /// The tokenizer library's answer.
        source: Box<dyn Error + Send + Sync>,
    },
    /// `model.safetensors` does not hold the tensors that `config.json` describes.
    #[error("{}: expected the weights of the model in config.json; {repair}", path.display())]
    Weights {
        /// The file.
        path: PathBuf,
        /// What the user can do.
        repair: String,
        /// The tensor library's answer.
        source: Box<candle_core::Error>,
    },
    /// A text could not be split into tokens.
    #[error(
        "expected tokens for the text at position {position}, found that tokenizer.json cannot give them"
    )]
    Tokenize {
        /// Position of the text in the call, from 0.
        position: usize,
        /// The tokenizer library's answer.
        source: Box<dyn Error + Send + Sync>,
    },
    /// More components are asked for than the model gives, or none.
    #[error("expected 1 to {full} dimensions, which is what {model} gives, found {found}")]
    Dim {
        /// The model's name.
        model: String,
        /// Components of what it gives.
        full: usize,
        /// How many were asked for.
        found: usize,
    },
    /// No precision has that name.
    #[error("expected the precision int8 or f32, found {found:?}")]
    Precision {
        /// The name, as given.
        found: String,
    },
    /// `COGNATE_KERNEL` names instructions that this machine does not have.
    #[error("COGNATE_KERNEL: expected one of {available}, found {found:?}; unset it to take the best")]
    Kernel {
        /// The name, as given.
        found: String,
        /// Names of what this machine has.
        available: String,
    },
    /// The model gave numbers that are no direction.
    #[error(
        "expected a direction for the text at position {position}; the model's weights are damaged: check \
         its files against the published ones"
    )]
    NoDirection {
        /// Position of the text in the call, from 0.
        position: usize,
        /// What the numbers were.
        source: VectorError,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
