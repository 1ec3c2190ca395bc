//! Sentence embeddings on the CPU: texts to unit vectors.
//!
//! [`ModelFolder::locate`] finds a sentence-transformers model as it is published, [`Encoder::load`]
//! reads and checks it, and `Encoder::embed_*` turn texts into [`UnitVector`]s, `f32 [dim]` each. Nothing
//! else of the program sees tensors or tokens.
//!
//! Bytes from a model's folder are never trusted: whatever they hold, the answer is a vector or an
//! [`EmbedError`] that names the file.

mod activation;
mod batch;
mod bert;
#[cfg(test)]
mod candle_bert;
mod config;
mod encoder;
mod error;
mod folder;
mod hash;
mod head;
mod kernel;
mod manifest;
mod precision;
#[cfg(test)]
mod tests;
mod tokenize;
mod weights;

pub use cognate_vector::UnitVector;
pub use config::Pooling;
pub use encoder::{Encoder, EncoderOptions, ModelIdentity};
pub use error::EmbedError;
pub use folder::{ModelFolder, ModelRoots};
pub use manifest::{HubSource, ManifestFile, ModelManifest, PypiSource};
pub use precision::Precision;
pub use tokenize::{SpecialTokens, Token};
