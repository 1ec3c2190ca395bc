use super::*;

fn sized(sizes: &[(usize, usize)]) -> Vec<Sized> {
    (1..).zip(sizes).map(|(number, &(n, n_live))| Sized { number, n, n_live, lacks_graph: false }).collect()
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

#[test]
fn no_more_than_four_stay() {
    let sizes = [1_000_000, 1_800, 40_000, 200_000, 9_000].map(|n| (n, n));
    assert_eq!(due(&sized(&sizes), 10_800), [2, 5]);
    assert!(due(&sized(&sizes), 10_799).is_empty() && due(&sized(&sizes[..4]), 1_000_000).is_empty());
    let with_sixth = [&sizes[..], &[(300, 300)]].concat();
    assert_eq!(due(&sized(&with_sixth), 2_000_000), [6, 2, 5]);
}

#[test]
fn what_was_spilled_gets_a_graph_with_what_is_small() {
    let mut segments = sized(&[(50_000, 50_000), (300_000, 300_000), (200_000, 199_000), (900, 900)]);
    segments[1].lacks_graph = true;
    segments[2].lacks_graph = true;
    assert_eq!(due(&segments, 1_000_000), [3, 2, 4]);
    assert_eq!(due(&segments, 499_500), [3, 2]);
    assert_eq!(due(&segments, 250_000), [3]);
    assert_eq!(due(&segments, 100), [3], "however small the budget is");
}

/// Daily arrivals over a large segment: each maintenance ends, few segments stay, and rows are written a few times.
#[test]
fn arrivals_end_in_few_segments() {
    let mut segments = sized(&[(100_000, 100_000)]);
    let mut n_written = 0;
    for number in (10..).step_by(10).take(40) {
        segments.extend([Sized { number, n: 5_000, n_live: 5_000, lacks_graph: false }]);
        for step in 1_u64.. {
            let numbers = due(&segments, 1_000_000);
            if numbers.is_empty() {
                break;
            }
            assert!(step < 5);
            let (merged, kept): (Vec<Sized>, Vec<Sized>) =
                segments.iter().partition(|segment| numbers.contains(&segment.number));
            let n: usize = merged.iter().map(|segment| segment.n).sum();
            n_written += n;
            segments = kept;
            segments.push(Sized { number: number + step, n, n_live: n, lacks_graph: false });
        }
        assert!(segments.len() <= MAX_SEGMENTS, "{segments:?}");
    }
    assert_eq!(segments.iter().map(|segment| segment.n).sum::<usize>(), 300_000);
    assert!(n_written < 10 * 200_000, "{n_written} rows written for 200,000");
}
