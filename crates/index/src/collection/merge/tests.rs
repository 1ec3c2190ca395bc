use super::*;

fn sized(sizes: &[(usize, usize)]) -> Vec<Sized> {
    (1..).zip(sizes).map(|(number, &(n, n_live))| Sized { number, n, n_live }).collect()
}

#[test]
fn four_of_like_size_are_merged_and_one_with_many_dead_is_rewritten() {
    let check = |sizes: &[(usize, usize)], max_rows, expected: &[u64]| {
        assert_eq!(due(&sized(sizes), max_rows), expected, "{sizes:?}");
    };
    let alive = |n: usize| (n, n);
    check(&[], 1_000_000, &[]);
    check(&[alive(100_000), alive(5_000), alive(5_000), alive(9_000)], 1_000_000, &[]);
    check(
        &[alive(100_000), alive(5_000), alive(5_000), alive(9_000), alive(7_000)],
        1_000_000,
        &[2, 3, 5, 4],
    );
    check(&[alive(5_000), alive(5_000), alive(5_000), alive(5_000)], 15_000, &[]);
    check(&[alive(100_000), (10_000, 8_000)], 1_000_000, &[]);
    check(&[alive(100_000), (10_000, 7_999)], 1_000_000, &[2]);
    check(&[alive(100_000), (10_000, 7_999)], 7_000, &[]);
    check(&[(10, 0), alive(100_000)], 1_000_000, &[1]);
}
