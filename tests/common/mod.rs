//! A folder of its own for each test, and the program run in it.
#![allow(dead_code, reason = "each test file uses its part")]

pub mod server;

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Waits until something is so: a minute at most.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "waited too long for {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub struct Place {
    folder: tempfile::TempDir,
}

pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, its folders too.
    pub fn put(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// The program, to be run in this folder, with nothing from the environment.
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

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs it, expects `code`, and gives the JSON document it printed.
    pub fn json(&self, code: i32, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, code, "{}\n{}", ran.out, ran.err);
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.out))
    }

    /// Runs it and expects success.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
        ran
    }

    /// The collection is whole, and holds this many articles.
    pub fn sound(&self, articles: u64) {
        let report = self.json(0, &["check"]);
        assert_eq!(report["sound"], true, "{report}");
        assert_eq!(self.json(0, &["stats"])["articles"], articles);
    }
}

/// A collection on a server of its own for each test, removed at its end.
pub struct Kept(pub String);

impl Kept {
    pub fn on(server: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(format!(
            "{}/nigh_test_{}_{count}",
            server.trim_end_matches('/'),
            std::process::id()
        ))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let said = |name| std::env::var(name).ok();
        let (token, tls) = (said("NIGH_MILVUS_TOKEN"), said("NIGH_MILVUS_TLS").is_some());
        let access = milvus::Access {
            token,
            tls,
            ca: said("NIGH_MILVUS_CA").map(Into::into),
        };
        let removed = milvus::remove(&self.0, &access);
        assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
    }
}

/// The passages of an answer.
pub fn names(found: &Value) -> Vec<String> {
    found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["passage_id"].as_str().unwrap().to_owned())
        .collect()
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Ended with `code`, and said each of `words` to the user.
    pub fn said(&self, code: i32, words: &[&str]) -> &Self {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        for word in words {
            assert!(all.contains(word), "{word:?} expected in: {all}");
        }
        assert!(!all.contains("panicked"), "{all}");
        self
    }
}

/// `data/` of the project.
pub fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}
