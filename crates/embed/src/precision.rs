//! The arithmetic of the forward pass.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::EmbedError;

/// The arithmetic of the forward pass. Vectors of different precisions do not belong in one collection.
///
/// In both, LayerNorm, softmax and the activation are computed in f32, and a text's vector is the same to
/// the bit alone, in any batch and with any number of threads, on one machine. Between the instruction sets
/// that one precision is computed with (AVX-512, AVX2, any other) only rounding differs: cosine at least
/// 0.9999.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Weights and activations in f32: the reference.
    F32,
    /// Linear layers in 8 bits (W8A8): weights symmetric with a scale for each output, activations
    /// asymmetric with a scale for each token, from that token's own range. About three times as fast;
    /// cosine to f32 about 0.999.
    #[default]
    Int8,
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        })
    }
}

impl FromStr for Precision {
    type Err = EmbedError;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(name: &str) -> Result<Self, EmbedError> {
        match name {
            "f32" => Ok(Self::F32),
            "int8" => Ok(Self::Int8),
            _ => Err(EmbedError::Precision { found: name.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for precision in [Precision::F32, Precision::Int8] {
            assert_eq!(precision.to_string().parse::<Precision>().unwrap(), precision);
        }
        let message = "int4".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(message, "expected the precision int8 or f32, found \"int4\"");
    }
}
