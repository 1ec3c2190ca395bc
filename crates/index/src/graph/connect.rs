//! Making the lowest layer strongly connected, so that no point can be lost to every search.
//!
//! Two passes: first every point is made reachable from one root, then the root from every point.
//! Then each reaches each, from whichever point the upper layers lead to. A list exact-scanned beside
//! the graph was the alternative; on clustered data it could grow to 2 % of the points.

use cognate_vector::Scored;

use super::beam::Beam;
use crate::bitmap::Bitmap;
use crate::matrix::{Matrix, cosine};

/// Width of the search for the point to link with.
const EF: usize = 64;
/// A list is not made longer than this while another close point has room, lest a point that many
/// others are linked to slow every search that meets it.
const LONG_LIST: usize = 64;

/// Adds links to `lists` (neighbours of each position) and says how many.
pub(super) fn connect(matrix: &Matrix, lists: &mut [Vec<u32>], root: u32) -> usize {
    let mut n_added = 0;

    let mut reached = Bitmap::new(lists.len());
    mark_reachable(lists, root, &mut reached);
    for point in 0..lists.len() as u32 {
        if !reached.contains(point as usize) {
            // A walk from the root meets reached points only.
            let near = nearest(matrix, lists, (root, point), |_| true);
            let from = near.iter().find(|near| lists[near.row as usize].len() < LONG_LIST).or(near.first());
            let from = from.map_or(root, |near| near.row);
            lists[from as usize].push(point);
            n_added += 1;
            mark_reachable(lists, point, &mut reached);
        }
    }

    let mut reversed = reverse(lists);
    let mut returning = Bitmap::new(lists.len());
    mark_reachable(&reversed, root, &mut returning);
    for point in 0..lists.len() as u32 {
        if !returning.contains(point as usize) {
            let near = nearest(matrix, lists, (root, point), |near| returning.contains(near));
            let to = near.first().map_or(root, |near| near.row);
            lists[point as usize].push(to);
            reversed[to as usize].push(point);
            n_added += 1;
            mark_reachable(&reversed, point, &mut returning);
        }
    }
    n_added
}

/// Accepted points close to `point`, best first, met on a walk from the root.
fn nearest(
    matrix: &Matrix,
    lists: &[Vec<u32>],
    (root, point): (u32, u32),
    accept: impl Fn(usize) -> bool,
) -> Vec<Scored> {
    let query = matrix.vector(point as usize);
    let start = Scored { row: root, score: cosine(query, matrix.vector(root as usize)) };
    let mut near = Beam { matrix, query, start, ef: EF }.run(|point| &lists[point as usize], accept);
    near.sort_unstable_by(|a, b| b.cmp(a));
    near
}

fn mark_reachable(lists: &[Vec<u32>], from: u32, reached: &mut Bitmap) {
    let mut pending = Vec::new();
    if reached.insert(from as usize) {
        pending.push(from);
    }
    while let Some(point) = pending.pop() {
        pending.extend(lists[point as usize].iter().copied().filter(|&next| reached.insert(next as usize)));
    }
}

fn reverse(lists: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let mut reversed = vec![Vec::new(); lists.len()];
    for (from, list) in lists.iter().enumerate() {
        for &to in list {
            reversed[to as usize].push(from as u32);
        }
    }
    reversed
}
