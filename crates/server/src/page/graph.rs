//! A paper and those near it as a small picture: what is alike lies near, and is joined.

use super::item::{Item, Link};

/// Width and height of the picture.
const SIZE: [f32; 2] = [360.0, 300.0];
/// Room beside the outermost dots, for their names.
const MARGIN: [f32; 2] = [58.0, 26.0];
/// Rounds in which dots find their places. A dozen of them have settled long before.
const N_ROUNDS: usize = 200;
/// To how many of its nearest each dot is joined.
const N_JOINED: usize = 2;
/// The least distance of two dots, as a part of the picture, so that their names can be read.
const LEAST_DISTANCE: f32 = 0.2;

/// A picture of some papers, the first of which it is about.
pub(super) struct Graph {
    pub(super) width: f32,
    pub(super) height: f32,
    pub(super) dots: Vec<Dot>,
    pub(super) lines: Vec<Line>,
}

/// A paper.
pub(super) struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    /// Where its name stands.
    pub(super) name_y: String,
    pub(super) name: String,
    pub(super) link: Link,
    /// Whether the picture is about it.
    pub(super) is_own: bool,
}

/// Two papers that are near each other.
pub(super) struct Line {
    pub(super) from: [String; 2],
    pub(super) to: [String; 2],
    /// From 1 to 4.
    pub(super) weight: u8,
}

impl Graph {
    /// Of papers and the cosines among them; `None` for fewer than three, of which a list says as much.
    pub(super) fn new(items: &[&Item], cosines: &[Vec<f32>]) -> Option<Self> {
        if items.len() < 3 || cosines.len() != items.len() {
            return None;
        }
        let near = |i: usize, j: usize| cosines.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0.0);
        let places = scaled(&places(items.len(), &near));
        let written = |part: f32| format!("{part:.1}");
        let dots = items.iter().zip(&places).enumerate().map(|(number, (item, [x, y]))| Dot {
            x: written(*x),
            y: written(*y),
            name_y: written(y + if number == 0 { 22.0 } else { 19.0 }),
            name: name_of(item),
            link: Link { href: item.href.clone(), text: item.title.clone() },
            is_own: number == 0,
        });
        let lines = joined(items.len(), &near);
        let strongest = lines.iter().map(|(i, j)| near(*i, *j)).fold(f32::EPSILON, f32::max);
        let weakest = lines.iter().map(|(i, j)| near(*i, *j)).fold(strongest, f32::min);
        let lines = lines.into_iter().map(|(i, j)| {
            let strength = (near(i, j) - weakest) / (strongest - weakest).max(f32::EPSILON);
            let [from, to] = [i, j].map(|place| places[place].map(written));
            Line { from, to, weight: 1 + (strength * 3.0).round() as u8 }
        });
        Some(Self { width: SIZE[0], height: SIZE[1], lines: lines.collect(), dots: dots.collect() })
    }
}

/// Which dots are joined: each with its nearest, and with the one that the picture is about where that is among them.
fn joined(n: usize, near: &dyn Fn(usize, usize) -> f32) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    for i in 0..n {
        let mut others: Vec<usize> = (0..n).filter(|j| *j != i).collect();
        others.sort_by(|a, b| near(i, *b).total_cmp(&near(i, *a)));
        for j in others.into_iter().take(N_JOINED) {
            let line = (i.min(j), i.max(j));
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Places in the plane whose distances are as the papers', as far as a plane has room (stress majorization; Gansner,
/// Koren and North 2004, with weights 1/d²). The first paper lies in the middle.
fn places(n: usize, near: &dyn Fn(usize, usize) -> f32) -> Vec<[f32; 2]> {
    // Cosines of near papers are much alike: what sets them apart is how much they lack of the nearest.
    let pairs = || (0..n).flat_map(|i| (0..i).map(move |j| (i, j)));
    let most = pairs().map(|(i, j)| near(i, j)).fold(f32::MIN, f32::max);
    let least = pairs().map(|(i, j)| near(i, j)).fold(f32::MAX, f32::min);
    let range = (most - least).max(1e-3);
    let distance = |i: usize, j: usize| 0.35 + (most - near(i, j)) / range;
    // On a circle at first, in their order: the same papers make the same picture.
    let mut places: Vec<[f32; 2]> = (0..n)
        .map(|i| {
            let angle = std::f32::consts::TAU * i as f32 / (n - 1) as f32;
            if i == 0 { [0.0, 0.0] } else { [angle.cos(), angle.sin()] }
        })
        .collect();
    for _ in 0..N_ROUNDS {
        let before = places.clone();
        for (i, place) in places.iter_mut().enumerate() {
            let (mut sum, mut weights) = ([0.0_f32; 2], 0.0_f32);
            for (j, other) in before.iter().enumerate().filter(|(j, _)| *j != i) {
                let wanted = distance(i, j);
                let weight = 1.0 / (wanted * wanted);
                let apart = [before[i][0] - other[0], before[i][1] - other[1]];
                let length = apart[0].hypot(apart[1]).max(1e-6);
                for (axis, part) in apart.iter().enumerate() {
                    sum[axis] += weight * (other[axis] + wanted * part / length);
                }
                weights += weight;
            }
            *place = sum.map(|part| part / weights);
        }
    }
    part(&mut places);
    let [x, y] = places[0];
    places.iter_mut().for_each(|place| *place = [place[0] - x, place[1] - y]);
    places
}

/// Moves dots apart whose names would lie over each other.
fn part(places: &mut [[f32; 2]]) {
    let reach = places.iter().flatten().fold(f32::EPSILON, |most, part| most.max(part.abs()));
    let least = reach * 2.0 * LEAST_DISTANCE;
    for _ in 0..N_ROUNDS {
        let mut is_moved = false;
        for i in 0..places.len() {
            for j in 0..i {
                // Names are wide: what lies beside needs more room than what lies above.
                let apart = [(places[i][0] - places[j][0]) / 1.6, places[i][1] - places[j][1]];
                let length = apart[0].hypot(apart[1]);
                if length >= least {
                    continue;
                }
                is_moved = true;
                let step = (least - length) / 2.0 + 1e-4;
                let direction = if length > 1e-6 { apart.map(|part| part / length) } else { [0.0, 1.0] };
                for axis in [0, 1] {
                    places[i][axis] += step * direction[axis];
                    places[j][axis] -= step * direction[axis];
                }
            }
        }
        if !is_moved {
            break;
        }
    }
}

/// The places in the picture.
fn scaled(places: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let bound = |axis: usize, pick: fn(f32, f32) -> f32, from: f32| {
        places.iter().map(|place| place[axis]).fold(from, pick)
    };
    let axis = |axis: usize| {
        let (low, high) = (bound(axis, f32::min, f32::MAX), bound(axis, f32::max, f32::MIN));
        let room = SIZE[axis] - 2.0 * MARGIN[axis];
        move |part: f32| MARGIN[axis] + room * (part - low) / (high - low).max(1e-6)
    };
    let (x, y) = (axis(0), axis(1));
    places.iter().map(|[a, b]| [x(*a), y(*b)]).collect()
}

/// `Surname 2020`: what a dot is called.
fn name_of(item: &Item) -> String {
    const MAX_CHARS: usize = 14;
    let author = item.authors.first().map(|author| author.text.as_str()).unwrap_or_default();
    let surname = author.split(',').next().unwrap_or_default().split_whitespace().last().unwrap_or_default();
    let surname = if author.contains(',') { author.split(',').next().unwrap_or_default() } else { surname };
    let name = if surname.is_empty() { item.title.as_str() } else { surname };
    let mut short: String = name.chars().take(MAX_CHARS).collect();
    if short.len() < name.len() {
        short = format!("{}…", short.trim_end());
    }
    match item.datetime.get(..4) {
        Some(year) => format!("{short} {year}"),
        None => short,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three near each other, and one far from all.
    fn near(i: usize, j: usize) -> f32 {
        if i == j {
            1.0
        } else if i.max(j) == 3 {
            0.2
        } else {
            0.9
        }
    }

    #[test]
    fn what_is_alike_lies_near() {
        let found = places(4, &near);
        let apart = |i: usize, j: usize| (found[i][0] - found[j][0]).hypot(found[i][1] - found[j][1]);
        for i in 0..3 {
            assert!(apart(i, 3) > 1.3 * apart(i, (i + 1) % 3), "{found:?}");
        }
        assert_eq!(found[0], [0.0, 0.0]);
        assert_eq!(found, places(4, &near), "the same picture each time");
        assert!(
            scaled(&found).iter().all(|[x, y]| (0.0..=SIZE[0]).contains(x) && (0.0..=SIZE[1]).contains(y))
        );
    }

    #[test]
    fn each_is_joined_to_its_nearest_once() {
        let lines = joined(4, &near);
        assert!(lines.contains(&(0, 1)) && lines.contains(&(1, 2)));
        assert!(lines.iter().any(|(_, j)| *j == 3));
        let mut once = lines.clone();
        once.dedup();
        assert_eq!(once, lines);
    }

    #[test]
    fn dots_that_coincide_are_parted() {
        let mut places = vec![[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]];
        part(&mut places);
        assert!(places.iter().flatten().all(|part| part.is_finite()));
        for i in 0..4 {
            for j in 0..i {
                assert_ne!(places[i], places[j]);
            }
        }
        let same = super::places(3, &|_, _| 0.5);
        assert!(scaled(&same).iter().flatten().all(|part| part.is_finite()));
    }
}
