//! The columns of some thousand papers.

mod stored;

use jiff::civil::Date;

use super::names::{self, Names};
use super::{CHUNK_ROWS, DayBasis};
use crate::store::Attributes;

const N_SLOTS: usize = CHUNK_ROWS as usize;
const N_WORDS: usize = N_SLOTS / 64;
/// For a year, a day or a venue that is not known.
const NO_YEAR: i16 = i16::MIN;
const NO_DAY: i32 = i32::MIN;
const NO_NAME: u32 = u32::MAX;
const NO_VOTES: i32 = i32::MIN;

/// A set of slots of a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots(Box<[u64; N_WORDS]>);

impl Slots {
    pub(super) fn none() -> Self {
        Self(Box::new([0; N_WORDS]))
    }

    /// Slots of a chunk, each below [`CHUNK_ROWS`].
    pub(super) fn of(slots: impl Iterator<Item = usize>) -> Self {
        let mut all = Self::none();
        slots.for_each(|slot| all.insert(slot));
        all
    }

    pub(super) fn words(&self) -> &[u64; N_WORDS] {
        &self.0
    }

    fn insert(&mut self, slot: usize) {
        self.0[slot / 64] |= 1 << (slot % 64);
    }

    pub(super) fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        for (word, other) in self.0.iter_mut().zip(other.0.iter()) {
            *word = with(*word, *other);
        }
    }

    fn where_all<T: Copy>(values: &[T], passes: impl Fn(T) -> bool) -> Self {
        let mut slots = Self::none();
        for (word, values) in slots.0.iter_mut().zip(values.chunks(64)) {
            for (bit, value) in values.iter().enumerate() {
                *word |= u64::from(passes(*value)) << bit;
            }
        }
        slots
    }
}

/// A list of values for each slot, one after the other.
#[derive(Debug, PartialEq, Eq)]
struct Lists<T> {
    /// Where the list of slot i ends.
    ends: Vec<u32>,
    values: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: Vec::new(), values: Vec::new() }
    }
}

impl<T: Copy> Lists<T> {
    fn push(&mut self, list: &[T]) {
        self.values.extend_from_slice(list);
        self.ends.push(self.values.len() as u32);
    }

    fn get(&self, slot: usize) -> &[T] {
        let start = if slot == 0 { 0 } else { self.ends[slot - 1] as usize };
        &self.values[start..self.ends[slot] as usize]
    }

    fn slots_where(&self, passes: impl Fn(&[T]) -> bool) -> Slots {
        let mut slots = Slots::none();
        (0..self.ends.len()).filter(|slot| passes(self.get(*slot))).for_each(|slot| slots.insert(slot));
        slots
    }
}

/// What the catalogue keeps of a paper.
#[derive(Debug)]
pub(super) struct Entry {
    year: i16,
    /// Days since 1970-01-01.
    day: i32,
    /// The day of being first indexed.
    indexed: i32,
    upvotes: i32,
    has_abstract: bool,
    venue: u32,
    categories: Vec<u32>,
    /// See [`names::author_tokens`].
    authors: Vec<u64>,
}

impl Entry {
    pub(super) fn new(paper: &Attributes, names: &mut Names) -> Self {
        let mut categories: Vec<u32> =
            paper.categories.iter().map(|name| names.categories.id(name)).collect();
        categories.sort_unstable();
        categories.dedup();
        Self {
            year: paper.year.unwrap_or(NO_YEAR),
            day: paper.publication_date.map_or(NO_DAY, days),
            indexed: days(paper.first_indexed),
            upvotes: paper
                .upvotes
                .map_or(NO_VOTES, |votes| votes.clamp(i64::from(-i32::MAX), i64::from(i32::MAX)) as i32),
            has_abstract: paper.has_abstract,
            venue: paper.venue.as_ref().map_or(NO_NAME, |name| names.venues.id(name)),
            categories,
            authors: names::author_tokens(&paper.authors),
        }
    }
}

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// Days from 1970-01-01 to `date`.
#[must_use]
pub fn days(date: Date) -> i32 {
    (date.duration_since(EPOCH).as_hours() / 24) as i32
}

/// The date that is `days` after 1970-01-01: the reverse of [`days`].
pub(crate) fn date_of(days: i32) -> Date {
    EPOCH.saturating_add(jiff::Span::new().days(days))
}

/// Columns, an element for each slot that was ever used.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    is_live: Vec<bool>,
    years: Vec<i16>,
    days: Vec<i32>,
    indexed: Vec<i32>,
    upvotes: Vec<i32>,
    has_abstract: Vec<bool>,
    venues: Vec<u32>,
    categories: Lists<u32>,
    authors: Lists<u64>,
}

impl Chunk {
    /// A copy with other entries, which come in ascending order of slot.
    pub(super) fn with(&self, entries: impl Iterator<Item = (usize, Option<Entry>)>) -> Self {
        let mut next = Self::default();
        for (slot, entry) in entries {
            next.copy(self, slot);
            next.push(entry.as_ref());
        }
        next.copy(self, self.is_live.len());
        next
    }

    /// Copies what `from` has, up to `until`, and leaves slots empty that it has not.
    fn copy(&mut self, from: &Self, until: usize) {
        for slot in self.is_live.len()..until {
            if from.is_live.get(slot).copied().unwrap_or(false) {
                self.is_live.push(true);
                self.years.push(from.years[slot]);
                self.days.push(from.days[slot]);
                self.indexed.push(from.indexed[slot]);
                self.upvotes.push(from.upvotes[slot]);
                self.has_abstract.push(from.has_abstract[slot]);
                self.venues.push(from.venues[slot]);
                self.categories.push(from.categories.get(slot));
                self.authors.push(from.authors.get(slot));
            } else {
                self.push(None);
            }
        }
    }

    fn push(&mut self, entry: Option<&Entry>) {
        self.is_live.push(entry.is_some());
        self.years.push(entry.map_or(NO_YEAR, |entry| entry.year));
        self.days.push(entry.map_or(NO_DAY, |entry| entry.day));
        self.indexed.push(entry.map_or(NO_DAY, |entry| entry.indexed));
        self.upvotes.push(entry.map_or(NO_VOTES, |entry| entry.upvotes));
        self.has_abstract.push(entry.is_some_and(|entry| entry.has_abstract));
        self.venues.push(entry.map_or(NO_NAME, |entry| entry.venue));
        self.categories.push(entry.map_or(&[], |entry| &entry.categories));
        self.authors.push(entry.map_or(&[], |entry| &entry.authors));
    }

    /// The slots that hold a paper.
    pub(super) fn live(&self) -> Slots {
        Slots::where_all(&self.is_live, |is_live| is_live)
    }

    pub(super) fn with_abstract(&self, wanted: bool) -> Slots {
        Slots::where_all(&self.has_abstract, |has_abstract| has_abstract == wanted)
    }

    pub(super) fn year_in(&self, first: i16, last: i16) -> Slots {
        Slots::where_all(&self.years, |year| year != NO_YEAR && (first..=last).contains(&year))
    }

    /// Published on a day of the range; where only the year is known, in a year that lies in it whole.
    pub(super) fn day_in(&self, days: (i32, i32), years: (i16, i16)) -> Slots {
        let dated = |day: i32| day != NO_DAY && (days.0..=days.1).contains(&day);
        let mut slots = Slots::where_all(&self.days, dated);
        if years.0 <= years.1 {
            let mut undated = Slots::where_all(&self.days, |day| day == NO_DAY);
            undated.combine(&self.year_in(years.0, years.1), |a, b| a & b);
            slots.combine(&undated, |a, b| a | b);
        }
        slots
    }

    /// Of a venue for which `wanted` is true.
    pub(super) fn venue_in(&self, wanted: &[bool]) -> Slots {
        Slots::where_all(&self.venues, |venue| wanted.get(venue as usize).copied().unwrap_or(false))
    }

    /// Of a category for which `wanted` is true.
    pub(super) fn category_in(&self, wanted: &[bool]) -> Slots {
        let is_wanted = |category: &u32| wanted.get(*category as usize).copied().unwrap_or(false);
        self.categories.slots_where(|categories| categories.iter().any(is_wanted))
    }

    /// By an author whose name has all of `tokens`.
    pub(super) fn author_of(&self, tokens: &[names::AuthorToken]) -> Slots {
        self.authors.slots_where(|authors| names::some_author_has(authors, tokens))
    }

    /// See [`Catalog::published`](super::Catalog::published).
    pub(super) fn published(&self, slot: usize) -> Option<i32> {
        let (day, year) = (*self.days.get(slot)?, *self.years.get(slot)?);
        if day != NO_DAY {
            return Some(day);
        }
        (year != NO_YEAR).then(|| Date::new(year, 1, 1).map_or(i32::from(year) * 366, days))
    }

    /// For each slot the day on which its paper was published, where it holds one of which that is known; or first
    /// indexed.
    pub(super) fn days(&self, by: DayBasis) -> impl Iterator<Item = Option<i32>> + '_ {
        let days = match by {
            DayBasis::Published => &self.days,
            DayBasis::Indexed => &self.indexed,
        };
        days.iter().map(|day| (*day != NO_DAY).then_some(*day))
    }

    pub(super) fn upvotes(&self, slot: usize) -> Option<i32> {
        self.upvotes.get(slot).copied().filter(|votes| *votes != NO_VOTES)
    }

    /// The year of each slot, in the order in which they come, where there is one.
    pub(super) fn years_of(&self, slots: impl Iterator<Item = usize>) -> impl Iterator<Item = i16> {
        slots.filter_map(|slot| self.years.get(slot).copied()).filter(|year| *year != NO_YEAR)
    }

    /// The same for venues.
    pub(super) fn venues_of(&self, slots: impl Iterator<Item = usize>) -> impl Iterator<Item = u32> {
        slots.filter_map(|slot| self.venues.get(slot).copied()).filter(|venue| *venue != NO_NAME)
    }

    /// The same for categories, all of each slot.
    pub(super) fn categories_of(&self, slots: impl Iterator<Item = usize>) -> impl Iterator<Item = u32> {
        let slots = slots.filter(|slot| *slot < self.is_live.len());
        slots.flat_map(|slot| self.categories.get(slot).iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::Slots;

    impl FromIterator<usize> for Slots {
        fn from_iter<I: IntoIterator<Item = usize>>(slots: I) -> Self {
            let mut set = Self::none();
            slots.into_iter().for_each(|slot| set.insert(slot));
            set
        }
    }

    #[test]
    fn a_column_becomes_a_set_of_slots() {
        let values: Vec<i16> = (0..200).collect();
        let slots = Slots::where_all(&values, |value| value % 3 == 0);
        assert_eq!(slots, (0..200).filter(|slot| slot % 3 == 0).collect());
    }
}
