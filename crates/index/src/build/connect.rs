//! Making the lowest layer strongly connected, so that no point can be lost to every search.
//!
//! Two passes: first every point is made reachable from one root, then the root from every point.
//! Then each reaches each, from whichever point the upper layers lead to. A list exact-scanned beside
//! the graph was the alternative; on clustered data it could grow to 2 % of the points.
//!
//! Lists have a fixed number of places. A point whose list is full gives up a link only where that
//! loses nothing: a link of the tree by which the first pass reached its points is never given up.

use super::{Lists, Reversed, Rows};
use crate::bitmap::Bitmap;
use crate::walk::{Aim, Scratch};

/// Width of the search for the point to link with.
const EF: usize = 64;

/// Adds links to `lists` and says how many.
pub(super) fn connect(rows: Rows<'_>, lists: &mut Lists, root: u32) -> usize {
    let mut n_added = 0;
    // Each round mends all that it finds. A link that had to give way can open a new gap, which the
    // next round mends; the last adds none.
    for round in 0..MAX_ROUNDS {
        let n = mend(rows, lists, (root, round));
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
    ring(lists);
    n_added + lists.len()
}

const MAX_ROUNDS: usize = 8;

fn mend(rows: Rows<'_>, lists: &mut Lists, (root, round): (u32, usize)) -> usize {
    let n = lists.len();
    let mut scratch = Scratch::default();
    let mut n_added = 0;

    // `tree[p]` is the point by which p was reached.
    let mut tree = vec![u32::MAX; n];
    let mut reached = Bitmap::new(n);
    mark_reachable(|point| lists.list(point), root, &mut reached, &mut tree);
    for point in 0..n as u32 {
        if reached.contains(point as usize) {
            continue;
        }
        // A walk from the root meets reached points only.
        scratch.start_at(&[root]);
        lists.terrain(rows).walk(Aim::at(rows.row(point)), EF << round.min(4), &mut scratch);
        let near = || scratch.found().iter().map(|key| key.position());
        let from = if let Some(from) = near().find(|&near| lists.push(near, point)) {
            from
        } else if let Some((from, place)) =
            near().find_map(|near| Some((near, spare(lists.list(near), near, &tree)?)))
        {
            lists.places(from)[place] = point;
            from
        } else {
            // Full of links that others hang on: the next round looks farther.
            continue;
        };
        tree[point as usize] = from;
        n_added += 1;
        mark_reachable(|point| lists.list(point), point, &mut reached, &mut tree);
    }

    let reversed = Reversed::of(lists);
    let mut returning = Bitmap::new(n);
    let mut ignored = vec![u32::MAX; n];
    mark_reachable(|point| reversed.to(point), root, &mut returning, &mut ignored);
    for point in 0..n as u32 {
        if returning.contains(point as usize) {
            continue;
        }
        scratch.start_at(&[root]);
        lists.terrain(rows).walk(Aim::at(rows.row(point)), EF << round.min(4), &mut scratch);
        let to = scratch.found().iter().map(|key| key.position()).find(|&p| returning.contains(p as usize));
        let to = to.unwrap_or(root);
        if !lists.push(point, to) {
            let Some(place) = spare(lists.list(point), point, &tree) else { continue };
            lists.places(point)[place] = to;
        }
        n_added += 1;
        mark_reachable(|point| reversed.to(point), point, &mut returning, &mut ignored);
    }
    let n_missing = n - reached.n_set() + (n - returning.n_set());
    // A round that could not mend everything is not the last, even if it added nothing.
    n_added + n_missing
}

/// The last place of a list whose link reaches nothing that the tree needs it for.
fn spare(list: &[u32], from: u32, tree: &[u32]) -> Option<usize> {
    list.iter().rposition(|&to| tree[to as usize] != from)
}

fn mark_reachable<'a>(list: impl Fn(u32) -> &'a [u32], from: u32, reached: &mut Bitmap, tree: &mut [u32]) {
    let mut pending = Vec::new();
    if (from as usize) < tree.len() && reached.insert(from as usize) {
        pending.push(from);
    }
    while let Some(point) = pending.pop() {
        for &next in list(point) {
            if reached.insert(next as usize) {
                tree[next as usize] = point;
                pending.push(next);
            }
        }
    }
}

/// Links each point to the next, in the last place of a full list.
fn ring(lists: &mut Lists) {
    let n = lists.len() as u32;
    for point in 0..n {
        let next = (point + 1) % n;
        if !lists.list(point).contains(&next) && !lists.push(point, next) {
            let last = lists.slots - 1;
            lists.places(point)[last] = next;
        }
    }
}
