//! SIGKILL at random moments: the collection always opens, `nigh check` finds no damage, and every
//! article is in its old or its new version. Running the same command again then gives the result
//! of an uninterrupted run.
//!
//! `NIGH_KILLS` is the number of kills; a hundred take about a minute.
#![cfg(unix)]

use crate::common::TestDir;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The text of every article, by id.
type Contents = BTreeMap<String, String>;

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }
}

/// The articles of the collection, read through the library.
fn contents(dir: &TestDir) -> Contents {
    let Ok(collection) = store::open(&dir.path(".nigh").into()) else {
        return Contents::new();
    };
    let ids = collection.catalog().unwrap().articles.into_keys();
    ids.map(|id| {
        let article = collection.article(&id).unwrap().unwrap();
        (id, article.article.text)
    })
    .collect()
}

/// A folder of articles and a collection of them, changed by random commands.
struct Scenario {
    dir: TestDir,
    random: Random,
    /// The articles in the folder.
    folder: Contents,
    /// The articles in the collection.
    indexed: Contents,
    version: usize,
}

/// A command, and the articles that the collection holds after it.
struct Step {
    args: Vec<String>,
    after: Contents,
}

impl Scenario {
    fn new(seed: u64) -> Self {
        let dir = TestDir::new();
        Self {
            dir,
            random: Random(seed),
            folder: Contents::new(),
            indexed: Contents::new(),
            version: 0,
        }
    }

    fn write(&mut self, name: &str) {
        self.version += 1;
        let lines = 1 + self.random.next(40);
        let text: String = (0..lines)
            .map(|line| {
                format!(
                    "Line {line} of version {} says that the tide of {name} is high.\n\n",
                    self.version
                )
            })
            .collect();
        self.dir.put(name, &text);
        self.folder.insert(name.to_owned(), text);
    }

    /// Changes the folder at random and returns the next command.
    fn next_step(&mut self) -> Step {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
        match self.random.next(8) {
            0 if self.indexed.len() > 4 => {
                let ids: Vec<String> = self
                    .indexed
                    .keys()
                    .filter(|_| self.random.next(4) == 0)
                    .take(3)
                    .cloned()
                    .collect();
                if !ids.is_empty() {
                    let mut after = self.indexed.clone();
                    ids.iter().for_each(|id| _ = after.remove(id));
                    return Step {
                        args: [args(&["delete"]), ids].concat(),
                        after,
                    };
                }
            }
            1 => {
                return Step {
                    args: args(&["compact"]),
                    after: self.indexed.clone(),
                };
            }
            _ => {}
        }
        for _ in 0..1 + self.random.next(12) {
            let name = format!("docs/{:03}.txt", self.random.next(120));
            if self.folder.len() > 3 && self.random.next(5) == 0 {
                self.folder.remove(&name);
                let _ = std::fs::remove_file(self.dir.path(&name));
            } else {
                self.write(&name);
            }
        }
        Step {
            args: args(&["index", "docs", "--model", "static"]),
            after: self.folder.clone(),
        }
    }

    /// Runs a command and kills it after `wait`, or after `changes` changes to the collection's files
    /// if given. Returns whether the command was still running when it was killed.
    fn run_and_kill(&self, step: &Step, wait: Duration, changes: Option<usize>) -> bool {
        let args: Vec<&str> = step.args.iter().map(String::as_str).collect();
        let mut child = self
            .dir
            .command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Instant::now();
        let (mut files, mut changed) = (file_sizes(&self.dir.path(".nigh")), 0);
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let due = match changes {
                Some(limit) => {
                    let current = file_sizes(&self.dir.path(".nigh"));
                    changed += usize::from(current != files);
                    files = current;
                    changed >= limit
                }
                None => {
                    std::thread::sleep(Duration::from_micros(200));
                    started.elapsed() >= wait
                }
            };
            if due {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
        }
    }

    /// Asserts that the collection is undamaged and that every article is in its version from before
    /// or after the killed command.
    fn assert_old_or_new(&self, after: &Contents) {
        if !self.dir.path(".nigh/nigh.collection").exists() {
            assert!(self.indexed.is_empty(), "the collection is gone");
            return;
        }
        let report = self.dir.json(0, &["check"]);
        assert_eq!(report["sound"], true, "{report}");
        let contents = contents(&self.dir);
        let ids: BTreeSet<&String> = self
            .indexed
            .keys()
            .chain(after.keys())
            .chain(contents.keys())
            .collect();
        for id in ids {
            let (old, found, new) = (self.indexed.get(id), contents.get(id), after.get(id));
            assert!(
                found == old || found == new,
                "{id}: {found:?} is neither {old:?} nor {new:?}"
            );
        }
    }

    /// Runs the killed command again and asserts that it completes.
    fn resume(&mut self, step: Step) {
        let args: Vec<&str> = step.args.iter().map(String::as_str).collect();
        let result = self.dir.run(&args);
        let succeeded = if args[0] == "delete" {
            result.code <= 1
        } else {
            result.code == 0
        };
        // If the first run was killed before it created the collection, there is nothing to compact.
        let nothing_to_compact =
            !self.dir.path(".nigh/nigh.collection").exists() && args[0] != "index";
        assert!(
            succeeded || nothing_to_compact,
            "{args:?}: {}{}",
            result.stdout,
            result.stderr
        );
        assert_eq!(contents(&self.dir), step.after, "after {args:?}");
        self.indexed = step.after;
    }

    /// Asserts that a collection indexed from scratch gives the same hits.
    fn assert_equal_to_fresh_index(&mut self) {
        let index = ["index", "docs", "--model", "static"];
        self.dir.ok(&index);
        self.dir.ok(&[&index[..], &["-c", "fresh"]].concat());
        self.indexed = self.folder.clone();
        for collection in [".nigh", "fresh"] {
            self.dir.ok(&["compact", "-c", collection]);
        }
        // All passages are compared, because the order of equal scores depends on the order of
        // insertion. Lexical scores are not compared: when tantivy merges deleted documents away, it
        // only estimates the remaining term counts.
        for question in [
            ["dense", "which tide is high"],
            ["dense", "version 7 of the tide"],
            ["lexical", "version"],
        ] {
            let hits_in = |collection| {
                let [mode, question] = question;
                let options = [
                    "--mode", mode, "--exact", "-k", "10000", "--rerank", "none", "--copies",
                ];
                let found = self.dir.json(
                    0,
                    &[&["search", question, "-c", collection], &options[..]].concat(),
                );
                let hits = found["hits"].as_array().unwrap();
                let score = |hit: &serde_json::Value| {
                    if mode == "dense" {
                        hit["score"].to_string()
                    } else {
                        String::new()
                    }
                };
                let hit = |hit: &serde_json::Value| {
                    format!("{} {} {}", score(hit), hit["passage_id"], hit["text"])
                };
                let hits: BTreeSet<String> = hits.iter().map(hit).collect();
                assert!(hits.len() > self.indexed.len());
                hits
            };
            assert_eq!(hits_in(".nigh"), hits_in("fresh"), "{question:?}");
        }
        std::fs::remove_dir_all(self.dir.path("fresh")).unwrap();
    }
}

/// The names and sizes of all files of a collection.
fn file_sizes(folder: &Path) -> Vec<(std::ffi::OsString, u64)> {
    let folders = [
        folder.to_owned(),
        folder.join("text"),
        folder.join("vectors"),
    ];
    let entries = folders
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name(),
                entry.metadata().map_or(0, |meta| meta.len()),
            )
        })
        .collect();
    files.sort();
    files
}

fn kill_count() -> usize {
    std::env::var("NIGH_KILLS").map_or(24, |kills| kills.parse().expect("NIGH_KILLS is a number"))
}

#[test]
fn kill_at_any_moment_loses_nothing_and_the_command_can_be_repeated() {
    let (mut killed, mut killed_commands) = (0, BTreeMap::new());
    let mut scenario = Scenario::new(0x9e37_79b9);
    let mut longest = Duration::from_millis(300);
    while killed < kill_count() {
        let step = scenario.next_step();
        let name = step.args[0].clone();
        // Half of the kills come after a random time, half after a random number of file changes.
        let changes = (scenario.random.next(2) == 0).then(|| 1 + scenario.random.next(40));
        let wait = longest.mul_f64(scenario.random.next(1000) as f64 / 1000.0);
        if scenario.run_and_kill(&step, wait, changes) {
            killed += 1;
            *killed_commands.entry(name).or_insert(0) += 1;
        }
        scenario.assert_old_or_new(&step.after);
        let started = Instant::now();
        scenario.resume(step);
        longest = longest.mul_f64(0.9).max(started.elapsed());
        if killed % 50 == 49 {
            scenario.assert_equal_to_fresh_index();
        }
    }
    scenario.assert_equal_to_fresh_index();
    println!("measured {{\"kills\": {killed}, \"killed\": {killed_commands:?}}}");
}

#[test]
fn kill_during_compaction_loses_nothing_and_compaction_can_be_repeated() {
    let mut scenario = Scenario::new(7);
    let records = 4500;
    let mut all = Contents::new();
    let lines: String = (0..records)
        .map(|number| {
            let text = format!(
                "Record {number} tells of tide {} and of the moon above it.",
                number * 7
            );
            all.insert(format!("r{number}"), text.clone());
            format!("{{\"_id\": \"r{number}\", \"text\": \"{text}\"}}\n")
        })
        .collect();
    scenario.dir.put("docs/records.jsonl", lines);
    scenario.dir.ok(&["index", "docs", "--model", "static"]);
    (scenario.folder, scenario.indexed) = (all.clone(), all);
    let started = Instant::now();
    scenario.dir.ok(&["compact"]);
    let longest = started.elapsed();
    let mut killed = 0;
    while killed < kill_count() / 8 {
        let step = Step {
            args: vec!["compact".to_owned()],
            after: scenario.indexed.clone(),
        };
        let changes = (scenario.random.next(2) == 0).then(|| 1 + scenario.random.next(12));
        let wait = longest.mul_f64(scenario.random.next(1000) as f64 / 1000.0);
        killed += usize::from(scenario.run_and_kill(&step, wait, changes));
        scenario.assert_old_or_new(&step.after);
        scenario.resume(step);
    }
    let stats = scenario.dir.json(0, &["stats"]);
    assert_eq!(
        (&stats["graphs"], &stats["segments"]),
        (&1.into(), &1.into())
    );
    println!("measured {{\"merge_kills\": {killed}, \"merged_passages\": {records}}}");
}
