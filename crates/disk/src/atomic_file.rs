//! Files under names that the user chose, which appear there only when they are complete.

use crate::PathError;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that replaces `path` when it is finished. Until then, it is written to a temporary file
/// in the same folder, whose name no other file has. Has no seal: other programs read it.
pub struct AtomicFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl AtomicFile {
    /// Starts a file that will replace `path`, and have its permissions. If `path` is a symbolic
    /// link, the link's target is replaced.
    ///
    /// # Errors
    /// When the temporary file cannot be created.
    pub fn create(path: &Path) -> Result<Self, PathError> {
        let create = || {
            let path = path.canonicalize().unwrap_or_else(|_| link_target(path));
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            let mut builder = tempfile::Builder::new();
            builder.prefix(".nigh-").suffix(".unfinished");
            // Temporary files are private by default. This one gets the permissions of any new
            // file, less the umask.
            #[cfg(unix)]
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
            let file = builder.tempfile_in(folder)?;
            if let Ok(metadata) = path.metadata() {
                file.as_file().set_permissions(metadata.permissions())?;
            }
            Ok(Self {
                file: BufWriter::new(file),
                path,
            })
        };
        create().map_err(PathError::at(path))
    }

    /// Replaces the file at `path` by one with these contents.
    ///
    /// # Errors
    /// As [`AtomicFile::create`] and [`AtomicFile::finish`].
    pub fn write(path: &Path, contents: &[u8]) -> Result<(), PathError> {
        let mut file = Self::create(path)?;
        file.write_all(contents).map_err(PathError::at(path))?;
        file.finish()
    }

    /// Replaces the file at the path.
    ///
    /// # Errors
    /// When the file cannot be written, synced or renamed; the path then holds what it held before.
    pub fn finish(self) -> Result<(), PathError> {
        let finish = || {
            let file = self
                .file
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            // Synced first, or a crash could leave an empty file under this name.
            file.as_file().sync_all()?;
            file.persist(&self.path)
                .map(drop)
                .map_err(|error| error.error)
        };
        finish().map_err(PathError::at(&self.path))
    }
}

/// Links in a row, beyond which they are taken for a circle.
const MAX_LINKS: usize = 40;

/// The file that a link leads to, though it does not exist yet.
fn link_target(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("")).join(target);
    }
    path
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn file_is_replaced_only_when_finished() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bystander) = (folder.path().join("a"), folder.path().join("a.unfinished"));
        fs::write(&path, "old").unwrap();
        fs::write(&bystander, "mine").unwrap();
        let (mut first, mut second) = (
            AtomicFile::create(&path).unwrap(),
            AtomicFile::create(&path).unwrap(),
        );
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
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "no temporary file is left"
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_permissions_kept() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a"), folder.path().join("link"));
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("a", &link).unwrap();
        AtomicFile::write(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        let (to_come, dangling) = (folder.path().join("sub/b"), folder.path().join("dangling"));
        fs::create_dir(folder.path().join("sub")).unwrap();
        std::os::unix::fs::symlink("sub/b", &dangling).unwrap();
        AtomicFile::write(&dangling, b"first").unwrap();
        assert!(dangling.is_symlink());
        assert_eq!(fs::read_to_string(&to_come).unwrap(), "first");
    }
}
