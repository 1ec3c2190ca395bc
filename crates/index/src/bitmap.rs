//! Sets of positions.

/// A set of positions, a bit each.
#[derive(Debug, Clone)]
pub(crate) struct Bitmap {
    words: Vec<u64>,
    n_set: usize,
}

impl Bitmap {
    /// No position set, of `len` possible ones.
    pub(crate) fn new(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], n_set: 0 }
    }

    /// Sets a position below `len`; says whether it was not set before.
    #[inline]
    pub(crate) fn insert(&mut self, position: usize) -> bool {
        let (word, bit) = (&mut self.words[position / 64], 1 << (position % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        // Not `+= usize::from(is_new)`: rustc 1.95 loses that where a caller branches on what is returned
        // (https://github.com/rust-lang/rust/issues/158206).
        if is_new {
            self.n_set += 1;
        }
        is_new
    }

    #[inline]
    pub(crate) fn contains(&self, position: usize) -> bool {
        self.words[position / 64] & (1 << (position % 64)) != 0
    }

    /// How many positions are set.
    pub(crate) fn n_set(&self) -> usize {
        self.n_set
    }

    /// The positions that are set, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(index * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn positions_are_counted_where_they_are_walked_along() {
        let mut bitmap = Bitmap::new(100);
        let mut pending = vec![0];
        bitmap.insert(0);
        while let Some(position) = pending.pop() {
            for next in [(position + 1) % 100, (position * 7 + 3) % 100] {
                if bitmap.insert(next) {
                    pending.push(next);
                }
            }
        }
        assert_eq!((bitmap.n_set(), bitmap.iter().count()), (100, 100));
    }
}
