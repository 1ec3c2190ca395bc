//! Functions of sixteen numbers, as polynomials.

use super::isa::Isa;

/// `c[0] + c[1] x + …`.
#[inline(always)]
fn polynomial<S: Isa, const N: usize>(isa: S, x: S::F, c: [f32; N]) -> S::F {
    let mut y = isa.splat(c[N - 1]);
    for i in (0..N - 1).rev() {
        y = isa.mul_add(y, x, isa.splat(c[i]));
    }
    y
}

/// `2^x`, to 3e-7 of itself, for x of at most 127; below -126 what it gives for -126, `1e-38`.
#[inline(always)]
pub(crate) fn exp2<S: Isa>(isa: S, x: S::F) -> S::F {
    // Minimax on [-0.5, 0.5] for the relative error.
    const C: [f32; 6] = [1.0, 0.693_146_94, 0.240_221_2, 0.055_507_13, 0.009_675_541, 0.001_327_647_1];
    let x = isa.max(x, isa.splat(-126.0));
    let n = isa.round(x);
    let fraction = isa.sub(x, isa.to_f32(n));
    isa.scale_exponent(polynomial(isa, fraction, C), n)
}

/// What the feed-forward layers apply element by element.
pub(crate) trait Activate: Copy {
    fn activate<S: Isa>(self, isa: S, x: S::F) -> S::F;
}

/// `x Φ(x)`, Φ being the normal distribution: off by 2e-6 at most.
#[derive(Clone, Copy)]
pub(crate) struct Gelu;

impl Activate for Gelu {
    #[inline(always)]
    fn activate<S: Isa>(self, isa: S, x: S::F) -> S::F {
        // Eigen's rational approximation of erf on [-4, 4] (`generic_fast_erf_float`); the √½ of its
        // argument and the ½ before it are in the coefficients.
        const HALF: f64 = 0.5;
        const P: [f32; 7] = {
            const ALPHA: [f64; 7] = [
                -1.609_603_332_624_15e-2,
                -2.954_599_808_540_25e-3,
                -7.349_906_303_068_55e-4,
                -5.692_506_394_623_46e-5,
                -2.101_024_020_825_08e-6,
                2.770_681_424_959_02e-8,
                -2.726_142_258_013_06e-10,
            ];
            halved(ALPHA, HALF * std::f64::consts::FRAC_1_SQRT_2)
        };
        const Q: [f32; 5] = {
            const BETA: [f64; 5] = [
                -1.426_473_905_141_89e-2,
                -7.373_329_167_204_68e-3,
                -1.682_826_974_382_03e-3,
                -2.133_740_552_789_05e-4,
                -1.456_607_184_649_96e-5,
            ];
            halved(BETA, 1.0)
        };
        // 4 √2; beyond it erf is 1.
        let inside = isa.max(isa.min(x, isa.splat(5.656_854)), isa.splat(-5.656_854));
        let square = isa.mul(inside, inside);
        let p = isa.mul(inside, polynomial(isa, square, P));
        let phi = isa.add(isa.splat(0.5), isa.div(p, polynomial(isa, square, Q)));
        isa.mul(x, phi)
    }
}

/// Coefficient i times `factor / 2^i`.
const fn halved<const N: usize>(c: [f64; N], mut factor: f64) -> [f32; N] {
    let mut out = [0.0; N];
    let mut i = 0;
    while i < N {
        out[i] = (c[i] * factor) as f32;
        factor *= 0.5;
        i += 1;
    }
    out
}

/// GELU through its tanh approximation: `x / (1 + exp(-2 √(2/π) (x + 0.044715 x³)))`.
#[derive(Clone, Copy)]
pub(crate) struct GeluTanh;

impl Activate for GeluTanh {
    #[inline(always)]
    fn activate<S: Isa>(self, isa: S, x: S::F) -> S::F {
        // -2 √(2/π) log2(e), and that times 0.044715.
        let square = isa.mul(x, x);
        let factor = isa.mul_add(square, isa.splat(-0.102_943_24), isa.splat(-2.302_208_2));
        let exponent = isa.min(isa.mul(x, factor), isa.splat(126.0));
        isa.div(x, isa.add(isa.splat(1.0), exp2(isa, exponent)))
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Relu;

impl Activate for Relu {
    #[inline(always)]
    fn activate<S: Isa>(self, isa: S, x: S::F) -> S::F {
        isa.max(x, isa.splat(0.0))
    }
}
