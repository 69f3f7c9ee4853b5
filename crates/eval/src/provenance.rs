//! Machine and inputs of a measurement, to reproduce it.

use serde::{Deserialize, Serialize};

/// The machine a measurement ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name; `None` if the system does not tell.
    pub cpu: Option<String>,
    /// The number of cores available to this process.
    pub cores: usize,
    /// The SIMD instructions that searches use.
    pub simd: String,
    /// The operating system's name.
    pub os: String,
    /// The processor architecture.
    pub arch: String,
}

impl Machine {
    /// Describes this machine.
    pub fn current() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cpu: name.map(|(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            simd: index::distance::implementations()
                .first()
                .map_or("", |(name, _)| *name)
                .to_owned(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// An input file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The path as given.
    pub path: String,
    /// BLAKE3 hash of the content in hex; `None` if it is not a file.
    pub blake3: Option<String>,
}

impl Input {
    /// Hashes a file. A file that cannot be read gets no hash.
    pub fn of(path: &std::path::Path) -> Self {
        let bytes = if path.is_file() {
            std::fs::read(path).ok()
        } else {
            None
        };
        Self {
            path: path.to_string_lossy().into_owned(),
            blake3: bytes.map(|bytes| blake3::hash(&bytes).to_hex().to_string()),
        }
    }
}
