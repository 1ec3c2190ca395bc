use std::sync::Arc;

use cognate_corpus::{Place, paper_from_json};
use serde_json::json;

use super::*;
use crate::region::Region;
use crate::store::testing::put;
use crate::testing::engine;

/// Twelve kinds of vectors in a space of 40 components, of which two directions can tell only some apart.
fn kinds(n: usize) -> Vec<UnitVector> {
    let vector = |at: usize| {
        let parts = (0..40).map(|part| {
            let own = if part == at % 12 { 1.0 } else { 0.0 };
            own + 0.25 * (((at * 7_919 + part * 104_729) % 1_000) as f32 / 500.0 - 1.0)
        });
        UnitVector::normalize(parts.collect()).unwrap()
    };
    (0..n).map(vector).collect()
}

#[test]
fn neighbours_are_those_of_an_exact_search() {
    let vectors = kinds(700);
    let packed = Packed::new(&vectors, 40);
    let found = packed.neighbours(&vectors);
    let mut n_right = 0;
    for (at, near) in found.iter().enumerate() {
        let mut all: Vec<(f32, usize)> = (0..vectors.len())
            .filter(|other| *other != at)
            .map(|other| (vectors[at].cosine(&vectors[other]), other))
            .collect();
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        assert_eq!(near.len(), neighbours::N_NEAREST);
        assert!(near.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let wanted: Vec<usize> = all[..near.len()].iter().map(|(_, other)| *other).collect();
        n_right += near.iter().filter(|(other, _)| wanted.contains(&(*other as usize))).count();
    }
    let share = n_right as f64 / (700 * neighbours::N_NEAREST) as f64;
    assert!(share > 0.97, "{share}");
    assert!(Packed::new(&[], 40).neighbours(&[]).is_empty());
    assert!(Packed::new(&[], 40).nearest_of(&vectors).is_empty());
    assert_eq!(Packed::new(&vectors[..3], 40).neighbours(&vectors[..3])[0].len(), 2);
    // What is packed is nearest to itself, or to what is all but the same.
    for (vector, near) in vectors[90..].iter().zip(packed.nearest_of(&vectors[90..])) {
        let cosine = vector.cosine(&vectors[near as usize]);
        assert!(cosine > 0.99, "{cosine}");
    }
}

#[test]
fn neighbours_stay_near_and_the_same_papers_give_the_same_map() {
    let vectors = kinds(600);
    let places_of = |vectors: &[UnitVector]| places_of(vectors, 40, &Packed::new(vectors, 40));
    let (places, kept) = places_of(&vectors);
    assert_eq!(places_of(&vectors), (places.clone(), kept));
    assert!(places.iter().flatten().all(|part| (-1.0..=1.0).contains(part)));
    // The two directions of greatest difference keep far less.
    let axes = Axes::of(&vectors, 40);
    let flat: Vec<[f32; 2]> = vectors.iter().map(|vector| axes.place(vector)).collect();
    let flat = neighbours::kept(&Packed::new(&vectors, 40).neighbours(&vectors), &flat);
    assert!(kept > flat * 1.5, "{kept} beside {flat}");
    // Each paper's nearest on the map are of its kind.
    let n_of_kind = (0..places.len()).filter(|at| {
        let distance = |other: &usize| {
            let [x, y] = [0, 1].map(|axis| places[*at][axis] - places[*other][axis]);
            x * x + y * y
        };
        let others = (0..places.len()).filter(|other| other != at);
        let nearest = others.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.is_some_and(|other| other % 12 == at % 12)
    });
    assert!(n_of_kind.count() > 560);
    for few in [0, 1, 2, 5] {
        let (places, kept) = places_of(&vectors[..few]);
        assert_eq!(places.len(), few);
        assert!(kept.is_finite() && places.iter().flatten().all(|part| part.is_finite()));
    }
}

#[test]
fn a_map_has_years_names_and_the_rows_of_its_parts() {
    let (_folder, engine) = engine();
    let engine = Arc::new(engine);
    assert!(engine.map_at_hand().unwrap().unwrap().points.is_empty());
    for at in 0..40 {
        let (subject, year) = [("Bats in caves", 2001), ("Steel in bridges", 2019)][at % 2];
        let field = ["q-bio", "eng"][at % 2];
        let record = json!({"id": format!("p{at}"), "title": format!("{subject}, number {at}"), "year": year,
            "categories": [field]});
        put(
            engine.store().unwrap(),
            paper_from_json(record, &Place { file: "test".into(), line: 1 }).unwrap().paper,
        );
    }
    engine.catch_up().unwrap();
    let map = engine.map_at_hand().unwrap().unwrap();
    assert_eq!((map.points.len(), map.n_papers, map.groups.len()), (40, 40, 2));
    assert!(map.points.iter().all(|point| matches!(point.year, Some(2001 | 2019))));
    assert!(!map.regions.is_empty() && map.regions.iter().all(|region| !region.label.is_empty()));
    for region in &map.regions {
        let again: Region = region.shape.to_string().parse().unwrap();
        assert_eq!(map.rows_within(&again).len(), region.n_papers);
    }
    let all: Region = "-1000.-1000_1001.-1000_1001.1001_-1000.1001".parse().unwrap();
    let rows = map.rows_within(&all);
    assert!(rows.len() >= 38 && rows.windows(2).all(|pair| pair[0] < pair[1]), "{rows:?}");
    // What is not on it counts as being where its nearest is.
    let sampled = Map { others: vec![(7_000, 0), (7_001, 1)], ..(*map).clone() };
    let first = [map.points[0].x, map.points[0].y].map(|part| (part * 1_000.0).round() as i32);
    let [x, y] = first;
    let around: Region = format!("{}.{}_{}.{}_{x}.{}", x - 3, y - 3, x + 3, y - 3, y + 4).parse().unwrap();
    assert!(sampled.rows_within(&around).contains(&7_000));
    // The same map until papers change.
    assert!(Arc::ptr_eq(&map, &engine.map().unwrap()));
}
