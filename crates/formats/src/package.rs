//! A zip file whose members are read by name, with a limit on the total unpacked size: a zip bomb
//! of a few kilobytes can expand to more than fits in memory.

use crate::{Context, ReadError};
use std::io::{Cursor, Read};
use zip::ZipArchive;
use zip::result::ZipError;

/// Archives with more members are rejected.
const MAX_MEMBERS: usize = 100_000;

/// An open zip file.
pub struct Package<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Each member's [safe path](safe_path); `None` for folders and unsafe names.
    names: Vec<Option<String>>,
    remaining_bytes: u64,
    max_unpacked_bytes: u64,
}

impl<'a> Package<'a> {
    pub fn open(bytes: &'a [u8], context: &Context<'_>) -> Result<Self, ReadError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| {
            ReadError::new(format!(
                "expected a zip file, which ends in a list of its members; this one is cut off or damaged ({error})"
            ))
        })?;
        if zip.len() > MAX_MEMBERS {
            return Err(ReadError::new(format!(
                "{} members in one archive, over the limit of {MAX_MEMBERS}",
                zip.len()
            )));
        }
        let names = (0..zip.len())
            .map(|at| zip.name_for_index(at)?.ok().as_deref().and_then(safe_path))
            .collect();
        Ok(Self {
            zip,
            names,
            remaining_bytes: context.max_unpacked_bytes,
            max_unpacked_bytes: context.max_unpacked_bytes,
        })
    }

    /// The members' paths, in archive order; `None` for folders and unsafe names.
    pub fn names(&self) -> &[Option<String>] {
        &self.names
    }

    /// Whether a member is a folder.
    pub fn is_folder(&self, at: usize) -> bool {
        self.zip
            .name_for_index(at)
            .is_some_and(|name| name.is_ok_and(|name| name.ends_with(['/', '\\'])))
    }

    /// Whether the limit on unpacked bytes is used up.
    pub fn is_exhausted(&self) -> bool {
        self.remaining_bytes == 0
    }

    /// The index of the member of that name. Writers disagree about a leading slash and about
    /// letter case: the slash is ignored, and so is case if no name matches exactly.
    pub fn find(&self, name: &str) -> Option<usize> {
        let name = name.trim_start_matches('/');
        let same = |exact: bool| {
            self.names.iter().position(|n| {
                n.as_deref().is_some_and(|n| {
                    if exact {
                        n == name
                    } else {
                        n.eq_ignore_ascii_case(name)
                    }
                })
            })
        };
        same(true).or_else(|| same(false))
    }

    /// The bytes of a member; `None` if there is no such member.
    pub fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        self.find(name).map(|at| self.read_at(at)).transpose()
    }

    /// The bytes of a member; an error if there is no such member.
    pub fn read_required(&mut self, name: &str) -> Result<Vec<u8>, ReadError> {
        self.read(name)?
            .ok_or_else(|| ReadError::new(format!("it contains no {name}")))
    }

    /// The bytes of the member at an index of [`Self::names`].
    pub fn read_at(&mut self, at: usize) -> Result<Vec<u8>, ReadError> {
        let member = self.zip.by_index(at).map_err(|error| match error {
            ZipError::UnsupportedArchive(what) if what.contains("assword") => {
                ReadError::new("it is encrypted: it needs a password")
            }
            ZipError::UnsupportedArchive(what) => {
                ReadError::new(format!("its compression is not supported: {what}"))
            }
            other => ReadError::new(format!("it cannot be unpacked: {other}")),
        })?;
        let mut bytes = Vec::new();
        let result = member
            .take(self.remaining_bytes.saturating_add(1))
            .read_to_end(&mut bytes);
        let read = bytes.len() as u64;
        if read > self.remaining_bytes {
            self.remaining_bytes = 0;
            return Err(ReadError::new(format!(
                "the archive unpacks to more than {} bytes",
                self.max_unpacked_bytes
            )));
        }
        // Bytes count against the limit even if the member turns out to be damaged.
        self.remaining_bytes -= read;
        result.map_err(|error| ReadError::new(format!("it is damaged: {error}")))?;
        Ok(bytes)
    }
}

/// A member's name as a relative path with forward slashes; `None` for folders and for paths that
/// leave the archive (`..`).
fn safe_path(name: &str) -> Option<String> {
    let name = name.replace('\\', "/");
    let is_folder = name.ends_with('/');
    let name = name
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect::<Vec<_>>()
        .join("/");
    let bad = |part: &str| part == ".." || part.contains(['\0', '\n', '\r']);
    (!name.is_empty() && !is_folder && !name.split('/').any(bad)).then_some(name)
}

/// Resolves `target`, a link in the member `from`, to a path in the archive.
pub fn resolve(from: &str, target: &str) -> String {
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = if target.starts_with('/') {
        Vec::new()
    } else {
        folder.split('/').filter(|p| !p.is_empty()).collect()
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_never_leave_the_archive() {
        assert_eq!(
            resolve("ppt/slides/slide1.xml", "../notes/n1.xml"),
            "ppt/notes/n1.xml"
        );
        assert_eq!(resolve("ppt/slides/slide1.xml", "/ppt/x.xml"), "ppt/x.xml");
        assert_eq!(resolve("a.opf", "../../../etc/passwd"), "etc/passwd");
        assert_eq!(safe_path("../../etc/passwd"), None);
        assert_eq!(
            safe_path("\\windows\\a.txt").as_deref(),
            Some("windows/a.txt")
        );
        assert_eq!(safe_path("./a//b.txt").as_deref(), Some("a/b.txt"));
        assert_eq!(safe_path("folder/"), None);
    }
}
