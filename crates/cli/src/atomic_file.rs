//! A file that has its name once it is whole.

use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that takes the place of `path` when it is finished; until then it lies beside it under a name of its own. What
/// is no file, such as a pipe or a terminal, is written as it comes.
pub struct AtomicFile {
    to: BufWriter<To>,
    path: PathBuf,
}

enum To {
    Beside(NamedTempFile),
    Device(File),
}

impl Write for To {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Device(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Device(file) => file.flush(),
        }
    }
}

impl AtomicFile {
    /// Begins the file that is to be at `path`; behind a link, at its end.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let begin = || -> io::Result<Self> {
            let there = std::fs::metadata(path).ok();
            if there.as_ref().is_some_and(|meta| !meta.is_file() && !meta.is_dir()) {
                let file = File::options().write(true).open(path)?;
                return Ok(Self { to: BufWriter::new(To::Device(file)), path: path.to_owned() });
            }
            let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut builder = tempfile::Builder::new();
            builder.prefix(".nigh-").suffix(".unfinished");
            // As any new file, and not for its owner alone; the user's mask still counts.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let file = builder.tempfile_in(folder)?;
            if let Some(there) = there {
                file.as_file().set_permissions(there.permissions())?;
            }
            Ok(Self { to: BufWriter::new(To::Beside(file)), path })
        };
        begin().with_context(|| path.display().to_string())
    }

    /// Gives it its name, in the place of what had it.
    pub fn finish(self) -> anyhow::Result<()> {
        let finish = || match self.to.into_inner().map_err(io::IntoInnerError::into_error)? {
            To::Device(mut file) => file.flush(),
            To::Beside(file) => {
                // A crash must not leave the name to an empty file.
                file.as_file().sync_all()?;
                file.persist(&self.path).map(drop).map_err(|error| error.error)
            }
        };
        finish().with_context(|| self.path.display().to_string())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_replaced_when_it_is_whole_and_not_before() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bystander) = (folder.path().join("a"), folder.path().join("a.unfinished"));
        fs::write(&path, "old").unwrap();
        fs::write(&bystander, "mine").unwrap();
        let (mut first, mut second) = (AtomicFile::create(&path).unwrap(), AtomicFile::create(&path).unwrap());
        first.write_all(b"first").unwrap();
        second.write_all(b"second").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        first.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first");
        second.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        drop(AtomicFile::create(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(fs::read_to_string(&bystander).unwrap(), "mine");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing unfinished is left");
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_links_and_devices_are_written_as_they_come() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a", &link).unwrap();
        let mut file = AtomicFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.finish().unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        let mut null = AtomicFile::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"gone").unwrap();
        null.finish().unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }
}
