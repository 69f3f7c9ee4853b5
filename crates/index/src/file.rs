//! What both kinds of file share: a 128-byte header with checksums, written last, and a read-only
//! mapping.

// A memory map is `unsafe` to make; the one block here says why it is sound.
#![allow(unsafe_code)]

use crate::{Error, Result};
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The length of a header.
pub const HEADER: usize = 128;
/// The version of both kinds of file.
pub const VERSION: u32 = 1;
/// Where the checksum of the body stands in a header, and where that of the header itself.
const BODY_SUM: std::ops::Range<usize> = 64..96;
const HEADER_SUM: std::ops::Range<usize> = 112..128;
/// The kind's own fields.
pub const FIELDS: std::ops::Range<usize> = 24..64;

/// Writes a file under a temporary name, and gives it its own only when it is whole and on disk.
pub struct Writer {
    file: std::io::BufWriter<File>,
    body: blake3::Hasher,
    length: u64,
    path: PathBuf,
    temporary: tempfile_name::Temporary,
}

/// A name beside the final one that is removed again if the file is never finished.
mod tempfile_name {
    use std::path::PathBuf;

    pub struct Temporary(pub PathBuf);

    impl Drop for Temporary {
        fn drop(&mut self) {
            // Nothing to do about a failure here: an unfinished file is never opened.
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

impl Writer {
    pub fn create(path: &Path) -> Result<Self> {
        let temporary = path.with_extension("unfinished");
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(Error::io(&temporary))?;
        let temporary = tempfile_name::Temporary(temporary);
        let mut writer = Self {
            file: std::io::BufWriter::with_capacity(1 << 18, file),
            body: blake3::Hasher::new(),
            length: 0,
            path: path.to_owned(),
            temporary,
        };
        writer.file.write_all(&[0; HEADER]).map_err(Error::io(&writer.path))?;
        Ok(writer)
    }

    /// Appends to the body.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(&self.path))?;
        self.body.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Writes the header, syncs, and renames. Gives the body's checksum in hex.
    pub fn finish(mut self, magic: &[u8; 8], fields: &[u64; 5]) -> Result<String> {
        let sum = self.body.finalize();
        let mut header = [0u8; HEADER];
        header[..8].copy_from_slice(magic);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[16..24].copy_from_slice(&self.length.to_le_bytes());
        header[FIELDS].copy_from_slice(bytemuck::bytes_of(fields));
        header[BODY_SUM].copy_from_slice(sum.as_bytes());
        let header_sum = blake3::hash(&header[..HEADER_SUM.start]);
        header[HEADER_SUM].copy_from_slice(&header_sum.as_bytes()[..HEADER_SUM.len()]);
        let io = |path: &Path| Error::io(path.to_owned());
        self.file.flush().map_err(io(&self.path))?;
        let mut file = self.file.get_ref();
        file.seek(SeekFrom::Start(0)).map_err(io(&self.path))?;
        file.write_all(&header).map_err(io(&self.path))?;
        file.sync_all().map_err(io(&self.path))?;
        std::fs::rename(&self.temporary.0, &self.path).map_err(io(&self.path))?;
        if let Some(folder) = self.path.parent() {
            // The rename itself is on disk only once the folder is. Not every system lets a folder
            // be opened; where it does not, renames are ordered by the file system.
            if let Ok(folder) = File::open(folder) {
                folder.sync_all().map_err(io(&self.path))?;
            }
        }
        Ok(sum.to_hex().to_string())
    }
}

/// A finished file, mapped.
pub struct Mapped {
    pub path: PathBuf,
    map: memmap2::Mmap,
    pub fields: [u64; 5],
    pub sum: String,
}

impl Mapped {
    /// Maps the file and checks its header: magic, version, length and the header's own checksum.
    pub fn open(path: &Path, magic: &[u8; 8]) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        // SAFETY: the file is never written again once it has this name (see `Writer::finish`), and
        // only removed, which leaves mappings intact. Should another program truncate it, reading
        // beyond its end would raise SIGBUS; that cannot be guarded against here.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io(path))?;
        let damaged = |problem: String| Error::Damaged { path: path.to_owned(), problem };
        if map.len() < HEADER || map[..8] != *magic {
            let found = String::from_utf8_lossy(&map[..map.len().min(8)]).into_owned();
            return Err(damaged(format!(
                "expected {:?} at its start, found {found:?}",
                String::from_utf8_lossy(magic)
            )));
        }
        let word = |at: usize| u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| map[at + i]));
        let version = word(8) as u32;
        if version != VERSION {
            return Err(Error::Version { path: path.to_owned(), found: version, known: VERSION });
        }
        let sum = blake3::hash(&map[..HEADER_SUM.start]);
        if map[HEADER_SUM] != sum.as_bytes()[..HEADER_SUM.len()] {
            let (expected, found) = (hex(&map[HEADER_SUM]), hex(&sum.as_bytes()[..HEADER_SUM.len()]));
            return Err(damaged(format!("header checksum {expected} expected, {found} found")));
        }
        let length = word(16);
        if length != (map.len() - HEADER) as u64 {
            return Err(damaged(format!("{length} bytes expected after the header, {} found", map.len() - HEADER)));
        }
        let fields = [0, 1, 2, 3, 4].map(|i| word(FIELDS.start + 8 * i));
        let sum = hex(&map[BODY_SUM]);
        Ok(Self { path: path.to_owned(), map, fields, sum })
    }

    /// Everything after the header. Its start is aligned to 64 bytes, as pages are.
    pub fn body(&self) -> &[u8] {
        &self.map[HEADER..]
    }

    /// Reads the whole body and compares its checksum.
    pub fn verify(&self) -> Result<()> {
        let found = blake3::hash(self.body()).to_hex().to_string();
        if found != self.sum {
            return Err(self.damaged(format!("checksum {} expected, {found} found", self.sum)));
        }
        Ok(())
    }

    pub fn damaged(&self, problem: String) -> Error {
        Error::Damaged { path: self.path.clone(), problem }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
