//! Files that appear under their name only when they are complete.

use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// The name of standard input and output.
pub const STDIO: &str = "-";

/// A file that replaces `path` when it is finished. Until then, it is written to a temporary file
/// in the same folder. If `path` is not a regular file, such as a pipe or a terminal, it is written
/// directly; `-` is standard output.
pub struct AtomicFile {
    target: BufWriter<Target>,
    path: PathBuf,
}

enum Target {
    Temporary(NamedTempFile),
    Device(File),
    Stdout(Stdout),
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Temporary(file) => file.write(bytes),
            Self::Device(file) => file.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Temporary(file) => file.flush(),
            Self::Device(file) => file.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

impl AtomicFile {
    /// Starts a file that will replace `path`. If `path` is a symbolic link, the link's target is
    /// replaced.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let create = || -> io::Result<Self> {
            if path == Path::new(STDIO) {
                return Ok(Self {
                    target: BufWriter::new(Target::Stdout(io::stdout())),
                    path: path.to_owned(),
                });
            }
            let metadata = std::fs::metadata(path).ok();
            if metadata
                .as_ref()
                .is_some_and(|metadata| !metadata.is_file() && !metadata.is_dir())
            {
                let file = File::options().write(true).open(path)?;
                return Ok(Self {
                    target: BufWriter::new(Target::Device(file)),
                    path: path.to_owned(),
                });
            }
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
            if let Some(metadata) = metadata {
                file.as_file().set_permissions(metadata.permissions())?;
            }
            Ok(Self {
                target: BufWriter::new(Target::Temporary(file)),
                path,
            })
        };
        create().with_context(|| path.display().to_string())
    }

    /// Whether the file has a name of its own, beside which another can stand: it is no device, pipe
    /// or standard output.
    pub fn is_regular(&self) -> bool {
        matches!(self.target.get_ref(), Target::Temporary(_))
    }

    /// Replaces the file at the path.
    pub fn finish(self) -> anyhow::Result<()> {
        let finish = || match self
            .target
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
        {
            Target::Device(mut file) => file.flush(),
            Target::Stdout(mut out) => out.flush(),
            Target::Temporary(file) => {
                // Synced first, or a crash could leave an empty file under this name.
                file.as_file().sync_all()?;
                file.persist(&self.path)
                    .map(drop)
                    .map_err(|error| error.error)
            }
        };
        finish().with_context(|| self.path.display().to_string())
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
        self.target.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
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
    fn links_are_followed_and_devices_written_directly() {
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
        let (to_come, dangling) = (folder.path().join("sub/b"), folder.path().join("dangling"));
        fs::create_dir(folder.path().join("sub")).unwrap();
        std::os::unix::fs::symlink("sub/b", &dangling).unwrap();
        let mut file = AtomicFile::create(&dangling).unwrap();
        file.write_all(b"first").unwrap();
        file.finish().unwrap();
        assert!(dangling.is_symlink());
        assert_eq!(fs::read_to_string(&to_come).unwrap(), "first");
        let mut null = AtomicFile::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"gone").unwrap();
        null.finish().unwrap();
        assert!(!Path::new("/dev/null").metadata().unwrap().is_file());
    }
}
