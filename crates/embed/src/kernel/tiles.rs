//! 8-bit products by AMX: 32 rows with 32 columns at a time, in registers that hold sixteen rows of 64 bytes.
//!
//! Rows and panels lie in memory as these registers take them, so they are loaded as they are. The instructions
//! are written as assembly, because Rust's intrinsics for them are not stable. Linux lets a process use the
//! registers only once it has asked to.
#![allow(unsafe_code, reason = "assembly, and a system call")]

use super::gemm::{Epilogue, Int8, Panels, Rows};
use super::isa::Isa;
use super::lanes::LANES;

/// Words of a row that one instruction takes: 64 numbers of 8 bits.
const DEPTH: usize = 16;

/// Rows of a register.
const ROWS: usize = 16;

/// Whether these registers can be loaded with all of these: whole registers, so the rows must be followed by as
/// many more as make a multiple of sixteen, whatever is in them.
pub(super) fn take(rows: Rows<'_, i32>, panels: Panels<'_, i32>) -> bool {
    let n_loaded = rows.n_rows.next_multiple_of(ROWS);
    panels.depth.is_multiple_of(DEPTH)
        && rows.stride >= panels.depth
        && rows.words.len() >= n_loaded * rows.stride
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
pub(crate) use linux::Tiles;

/// Proof of what other systems have not.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[derive(Clone, Copy)]
pub(crate) enum Tiles {}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
impl Tiles {
    pub(super) fn multiply<S: Isa>(
        self,
        _: S,
        _: Rows<'_, i32>,
        _: Panels<'_, i32>,
        _: &mut impl Epilogue<Int8>,
    ) {
        match self {}
    }
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
mod linux {
    use std::arch::asm;
    use std::arch::x86_64::__cpuid_count;

    use super::super::lanes::Lanes;
    use super::*;

    /// Columns of two panels, for two registers of rows.
    type Sums = [[Lanes<i32>; 2]; 2 * ROWS];

    /// Proof that this machine has AMX with 8-bit products, and that the system lets this process use it.
    #[derive(Clone, Copy)]
    pub(crate) struct Tiles(());

    impl Tiles {
        pub(crate) fn detect() -> Option<Self> {
            const AMX_TILE: u32 = 1 << 24;
            const AMX_INT8: u32 = 1 << 25;
            const ARCH_REQ_XCOMP_PERM: libc::c_ulong = 0x1023;
            const XTILEDATA: libc::c_ulong = 18;
            let found = __cpuid_count(7, 0).edx;
            if found & AMX_TILE == 0 || found & AMX_INT8 == 0 {
                return None;
            }
            // SAFETY: asks for a permission; nothing in memory is read or written.
            let refused = unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XTILEDATA) };
            (refused == 0).then_some(Self(()))
        }

        /// Computes every row with every panel.
        #[inline(always)]
        pub(in super::super) fn multiply<S: Isa>(
            self,
            isa: S,
            rows: Rows<'_, i32>,
            panels: Panels<'_, i32>,
            epilogue: &mut impl Epilogue<Int8>,
        ) {
            let n_panels = panels.words.len() / panels.depth;
            let mut sums: Sums = [[Lanes::ZERO; 2]; 2 * ROWS];
            // SAFETY: `self` is the proof that there are such registers; the shape is one that they can have.
            unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPE, options(nostack, readonly)) };
            // Panels stay in the cache nearest to the core while all rows pass by them.
            for panel in (0..n_panels).step_by(2) {
                let pair = [panel, (panel + 1).min(n_panels - 1)].map(|panel| panels.panel(panel));
                for start in (0..rows.n_rows).step_by(2 * ROWS) {
                    let rows = rows.from(start);
                    products(rows, pair, &mut sums);
                    for i in 0..rows.n_rows.min(2 * ROWS) {
                        for j in 0..(n_panels - panel).min(2) {
                            epilogue.put(isa, start + i, panel + j, isa.load_i(&sums[i][j]));
                        }
                    }
                }
            }
            // SAFETY: the registers exist; nobody else uses them.
            unsafe { asm!("tilerelease", options(nomem, nostack)) };
        }
    }

    /// What each register holds, as the processor reads it.
    #[repr(C, align(64))]
    struct Shape {
        palette: u8,
        start_row: u8,
        reserved: [u8; 14],
        row_bytes: [u16; 16],
        n_rows: [u8; 16],
    }

    /// Registers 0 to 3 are sums, 4 and 5 rows, 6 and 7 panels: sixteen rows of 64 bytes each.
    static SHAPE: Shape = Shape {
        palette: 1,
        start_row: 0,
        reserved: [0; 14],
        row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
        n_rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
    };

    /// The sums of the first 32 rows with two panels, or of sixteen where there are no more. The registers must
    /// have their shape.
    #[inline(always)]
    fn products(rows: Rows<'_, i32>, [left, right]: [&[Lanes<i32>]; 2], sums: &mut Sums) {
        let depth = left.len();
        let n_loaded = rows.n_rows.next_multiple_of(ROWS).min(2 * ROWS);
        assert!(depth > 0 && depth.is_multiple_of(DEPTH) && right.len() == depth && rows.stride >= depth);
        assert!(rows.words.len() >= n_loaded * rows.stride);
        let upper = rows.words.as_ptr();
        if n_loaded > ROWS {
            // SAFETY: `n_loaded` rows of `depth` words, and two panels, are read: the assertions found them; 32 rows of
            // sums are written.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm6, [{left} + {line}]",
                    "tileloadd tmm4, [{upper} + {stride}]",
                    "tileloadd tmm7, [{right} + {line}]",
                    "tileloadd tmm5, [{lower} + {stride}]",
                    "tdpbusd tmm0, tmm4, tmm6",
                    "tdpbusd tmm1, tmm4, tmm7",
                    "tdpbusd tmm2, tmm5, tmm6",
                    "tdpbusd tmm3, tmm5, tmm7",
                    "add {upper}, 64",
                    "add {lower}, 64",
                    "add {left}, 1024",
                    "add {right}, 1024",
                    "dec {n}",
                    "jnz 2b",
                    "tilestored [{sums} + 2*{line}], tmm0",
                    "tilestored [{sums} + 2*{line} + 64], tmm1",
                    "tilestored [{sums} + 2*{line} + 2048], tmm2",
                    "tilestored [{sums} + 2*{line} + 2112], tmm3",
                    upper = inout(reg) upper => _,
                    lower = inout(reg) upper.add(ROWS * rows.stride) => _,
                    left = inout(reg) left.as_ptr() => _,
                    right = inout(reg) right.as_ptr() => _,
                    n = inout(reg) depth / DEPTH => _,
                    stride = in(reg) rows.stride * size_of::<i32>(),
                    line = in(reg) 64_usize,
                    sums = in(reg) sums.as_mut_ptr(),
                    options(nostack),
                );
            }
        } else {
            // SAFETY: as above, with sixteen rows.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "2:",
                    "tileloadd tmm6, [{left} + {line}]",
                    "tileloadd tmm4, [{upper} + {stride}]",
                    "tileloadd tmm7, [{right} + {line}]",
                    "tdpbusd tmm0, tmm4, tmm6",
                    "tdpbusd tmm1, tmm4, tmm7",
                    "add {upper}, 64",
                    "add {left}, 1024",
                    "add {right}, 1024",
                    "dec {n}",
                    "jnz 2b",
                    "tilestored [{sums} + 2*{line}], tmm0",
                    "tilestored [{sums} + 2*{line} + 64], tmm1",
                    upper = inout(reg) upper => _,
                    left = inout(reg) left.as_ptr() => _,
                    right = inout(reg) right.as_ptr() => _,
                    n = inout(reg) depth / DEPTH => _,
                    stride = in(reg) rows.stride * size_of::<i32>(),
                    line = in(reg) 64_usize,
                    sums = in(reg) sums.as_mut_ptr(),
                    options(nostack),
                );
            }
        }
    }

    const _: () = assert!(LANES == ROWS && LANES * size_of::<i32>() == 64 && size_of::<Shape>() == 64);
}
