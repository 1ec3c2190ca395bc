//! What passed filters that were asked for lately.
//!
//! Who filters asks many questions under one filter: letter by letter, page by page. Going through all papers for each would take
//! longer than everything else about it.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use roaring::RoaringBitmap;

use crate::filter::{Clause, Condition, Filter};

/// Filters whose papers are kept: a bit for each paper at the most.
const MAX_KNOWN: usize = 16;
/// A longer filter is not kept.
const MAX_BYTES: usize = 4_096;

/// The papers of the latest filters, of one catalogue: whatever is made of it begins without any. Nothing is locked while papers
/// are looked for, which all processors do together.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<VecDeque<(Filter, RoaringBitmap)>>);

impl Clone for Known {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Known {
    /// The papers that pass, as they are known, or as `find` gives them.
    pub(super) fn or_find(&self, filter: &Filter, find: impl FnOnce() -> RoaringBitmap) -> RoaringBitmap {
        if bytes_of(filter) > MAX_BYTES {
            return find();
        }
        // What is kept is put in whole.
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = latest(&mut lock(), filter) {
            return found;
        }
        let found = find();
        let mut known = lock();
        // Another thread may have found the same meanwhile.
        if latest(&mut known, filter).is_none() {
            known.truncate(MAX_KNOWN - 1);
            known.push_front((filter.clone(), found.clone()));
        }
        found
    }
}

/// The papers of a filter that is known; it is the latest then.
fn latest(known: &mut VecDeque<(Filter, RoaringBitmap)>, filter: &Filter) -> Option<RoaringBitmap> {
    let at = known.iter().position(|(known, _)| known == filter)?;
    known.make_contiguous()[..=at].rotate_right(1);
    known.front().map(|(_, found)| found.clone())
}

/// About how much memory a filter takes.
fn bytes_of(filter: &Filter) -> usize {
    let of_clause = |clause: &Clause| match clause {
        Clause::Filter(filter) => bytes_of(filter),
        Clause::Condition(condition) => size_of::<Clause>() + bytes_beside(condition),
    };
    [&filter.must, &filter.should, &filter.must_not].into_iter().flatten().map(of_clause).sum()
}

fn bytes_beside(condition: &Condition) -> usize {
    match condition {
        Condition::Year(_) | Condition::PublicationDate(_) | Condition::HasAbstract(_) => 0,
        Condition::Author(name) | Condition::Venue(name) => name.len(),
        Condition::Categories(names) | Condition::Ids(names) => {
            names.iter().map(|name| size_of::<String>() + name.len()).sum()
        }
        Condition::Rows(rows) => size_of_val(&**rows),
        // Catalogues know no map.
        Condition::Region(_) => MAX_BYTES + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_category(name: &str) -> Filter {
        let categories = Condition::Categories(vec![name.to_owned()]);
        Filter { must: vec![Clause::Condition(categories)], ..Filter::default() }
    }

    #[test]
    fn a_filter_is_applied_once_while_it_is_asked_for() {
        let known = Known::default();
        let n_found = std::cell::Cell::new(0);
        let find = |known: &Known, name: &str| {
            let found = known.or_find(&of_category(name), || {
                n_found.set(n_found.get() + 1);
                RoaringBitmap::from_iter([name.len() as u32])
            });
            assert_eq!(found, RoaringBitmap::from_iter([name.len() as u32]));
            n_found.get()
        };
        assert_eq!([find(&known, "cs"), find(&known, "cs"), find(&known, "math")], [1, 1, 2]);
        // As long as it is asked for, others do not drive it out.
        for number in 0..3 * MAX_KNOWN {
            find(&known, &format!("other {number}"));
            find(&known, "cs");
        }
        assert_eq!(n_found.get(), 2 + 3 * MAX_KNOWN);
        assert_eq!(find(&known, "math"), 3 + 3 * MAX_KNOWN);
        let long = "x".repeat(MAX_BYTES);
        assert_eq!(find(&known, &long) + 1, find(&known, &long));
        let next = known.clone();
        let n_before = n_found.get();
        assert_eq!(find(&next, "cs"), n_before + 1);
    }
}
