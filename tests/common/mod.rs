//! A temporary directory for each test, and helpers that run the program in it.
#![allow(dead_code, reason = "no test module uses all of it")]

pub mod server;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Polls `condition` until it holds, for at most a minute.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "timed out waiting for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A temporary directory in which the program runs.
pub struct TestDir {
    folder: tempfile::TempDir,
}

/// A directory whose collection `.nigh` holds the articles of data/. They are indexed once for all
/// tests, because embedding them takes seconds.
pub fn with_data() -> TestDir {
    static FILES: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
        let dir = TestDir::new();
        dir.ok(&["index", data().to_str().unwrap()]);
        let files = files_below(&dir.path(".nigh"));
        let relative = |path: &PathBuf| path.strip_prefix(dir.folder.path()).unwrap().to_owned();
        files
            .iter()
            .map(|path| (relative(path), std::fs::read(path).unwrap()))
            .collect()
    });
    let dir = TestDir::new();
    for (path, contents) in FILES.iter() {
        dir.put(path.to_str().unwrap(), contents);
    }
    dir
}

/// The files in a folder and in those below it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Exit code and output of a finished process.
pub struct CliOutput {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl TestDir {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and creates its parent directories.
    pub fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// A command that runs the program in this directory, without the variables of the environment
    /// that would change its behaviour.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nigh"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("NIGH_COLLECTION")
            .env_remove("ORT_DYLIB_PATH");
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    pub fn run(&self, args: &[&str]) -> CliOutput {
        self.command(args).output().unwrap().into()
    }

    /// Runs the program with `--json`, expects `code`, and returns the JSON document it printed.
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, code, "{}\n{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
    }

    /// Runs the program and expects success.
    pub fn ok(&self, args: &[&str]) -> CliOutput {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
        ran
    }

    /// Asserts that `nigh check` finds no damage and that the collection holds this many articles.
    pub fn assert_sound(&self, articles: u64) {
        let report = self.json(0, &["check"]);
        assert_eq!(report["sound"], true, "{report}");
        assert_eq!(self.json(0, &["stats"])["articles"], articles);
    }
}

/// A collection on a Milvus server with a name of its own, removed when the test ends.
pub struct MilvusCollection {
    pub uri: String,
}

impl MilvusCollection {
    pub fn new(server: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            uri: format!(
                "{}/nigh_test_{}_{count}",
                server.trim_end_matches('/'),
                std::process::id()
            ),
        }
    }
}

impl Drop for MilvusCollection {
    fn drop(&mut self) {
        let variable = |name| std::env::var(name).ok();
        let (token, tls) = (
            variable("NIGH_MILVUS_TOKEN"),
            variable("NIGH_MILVUS_TLS").is_some(),
        );
        let access = milvus::Access {
            token,
            tls,
            ca: variable("NIGH_MILVUS_CA").map(Into::into),
        };
        let removed = milvus::remove(&self.uri, &access);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

/// The ids of the passages in a search response, best first.
pub fn passage_ids(response: &Value) -> Vec<String> {
    response["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["passage_id"].as_str().unwrap().to_owned())
        .collect()
}

impl From<Output> for CliOutput {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl CliOutput {
    /// Asserts the exit code, that the output contains each of `texts`, and that nothing panicked.
    pub fn assert_exit(&self, code: i32, texts: &[&str]) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, code, "{all}");
        for text in texts {
            assert!(all.contains(text), "{text:?} expected in: {all}");
        }
        assert!(!all.contains("panicked"), "{all}");
        self
    }
}

/// The project's `data/`.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}
