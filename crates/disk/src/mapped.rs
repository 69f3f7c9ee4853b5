//! Reading a finished file through a memory map, verifying pages on first use.

// Creating a memory map is `unsafe`, and so is implementing `StableDeref`; both blocks below say
// why they are sound.
#![allow(unsafe_code)]

use crate::seal::{PAGE_SIZE, Seal};
use crate::{Damage, Error, PathError, Result};
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

/// The bytes of a mapped file, seal included. Clones share the mapping.
#[derive(Debug, Clone)]
pub struct Mmap(Arc<memmap2::Mmap>);

impl Deref for Mmap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: `deref` returns the bytes of a mapping behind an `Arc`. Moving or cloning a `Mmap` does
// not move them, and they are unmapped only when the last clone is dropped.
unsafe impl stable_deref_trait::StableDeref for Mmap {}

/// A finished file, mapped into memory.
///
/// [`MappedFile::verify_range`] must be called for a range before its bytes are trusted. After a
/// batch of reads, [`MappedFile::ensure_reads_valid`] reports whether any of them touched a damaged
/// page.
#[derive(Debug)]
pub struct MappedFile {
    path: PathBuf,
    mmap: Mmap,
    seal: Option<Arc<Seal>>,
    /// The first damaged page found.
    damaged: OnceLock<usize>,
    /// Verifies the pages nobody has read yet.
    background: OnceLock<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl Drop for MappedFile {
    /// Waits for the background thread, so that after the drop nothing reads the mapping (the
    /// caller may then change the file).
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.background.take() {
            // The thread checks `stop` before each page.
            let _ = thread.join();
        }
    }
}

impl MappedFile {
    /// Maps a file. `must_be_sealed` is given its bytes and says whether it must end with a seal.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened or mapped; [`Error::Damaged`] if its seal is
    /// missing or does not match its length or name.
    pub fn open(path: &Path, must_be_sealed: impl FnOnce(&[u8]) -> bool) -> Result<Self> {
        let file = File::open(path).map_err(PathError::at(path))?;
        // SAFETY: the caller relies on the file not being modified while it is mapped. nigh never
        // writes to a finished file; it replaces or removes it, which leaves existing mappings
        // unchanged. If another program modifies the file, a page that was already verified may
        // change under a reader; if it truncates the file, or the disk cannot read a page, access
        // raises SIGBUS and ends the process.
        let mmap = unsafe { memmap2::Mmap::map(&file) }.map_err(PathError::at(path))?;
        let seal = match must_be_sealed(&mmap) {
            true => {
                let seal = Seal::read(path, &mmap);
                Some(Arc::new(seal.map_err(|damage| Error::Damaged {
                    path: path.to_owned(),
                    damage,
                })?))
            }
            false => None,
        };
        Ok(Self {
            path: path.to_owned(),
            mmap: Mmap(Arc::new(mmap)),
            seal,
            damaged: OnceLock::new(),
            background: OnceLock::new(),
            stop: Arc::default(),
        })
    }

    /// The path it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole mapping, seal included.
    pub fn mmap(&self) -> &Mmap {
        &self.mmap
    }

    /// The contents without the seal. Bytes are unverified until [`MappedFile::verify_range`] has
    /// returned `true` for them.
    #[inline(always)]
    pub fn contents(&self) -> &[u8] {
        match &self.seal {
            Some(seal) => &self.mmap[..seal.length],
            None => &self.mmap,
        }
    }

    /// Verifies the pages of a range of bytes of the contents; returns whether their checksums
    /// match. Always `true` for a file without a seal. A mismatch is remembered and reported by
    /// [`MappedFile::ensure_reads_valid`].
    #[inline(always)]
    pub fn verify_range(&self, range: Range<usize>) -> bool {
        let Some(seal) = &self.seal else { return true };
        if seal.is_verified(&range) {
            return true;
        }
        match seal.verify_range(self.contents(), range) {
            Ok(()) => {
                self.verify_rest_in_background();
                true
            }
            Err(page) => {
                let _ = self.damaged.set(page);
                false
            }
        }
    }

    /// Once half of the file has been verified, verifies the rest on a separate thread, so that no
    /// search waits for it.
    #[cold]
    fn verify_rest_in_background(&self) {
        let Some(seal) = self
            .seal
            .as_ref()
            .filter(|seal| seal.claim_background_verification())
        else {
            return;
        };
        let (seal, mmap, stop) = (seal.clone(), self.mmap.clone(), self.stop.clone());
        let thread = std::thread::Builder::new().name("checksums".to_owned());
        // If no thread can be spawned, pages continue to be verified on first use.
        if let Ok(thread) = thread.spawn(move || seal.verify_remaining(&mmap[..seal.length], &stop))
        {
            let _ = self.background.set(thread);
        }
    }

    /// Whether every page has been verified, so that no further checks are needed. `true` for a
    /// file without a seal.
    #[inline(always)]
    pub fn is_fully_verified(&self) -> bool {
        self.seal
            .as_ref()
            .is_none_or(|seal| seal.is_fully_verified())
    }

    /// Fails if any range verified so far was damaged. Pages that were not read are not checked.
    ///
    /// # Errors
    /// [`Error::Damaged`], with the byte range of the first damaged page found.
    #[inline]
    pub fn ensure_reads_valid(&self) -> Result<()> {
        match self.damaged.get() {
            None => Ok(()),
            Some(&page) => Err(self.damage_error(page)),
        }
    }

    /// Verifies every page, including those verified before.
    ///
    /// # Errors
    /// [`Error::Damaged`], with the byte range of the first damaged page.
    pub fn verify(&self) -> Result<()> {
        let Some(seal) = &self.seal else {
            return Ok(());
        };
        match (0..seal.page_count()).find(|&page| !seal.page_matches(self.contents(), page)) {
            None => Ok(()),
            Some(page) => Err(self.damage_error(page)),
        }
    }

    fn damage_error(&self, page: usize) -> Error {
        let end = self.contents().len().min((page + 1) * PAGE_SIZE);
        let start = page * PAGE_SIZE;
        Error::Damaged {
            path: self.path.clone(),
            damage: Damage::Page { start, end },
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on should fail there"
)]
mod tests {
    use super::*;
    use crate::{WriteOptions, atomic_write};
    use std::fs;

    fn contents(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[test]
    fn contents_round_trip_at_every_length_with_and_without_seal() {
        let folder = tempfile::tempdir().unwrap();
        for length in [
            0,
            1,
            PAGE_SIZE - 1,
            PAGE_SIZE,
            PAGE_SIZE + 1,
            64 * PAGE_SIZE,
            70 * PAGE_SIZE + 5,
            200 * PAGE_SIZE,
        ] {
            let path = folder.path().join(length.to_string());
            atomic_write(&WriteOptions::default(), &path, &contents(length)).unwrap();
            let file = MappedFile::open(&path, |_| true).unwrap();
            assert!(
                file.contents() == contents(length) && file.is_fully_verified() == (length == 0)
            );
            assert!(file.verify_range(0..length) && file.is_fully_verified());
            file.verify().unwrap();
            let plain = WriteOptions {
                sealed: false,
                ..WriteOptions::default()
            };
            atomic_write(&plain, &path, &contents(length)).unwrap();
            assert!(fs::read(&path).unwrap() == contents(length));
        }
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            8,
            "temporary files are left behind"
        );
    }

    #[test]
    fn damaged_page_is_reported_on_first_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        atomic_write(
            &WriteOptions::default(),
            &path,
            &contents(300 * PAGE_SIZE + 9),
        )
        .unwrap();
        let mut bytes = fs::read(&path).unwrap();
        bytes[130 * PAGE_SIZE + 17] ^= 4;
        fs::write(&path, &bytes).unwrap();
        let file = MappedFile::open(&path, |_| true).unwrap();
        assert!(
            file.verify_range(0..10)
                && file.verify_range(10 * PAGE_SIZE..130 * PAGE_SIZE)
                && file.verify_range(131 * PAGE_SIZE..300 * PAGE_SIZE + 9)
        );
        // More than half have been read, so all other pages are being verified in the background.
        assert!(!file.is_fully_verified());
        file.ensure_reads_valid().unwrap();
        assert!(!file.verify_range(130 * PAGE_SIZE - 1..130 * PAGE_SIZE + 1));
        let message = file.ensure_reads_valid().unwrap_err().to_string();
        assert!(
            message.contains("file: damaged: bytes 532480 to 536576"),
            "{message}"
        );
        assert_eq!(file.verify().unwrap_err().to_string(), message);
    }

    #[test]
    fn open_rejects_seal_with_any_byte_changed_or_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        atomic_write(&WriteOptions::default(), &path, &contents(2 * PAGE_SIZE)).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 2 * PAGE_SIZE..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert!(MappedFile::open(&path, |_| true).is_err(), "byte {at}");
            fs::write(&path, &whole[..at]).unwrap();
            assert!(MappedFile::open(&path, |_| true).is_err(), "cut at {at}");
        }
        let other = folder.path().join("other");
        fs::write(&other, &whole).unwrap();
        let error = MappedFile::open(&other, |_| true).unwrap_err().to_string();
        assert!(error.contains("another name"), "{error}");
        assert!(
            MappedFile::open(&path, |_| true).is_err()
                && MappedFile::open(&path, |_| false).is_ok()
        );
    }

    #[test]
    fn concurrent_readers_verify_every_page() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        atomic_write(&WriteOptions::default(), &path, &contents(1000 * PAGE_SIZE)).unwrap();
        let file = MappedFile::open(&path, |_| true).unwrap();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let file = &file;
                scope.spawn(move || {
                    (0..1000).for_each(|page| {
                        assert!(file.verify_range(
                            (page * (thread + 1)) % 1000 * PAGE_SIZE
                                ..(page * (thread + 1)) % 1000 * PAGE_SIZE + 1
                        ))
                    })
                });
            }
        });
        assert!(file.is_fully_verified() && file.verify_range(0..1000 * PAGE_SIZE));
    }
}
