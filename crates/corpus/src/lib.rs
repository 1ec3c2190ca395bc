//! Papers, their identifiers, and reading them from the files that people have.

mod error;
pub mod identifier;
mod paper;
pub mod text;

pub use error::PaperIdError;
pub use identifier::IdentifierKind;
pub use paper::{MAX_ID_BYTES, Paper, PaperId};
