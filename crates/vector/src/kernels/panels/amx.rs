//! Products with panels by AMX: 32 rows with 32 of the panels' at a time, in registers that hold sixteen rows of 64 bytes.
//!
//! Rows and panels lie in memory as these registers take them. The instructions are written as assembly, because
//! Rust's intrinsics for them are not stable. Linux lets a process use the registers only once it has asked to.
#![allow(unsafe_code, reason = "assembly, and a system call")]

use std::arch::asm;
use std::arch::x86_64::__cpuid_count;
use std::sync::OnceLock;

use super::{Asked, Hit, Panels, WIDTH, put};

/// Rows, and rows of panels, that are multiplied at once: two registers of each.
pub(super) const SIDE: usize = 2 * WIDTH;

/// Proof that this machine has AMX with 8-bit products, and that the system lets this process use it.
#[derive(Clone, Copy)]
pub(super) struct Tiles(());

/// The registers, where they are; they are asked for once.
pub(super) fn tiles() -> Option<Tiles> {
    static TILES: OnceLock<Option<Tiles>> = OnceLock::new();
    *TILES.get_or_init(|| {
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
        (refused == 0).then_some(Tiles(()))
    })
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

/// The sums of 32 rows with two panels.
#[repr(C, align(64))]
struct Sums([[[i32; WIDTH]; 2]; SIDE]);

impl Tiles {
    /// Multiplies as many rows and panels as fill all registers, and says how many these are: the first rows, with the
    /// first panels.
    pub(super) fn at_least(self, panels: &Panels, asked: &Asked<'_>, found: &mut Vec<Hit>) -> (usize, usize) {
        let n_rows = asked.bars.len() / SIDE * SIDE;
        let n_panels = panels.n_panels() / 2 * 2;
        if n_rows == 0 || n_panels == 0 {
            return (0, 0);
        }
        let stride = asked.stride;
        let mut sums = Sums([[[0; WIDTH]; 2]; SIDE]);
        // SAFETY: `self` is the proof that there are such registers; the shape is one that they can have.
        unsafe { asm!("ldtilecfg [{}]", in(reg) &raw const SHAPE, options(nostack, readonly)) };
        // Panels stay in the cache nearest to the core while all rows pass by them.
        for panel in (0..n_panels).step_by(2) {
            for row in (0..n_rows).step_by(SIDE) {
                self.products(&asked.rows[row * stride..(row + SIDE) * stride], (panels, panel), &mut sums);
                for (r, (of_row, bar)) in sums.0.iter().zip(&asked.bars[row..]).enumerate() {
                    for (p, of_panel) in of_row.iter().enumerate() {
                        // Vectorised by the compiler.
                        if of_panel.iter().fold(false, |any, sum| any | (*sum >= bar.sum)) {
                            put(panels, (row + r, panel + p), (of_panel, *bar), found);
                        }
                    }
                }
            }
        }
        // SAFETY: the registers exist; nobody else uses them.
        unsafe { asm!("tilerelease", options(nomem, nostack)) };
        (n_rows, n_panels)
    }

    /// The sums of 32 rows with two panels. The registers must have their shape.
    fn products(self, rows: &[i8], (panels, panel): (&Panels, usize), sums: &mut Sums) {
        let (left, right) = (panels.panel(panel), panels.panel(panel + 1));
        let stride = panels.stride;
        // The stride is a multiple of 64, the bytes of a row of a register.
        assert!(
            rows.len() == SIDE * stride
                && 4 * left.len() == stride
                && left.len() == right.len()
                && stride > 0
        );
        let upper = rows.as_ptr();
        // SAFETY: 32 rows of `stride` bytes, and two panels of as many lines of 64 bytes as a row has fours, are read, 64
        // bytes of a row and sixteen lines a step: the assertion found them; 32 rows of sums are written.
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
                "tdpbsud tmm0, tmm4, tmm6",
                "tdpbsud tmm1, tmm4, tmm7",
                "tdpbsud tmm2, tmm5, tmm6",
                "tdpbsud tmm3, tmm5, tmm7",
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
                lower = inout(reg) upper.add(WIDTH * stride) => _,
                left = inout(reg) left.as_ptr() => _,
                right = inout(reg) right.as_ptr() => _,
                n = inout(reg) stride / 64 => _,
                stride = in(reg) stride,
                line = in(reg) 64_usize,
                sums = in(reg) &raw mut sums.0,
                options(nostack),
            );
        }
    }
}

const _: () = assert!(WIDTH * size_of::<i32>() == 64 && size_of::<Shape>() == 64);
