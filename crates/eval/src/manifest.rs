//! What a figure was made with: enough to make it again.

use serde::{Deserialize, Serialize};

/// The machine that figures were measured on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name, where the system tells it.
    pub cpu: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Which vector instructions searches use.
    pub simd: String,
    /// The operating system.
    pub os: String,
    /// The instruction set.
    pub arch: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        Self {
            cpu: name.map(|(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            simd: index::distance::paths().first().map_or("", |(name, _)| *name).to_owned(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// A file that was read, and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Its path, as given.
    pub path: String,
    /// BLAKE3 of its content, in hex; `None` for what is no file.
    pub blake3: Option<String>,
}

impl Input {
    /// Names a file by its content.
    pub fn of(path: &std::path::Path) -> Self {
        let bytes = if path.is_file() { std::fs::read(path).ok() } else { None };
        Self {
            path: path.to_string_lossy().into_owned(),
            blake3: bytes.map(|bytes| blake3::hash(&bytes).to_hex().to_string()),
        }
    }
}
