//! A file that has its name once it is whole.

use anyhow::Context;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file under a temporary name, until it is whole.
pub struct Pending {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Pending {
    /// Begins the file that is to be at `path`.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let mut name = path.as_os_str().to_owned();
        name.push(".unfinished");
        let temporary = PathBuf::from(name);
        let file = File::create(&temporary).with_context(|| temporary.display().to_string())?;
        Ok(Self { file: BufWriter::new(file), temporary, path: path.to_owned() })
    }

    /// Gives it its name, in the place of what had it.
    pub fn finish(&mut self) -> anyhow::Result<()> {
        self.file
            .flush()
            .and_then(|()| std::fs::rename(&self.temporary, &self.path))
            .with_context(|| self.path.display().to_string())
    }
}

impl Write for Pending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Gone already if it was finished.
        let _ = std::fs::remove_file(&self.temporary);
    }
}
