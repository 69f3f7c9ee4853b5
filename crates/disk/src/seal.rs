//! The seal: a footer with one checksum per page of the file's contents.
//!
//! ```text
//! contents
//! table: for each page of the contents (the last may be shorter) its XXH3, u64
//! footer: "NIGHSEAL", length of the contents, XXH3 of the file name, XXH3 of the table, 24 zero bytes,
//!         XXH3 of these 56 bytes
//! ```
//! All integers are little-endian.

use crate::Damage;
#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::ops::Range;
use std::path::Path;
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use twox_hash::XxHash3_64;

/// Bytes covered by one checksum.
pub const PAGE_SIZE: usize = 4096;

const MAGIC: &[u8; 8] = b"NIGHSEAL";
const FOOTER_LEN: usize = 64;
const CHECKSUM_LEN: usize = size_of::<u64>();

pub fn checksum(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

fn name_checksum(path: &Path) -> u64 {
    checksum(path.file_name().unwrap_or_default().as_encoded_bytes())
}

/// Encodes the seal for contents of `length` bytes with the given page checksums, for a file named
/// as in `path`.
pub fn encode(path: &Path, length: u64, checksums: &[u64]) -> Vec<u8> {
    let mut seal: Vec<u8> = checksums
        .iter()
        .flat_map(|checksum| checksum.to_le_bytes())
        .collect();
    let table = checksum(&seal);
    let footer = seal.len();
    seal.extend(MAGIC);
    [length, name_checksum(path), table, 0, 0, 0]
        .iter()
        .for_each(|field| seal.extend(field.to_le_bytes()));
    seal.extend(checksum(&seal[footer..]).to_le_bytes());
    seal
}

/// A decoded seal, and the pages verified against it so far.
#[derive(Debug)]
pub struct Seal {
    /// The length of the contents in bytes.
    pub length: usize,
    checksums: Vec<u64>,
    /// One bit per page.
    verified: Vec<AtomicU64>,
    /// The number of zero bits among the pages in `verified`.
    unverified: AtomicUsize,
    /// Set by the thread that takes on verifying the rest.
    background_claimed: AtomicBool,
}

impl Seal {
    /// Decodes the seal at the end of a file. Page checksums
    /// are not compared with the contents here.
    pub fn read(path: &Path, file: &[u8]) -> Result<Self, Damage> {
        let missing = || Damage::NoSeal { length: file.len() };
        let (rest, footer) = file
            .split_at_checked(file.len().wrapping_sub(FOOTER_LEN))
            .ok_or_else(missing)?;
        if footer[..8] != *MAGIC {
            return Err(missing());
        }
        let field = |at: usize| {
            footer[at..at + CHECKSUM_LEN]
                .iter()
                .rev()
                .fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        };
        let compare = |part, expected: u64, found: u64| match expected == found {
            true => Ok(()),
            false => Err(Damage::Seal {
                part,
                expected,
                found,
            }),
        };
        compare(
            "the footer of its seal",
            field(FOOTER_LEN - CHECKSUM_LEN),
            checksum(&footer[..FOOTER_LEN - CHECKSUM_LEN]),
        )?;
        let length = field(8);
        let pages = length.div_ceil(PAGE_SIZE as u64);
        if pages
            .checked_mul(CHECKSUM_LEN as u64)
            .and_then(|table_len| table_len.checked_add(length))
            != Some(rest.len() as u64)
        {
            return Err(Damage::Length {
                sealed: length,
                found: rest.len(),
            });
        }
        if field(16) != name_checksum(path) {
            return Err(Damage::OtherName);
        }
        let table = &rest[length as usize..];
        compare("its seal", field(24), checksum(table))?;
        let (checksums, _) = table.as_chunks::<CHECKSUM_LEN>();
        let checksums: Vec<u64> = checksums
            .iter()
            .map(|bytes| u64::from_le_bytes(*bytes))
            .collect();
        let verified = (0..pages.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let unverified = AtomicUsize::new(checksums.len());
        Ok(Self {
            length: length as usize,
            checksums,
            verified,
            unverified,
            background_claimed: AtomicBool::new(false),
        })
    }

    /// Whether all pages of a range are already verified. May return `false` for a verified range
    /// that spans more than one word of `verified`; searches read ranges far shorter than its 64
    /// pages.
    #[inline(always)]
    pub fn is_verified(&self, range: &Range<usize>) -> bool {
        let (first, last) = (
            range.start / PAGE_SIZE,
            range.end.saturating_sub(1) / PAGE_SIZE,
        );
        match self.verified.get(first / 64) {
            Some(verified) if last / 64 == first / 64 => {
                let mask = (!0 << (first % 64)) & (!0 >> (63 - last % 64));
                verified.load(Ordering::Relaxed) & mask == mask
            }
            _ => false,
        }
    }

    /// Verifies the pages of a byte range of `contents` that are not verified yet. `Err` is the
    /// number of the first damaged page.
    pub fn verify_range(&self, contents: &[u8], range: Range<usize>) -> Result<(), usize> {
        if range.is_empty() {
            return Ok(());
        }
        self.verify_pages(
            contents,
            range.start / PAGE_SIZE,
            (range.end - 1) / PAGE_SIZE,
        )
    }

    /// Whether every page has been verified.
    #[inline(always)]
    pub fn is_fully_verified(&self) -> bool {
        self.unverified.load(Ordering::Relaxed) == 0
    }

    /// Returns `true` once, to the first caller after half of the pages have been verified, unless
    /// all have. A process that has used half of a file is likely to use it again, and once all
    /// pages are verified no checks are needed.
    pub fn claim_background_verification(&self) -> bool {
        let unverified = self.unverified.load(Ordering::Relaxed);
        (1..=self.checksums.len() / 2).contains(&unverified)
            && !self.background_claimed.swap(true, Ordering::Relaxed)
    }

    /// Verifies the remaining pages until `stop` is set. Ends at the first damaged page without
    /// reporting it: whoever reads that page gets the error.
    pub fn verify_remaining(&self, contents: &[u8], stop: &std::sync::atomic::AtomicBool) {
        let running = |_: &usize| !stop.load(std::sync::atomic::Ordering::Relaxed);
        let _ = (0..self.checksums.len())
            .take_while(running)
            .try_for_each(|page| self.verify_pages(contents, page, page));
    }

    /// Verifies the pages `first..=last` that are not verified yet.
    #[cold]
    fn verify_pages(&self, contents: &[u8], first: usize, last: usize) -> Result<(), usize> {
        let mut page = first;
        while page <= last {
            let Some(verified) = self.verified.get(page / 64) else {
                return Err(page);
            };
            let word = verified.load(Ordering::Relaxed);
            if page.is_multiple_of(64) && word == !0 {
                page += 64;
                continue;
            }
            if word >> (page % 64) & 1 == 0 {
                if !self.page_matches(contents, page) {
                    return Err(page);
                }
                let bit = 1u64 << (page % 64);
                // Another thread may have verified the same page meanwhile: count it once.
                if verified.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
                    self.unverified.fetch_sub(1, Ordering::Relaxed);
                }
            }
            page += 1;
        }
        Ok(())
    }

    /// Compares a page with its checksum, whether or not it was verified before.
    pub fn page_matches(&self, contents: &[u8], page: usize) -> bool {
        let bytes = contents.get(page * PAGE_SIZE..contents.len().min((page + 1) * PAGE_SIZE));
        bytes.is_some_and(|bytes| self.checksums.get(page) == Some(&checksum(bytes)))
    }

    /// The number of pages of the contents.
    pub fn page_count(&self) -> usize {
        self.checksums.len()
    }
}

/// Explores every interleaving of two threads that verify pages: `RUSTFLAGS="--cfg loom" cargo test
/// -p disk --lib interleavings`.
#[cfg(all(test, loom))]
mod interleavings {
    use super::*;
    use loom::sync::Arc;

    /// Three pages and their seal; page `damaged` is changed after sealing.
    fn sealed(damaged: Option<usize>) -> (Vec<u8>, Seal) {
        let path = Path::new("a");
        let mut contents = vec![7; 2 * PAGE_SIZE + 9];
        let checksums: Vec<u64> = contents.chunks(PAGE_SIZE).map(checksum).collect();
        let file = [
            contents.clone(),
            encode(path, contents.len() as u64, &checksums),
        ]
        .concat();
        let seal = Seal::read(path, &file).unwrap();
        damaged
            .into_iter()
            .for_each(|page| contents[page * PAGE_SIZE] = 8);
        (contents, seal)
    }

    /// Verifies a range of pages on each of two threads in every interleaving, and calls `check`
    /// with the results.
    fn all_orders(damaged: Option<usize>, ranges: [Range<usize>; 2], check: fn([bool; 2], &Seal)) {
        loom::model(move || {
            let shared = Arc::new(sealed(damaged));
            let verifying = |range: Range<usize>| {
                let shared = shared.clone();
                move || {
                    shared
                        .1
                        .verify_range(&shared.0, range.start * PAGE_SIZE..range.end * PAGE_SIZE)
                        .is_ok()
                }
            };
            let other = loom::thread::spawn(verifying(ranges[1].clone()));
            let result = verifying(ranges[0].clone())();
            check([result, other.join().unwrap()], &shared.1);
        });
    }

    #[test]
    fn undamaged_file_verifies_and_counts_each_page_once() {
        for ranges in [[0..2, 1..3], [0..3, 0..3], [0..1, 2..3]] {
            all_orders(None, ranges, |results, seal| {
                assert_eq!(results, [true, true]);
                let unverified = seal.unverified.load(Ordering::Relaxed);
                let verified: u32 = seal
                    .verified
                    .iter()
                    .map(|word| word.load(Ordering::Relaxed).count_ones())
                    .sum();
                assert_eq!(unverified + verified as usize, 3);
            });
        }
    }

    #[test]
    fn damaged_page_is_never_reported_as_valid() {
        for ranges in [[2..3, 0..3], [1..3, 2..3]] {
            all_orders(Some(2), ranges, |results, seal| {
                assert_eq!(results, [false, false]);
                assert!(!seal.is_fully_verified());
            });
        }
        all_orders(Some(2), [0..2, 1..3], |results, seal| {
            assert_eq!(results, [true, false]);
            assert!(!seal.is_fully_verified());
        });
    }
}
