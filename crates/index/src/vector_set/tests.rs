use std::collections::BTreeMap;

use cognate_vector::Scored;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;
use crate::matrix::cosine;
use crate::testing::{clustered, coarse, numbered, vector};

/// Scores every row of the model and sorts: what each search must equal.
fn brute_force(model: &BTreeMap<u32, UnitVector>, query: &UnitVector) -> Vec<Scored> {
    let mut all: Vec<Scored> = model
        .iter()
        .map(|(&row, vector)| Scored { row, score: cosine(query.as_slice(), vector.as_slice()) })
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    all
}

fn best_with_ties(all: &[Scored], top_k: usize) -> Vec<Scored> {
    let Some(last) = top_k.min(all.len()).checked_sub(1) else {
        return Vec::new();
    };
    all.iter().filter(|hit| hit.score >= all[last].score).copied().collect()
}

fn check_all_searches(set: &VectorSet, model: &BTreeMap<u32, UnitVector>, query: &UnitVector) {
    let all = brute_force(model, query);
    for top_k in [0, 1, 3, 10, all.len(), usize::MAX] {
        assert_eq!(set.search(query, top_k).unwrap(), best_with_ties(&all, top_k), "top {top_k}");
    }
    for min_score in [-1.0, 0.0, 0.5, 1.0, f32::NAN] {
        let expected: Vec<Scored> = all.iter().filter(|hit| hit.score >= min_score).copied().collect();
        assert_eq!(set.count_at_least(query, min_score).unwrap(), expected.len());
        assert_eq!(set.at_least(query, min_score).unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn searches_equal_brute_force_with_many_ties(seed in any::<u64>(), n in 0_usize..80) {
        let mut rng = StdRng::seed_from_u64(seed);
        let model: BTreeMap<u32, UnitVector> =
            (0..n).map(|_| (rng.random_range(0..200), coarse(&mut rng))).collect();
        let mut shuffled: Vec<(u32, UnitVector)> = model.clone().into_iter().collect();
        shuffled.reverse();
        let set = VectorSet::from_vectors(4, 3, shuffled).unwrap();
        prop_assert_eq!((set.len(), set.dim(), set.generation()), (model.len(), 4, 3));
        let queries: Vec<UnitVector> = (0..40).map(|_| coarse(&mut rng)).collect();
        for (query, found) in queries.iter().zip(set.search_many(&queries, 5).unwrap()) {
            prop_assert_eq!(found, set.search(query, 5).unwrap());
        }
        check_all_searches(&set, &model, &queries[0]);
    }
}

/// Random changes, with compactions, against a plain map: the set equals one made from scratch.
#[test]
fn a_sequence_of_changes_equals_a_rebuilt_set() {
    let mut rng = StdRng::seed_from_u64(42);
    let mut model: BTreeMap<u32, UnitVector> = BTreeMap::new();
    let mut set = VectorSet::empty(4);
    let mut n_compacted = 0;
    for generation in 1..=400 {
        let mut upserts = BTreeMap::new();
        for _ in 0..rng.random_range(0..30) {
            upserts.insert(rng.random_range(0..3_000_u32), coarse(&mut rng));
        }
        let deletes: Vec<u32> = (0..rng.random_range(0..25))
            .map(|_| rng.random_range(0..3_000))
            .filter(|row| !upserts.contains_key(row))
            .collect();
        let before = set.clone();
        let n_before = before.len();
        set = set.with_changes(upserts.clone().into_iter().collect(), &deletes, generation).unwrap();
        n_compacted += usize::from(!Arc::ptr_eq(set.base(), before.base()));
        deletes.iter().for_each(|row| drop(model.remove(row)));
        model.extend(upserts);

        assert_eq!(before.len(), n_before, "the old snapshot is as it was");
        let rebuilt = VectorSet::from_vectors(4, generation, model.clone()).unwrap();
        assert!(set.iter().eq(rebuilt.iter()), "generation {generation}");
        assert_eq!((set.len(), set.generation()), (model.len(), generation));
        if generation % 20 == 0 {
            check_all_searches(&set, &model, &coarse(&mut rng));
            assert!(before.changed_to(&set).unwrap().iter().eq(set.iter()));
        }
    }
    assert!(n_compacted >= 2, "compacted {n_compacted} times");
    let row = *model.first_key_value().unwrap().0;
    assert_eq!(set.unit_vector(row).as_ref(), model.get(&row));
    assert_eq!(set.vector(u32::MAX), None);
}

/// Large enough for several threads, with recent and dead rows: the same bits with any number.
#[test]
fn scores_do_not_depend_on_the_number_of_threads() {
    let vectors = clustered(8, 5_300, 48, 20);
    let set = VectorSet::from_vectors(48, 0, numbered(&vectors[..5_000])).unwrap();
    let upserts: Vec<(u32, UnitVector)> = (4_900..).zip(vectors[5_000..5_200].iter().cloned()).collect();
    let set = set.with_changes(upserts, &[17, 18], 1).unwrap();
    let queries = &vectors[5_200..];
    let answers = |n_threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let one_by_one: Vec<_> = queries.iter().map(|query| set.search(query, 10).unwrap()).collect();
            assert_eq!(one_by_one, set.search_many(queries, 10).unwrap());
            (one_by_one, set.pairs_at_least(0.9))
        })
    };
    assert_eq!(answers(1), answers(4));
}

#[test]
fn all_pairs_equal_brute_force() {
    let mut rng = StdRng::seed_from_u64(6);
    // 160 components: more than the head that is scored first. Near copies lie close to thresholds.
    let mut vectors = clustered(6, 300, 160, 12);
    for index in 0..40 {
        let near: Vec<f32> =
            vectors[index].as_slice().iter().map(|c| c + 0.03 * (rng.random::<f32>() - 0.5)).collect();
        vectors.push(vector(&near));
    }
    let set = VectorSet::from_vectors(160, 0, numbered(&vectors)).unwrap();
    for min_score in [-1.0, 0.3, 0.9, 0.98, 1.0] {
        let mut expected = Vec::new();
        for (i, a) in vectors.iter().enumerate() {
            for (j, b) in vectors.iter().enumerate().skip(i + 1) {
                let score = cosine(a.as_slice(), b.as_slice());
                if score >= min_score {
                    expected.push((i as u32, j as u32, score));
                }
            }
        }
        assert_eq!(set.pairs_at_least(min_score), expected, "at {min_score}");
    }
    assert!(VectorSet::empty(160).pairs_at_least(0.0).is_empty());
}

#[test]
fn bad_rows_are_refused() {
    let (a, b) = (vector(&[1.0, 0.0]), vector(&[0.0, 1.0]));
    let three = vector(&[1.0, 0.0, 0.0]);
    let twice = VectorSet::from_vectors(2, 0, [(5, a.clone()), (1, b.clone()), (5, b.clone())]);
    assert!(matches!(twice, Err(IndexError::DuplicateRow { row: 5 })));
    let wrong = VectorSet::from_vectors(2, 0, [(5, three.clone())]);
    assert!(matches!(wrong, Err(IndexError::Dimension { expected: 2, found: 3 })));

    let set = VectorSet::from_vectors(2, 4, [(5, a.clone())]).unwrap();
    let changed = |upserts: Vec<(u32, UnitVector)>, deletes: &[u32], generation| {
        set.with_changes(upserts, deletes, generation).map(|set| set.len())
    };
    assert!(matches!(
        changed(vec![(1, a.clone()), (1, b.clone())], &[], 5),
        Err(IndexError::DuplicateRow { row: 1 })
    ));
    assert!(matches!(changed(vec![(1, a.clone())], &[1], 5), Err(IndexError::DuplicateRow { row: 1 })));
    assert!(matches!(changed(vec![(1, three.clone())], &[], 5), Err(IndexError::Dimension { .. })));
    assert!(matches!(changed(vec![], &[], 3), Err(IndexError::GenerationBackwards { current: 4, found: 3 })));
    assert!(matches!(changed(vec![(1, a)], &[9, 9, 5], 4), Ok(1)));

    for result in [
        set.search(&three, 1).map(drop),
        set.search_many(&[b, three.clone()], 1).map(drop),
        set.at_least(&three, 0.0).map(drop),
        set.count_at_least(&three, 0.0).map(drop),
    ] {
        assert!(matches!(result, Err(IndexError::Dimension { expected: 2, found: 3 })));
    }
}
