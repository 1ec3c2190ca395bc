//! Maths in a text: where it ends, and what of it is but a sign of running text.

use super::symbols;

/// Longest maths read between `\(` and `\)`.
pub(super) const MAX_MATHS_BYTES: usize = 2_000;

/// Where maths that begins at some place of a text ends.
///
/// Remembers what the last search of each kind found, so that reading a text from left to right takes
/// time in proportion to its length, whatever dollars it has: a search is repeated only behind what the
/// last one found.
pub(super) struct Ends<'a> {
    text: &'a str,
    searches: [Option<Search>; 4],
}

#[cfg(test)]
thread_local! {
    /// How many bytes the searches of this thread have passed over.
    pub(super) static N_SEARCHED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A search from `from`, which found its end at `found`.
#[derive(Clone, Copy)]
struct Search {
    from: usize,
    found: Option<usize>,
}

impl<'a> Ends<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, searches: [None; 4] }
    }

    /// The length of the maths, with its dollars, that begins with the dollar at `start`; `None` where
    /// nothing closes it.
    pub(super) fn dollars(&mut self, start: usize) -> Option<usize> {
        let text = self.text;
        let fence = if text[start..].starts_with("$$") { "$$" } else { "$" };
        let from = start + fence.len();
        let end = self.find(fence.len() - 1, from, |from| {
            let mut chars = text[from..].char_indices();
            while let Some((at, c)) = chars.next() {
                match c {
                    '\\' => drop(chars.next()),
                    '$' if text[from + at..].starts_with(fence) => return Some(from + at),
                    _ => {}
                }
            }
            None
        })?;
        Some(end + fence.len() - start)
    }

    /// Where `\)` or `\]` closes what `\(` or `\[` opened before `from`, if that is near.
    pub(super) fn closing(&mut self, close: char, from: usize) -> Option<usize> {
        let text = self.text;
        let (slot, end) = if close == ')' { (2, "\\)") } else { (3, "\\]") };
        let found = self.find(slot, from, |from| text[from..].find(end).map(|at| from + at))?;
        (found - from <= MAX_MATHS_BYTES).then_some(found)
    }

    fn find(&mut self, slot: usize, from: usize, search: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        if let Some(last) = self.searches[slot]
            && last.from <= from
            && last.found.is_none_or(|found| from <= found)
        {
            return last.found;
        }
        let found = search(from);
        #[cfg(test)]
        N_SEARCHED.set(N_SEARCHED.get() + found.unwrap_or(self.text.len()) - from);
        self.searches[slot] = Some(Search { from, found });
        found
    }
}

/// What maths (without its dollars) is in running text, where it is but one sign or one index: `\beta`,
/// `<`, `_2`, `^{13}`, `^\circ`. Tools write signs so that TeX has no other way to write.
pub(super) fn as_text(inner: &str) -> Option<String> {
    /// Longer maths is no single sign.
    const MAX_BYTES: usize = 24;

    let inner = inner.trim();
    if inner.len() > MAX_BYTES {
        return None;
    }
    if let "<" | ">" | "=" | "+" | "-" | "\\&" | "\\%" | "\\#" | "\\_" | "\\$" = inner {
        return Some(inner.trim_start_matches('\\').to_owned());
    }
    if let Some(name) = inner.strip_prefix('\\') {
        return symbols::maths(name).map(str::to_owned);
    }
    let (index, is_raised) = match inner.strip_prefix('^') {
        Some(index) => (index, true),
        None => (inner.strip_prefix('_')?, false),
    };
    let index = index.strip_prefix('{').and_then(|index| index.strip_suffix('}')).unwrap_or(index).trim();
    if is_raised && matches!(index, "\\circ" | "\\circ " | "o") {
        return Some("°".to_owned());
    }
    shifted(index, is_raised)
}

/// A text in characters of a lowered or raised line, where each has one.
pub(super) fn shifted(text: &str, is_raised: bool) -> Option<String> {
    let shift = if is_raised { symbols::raised } else { symbols::lowered };
    let shifted: Option<String> = text.chars().map(shift).collect();
    shifted.filter(|shifted| !shifted.is_empty())
}
