//! A bit set of rows.

/// A subset of `0..rows`, as a bit set that knows its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    rows: usize,
    count: usize,
}

impl Bits {
    /// The empty subset of `0..rows`.
    pub fn new(rows: usize) -> Self {
        Self {
            words: vec![0; rows.div_ceil(64)],
            rows,
            count: 0,
        }
    }

    /// The set of all of `0..rows`.
    pub fn full(rows: usize) -> Self {
        let mut words = vec![u64::MAX; rows.div_ceil(64)];
        if let Some(last) = words.last_mut().filter(|_| !rows.is_multiple_of(64)) {
            *last = (1 << (rows % 64)) - 1;
        }
        Self {
            words,
            rows,
            count: rows,
        }
    }

    /// Adds `row`; returns whether it was new. A row outside `0..rows` is not added.
    pub fn insert(&mut self, row: u32) -> bool {
        let at = row as usize;
        if at >= self.rows || self.contains(row) {
            return false;
        }
        self.words[at / 64] |= 1 << (at % 64);
        self.count += 1;
        true
    }

    /// Whether `row` is in the set.
    pub fn contains(&self, row: u32) -> bool {
        let at = row as usize;
        self.words
            .get(at / 64)
            .is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// The rows in the set, in increasing order.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(at, &word)| {
            let rest = std::iter::successors(Some(word), |rest| Some(rest & rest.wrapping_sub(1)));
            rest.take_while(|rest| *rest != 0)
                .map(move |rest| at as u32 * 64 + rest.trailing_zeros())
        })
    }

    /// The first row in the set that is at least `row`.
    pub fn next_from(&self, row: u32) -> Option<u32> {
        let (at, mask) = (row as usize / 64, u64::MAX << (row % 64));
        let words = self.words.iter().zip(0u32..).skip(at);
        words
            .map(|(word, place)| {
                (
                    if place as usize == at {
                        word & mask
                    } else {
                        *word
                    },
                    place,
                )
            })
            .find(|(word, _)| *word != 0)
            .map(|(word, place)| place * 64 + word.trailing_zeros())
    }

    /// The size of the range that the set is a subset of.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of rows in the set.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether the set is all of `0..rows`.
    pub fn is_all_of(&self, rows: usize) -> bool {
        self.rows == rows && self.count == rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iter_and_next_from_visit_inserted_rows_in_order() {
        let mut bits = Bits::new(200);
        let rows = [0, 1, 63, 64, 127, 130, 199];
        rows.iter().rev().for_each(|&row| assert!(bits.insert(row)));
        assert!(!bits.insert(63) && !bits.insert(200));
        assert_eq!(bits.iter().collect::<Vec<_>>(), rows);
        assert_eq!(bits.count(), rows.len());
        for from in 0..210 {
            assert_eq!(
                bits.next_from(from),
                rows.into_iter().find(|row| *row >= from),
                "{from}"
            );
        }
        assert!(!bits.is_all_of(200) && !Bits::new(0).is_all_of(200));
        for rows in [0, 1, 63, 64, 65, 200] {
            let full = Bits::full(rows);
            assert!(
                full.is_all_of(rows)
                    && full.iter().eq(0..rows as u32)
                    && !full.contains(rows as u32)
            );
        }
    }
}
