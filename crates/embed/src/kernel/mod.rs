//! The arithmetic of the forward pass, for each set of instructions.
//!
//! All of it is written once, over [`Isa`]: sixteen numbers at a time. The paths differ in what that
//! trait's operations are made of, and in how many registers a matrix product may use. `unsafe` is in
//! `lanes`, `gemm`, `avx512`, `avx2` and `tiles` only.
#![allow(
    clippy::needless_range_loop,
    reason = "zipped chunks are not always inlined, and a call in a hot loop spills every register"
)]
#![allow(
    clippy::too_many_arguments,
    reason = "the instructions are an argument of every function; what is left is at most four"
)]

mod attention;
mod attention16;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod gemm;
mod isa;
mod lanes;
mod linear;
mod math;
mod portable;
mod quantize;
mod rotation;
mod rows;
#[cfg(test)]
mod tests;
mod tiles;

use crate::EmbedError;

pub(crate) use attention::{Attend, AttentionScratch, Heads, Qkv};
pub(crate) use attention16::{Attend16, Attention16Scratch};
pub(crate) use isa::Isa;
pub(crate) use lanes::{LANES, Lanes, first, flat, flat_mut, lanes_for};
pub(crate) use linear::{ApplyF32, ApplyInt8, Dense, LinearF32, LinearInt8, Output, padded};
pub(crate) use math::{Gelu, GeluTanh, Relu};
pub(crate) use quantize::{Identity, QuantizeRows, Quantized};
pub(crate) use rotation::{Rotation, rotate_values};
pub(crate) use rows::{ActivateRows, Norm, NormRows};

/// A set of instructions that this machine has: chosen once, when a model is loaded.
#[derive(Clone, Copy)]
pub(crate) enum Kernel {
    #[cfg(target_arch = "x86_64")]
    Amx(avx512::Avx512<tiles::Tiles>),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512<()>),
    #[cfg(target_arch = "x86_64")]
    AvxVnni(avx2::Avx2<true>),
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2<false>),
    Portable(portable::Portable),
}

/// Does `$body` with `$isa` being the instructions of `$kernel`.
macro_rules! with_isa {
    ($kernel:expr, $isa:ident => $body:expr) => {
        match $kernel {
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Kernel::Amx($isa) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Kernel::Avx512($isa) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Kernel::AvxVnni($isa) => $body,
            #[cfg(target_arch = "x86_64")]
            $crate::kernel::Kernel::Avx2($isa) => $body,
            $crate::kernel::Kernel::Portable($isa) => $body,
        }
    };
}
pub(crate) use with_isa;

impl Kernel {
    /// Every path that this machine can run, the fastest first.
    pub(crate) fn available() -> Vec<Self> {
        let mut kernels = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            kernels.extend(avx512::Avx512::detect_with_tiles().map(Self::Amx));
            kernels.extend(avx512::Avx512::detect().map(Self::Avx512));
            kernels.extend(avx2::Avx2::detect().map(Self::AvxVnni));
            kernels.extend(avx2::Avx2::detect().map(Self::Avx2));
        }
        kernels.push(Self::Portable(portable::Portable));
        kernels
    }

    /// The best one, or the one that `COGNATE_KERNEL` names.
    pub(crate) fn from_environment() -> Result<Self, EmbedError> {
        let mut available = Self::available();
        let Some(name) = std::env::var_os("COGNATE_KERNEL").filter(|name| !name.is_empty()) else {
            return Ok(available.swap_remove(0));
        };
        if let Some(kernel) = available.iter().find(|kernel| name.to_str() == Some(kernel.name())) {
            return Ok(*kernel);
        }
        let names: Vec<&str> = available.into_iter().map(Self::name).collect();
        Err(EmbedError::Kernel { found: name.to_string_lossy().into_owned(), available: names.join(", ") })
    }

    /// As it is called in `COGNATE_KERNEL`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Amx(_) => "amx",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512(_) => "avx512",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni(_) => "avxvnni",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2(_) => "avx2",
            Self::Portable(_) => "portable",
        }
    }

    /// How many 8-bit numbers this path multiplies in a word of 32 bits.
    pub(crate) fn group8(self) -> usize {
        fn of<S: Isa>(_isa: S) -> usize {
            S::GROUP8
        }
        with_isa!(self, isa => of(isa))
    }
}
