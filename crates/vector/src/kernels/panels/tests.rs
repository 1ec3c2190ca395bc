use super::super::dot_i8;
use super::*;

/// Rows of any numbers, and such of the extremes.
fn matrix(n_rows: usize, stride: usize, seed: u32) -> Vec<i8> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as i8
    };
    let mut matrix: Vec<i8> = (0..n_rows * stride).map(|_| next()).collect();
    for (row, extreme) in matrix.chunks_exact_mut(stride).zip([-128, 127]) {
        row.fill(extreme);
    }
    matrix
}

/// What `at_least` must find, product by product.
fn by_rows(columns: &[i8], rows: &[i8], stride: usize, bar: i32) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (row, a) in (0..).zip(rows.chunks_exact(stride)) {
        for (column, b) in (0..).zip(columns.chunks_exact(stride)) {
            let dot = dot_i8(a, b);
            if dot >= bar {
                hits.push(Hit { row, column, dot });
            }
        }
    }
    hits
}

/// Every kernel that this processor has finds the same pairs as one product after the other.
#[test]
fn tiles_find_what_rows_find() {
    for (stride, n_rows, n_columns) in
        [(64, 1, 1), (128, 13, 70), (384, 20, 64), (1024, 7, 33), (128, 70, 100)]
    {
        let (rows, columns) = (matrix(n_rows, stride, 1), matrix(n_columns, stride, 2));
        let mut panels = Panels::default();
        // What was there before leaves nothing behind.
        panels.pack(&matrix(90, 64, 3), 64);
        panels.pack(&columns, stride);
        for bar in [i32::MIN, -50_000, 0, 1, 60_000, i32::MAX] {
            let expected = by_rows(&columns, &rows, stride, bar);
            let check = |name: &str, found: &dyn Fn(&mut Vec<Hit>)| {
                let mut hits = Vec::new();
                found(&mut hits);
                hits.sort_unstable();
                assert_eq!(hits, expected, "{name}: {n_rows} by {n_columns} of {stride} from {bar}");
            };
            let bars: Vec<Bar> = rows.chunks_exact(stride).map(|row| Bar::new(row, bar)).collect();
            let area = Area { rows: 0..n_rows, panels: 0..panels.n_panels() };
            let asked = Asked { rows: &rows, stride, bars: &bars, area };
            check("chosen", &|hits| panels.at_least(&rows, bar, hits));
            check("portable", &|hits| portable_at_least(&panels, &asked, hits));
            #[cfg(target_arch = "x86_64")]
            for level in super::super::x86::levels() {
                check(&format!("{level:?}"), &|hits| {
                    x86::at_least_on(level, &panels, &asked, hits);
                });
            }
        }
    }
}

#[test]
fn nothing_is_found_among_nothing() {
    let mut hits = Vec::new();
    Panels::default().at_least(&[1; 64], i32::MIN, &mut hits);
    let mut panels = Panels::default();
    panels.pack(&[1; 64], 64);
    panels.at_least(&[], i32::MIN, &mut hits);
    assert_eq!(hits, []);
}
