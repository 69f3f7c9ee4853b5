//! A set of rows.

/// A fixed-size set of row numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    words: Vec<u64>,
    rows: usize,
    count: usize,
}

impl Bits {
    /// The empty subset of `0..rows`.
    pub fn new(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(64)], rows, count: 0 }
    }

    /// Adds `row`; whether it was new. Rows outside the set's range are left out.
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
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// How many rows are in the set.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether every row of the range is.
    pub fn is_full(&self) -> bool {
        self.count == self.rows
    }
}
