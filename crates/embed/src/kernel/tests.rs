//! Each path against plain arithmetic.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::gemm::{Epilogue, Int16, Panels, Product, Rows, multiply, multiply8};
use super::isa::Stage;
use super::math::Activate;
use super::quantize::{Identity, QuantizeRows, Quantized};
use super::rotation::{RotateRows, Rotation};
use super::rows::{Norm, NormRows};
use super::*;

/// Sums as they are, `[n_rows][n_panels]` lanes.
struct Raw<W> {
    sums: Vec<Lanes<W>>,
    n_panels: usize,
}

impl<P: Product> Epilogue<P> for Raw<P::Word> {
    #[inline(always)]
    fn put<S: Isa>(&mut self, isa: S, row: usize, panel: usize, sums: P::Sums<S>) {
        P::store(isa, sums, &mut self.sums[row * self.n_panels + panel]);
    }
}

/// Rows of 8-bit numbers, `[n_rows, n_in]`, through a packed layer: the sums, `[n_rows, n_out]` and padding.
struct Products8<'a> {
    layer: &'a LinearInt8,
    rows: &'a [Vec<u8>],
}

impl Stage for Products8<'_> {
    type Output = Vec<Vec<i32>>;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> Self::Output {
        let Panels { words: panels, depth } = self.layer.panels();
        let group = LANES / S::GROUP8;
        let mut words = vec![0; self.rows.len().next_multiple_of(LANES) * depth];
        for (row, words) in self.rows.iter().zip(words.chunks_exact_mut(depth)) {
            for (numbers, words) in row.chunks(LANES).zip(words.chunks_exact_mut(group)) {
                let mut lanes = Lanes::ZERO;
                for (to, &number) in lanes.0.iter_mut().zip(numbers) {
                    *to = i32::from(number);
                }
                isa.store8(isa.load_i(&lanes), words);
            }
        }
        let n_panels = panels.len() / depth;
        let mut raw = Raw { sums: vec![Lanes::ZERO; self.rows.len() * n_panels], n_panels };
        let rows = Rows { words: &words, stride: depth, n_rows: self.rows.len() };
        multiply8(isa, rows, Panels { words: panels, depth }, &mut raw);
        raw.sums.chunks_exact(n_panels).map(|row| flat(row).to_vec()).collect()
    }
}

/// 16-bit numbers, `[n_rows, n_in]`, with 16-bit numbers, `[n_out, n_in]`, in pairs.
struct Products16<'a> {
    rows: &'a [Vec<i16>],
    columns: &'a [Vec<i16>],
}

impl Stage for Products16<'_> {
    type Output = Vec<Vec<i32>>;

    #[inline(always)]
    fn run<S: Isa>(self, isa: S) -> Self::Output {
        let width = lanes_for(self.rows[0].len());
        let depth = width * LANES / 2;
        let words_of = |numbers: &[i16]| {
            let mut words = vec![0; depth];
            for (numbers, words) in numbers.chunks(LANES).zip(words.chunks_exact_mut(LANES / 2)) {
                let mut lanes = Lanes::ZERO;
                for (to, &number) in lanes.0.iter_mut().zip(numbers) {
                    *to = i32::from(number);
                }
                isa.store16(isa.load_i(&lanes), words);
            }
            words
        };
        let words: Vec<i32> = self.rows.iter().flat_map(|row| words_of(row)).collect();
        let n_panels = lanes_for(self.columns.len());
        let mut panels = vec![Lanes::ZERO; n_panels * depth];
        for (out, column) in self.columns.iter().enumerate() {
            for (k, word) in words_of(column).into_iter().enumerate() {
                panels[out / LANES * depth + k].0[out % LANES] = word;
            }
        }
        let mut raw = Raw { sums: vec![Lanes::ZERO; self.rows.len() * n_panels], n_panels };
        let rows = Rows { words: &words, stride: depth, n_rows: self.rows.len() };
        multiply(isa, Int16, rows, Panels { words: &panels, depth }, &mut raw);
        raw.sums.chunks_exact(n_panels).map(|row| flat(row).to_vec()).collect()
    }
}

type Matrix<T> = Vec<Vec<T>>;

/// Rows, `[n_rows, n_in]`, of numbers of `a`, and weights, `[n_out, n_in]`, of numbers of `b`.
fn shapes<A, B>(a: A, b: B) -> impl Strategy<Value = (Matrix<A::Value>, Matrix<B::Value>)>
where
    A: Strategy + Clone,
    B: Strategy + Clone,
{
    (1..30_usize, 1..150_usize, 1..100_usize).prop_flat_map(move |(n_rows, n_in, n_out)| {
        let rows = prop::collection::vec(prop::collection::vec(a.clone(), n_in), n_rows);
        let weights = prop::collection::vec(prop::collection::vec(b.clone(), n_in), n_out);
        (rows, weights)
    })
}

/// Compares the products on every path with plain arithmetic. The largest weight of each output must be 127, so
/// that its scale is 1.
fn check_products_in_8_bits(rows: &[Vec<u8>], weights: &[Vec<i32>]) -> Result<(), TestCaseError> {
    let product =
        |row: &[u8], weights: &[i32]| row.iter().zip(weights).map(|(&x, &w)| i32::from(x) * w).sum();
    let expected: Vec<Vec<i32>> =
        rows.iter().map(|row| weights.iter().map(|weights| product(row, weights)).collect()).collect();
    let dense = Dense {
        n_in: weights[0].len(),
        n_out: weights.len(),
        weight: weights.iter().flatten().map(|&w| w as f32).collect(),
        bias: vec![0.0; weights.len()],
    };
    for kernel in Kernel::available() {
        let layer = LinearInt8::pack(&dense, Rotation::NONE, kernel);
        let found = with_isa!(kernel, isa => isa.run(Products8 { layer: &layer, rows }));
        for (found, expected) in found.iter().zip(&expected) {
            prop_assert_eq!(&found[..expected.len()], &expected[..], "{}", kernel.name());
            prop_assert!(found[expected.len()..].iter().all(|&x| x == 0));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn products_in_8_bits_are_exact_on_every_path(
        (rows, mut weights) in shapes(prop_oneof![Just(255_u8), any::<u8>()], prop_oneof![
            Just(-127_i32), Just(127), -127..=127_i32
        ]),
    ) {
        // The largest weight of an output is then 127, and its scale 1.
        weights.iter_mut().for_each(|row| row[0] = 127);
        check_products_in_8_bits(&rows, &weights)?;
    }

    /// Deep enough for tiles, where a path has them, with rows and panels that fill them and that do not.
    #[test]
    fn products_in_8_bits_are_exact_in_tiles(
        n_rows in 1..80_usize, depth in 1..4_usize, n_out in 1..100_usize, seed in any::<u64>(),
    ) {
        let mut numbers = StdRng::seed_from_u64(seed);
        let mut row = |_| (0..depth * 64).map(|_| numbers.random()).collect();
        let rows: Vec<Vec<u8>> = (0..n_rows).map(&mut row).collect();
        let weight = |number: u8| i32::from(number).max(1) - 128;
        let mut weights: Vec<Vec<i32>> =
            (0..n_out).map(|out| row(out).into_iter().map(weight).collect()).collect();
        weights.iter_mut().for_each(|row| row[0] = 127);
        check_products_in_8_bits(&rows, &weights)?;
    }

    #[test]
    fn rotations_are_their_own_inverse_and_the_same_on_every_path(
        row in prop::collection::vec(-8.0_f32..8.0, 1..400), within in any::<bool>(),
    ) {
        let row = padded(&row);
        let width = row.len();
        let rotation = if within { Rotation::full(width) } else { Rotation::across(width) };
        let rotated = |kernel, times| {
            let mut rows = row.clone();
            for _ in 0..times {
                with_isa!(kernel, isa => isa.run(RotateRows { rotation, rows: &mut rows, width }));
            }
            rows
        };
        let once = rotated(Kernel::available().remove(0), 1);
        for kernel in Kernel::available() {
            let again = rotated(kernel, 1);
            prop_assert_eq!(flat(&again), flat(&once), "{}", kernel.name());
            let twice = rotated(kernel, 2);
            for (twice, x) in flat(&twice).iter().zip(flat(&row)) {
                prop_assert!((twice / rotation.square() - x).abs() < 1e-4, "{}", kernel.name());
            }
        }
        // What multiplies by one number and an orthogonal matrix keeps lengths but for that number.
        let length = |row: &[Lanes<f32>]| flat(row).iter().map(|x| x * x).sum::<f32>();
        let (found, expected) = (length(&once), length(&row) * rotation.square());
        prop_assert!((found - expected).abs() <= 1e-4 * expected, "{} is not {}", found, expected);
    }

    #[test]
    fn products_in_16_bits_are_exact_on_every_path(
        (rows, columns) in shapes(-3500_i16..=3500, -3500_i16..=3500),
    ) {
        for kernel in Kernel::available() {
            let found = with_isa!(kernel, isa => isa.run(Products16 { rows: &rows, columns: &columns }));
            for (found, row) in found.iter().zip(&rows) {
                for (found, column) in found.iter().zip(&columns) {
                    let expected: i32 =
                        row.iter().zip(column).map(|(&x, &y)| i32::from(x) * i32::from(y)).sum();
                    prop_assert_eq!(*found, expected, "{}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn products_in_f32_are_within_rounding_and_take_no_notice_of_other_rows(
        (rows, weights) in shapes(-1.0_f32..1.0, -1.0_f32..1.0),
    ) {
        let (n_in, n_out) = (weights[0].len(), weights.len());
        let bias: Vec<f32> = (0..n_out).map(|out| out as f32 / 8.0).collect();
        let dense = Dense { n_in, n_out, weight: weights.concat(), bias: bias.clone() };
        let layer = LinearF32::pack(&dense);
        let input: Vec<Lanes<f32>> = rows.iter().flat_map(|row| padded(row)).collect();
        let width = lanes_for(n_out);
        for kernel in Kernel::available() {
            let apply = |input: &[Lanes<f32>]| {
                let n_rows = input.len() / lanes_for(n_in);
                let mut rows = vec![Lanes::ZERO; n_rows * width];
                let starts: Vec<usize> = (0..width).collect();
                let output = Output::<false> { lanes: &mut rows, stride: width, starts: &starts };
                with_isa!(kernel, isa => isa.run(ApplyF32 { layer: &layer, input, output }));
                rows
            };
            let together = apply(&input);
            for (i, row) in rows.iter().enumerate() {
                let found = &together[i * width..][..width];
                prop_assert_eq!(&apply(&input[i * lanes_for(n_in)..][..lanes_for(n_in)])[..], found);
                for (out, weights) in weights.iter().enumerate() {
                    let exact: f64 = row.iter().zip(weights).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
                    let found = f64::from(flat(found)[out] - bias[out]);
                    prop_assert!((found - exact).abs() < 1e-4, "{}: {found} {exact}", kernel.name());
                }
            }
        }
    }

    #[test]
    fn quantised_rows_are_within_half_a_step_and_the_same_on_every_path(
        row in prop::collection::vec(-50.0_f32..30.0, 1..100),
    ) {
        let mut expected: Option<(Vec<f32>, f32)> = None;
        for kernel in Kernel::available() {
            let rows = padded(&row);
            let width = rows.len();
            let mut to = Quantized::default();
            let stage = QuantizeRows { activation: Identity, rotation: Rotation::NONE, rows: &rows, width, to: &mut to };
            with_isa!(kernel, isa => isa.run(stage));
            let group = kernel.group8();
            let bits = 32 / group;
            let number = |i: usize| (flat(&to.words)[i / group] >> (i % group * bits)) & ((1 << bits) - 1);
            let values: Vec<f32> =
                (0..row.len()).map(|i| (number(i) - to.zeros[0]) as f32 * to.scales[0]).collect();
            for (value, x) in values.iter().zip(&row) {
                // Half a step for the number, and half for the zero point.
                prop_assert!((value - x).abs() <= to.scales[0] * 1.001, "{}: {value} {x}", kernel.name());
            }
            let found = (values, to.scales[0]);
            prop_assert_eq!(expected.get_or_insert_with(|| found.clone()), &found, "{}", kernel.name());
        }
    }

    #[test]
    fn layer_norm_is_right_at_every_width(row in prop::collection::vec(-5.0_f32..5.0, 2..100)) {
        let n = row.len();
        let mut last = Lanes([1.0; LANES]);
        last.0[n - (lanes_for(n) - 1) * LANES..].fill(0.0);
        let gamma: Vec<f32> = (0..n).map(|i| 1.0 + i as f32 / 64.0).collect();
        let beta: Vec<f32> = (0..n).map(|i| i as f32 / 32.0 - 1.0).collect();
        let norm = Norm { gamma: padded(&gamma), beta: padded(&beta), epsilon: 1e-6, n, last };
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n as f64;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n as f64;
        for kernel in Kernel::available() {
            let mut rows = padded(&row);
            with_isa!(kernel, isa => isa.run(NormRows { norm: &norm, rows: &mut rows }));
            for (i, &x) in flat(&rows).iter().enumerate() {
                let expected = if i < n {
                    let unit = (f64::from(row[i]) - mean) / (variance + 1e-6).sqrt();
                    unit * f64::from(gamma[i]) + f64::from(beta[i])
                } else {
                    0.0
                };
                prop_assert!((f64::from(x) - expected).abs() < 1e-3 * (1.0 + expected.abs()), "{x} {expected}");
            }
        }
    }
}

/// A function of every float from -12 to 12, in steps of 1/512, on every path.
fn check(name: &str, activation: impl Activate, exact: fn(f64) -> f64, tolerance: f64) {
    for kernel in Kernel::available() {
        let points: Vec<f32> = (-12 * 512..12 * 512).map(|i| i as f32 / 512.0).collect();
        let mut rows = padded(&points);
        with_isa!(kernel, isa => isa.run(ActivateRows { activation, rows: &mut rows }));
        for (&x, &y) in points.iter().zip(flat(&rows)) {
            let expected = exact(f64::from(x));
            let error = (f64::from(y) - expected).abs();
            assert!(error < tolerance, "{name}, {}: f({x}) = {y}, expected {expected}", kernel.name());
        }
    }
}

/// `erf` by its series, and as 1 where that would lose all digits.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

#[test]
fn activations_are_the_functions_that_they_stand_for() {
    #[derive(Clone, Copy)]
    struct Exp2;
    impl Activate for Exp2 {
        #[inline(always)]
        fn activate<S: Isa>(self, isa: S, x: S::F) -> S::F {
            math::exp2(isa, x)
        }
    }
    check("relu", Relu, |x| x.max(0.0), 1e-30);
    check("gelu", Gelu, |x| 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)), 3e-6);
    check(
        "gelu_tanh",
        GeluTanh,
        |x| 0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3))).tanh()),
        3e-6,
    );
    // Up to 4096, of which it may be off by 3e-7.
    check("2^x", Exp2, f64::exp2, 1.2e-3);
}
