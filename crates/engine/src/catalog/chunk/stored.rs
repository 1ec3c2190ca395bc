//! A chunk as bytes, as docs/format.md specifies it.

use jiff::civil::Date;

use super::{CHUNK_ROWS, Chunk, Lists, NO_DAY, days};
use crate::files::Cursor;

impl Chunk {
    pub(in crate::catalog) fn encode(&self, bytes: &mut Vec<u8>) {
        let n_values = [self.categories.values.len(), self.authors.values.len()];
        for number in [self.is_live.len(), n_values[0], n_values[1], 0] {
            bytes.extend_from_slice(&(number as u32).to_le_bytes());
        }
        bytes.extend(self.is_live.iter().chain(&self.has_abstract).map(|&flag| u8::from(flag)));
        self.years.iter().for_each(|year| bytes.extend_from_slice(&year.to_le_bytes()));
        let numbers = self.days.iter().chain(&self.indexed).chain(&self.upvotes);
        numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        let numbers = self.venues.iter().chain(&self.categories.ends).chain(&self.categories.values);
        let numbers = numbers.chain(&self.authors.ends);
        numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        self.authors.values.iter().for_each(|token| bytes.extend_from_slice(&token.to_le_bytes()));
    }

    /// Reads what [`encode`](Self::encode) wrote; `None` for anything else.
    pub(in crate::catalog) fn decode(cursor: &mut Cursor<'_>) -> Option<Self> {
        let n = cursor.number()?;
        let (n_categories, n_authors, reserved) = (cursor.number()?, cursor.number()?, cursor.number()?);
        if n > CHUNK_ROWS as usize || reserved != 0 {
            return None;
        }
        let chunk = Self {
            is_live: cursor.flags(n)?,
            has_abstract: cursor.flags(n)?,
            years: cursor.numbers(n, i16::from_le_bytes)?,
            days: cursor.numbers(n, i32::from_le_bytes)?,
            indexed: cursor.numbers(n, i32::from_le_bytes)?,
            upvotes: cursor.numbers(n, i32::from_le_bytes)?,
            venues: cursor.numbers(n, u32::from_le_bytes)?,
            categories: Lists {
                ends: cursor.numbers(n, u32::from_le_bytes)?,
                values: cursor.numbers(n_categories, u32::from_le_bytes)?,
            },
            authors: Lists {
                ends: cursor.numbers(n, u32::from_le_bytes)?,
                values: cursor.numbers(n_authors, u64::from_le_bytes)?,
            },
        };
        let are_dates = |numbers: &[i32]| {
            let dates = days(Date::MIN)..=days(Date::MAX);
            numbers.iter().all(|day| *day == NO_DAY || dates.contains(day))
        };
        let is_sound = chunk.categories.is_sound() && chunk.authors.is_sound();
        (is_sound && are_dates(&chunk.days) && are_dates(&chunk.indexed)).then_some(chunk)
    }
}

impl<T> Lists<T> {
    /// Whether each list begins where the one before ends, and the last ends with the values.
    fn is_sound(&self) -> bool {
        self.ends.is_sorted() && self.ends.last().copied().unwrap_or(0) as usize == self.values.len()
    }
}
