//! Reading a file where it lies.

// A memory map is `unsafe` to make, and so is the promise that its bytes stay where they are; both blocks here
// say why that is sound.
#![allow(unsafe_code)]

use crate::seal::{PAGE, Seal};
use crate::{Error, Result};
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// The bytes of a mapped file. Clones are of the same mapping.
#[derive(Debug, Clone)]
pub struct Map(Arc<memmap2::Mmap>);

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: `deref` gives the mapping's bytes, which lie behind an `Arc`: moving or cloning a `Map` leaves them where
// they are, and they go when the last clone does.
unsafe impl stable_deref_trait::StableDeref for Map {}

/// A finished file, mapped.
#[derive(Debug)]
pub struct Mapped {
    path: PathBuf,
    map: Map,
    seal: Option<Arc<Seal>>,
    /// The first page that was found to be damaged.
    damaged: OnceLock<usize>,
    /// What compares the rest of the file.
    comparing: OnceLock<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Drop for Mapped {
    /// Whoever lets go of a file may have it changed: nobody reads it any more.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.comparing.take() {
            // At the next page it sees that it is to stop.
            let _ = thread.join();
        }
    }
}

impl Mapped {
    /// Maps the file. `sealed` looks at its bytes and says whether it must have a seal.
    ///
    /// # Errors
    /// When it is not there, or its seal is not there or does not fit it.
    pub fn open(path: &Path, sealed: impl FnOnce(&[u8]) -> bool) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: a finished file is never written again, only replaced or removed, which leaves mappings intact.
        // Should another program truncate it while it is mapped, or the disk not give a page of it, reading that
        // would raise SIGBUS, which ends the process: no wrong byte is ever seen, and no error either.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io(path))?;
        let seal = match sealed(&map) {
            true => {
                let seal = Seal::read(path, &map);
                Some(Arc::new(seal.map_err(|problem| Error::Damaged { path: path.to_owned(), problem })?))
            }
            false => None,
        };
        Ok(Self {
            path: path.to_owned(),
            map: Map(Arc::new(map)),
            seal,
            damaged: OnceLock::new(),
            comparing: OnceLock::new(),
            stop: Arc::default(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The mapping, the seal included.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// What was written to it. Only what [`Mapped::check`] was asked about is known to be that.
    #[inline(always)]
    pub fn contents(&self) -> &[u8] {
        match &self.seal {
            Some(seal) => &self.map[..seal.length],
            None => &self.map,
        }
    }

    /// Whether a range of the contents is as it was written. A file without a seal is believed.
    /// Where it is not, [`Mapped::intact`] says so from then on.
    #[inline(always)]
    pub fn check(&self, range: Range<usize>) -> bool {
        let Some(seal) = &self.seal else { return true };
        if seal.knows(&range) {
            return true;
        }
        match seal.check(self.contents(), range) {
            Ok(()) => {
                self.compare_rest();
                true
            }
            Err(page) => {
                let _ = self.damaged.set(page);
                false
            }
        }
    }

    /// Once half of the file has been used, compares the rest on a thread of its own: nobody who searches waits for it.
    #[cold]
    fn compare_rest(&self) {
        let Some(seal) = self.seal.as_ref().filter(|seal| seal.is_half_seen()) else { return };
        let (seal, map, stop) = (seal.clone(), self.map.clone(), self.stop.clone());
        let thread = std::thread::Builder::new().name("checksums".to_owned());
        // Where there can be no thread, pages go on being compared as they are asked for.
        if let Ok(thread) = thread.spawn(move || seal.finish(&map[..seal.length], &stop)) {
            let _ = self.comparing.set(thread);
        }
    }

    /// Whether all of it is known to be as it was written, so that there is nothing left to check.
    #[inline(always)]
    pub fn is_whole(&self) -> bool {
        self.seal.as_ref().is_none_or(|seal| seal.is_whole())
    }

    /// That nothing was found to be damaged yet, in whatever was checked.
    ///
    /// # Errors
    /// What was found.
    #[inline]
    pub fn intact(&self) -> Result<()> {
        match self.damaged.get() {
            None => Ok(()),
            Some(&page) => Err(self.damaged_at(page)),
        }
    }

    /// Reads it all again, and compares every page with its checksum.
    ///
    /// # Errors
    /// The first page that is damaged.
    pub fn verify(&self) -> Result<()> {
        let Some(seal) = &self.seal else { return Ok(()) };
        match (0..seal.pages()).find(|&page| !seal.holds(self.contents(), page)) {
            None => Ok(()),
            Some(page) => Err(self.damaged_at(page)),
        }
    }

    fn damaged_at(&self, page: usize) -> Error {
        let end = self.contents().len().min((page + 1) * PAGE);
        let problem = format!("damaged: bytes {} to {end} are not those that were written", page * PAGE);
        Error::Damaged { path: self.path.clone(), problem }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should fail there")]
mod tests {
    use super::*;
    use crate::{Files, write};
    use std::fs;

    fn contents(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, PAGE - 1, PAGE, PAGE + 1, 64 * PAGE, 70 * PAGE + 5, 200 * PAGE] {
            let path = folder.path().join(length.to_string());
            write(&Files::default(), &path, &contents(length)).unwrap();
            let file = Mapped::open(&path, |_| true).unwrap();
            assert!(file.contents() == contents(length) && file.is_whole() == (length == 0));
            assert!(file.check(0..length) && file.is_whole());
            file.verify().unwrap();
            let plain = Files { sealed: false, ..Files::default() };
            write(&plain, &path, &contents(length)).unwrap();
            assert!(fs::read(&path).unwrap() == contents(length));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 8, "nothing unfinished is left");
    }

    #[test]
    fn a_damaged_page_is_noticed_when_it_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&Files::default(), &path, &contents(300 * PAGE + 9)).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[130 * PAGE + 17] ^= 4;
        fs::write(&path, &bytes).unwrap();
        let file = Mapped::open(&path, |_| true).unwrap();
        assert!(file.check(0..10) && file.check(10 * PAGE..130 * PAGE) && file.check(131 * PAGE..300 * PAGE + 9));
        // All others are known by now, as more than half of them were asked for.
        assert!(!file.is_whole());
        file.intact().unwrap();
        assert!(!file.check(130 * PAGE - 1..130 * PAGE + 1));
        let said = file.intact().unwrap_err().to_string();
        assert!(said.contains("file: damaged: bytes 532480 to 536576"), "{said}");
        assert_eq!(file.verify().unwrap_err().to_string(), said);
    }

    #[test]
    fn every_byte_of_a_seal_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&Files::default(), &path, &contents(2 * PAGE)).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 2 * PAGE..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(Mapped::open(&path, |_| true).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(Mapped::open(&path, |_| true).is_err(), "cut at {at}");
        }
        let other = folder.path().join("other");
        fs::write(&other, &whole).unwrap();
        let error = Mapped::open(&other, |_| true).unwrap_err().to_string();
        assert!(error.contains("another name"), "{error}");
        assert!(Mapped::open(&path, |_| true).is_err() && Mapped::open(&path, |_| false).is_ok());
    }

    #[test]
    fn threads_that_ask_at_once_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&Files::default(), &path, &contents(1000 * PAGE)).unwrap();
        let file = Mapped::open(&path, |_| true).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    (0..1000).for_each(|page| {
                        assert!(
                            file.check((page * (thread + 1)) % 1000 * PAGE..(page * (thread + 1)) % 1000 * PAGE + 1)
                        )
                    })
                });
            }
        });
        assert!(file.is_whole() && file.check(0..1000 * PAGE));
    }
}
