//! The output of a command: a file, a device or standard output.

use anyhow::Context;
use disk::{AtomicFile, PathError};
use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

/// The name of standard input and output.
pub const STDIO: &str = "-";

/// What `-o PATH` names: a file that appears when it is complete, or a pipe, a terminal or another
/// device, which is written directly. `-` is standard output.
pub enum OutputFile {
    File(AtomicFile),
    Device(BufWriter<File>, PathBuf),
    Stdout(BufWriter<Stdout>),
}

impl OutputFile {
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new(STDIO) {
            return Ok(Self::Stdout(BufWriter::new(io::stdout())));
        }
        let is_device = |metadata: std::fs::Metadata| !metadata.is_file() && !metadata.is_dir();
        if std::fs::metadata(path).is_ok_and(is_device) {
            let device = File::options()
                .write(true)
                .open(path)
                .map_err(PathError::at(path))?;
            return Ok(Self::Device(BufWriter::new(device), path.to_owned()));
        }
        Ok(Self::File(AtomicFile::create(path)?))
    }

    /// Whether another file can stand beside it.
    pub fn is_regular(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Completes the output: a file appears at its path.
    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::File(file) => Ok(file.finish()?),
            Self::Device(mut device, path) => {
                device.flush().with_context(|| path.display().to_string())
            }
            Self::Stdout(mut out) => out.flush().context(STDIO),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(bytes),
            Self::Device(device, _) => device.write(bytes),
            Self::Stdout(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.flush(),
            Self::Device(device, _) => device.flush(),
            Self::Stdout(out) => out.flush(),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn device_is_written_directly() {
        let null = Path::new("/dev/null");
        let mut out = OutputFile::create(null).unwrap();
        assert!(!out.is_regular());
        out.write_all(b"gone").unwrap();
        out.finish().unwrap();
        assert!(!null.metadata().unwrap().is_file());
    }
}
