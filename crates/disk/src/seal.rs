//! The seal: what a file ends with, and what its pages are compared with.
//!
//! ```text
//! contents
//! for each page of them, the last one shorter: XXH3 of its bytes, u64
//! "NIGHSEAL", length of the contents, XXH3 of the file's name, XXH3 of the sums above, 24 zeros,
//! XXH3 of these 56 bytes
//! ```
//! All numbers are little-endian.

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::ops::Range;
use std::path::Path;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use twox_hash::XxHash3_64;

/// What is compared with a checksum at once, in bytes.
pub const PAGE: usize = 4096;

const MAGIC: &[u8; 8] = b"NIGHSEAL";
const FOOT: usize = 64;
const SUM: usize = size_of::<u64>();

pub fn sum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

fn name_sum(path: &Path) -> u64 {
    sum(path.file_name().unwrap_or_default().as_encoded_bytes())
}

/// The seal of contents of `length` bytes whose pages have the `sums`, in a file that will be at `path`.
pub fn encode(path: &Path, length: u64, sums: &[u64]) -> Vec<u8> {
    let mut seal: Vec<u8> = sums.iter().flat_map(|sum| sum.to_le_bytes()).collect();
    let table = sum(&seal);
    let foot = seal.len();
    seal.extend(MAGIC);
    [length, name_sum(path), table, 0, 0, 0].iter().for_each(|number| seal.extend(number.to_le_bytes()));
    seal.extend(sum(&seal[foot..]).to_le_bytes());
    seal
}

/// A seal that was read, and which pages have been compared with it.
#[derive(Debug)]
pub struct Seal {
    /// The length of what it seals.
    pub length: usize,
    sums: Vec<u64>,
    /// A bit a page.
    seen: Vec<AtomicU64>,
    /// How many pages have not been compared yet.
    left: AtomicUsize,
    /// Set by whoever compares the rest.
    finishing: AtomicBool,
}

impl Seal {
    /// Reads the seal at the end of a file. `Err` says what is wrong with it.
    pub fn read(path: &Path, file: &[u8]) -> Result<Self, String> {
        let cut_off = || format!("{} bytes found, and no seal at their end", file.len());
        let (rest, foot) = file.split_at_checked(file.len().wrapping_sub(FOOT)).ok_or_else(cut_off)?;
        if foot[..8] != *MAGIC {
            return Err(cut_off());
        }
        let number =
            |at: usize| foot[at..at + SUM].iter().rev().fold(0u64, |number, &byte| number << 8 | u64::from(byte));
        let compare = |what: &str, expected: u64, found: u64| match expected == found {
            true => Ok(()),
            false => Err(format!("{what}: checksum {expected:016x} expected, {found:016x} found")),
        };
        compare("the foot of its seal", number(FOOT - SUM), sum(&foot[..FOOT - SUM]))?;
        let length = number(8);
        let pages = length.div_ceil(PAGE as u64);
        if pages.checked_mul(SUM as u64).and_then(|table| table.checked_add(length)) != Some(rest.len() as u64) {
            return Err(format!("sealed with {length} bytes, {} found before the seal", rest.len()));
        }
        if number(16) != name_sum(path) {
            return Err("it was written under another name".to_owned());
        }
        let table = &rest[length as usize..];
        compare("its seal", number(24), sum(table))?;
        let (sums, _) = table.as_chunks::<SUM>();
        let sums: Vec<u64> = sums.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
        let seen = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let left = AtomicUsize::new(sums.len());
        Ok(Self { length: length as usize, sums, seen, left, finishing: AtomicBool::new(false) })
    }

    /// Whether all pages of a range are known to be as they were sealed: of ranges of up to 64 pages, which is all that
    /// searches ask for.
    #[inline(always)]
    pub fn knows(&self, range: &Range<usize>) -> bool {
        let (first, last) = (range.start / PAGE, range.end.saturating_sub(1) / PAGE);
        match self.seen.get(first / 64) {
            Some(seen) if last / 64 == first / 64 => {
                let mask = (!0 << (first % 64)) & (!0 >> (63 - last % 64));
                seen.load(Ordering::Relaxed) & mask == mask
            }
            _ => false,
        }
    }

    /// Whether all pages of a range of `contents` are as they were sealed; those seen before are not looked at
    /// again. `Err` is the first that is not.
    pub fn check(&self, contents: &[u8], range: Range<usize>) -> Result<(), usize> {
        if range.is_empty() {
            return Ok(());
        }
        self.compare(contents, range.start / PAGE, (range.end - 1) / PAGE)
    }

    /// Whether every page is as it was sealed.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    /// Whether half of the file has been compared, and not all: then the rest is worth comparing, too, for who has
    /// used half will use it again, and in the end there is nothing left to ask. Says so once.
    pub fn is_half_seen(&self) -> bool {
        let left = self.left.load(Ordering::Relaxed);
        (1..=self.sums.len() / 2).contains(&left) && !self.finishing.swap(true, Ordering::Relaxed)
    }

    /// Compares what is left until it is told to `stop`, or up to the first page that is not as it was sealed: that is met
    /// by whoever asks for it.
    pub fn finish(&self, contents: &[u8], stop: &std::sync::atomic::AtomicBool) {
        let go_on = |_: &usize| !stop.load(std::sync::atomic::Ordering::Relaxed);
        let _ = (0..self.sums.len()).take_while(go_on).try_for_each(|page| self.compare(contents, page, page));
    }

    /// Compares the pages of a range that have not been yet.
    #[cold]
    fn compare(&self, contents: &[u8], first: usize, last: usize) -> Result<(), usize> {
        let mut page = first;
        while page <= last {
            let Some(seen) = self.seen.get(page / 64) else { return Err(page) };
            let word = seen.load(Ordering::Relaxed);
            if page.is_multiple_of(64) && word == !0 {
                page += 64;
                continue;
            }
            if word >> (page % 64) & 1 == 0 {
                if !self.holds(contents, page) {
                    return Err(page);
                }
                let bit = 1u64 << (page % 64);
                // Two threads may have compared the same page.
                if seen.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
                    self.left.fetch_sub(1, Ordering::Relaxed);
                }
            }
            page += 1;
        }
        Ok(())
    }

    /// Whether a page is as it was sealed, seen before or not.
    pub fn holds(&self, contents: &[u8], page: usize) -> bool {
        let bytes = contents.get(page * PAGE..contents.len().min((page + 1) * PAGE));
        bytes.is_some_and(|bytes| self.sums.get(page) == Some(&sum(bytes)))
    }

    /// How many pages there are.
    pub fn pages(&self) -> usize {
        self.sums.len()
    }
}

/// Every order in which two threads can look at pages: `RUSTFLAGS="--cfg loom" cargo test -p disk --lib interleavings`.
#[cfg(all(test, loom))]
mod interleavings {
    use super::*;
    use loom::sync::Arc;

    /// Three pages and their seal; the one numbered `damaged` is not as it was.
    fn sealed(damaged: Option<usize>) -> (Vec<u8>, Seal) {
        let path = Path::new("a");
        let mut contents = vec![7; 2 * PAGE + 9];
        let sums: Vec<u64> = contents.chunks(PAGE).map(sum).collect();
        let file = [contents.clone(), encode(path, contents.len() as u64, &sums)].concat();
        let seal = Seal::read(path, &file).unwrap();
        damaged.into_iter().for_each(|page| contents[page * PAGE] = 8);
        (contents, seal)
    }

    /// Two threads look at these ranges of pages, in every order; what each is told, and the seal.
    fn all_orders(damaged: Option<usize>, ranges: [Range<usize>; 2], holds: fn([bool; 2], &Seal)) {
        loom::model(move || {
            let shared = Arc::new(sealed(damaged));
            let looking = |range: Range<usize>| {
                let shared = shared.clone();
                move || shared.1.check(&shared.0, range.start * PAGE..range.end * PAGE).is_ok()
            };
            let other = loom::thread::spawn(looking(ranges[1].clone()));
            let told = looking(ranges[0].clone())();
            holds([told, other.join().unwrap()], &shared.1);
        });
    }

    #[test]
    fn a_whole_file_is_found_whole_and_each_page_counted_once() {
        for ranges in [[0..2, 1..3], [0..3, 0..3], [0..1, 2..3]] {
            all_orders(None, ranges, |told, seal| {
                assert_eq!(told, [true, true]);
                let left = seal.left.load(Ordering::Relaxed);
                let seen: u32 = seal.seen.iter().map(|word| word.load(Ordering::Relaxed).count_ones()).sum();
                assert_eq!(left + seen as usize, 3);
            });
        }
    }

    #[test]
    fn nobody_is_told_that_a_damaged_page_is_right() {
        for ranges in [[2..3, 0..3], [1..3, 2..3]] {
            all_orders(Some(2), ranges, |told, seal| {
                assert_eq!(told, [false, false]);
                assert!(!seal.is_whole());
            });
        }
        all_orders(Some(2), [0..2, 1..3], |told, seal| {
            assert_eq!(told, [true, false]);
            assert!(!seal.is_whole());
        });
    }
}
