//! The container format shared by vector and graph files: a header, a table of sections with a
//! checksum each, and the sections, aligned to cache lines. Files are written once and then mapped;
//! they never change. See FORMAT.md.

use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use disk::{PathError, WriteOptions};
use std::io::Write;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

/// The current format version of vector and graph files. Files are sealed from this version on.
pub const FORMAT_VERSION: u32 = 3;
/// The same layout without a seal.
const FORMAT_V2: u32 = 2;
/// The first version: one body without sections after a header of the same length as today's.
pub const FORMAT_V1: u32 = 1;
/// The number of header fields whose meaning depends on the kind of file.
pub const HEADER_FIELDS: usize = 11;
/// The alignment of sections in bytes: a cache line, which is at least the alignment of every
/// element type.
const ALIGNMENT: usize = 64;
/// The most sections a file may have.
const MAX_SECTIONS: u32 = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    sections: u32,
    /// The length of the whole file, without the seal.
    length: u64,
    fields: [u64; HEADER_FIELDS],
    /// The first 16 bytes of BLAKE3 over the fields above and the section table.
    checksum: [u8; 16],
}

const HEADER_LEN: usize = size_of::<Header>();
/// The part of the header that its checksum covers.
const CHECKSUMMED_LEN: usize = HEADER_LEN - 16;

/// One entry of the section table.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct SectionEntry {
    offset: u64,
    length: u64,
    /// BLAKE3 of the section.
    checksum: [u8; 32],
    reserved: [u8; 16],
}

/// Writes a file section by section. The file appears at its path when it is complete and durable.
pub struct SectionWriter {
    file: disk::Writer,
    version: u32,
    sections: usize,
    entries: Vec<SectionEntry>,
    /// The offset of the current section.
    section_start: u64,
    hasher: blake3::Hasher,
}

impl SectionWriter {
    /// Starts a file with the given number of sections, and its first section.
    pub fn create(options: &WriteOptions, path: &Path, sections: usize) -> Result<Self> {
        let mut writer = Self {
            file: disk::Writer::create(options, path)?,
            version: if options.sealed {
                FORMAT_VERSION
            } else {
                FORMAT_V2
            },
            sections,
            entries: Vec::with_capacity(sections),
            section_start: 0,
            hasher: blake3::Hasher::new(),
        };
        writer.put(&vec![0; HEADER_LEN + sections * size_of::<SectionEntry>()])?;
        writer.align()?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.file.write_all(bytes);
        Ok(written.map_err(PathError::at(self.file.path()))?)
    }

    fn align(&mut self) -> Result<()> {
        let at = self.file.length();
        self.put(&[0; ALIGNMENT][..(at.next_multiple_of(ALIGNMENT as u64) - at) as usize])?;
        self.section_start = self.file.length();
        Ok(())
    }

    /// Appends to the current section.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.put(bytes)
    }

    /// Ends the current section and starts the next one.
    pub fn next_section(&mut self) -> Result<()> {
        self.end_section();
        self.align()
    }

    fn end_section(&mut self) {
        let checksum = *self.hasher.finalize().as_bytes();
        let length = self.file.length() - self.section_start;
        self.entries.push(SectionEntry {
            offset: self.section_start,
            length,
            checksum,
            reserved: [0; 16],
        });
        self.hasher.reset();
    }

    /// Ends the last section, writes header and table, and makes the file durable. Returns the
    /// file's checksum in hex: it covers header and table, and through the table every section.
    pub fn finish(mut self, magic: &[u8; 8], fields: [u64; HEADER_FIELDS]) -> Result<String> {
        self.end_section();
        debug_assert_eq!(self.entries.len(), self.sections);
        let mut header = Header {
            magic: *magic,
            version: self.version,
            sections: self.entries.len() as u32,
            length: self.file.length(),
            fields,
            checksum: [0; 16],
        };
        let table: &[u8] = bytemuck::cast_slice(&self.entries);
        let checksum = header_checksum(bytemuck::bytes_of(&header), table);
        header.checksum.copy_from_slice(&checksum.as_bytes()[..16]);
        self.file
            .replace_start([bytemuck::bytes_of(&header), table].concat());
        self.file.finish()?;
        Ok(checksum.to_hex().to_string())
    }
}

fn header_checksum(header: &[u8], table: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header[..CHECKSUMMED_LEN]);
    hasher.update(table);
    hasher.finalize()
}

/// A finished file, mapped into memory.
pub struct SectionFile {
    file: disk::MappedFile,
    pub version: u32,
    pub fields: [u64; HEADER_FIELDS],
    /// The byte range of each section, and its BLAKE3 checksum.
    sections: Vec<(Range<usize>, [u8; 32])>,
    /// The checksum of the file in hex.
    pub checksum: String,
}

impl SectionFile {
    /// Maps a file and checks its structure: magic, version, length, the checksum of the header,
    /// and that every section is aligned and within the file. Sections are not read.
    pub fn open(path: &Path, magic: &[u8; 8]) -> Result<Self> {
        let version = |bytes: &[u8]| {
            bytes
                .get(8..12)
                .map_or(0, bytemuck::pod_read_unaligned::<u32>)
        };
        let file = disk::MappedFile::open(path, |bytes| {
            bytes.starts_with(magic) && version(bytes) == FORMAT_VERSION
        })?;
        let damaged = |damage: String| Error::Damaged {
            path: path.to_owned(),
            damage,
        };
        let contents = file.contents();
        if contents.len() < HEADER_LEN || contents[..8] != *magic {
            let found = String::from_utf8_lossy(&contents[..contents.len().min(8)]).into_owned();
            return Err(damaged(format!(
                "expected {:?} at its start, found {found:?}",
                String::from_utf8_lossy(magic)
            )));
        }
        let header: Header = bytemuck::pod_read_unaligned(&contents[..HEADER_LEN]);
        let (fields, sections, checksum) = match header.version {
            FORMAT_V1 => read_v1_header(contents, &damaged)?,
            FORMAT_V2 | FORMAT_VERSION => read_header(contents, &header, &damaged)?,
            found => {
                return Err(Error::Version {
                    path: path.to_owned(),
                    found,
                    known: FORMAT_VERSION,
                });
            }
        };
        Ok(Self {
            version: header.version,
            file,
            fields,
            sections,
            checksum,
        })
    }

    /// The bytes of a section; empty if there is no such section.
    pub fn bytes(&self, section: usize) -> &[u8] {
        self.sections
            .get(section)
            .map_or(&[], |(range, _)| &self.file.contents()[range.clone()])
    }

    /// Fails if any part read so far was damaged.
    pub fn ensure_reads_valid(&self) -> Result<()> {
        Ok(self.file.ensure_reads_valid()?)
    }

    /// Reads the whole file and checks the seal, the checksum of every section, and that padding is
    /// zero.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let contents = self.file.contents();
        let table_len = if self.version == FORMAT_V1 {
            0
        } else {
            self.sections.len() * size_of::<SectionEntry>()
        };
        let mut end = HEADER_LEN + table_len;
        for (range, _) in &self.sections {
            if contents[end..range.start.max(end)]
                .iter()
                .any(|&byte| byte != 0)
            {
                return Err(
                    self.damaged(format!("zeros expected from byte {end} to {}", range.start))
                );
            }
            end = range.end;
        }
        for (number, (range, expected)) in self.sections.iter().enumerate() {
            let found = blake3::hash(&contents[range.clone()]);
            if found.as_bytes() != expected {
                let expected = blake3::Hash::from_bytes(*expected);
                return Err(self.damaged(format!(
                    "section {number}: checksum {expected} expected, {found} found"
                )));
            }
        }
        Ok(())
    }

    /// An error that names this file.
    pub fn damaged(&self, damage: String) -> Error {
        Error::Damaged {
            path: self.file.path().to_owned(),
            damage,
        }
    }
}

/// Header fields, sections and checksum of a file.
type Layout = ([u64; HEADER_FIELDS], Vec<(Range<usize>, [u8; 32])>, String);

fn read_header(
    contents: &[u8],
    header: &Header,
    damaged: &dyn Fn(String) -> Error,
) -> Result<Layout> {
    if header.sections > MAX_SECTIONS {
        return Err(damaged(format!(
            "{} sections; at most {MAX_SECTIONS} were expected",
            header.sections
        )));
    }
    let end = HEADER_LEN + header.sections as usize * size_of::<SectionEntry>();
    let table = contents
        .get(HEADER_LEN..end)
        .ok_or_else(|| damaged("its table of sections is cut off".to_owned()))?;
    let checksum = header_checksum(&contents[..HEADER_LEN], table);
    check_header(&header.checksum, &checksum, damaged)?;
    if header.length != contents.len() as u64 {
        return Err(damaged(format!(
            "{} bytes expected, {} found",
            header.length,
            contents.len()
        )));
    }
    let (mut sections, mut previous_end) = (Vec::new(), end as u64);
    for (number, bytes) in table.chunks_exact(size_of::<SectionEntry>()).enumerate() {
        let entry: SectionEntry = bytemuck::pod_read_unaligned(bytes);
        let range = entry.offset..entry.offset.saturating_add(entry.length);
        if range.start % ALIGNMENT as u64 != 0
            || range.start < previous_end
            || range.end > header.length
        {
            return Err(damaged(format!(
                "section {number} at {range:?} is not aligned or not within the file"
            )));
        }
        previous_end = range.end;
        sections.push((range.start as usize..range.end as usize, entry.checksum));
    }
    if previous_end != header.length {
        return Err(damaged(format!(
            "its last section ends at {previous_end}, the file at {}",
            header.length
        )));
    }
    Ok((header.fields, sections, checksum.to_hex().to_string()))
}

/// Reads a version 1 header: at byte 16 the length of the body, at 24 five fields, at 64 the
/// checksum of the body, at 112 that of the header.
fn read_v1_header(contents: &[u8], damaged: &dyn Fn(String) -> Error) -> Result<Layout> {
    let word = |at: usize| bytemuck::pod_read_unaligned::<u64>(&contents[at..at + 8]);
    check_header(
        &contents[CHECKSUMMED_LEN..HEADER_LEN],
        &blake3::hash(&contents[..CHECKSUMMED_LEN]),
        damaged,
    )?;
    if word(16) != (contents.len() - HEADER_LEN) as u64 {
        return Err(damaged(format!(
            "{} bytes expected after the header, {} found",
            word(16),
            contents.len() - HEADER_LEN
        )));
    }
    let mut fields = [0; HEADER_FIELDS];
    fields[..5].copy_from_slice(&[24, 32, 40, 48, 56].map(word));
    let checksum: [u8; 32] = bytemuck::pod_read_unaligned(&contents[64..96]);
    Ok((
        fields,
        vec![(HEADER_LEN..contents.len(), checksum)],
        blake3::Hash::from_bytes(checksum).to_hex().to_string(),
    ))
}

fn check_header(
    expected: &[u8],
    found: &blake3::Hash,
    damaged: &dyn Fn(String) -> Error,
) -> Result<()> {
    if *expected != found.as_bytes()[..16] {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        return Err(damaged(format!(
            "header checksum {} expected, {} found",
            hex(expected),
            hex(&found.as_bytes()[..16])
        )));
    }
    Ok(())
}

/// An array in memory or in a mapped file.
pub enum Array<T> {
    Owned(Vec<T>),
    Mapped(Arc<SectionFile>, Range<usize>),
}

impl<T: Pod> Array<T> {
    /// A section of a file. Its bytes are unverified until [`Array::guard`] has verified them.
    pub fn section(file: &Arc<SectionFile>, section: usize) -> Result<Self> {
        let range = file
            .sections
            .get(section)
            .map(|(range, _)| range.clone())
            .unwrap_or_default();
        Self::part(file, range)
    }

    /// A section of a file, verified at once.
    pub fn verified_section(file: &Arc<SectionFile>, section: usize) -> Result<Self> {
        let array = Self::section(file, section)?;
        array.guard().verify(0..array.len() * size_of::<T>());
        file.ensure_reads_valid()?;
        Ok(array)
    }

    /// A part of a section, as a byte range within it. Unverified, as in [`Array::section`].
    pub fn part_of_section(
        file: &Arc<SectionFile>,
        section: usize,
        part: Range<usize>,
    ) -> Result<Self> {
        let start = file
            .sections
            .get(section)
            .map_or(0, |(range, _)| range.start);
        Self::part(file, start + part.start..start + part.end)
    }

    fn part(file: &Arc<SectionFile>, range: Range<usize>) -> Result<Self> {
        let bytes = file.file.contents().get(range.clone());
        if bytes.is_none_or(|bytes| bytemuck::try_cast_slice::<u8, T>(bytes).is_err()) {
            return Err(file.damaged(format!(
                "its numbers at {range:?} are cut off or not aligned"
            )));
        }
        Ok(Self::Mapped(file.clone(), range))
    }

    /// A guard that verifies ranges of the array before they are used.
    pub fn guard(&self) -> Guard<'_> {
        match self {
            Self::Owned(_) => Guard::default(),
            Self::Mapped(file, range) => Guard {
                file: Some(&file.file).filter(|file| !file.is_fully_verified()),
                start: range.start,
            },
        }
    }
}

impl<T: Pod> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            // `part` has checked that this cast succeeds.
            Self::Mapped(file, range) => bytemuck::cast_slice(&file.file.contents()[range.clone()]),
        }
    }
}

/// Verifies ranges of a mapped file before their first use. Damage is only recorded: the hot loops
/// go on and may read the damaged bytes, and [`SectionFile::ensure_reads_valid`] then reports that
/// the result must be discarded.
#[derive(Clone, Copy, Default)]
pub struct Guard<'a> {
    file: Option<&'a disk::MappedFile>,
    start: usize,
}

impl Guard<'_> {
    /// Verifies a range of bytes, relative to the start of the guarded array.
    #[inline(always)]
    pub fn verify(&self, bytes: Range<usize>) {
        if let Some(file) = self.file {
            file.verify_range(self.start + bytes.start..self.start + bytes.end);
        }
    }

    /// The guard of the part that begins `bytes` later.
    pub fn offset(self, bytes: usize) -> Self {
        Self {
            start: self.start + bytes,
            ..self
        }
    }
}
