use super::*;

fn numbers(seed: u32) -> impl FnMut() -> f32 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// A row, its slope and its offset.
type Row = (Vec<f32>, (f16, f16));

/// Rows, and their block.
fn block(stride: usize, n_rows: usize, seed: u32) -> (Vec<Row>, Vec<u8>) {
    let mut next = numbers(seed);
    let mut row = || -> Row {
        let components = (0..stride).map(|_| next()).collect();
        (components, (f16::from_f32(0.05 + 0.01 * next()), f16::from_f32(next())))
    };
    let rows: Vec<Row> = (0..n_rows).map(|_| row()).collect();
    let mut bytes = vec![7; SignBlock::len_for(stride)];
    let mut block = SignBlockMut::cleared(&mut bytes);
    for (row, (components, factors)) in rows.iter().enumerate() {
        block.set(row, components, *factors);
    }
    (rows, bytes)
}

#[test]
fn rows_reach_what_their_signs_and_factors_say() {
    for (stride, n_rows) in [(64, 32), (384, 32), (448, 5), (1024, 31)] {
        let (rows, bytes) = block(stride, n_rows, stride as u32);
        let mut next = numbers(9);
        let query: Vec<f32> = (0..stride).map(|_| next()).collect();
        let table = SignTable::new(&query);
        let about: Vec<f32> = rows
            .iter()
            .map(|(row, (slope, offset))| {
                let signs = row.iter().map(|&component| if component > 0.0 { 1.0 } else { -1.0 });
                let sum: f32 = query.iter().zip(signs).map(|(c, sign)| c * sign).sum();
                0.5 + slope.to_f32() * (sum + 0.25) + offset.to_f32()
            })
            .collect();
        for bar in [-1.0, -0.3, 0.2, 0.9, 2.0] {
            let found = table.reaching(SignBlock::new(&bytes), Reach { here: 0.5, slack: 0.25, bar });
            for row in 0..SIGN_ROWS {
                // A component of the query is rounded to a thirty-first of the largest.
                match about.get(row) {
                    Some(about) if (about - bar).abs() < 0.1 => {}
                    Some(about) => assert_eq!(found >> row & 1 == 1, *about > bar, "{stride} {row} {bar}"),
                    None => assert_eq!(found >> row & 1, 0, "a row that was not set"),
                }
            }
        }
    }
}

#[test]
fn all_levels_agree() {
    for stride in [64, 384, 1024] {
        let (_, bytes) = block(stride, 30, 3);
        let block = SignBlock::new(&bytes);
        let mut next = numbers(4);
        for scale in [1.0, 0.0, 1e-30] {
            let query: Vec<f32> = (0..stride).map(|_| scale * next()).collect();
            let table = SignTable::new(&query);
            for step in -20_i16..20 {
                let reach = Reach { here: next(), slack: next(), bar: f32::from(step) / 10.0 };
                let expected = portable_reaching(&table, block, reach);
                assert_eq!(table.reaching(block, reach), expected);
                #[cfg(target_arch = "x86_64")]
                #[allow(unsafe_code, reason = "each is called where the processor has its instructions")]
                {
                    use super::super::x86::{Level, detect};
                    if detect() >= Level::Avx2 {
                        // SAFETY: `detect` has seen AVX2 and F16C.
                        assert_eq!(unsafe { x86::reaching_avx2(&table, block, reach) }, expected);
                    }
                    if x86::has_avx512() {
                        // SAFETY: as was just asked.
                        assert_eq!(unsafe { x86::reaching_avx512(&table, block, reach) }, expected);
                    }
                }
            }
        }
    }
}
