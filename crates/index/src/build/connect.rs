//! Making the lowest layer strongly connected, so that no point can be lost to every search.
//!
//! Two passes: first every point is made reachable from one root, then the root from every point.
//! Then each reaches each, from whichever point the upper layers lead to. A list exact-scanned beside
//! the graph was the alternative; on clustered data it could grow to 2 % of the points.
//!
//! Lists have a fixed number of places. A point whose list is full gives up a link only where that
//! loses nothing: a link of the tree by which the first pass reached its points is never given up.

use super::{Lists, Rows, flatten};
use crate::bitmap::Bitmap;
use crate::walk::{Scratch, Terrain};

/// Width of the search for the point to link with.
const EF: usize = 64;

/// Adds links to `lists` (neighbours of each position, at most `slots`) and says how many.
pub(super) fn connect(rows: Rows<'_>, lists: &mut Lists, slots: usize, root: u32) -> usize {
    for list in lists.iter_mut() {
        list.truncate(slots);
    }
    let mut n_added = 0;
    // Each round mends all that it finds. A link that had to give way can open a new gap, which the
    // next round mends; the last adds none.
    for round in 0..MAX_ROUNDS {
        let n = mend(rows, lists, slots, (root, round));
        if n == 0 {
            return n_added;
        }
        n_added += n;
    }
    // Not seen to happen, so worth a warning; a ring through all points always fits, since it takes one place of each.
    tracing::warn!(
        "{} points could not be connected in {MAX_ROUNDS} rounds; linking each to the next",
        lists.len()
    );
    ring(lists, slots);
    n_added + lists.len()
}

const MAX_ROUNDS: usize = 8;

fn mend(rows: Rows<'_>, lists: &mut Lists, slots: usize, (root, round): (u32, usize)) -> usize {
    let links = flatten(lists, slots);
    let terrain = Terrain { vectors: rows.vectors, stride: rows.stride, links: &links, slots };
    let mut scratch = Scratch::default();
    let mut n_added = 0;

    // `tree[p]` is the point by which p was reached.
    let mut tree = vec![u32::MAX; lists.len()];
    let mut reached = Bitmap::new(lists.len());
    mark_reachable(lists, root, &mut reached, &mut tree);
    for point in 0..lists.len() as u32 {
        if reached.contains(point as usize) {
            continue;
        }
        // A walk from the root meets reached points only.
        scratch.start_at(&[root]);
        terrain.walk(row(rows, point), EF << round.min(4), &mut scratch);
        let near = || scratch.found().iter().map(|key| key.position());
        let with_room = near().find(|&near| lists[near as usize].len() < slots);
        let with_spare = || near().find_map(|near| Some((near, spare(&lists[near as usize], near, &tree)?)));
        if let Some(from) = with_room {
            lists[from as usize].push(point);
            tree[point as usize] = from;
        } else if let Some((from, place)) = with_spare() {
            lists[from as usize][place] = point;
            tree[point as usize] = from;
        } else {
            // Full of links that others hang on: the next round looks farther.
            continue;
        }
        n_added += 1;
        mark_reachable(lists, point, &mut reached, &mut tree);
    }

    let mut reversed = reverse(lists);
    let mut returning = Bitmap::new(lists.len());
    let mut ignored = vec![u32::MAX; lists.len()];
    mark_reachable(&reversed, root, &mut returning, &mut ignored);
    for point in 0..lists.len() as u32 {
        if returning.contains(point as usize) {
            continue;
        }
        scratch.start_at(&[root]);
        terrain.walk(row(rows, point), EF << round.min(4), &mut scratch);
        let to = scratch.found().iter().map(|key| key.position()).find(|&p| returning.contains(p as usize));
        let to = to.unwrap_or(root);
        let list = &mut lists[point as usize];
        if list.len() < slots {
            list.push(to);
        } else if let Some(place) = spare(list, point, &tree) {
            list[place] = to;
        } else {
            continue;
        }
        reversed[to as usize].push(point);
        n_added += 1;
        mark_reachable(&reversed, point, &mut returning, &mut ignored);
    }
    let n_missing = lists.len() - reached.n_set() + (lists.len() - returning.n_set());
    // A round that could not mend everything is not the last, even if it added nothing.
    n_added + n_missing
}

/// The last place of a list whose link reaches nothing that the tree needs it for.
fn spare(list: &[u32], from: u32, tree: &[u32]) -> Option<usize> {
    list.iter().rposition(|&to| tree[to as usize] != from)
}

fn row(rows: Rows<'_>, point: u32) -> &[i8] {
    let start = point as usize * rows.stride;
    &rows.vectors[start..start + rows.stride]
}

fn mark_reachable(lists: &[Vec<u32>], from: u32, reached: &mut Bitmap, tree: &mut [u32]) {
    let mut pending = Vec::new();
    if lists.is_empty() {
        return;
    }
    if reached.insert(from as usize) {
        pending.push(from);
    }
    while let Some(point) = pending.pop() {
        for &next in &lists[point as usize] {
            if reached.insert(next as usize) {
                tree[next as usize] = point;
                pending.push(next);
            }
        }
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

/// Links each point to the next, in the last place of a full list.
fn ring(lists: &mut Lists, slots: usize) {
    let n = lists.len();
    for (point, list) in lists.iter_mut().enumerate() {
        let next = ((point + 1) % n) as u32;
        if !list.contains(&next) {
            list.truncate(slots - 1);
            list.push(next);
        }
    }
}
