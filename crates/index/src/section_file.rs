//! What both kinds of file share: a header, a table of sections with a checksum each, and sections
//! that begin on cache lines; written once, then mapped and never changed.

use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use disk::Files;
use std::io::Write;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

/// The version of both kinds of file: since this one they are sealed.
pub const VERSION: u32 = 3;
/// The same without a seal.
const UNSEALED: u32 = 2;
/// The first version: one body without sections after a header of the same length.
pub const FIRST: u32 = 1;
/// How many numbers of its own a kind of file has in its header.
pub const FIELDS: usize = 11;
/// Every section begins at a multiple of this: a cache line, and more than any of its numbers asks.
const ALIGN: usize = 64;
/// More sections than any kind of file has.
const MOST_SECTIONS: u32 = 64;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Header {
    magic: [u8; 8],
    version: u32,
    sections: u32,
    /// Of the whole file.
    length: u64,
    fields: [u64; FIELDS],
    /// The start of BLAKE3 over everything before and the table of sections.
    sum: [u8; 16],
}

const HEADER: usize = size_of::<Header>();
/// What the checksum of a header covers of the header itself.
const SUMMED: usize = HEADER - 16;

/// One line of the table of sections.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Entry {
    offset: u64,
    length: u64,
    /// BLAKE3 of its bytes.
    sum: [u8; 32],
    reserved: [u8; 16],
}

/// Writes a file section by section. It has its name only once it is whole and on disk.
pub struct Writer {
    file: disk::Writer,
    version: u32,
    sections: usize,
    done: Vec<Entry>,
    /// The section under way.
    begun: u64,
    hasher: blake3::Hasher,
}

impl Writer {
    /// Begins a file of so many sections, and the first of them.
    pub fn create(files: &Files, path: &Path, sections: usize) -> Result<Self> {
        let mut writer = Self {
            file: disk::Writer::create(files, path)?,
            version: if files.sealed { VERSION } else { UNSEALED },
            sections,
            done: Vec::with_capacity(sections),
            begun: 0,
            hasher: blake3::Hasher::new(),
        };
        writer.put(&vec![0; HEADER + sections * size_of::<Entry>()])?;
        writer.align()?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(Error::io(self.file.path()))
    }

    fn align(&mut self) -> Result<()> {
        let at = self.file.length();
        self.put(&[0; ALIGN][..(at.next_multiple_of(ALIGN as u64) - at) as usize])?;
        self.begun = self.file.length();
        Ok(())
    }

    /// Appends to the section under way.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.hasher.update(bytes);
        self.put(bytes)
    }

    /// Ends the section under way and begins the next one.
    pub fn next_section(&mut self) -> Result<()> {
        self.end_section();
        self.align()
    }

    fn end_section(&mut self) {
        let sum = *self.hasher.finalize().as_bytes();
        let length = self.file.length() - self.begun;
        self.done.push(Entry { offset: self.begun, length, sum, reserved: [0; 16] });
        self.hasher.reset();
    }

    /// Ends the last section, writes header and table, and makes the file durable. Gives the file's checksum
    /// in hex: of header and table, so of every section too.
    pub fn finish(mut self, magic: &[u8; 8], fields: [u64; FIELDS]) -> Result<String> {
        self.end_section();
        debug_assert_eq!(self.done.len(), self.sections);
        let mut header = Header {
            magic: *magic,
            version: self.version,
            sections: self.done.len() as u32,
            length: self.file.length(),
            fields,
            sum: [0; 16],
        };
        let table: &[u8] = bytemuck::cast_slice(&self.done);
        let sum = head_sum(bytemuck::bytes_of(&header), table);
        header.sum.copy_from_slice(&sum.as_bytes()[..16]);
        self.file.replace_start([bytemuck::bytes_of(&header), table].concat());
        self.file.finish()?;
        Ok(sum.to_hex().to_string())
    }
}

fn head_sum(header: &[u8], table: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header[..SUMMED]);
    hasher.update(table);
    hasher.finalize()
}

/// A finished file, mapped.
pub struct Mapped {
    file: disk::Mapped,
    pub version: u32,
    pub fields: [u64; FIELDS],
    /// Where each section's bytes stand, and their checksum.
    sections: Vec<(Range<usize>, [u8; 32])>,
    /// The checksum of the file, in hex.
    pub sum: String,
}

impl Mapped {
    /// Maps the file and checks all that says where things are: magic, version, length, the header's
    /// own checksum, and that every section is aligned and within the file.
    pub fn open(path: &Path, magic: &[u8; 8]) -> Result<Self> {
        let version = |bytes: &[u8]| bytes.get(8..12).map_or(0, bytemuck::pod_read_unaligned::<u32>);
        let file = disk::Mapped::open(path, |bytes| bytes.starts_with(magic) && version(bytes) == VERSION)?;
        let damaged = |problem: String| Error::Damaged { path: path.to_owned(), problem };
        let contents = file.contents();
        if contents.len() < HEADER || contents[..8] != *magic {
            let found = String::from_utf8_lossy(&contents[..contents.len().min(8)]).into_owned();
            return Err(damaged(format!(
                "expected {:?} at its start, found {found:?}",
                String::from_utf8_lossy(magic)
            )));
        }
        let header: Header = bytemuck::pod_read_unaligned(&contents[..HEADER]);
        let (fields, sections, sum) = match header.version {
            FIRST => first(contents, &damaged)?,
            UNSEALED | VERSION => current(contents, &header, &damaged)?,
            found => return Err(Error::Version { path: path.to_owned(), found, known: VERSION }),
        };
        Ok(Self { version: header.version, file, fields, sections, sum })
    }

    /// The bytes of a section; none if there is no such section.
    pub fn bytes(&self, section: usize) -> &[u8] {
        self.sections.get(section).map_or(&[], |(range, _)| &self.file.contents()[range.clone()])
    }

    /// That nothing was found to be damaged yet, in whatever was looked at.
    pub fn intact(&self) -> Result<()> {
        Ok(self.file.intact()?)
    }

    /// Reads everything and compares the checksums; between sections there are zeros.
    pub fn verify(&self) -> Result<()> {
        self.file.verify()?;
        let contents = self.file.contents();
        let mut end = HEADER + if self.version == FIRST { 0 } else { self.sections.len() * size_of::<Entry>() };
        for (range, _) in &self.sections {
            if contents[end..range.start.max(end)].iter().any(|&byte| byte != 0) {
                return Err(self.damaged(format!("zeros expected from byte {end} to {}", range.start)));
            }
            end = range.end;
        }
        for (number, (range, expected)) in self.sections.iter().enumerate() {
            let found = blake3::hash(&contents[range.clone()]);
            if found.as_bytes() != expected {
                let expected = blake3::Hash::from_bytes(*expected);
                return Err(self.damaged(format!("section {number}: checksum {expected} expected, {found} found")));
            }
        }
        Ok(())
    }

    pub fn damaged(&self, problem: String) -> Error {
        Error::Damaged { path: self.file.path().to_owned(), problem }
    }
}

type Contents = ([u64; FIELDS], Vec<(Range<usize>, [u8; 32])>, String);

fn current(map: &[u8], header: &Header, damaged: &dyn Fn(String) -> Error) -> Result<Contents> {
    if header.sections > MOST_SECTIONS {
        return Err(damaged(format!("{} sections; at most {MOST_SECTIONS} were expected", header.sections)));
    }
    let end = HEADER + header.sections as usize * size_of::<Entry>();
    let table = map.get(HEADER..end).ok_or_else(|| damaged("its table of sections is cut off".to_owned()))?;
    let sum = head_sum(&map[..HEADER], table);
    check_head(&header.sum, &sum, damaged)?;
    if header.length != map.len() as u64 {
        return Err(damaged(format!("{} bytes expected, {} found", header.length, map.len())));
    }
    let (mut sections, mut least) = (Vec::new(), end as u64);
    for (number, bytes) in table.chunks_exact(size_of::<Entry>()).enumerate() {
        let entry: Entry = bytemuck::pod_read_unaligned(bytes);
        let range = entry.offset..entry.offset.saturating_add(entry.length);
        if range.start % ALIGN as u64 != 0 || range.start < least || range.end > header.length {
            return Err(damaged(format!("section {number} at {range:?} is not aligned or not within the file")));
        }
        least = range.end;
        sections.push((range.start as usize..range.end as usize, entry.sum));
    }
    if least != header.length {
        return Err(damaged(format!("its last section ends at {least}, the file at {}", header.length)));
    }
    Ok((header.fields, sections, sum.to_hex().to_string()))
}

/// The first version: at 16 the length of the body, at 24 five fields, at 64 the body's checksum, at
/// 112 the header's.
fn first(map: &[u8], damaged: &dyn Fn(String) -> Error) -> Result<Contents> {
    let word = |at: usize| bytemuck::pod_read_unaligned::<u64>(&map[at..at + 8]);
    check_head(&map[SUMMED..HEADER], &blake3::hash(&map[..SUMMED]), damaged)?;
    if word(16) != (map.len() - HEADER) as u64 {
        return Err(damaged(format!("{} bytes expected after the header, {} found", word(16), map.len() - HEADER)));
    }
    let mut fields = [0; FIELDS];
    fields[..5].copy_from_slice(&[24, 32, 40, 48, 56].map(word));
    let sum: [u8; 32] = bytemuck::pod_read_unaligned(&map[64..96]);
    Ok((fields, vec![(HEADER..map.len(), sum)], blake3::Hash::from_bytes(sum).to_hex().to_string()))
}

fn check_head(expected: &[u8], found: &blake3::Hash, damaged: &dyn Fn(String) -> Error) -> Result<()> {
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

/// Numbers in memory, or in a part of a mapped file.
pub enum Array<T> {
    Owned(Vec<T>),
    Mapped(Arc<Mapped>, Range<usize>),
}

impl<T: Pod> Array<T> {
    /// A whole section of a file, whose numbers are to be looked at through [`Array::guard`].
    pub fn section(file: &Arc<Mapped>, section: usize) -> Result<Self> {
        let range = file.sections.get(section).map(|(range, _)| range.clone()).unwrap_or_default();
        Self::part(file, range)
    }

    /// A whole section of a file, looked at now.
    pub fn checked_section(file: &Arc<Mapped>, section: usize) -> Result<Self> {
        let array = Self::section(file, section)?;
        array.guard().check(0..array.len() * size_of::<T>());
        file.intact()?;
        Ok(array)
    }

    /// A part of a section, as a range of bytes in it.
    pub fn part_of_section(file: &Arc<Mapped>, section: usize, part: Range<usize>) -> Result<Self> {
        let start = file.sections.get(section).map_or(0, |(range, _)| range.start);
        Self::part(file, start + part.start..start + part.end)
    }

    fn part(file: &Arc<Mapped>, range: Range<usize>) -> Result<Self> {
        let bytes = file.file.contents().get(range.clone());
        if bytes.is_none_or(|bytes| bytemuck::try_cast_slice::<u8, T>(bytes).is_err()) {
            return Err(file.damaged(format!("its numbers at {range:?} are cut off or not aligned")));
        }
        Ok(Self::Mapped(file.clone(), range))
    }

    /// What looks at the numbers before they are used.
    pub fn guard(&self) -> Guard<'_> {
        match self {
            Self::Owned(_) => Guard::default(),
            Self::Mapped(file, range) => {
                Guard { file: Some(&file.file).filter(|file| !file.is_whole()), start: range.start }
            }
        }
    }
}

impl<T: Pod> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(values) => values,
            // `part` has seen that this cast succeeds.
            Self::Mapped(file, range) => bytemuck::cast_slice(&file.file.contents()[range.clone()]),
        }
    }
}

/// Compares bytes of a mapped file with their checksums before their first use. What it finds to be damaged may
/// be read all the same, and does no harm; [`Mapped::intact`] then says that nothing made of it counts.
#[derive(Clone, Copy, Default)]
pub struct Guard<'a> {
    file: Option<&'a disk::Mapped>,
    start: usize,
}

impl Guard<'_> {
    /// Looks at a range of bytes.
    #[inline(always)]
    pub fn check(&self, bytes: Range<usize>) {
        if let Some(file) = self.file {
            file.check(self.start + bytes.start..self.start + bytes.end);
        }
    }

    /// The same for what begins so many bytes later.
    pub fn from(self, bytes: usize) -> Self {
        Self { start: self.start + bytes, ..self }
    }
}
