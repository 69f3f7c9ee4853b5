//! Killed at any moment (SIGKILL), the program leaves a collection that opens, checks as sound, and
//! holds every article as it was or as it was to be; the same command then goes on to what it would
//! have come to undisturbed.
//!
//! `NIGH_KILLS` says how many moments; a hundred take about a minute.
#![cfg(unix)]

use crate::common::Place;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The text of every article, by id.
type Contents = BTreeMap<String, String>;

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % below
    }
}

/// What is there, read as everyone else would read it.
fn contents(place: &Place) -> Contents {
    let Ok(collection) = store::open(place.path(".nigh").to_str().unwrap()) else {
        return Contents::new();
    };
    let ids = collection.catalog().unwrap().articles.into_keys();
    ids.map(|id| {
        let article = collection.article(&id).unwrap().unwrap();
        (id, article.article.text)
    })
    .collect()
}

/// A folder of articles and a collection of them.
struct Life {
    place: Place,
    random: Random,
    /// What the folder holds.
    folder: Contents,
    /// What the collection holds.
    now: Contents,
    version: usize,
}

/// A command, and what the collection is to hold after it.
struct Step {
    args: Vec<String>,
    after: Contents,
}

impl Life {
    fn new(seed: u64) -> Self {
        let place = Place::new();
        Self {
            place,
            random: Random(seed),
            folder: Contents::new(),
            now: Contents::new(),
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
        self.place.put(name, &text);
        self.folder.insert(name.to_owned(), text);
    }

    /// Changes the folder, and says which command is next.
    fn step(&mut self) -> Step {
        let args = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect();
        match self.random.next(8) {
            0 if self.now.len() > 4 => {
                let ids: Vec<String> = self
                    .now
                    .keys()
                    .filter(|_| self.random.next(4) == 0)
                    .take(3)
                    .cloned()
                    .collect();
                if !ids.is_empty() {
                    let mut after = self.now.clone();
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
                    after: self.now.clone(),
                };
            }
            _ => {}
        }
        for _ in 0..1 + self.random.next(12) {
            let name = format!("docs/{:03}.txt", self.random.next(120));
            if self.folder.len() > 3 && self.random.next(5) == 0 {
                self.folder.remove(&name);
                let _ = std::fs::remove_file(self.place.path(&name));
            } else {
                self.write(&name);
            }
        }
        Step {
            args: args(&["index", "docs", "--model", "static"]),
            after: self.folder.clone(),
        }
    }

    /// Runs a command, kills it after `wait` or once the folder of the collection has changed so
    /// many times. Whether it was still running.
    fn kill(&self, step: &Step, wait: Duration, changes: Option<usize>) -> bool {
        let args: Vec<&str> = step.args.iter().map(String::as_str).collect();
        let mut child = self
            .place
            .command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let (mut seen, mut changed) = (names(&self.place.path(".nigh")), 0);
        loop {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            let due = match changes {
                Some(most) => {
                    let now = names(&self.place.path(".nigh"));
                    changed += usize::from(now != seen);
                    seen = now;
                    changed >= most
                }
                None => {
                    std::thread::sleep(Duration::from_micros(200));
                    begun.elapsed() >= wait
                }
            };
            if due {
                child.kill().unwrap();
                child.wait().unwrap();
                return true;
            }
        }
    }

    /// The collection is what it was, what it was to be, or between: every article as it was or as
    /// it was to be.
    fn survived(&self, after: &Contents) {
        if !self.place.path(".nigh/nigh.collection").exists() {
            assert!(self.now.is_empty(), "the collection is gone");
            return;
        }
        let report = self.place.json(0, &["check"]);
        assert_eq!(report["sound"], true, "{report}");
        let found = contents(&self.place);
        let ids: BTreeSet<&String> = self
            .now
            .keys()
            .chain(after.keys())
            .chain(found.keys())
            .collect();
        for id in ids {
            let (was, is, will) = (self.now.get(id), found.get(id), after.get(id));
            assert!(
                is == was || is == will,
                "{id}: {is:?} is neither {was:?} nor {will:?}"
            );
        }
    }

    /// The same command goes on to the same end.
    fn resume(&mut self, step: Step) {
        let args: Vec<&str> = step.args.iter().map(String::as_str).collect();
        let ran = self.place.run(&args);
        let done = if args[0] == "delete" {
            ran.code <= 1
        } else {
            ran.code == 0
        };
        // There is nothing to be compacted where a first run was killed before there was a
        // collection.
        let none = !self.place.path(".nigh/nigh.collection").exists() && args[0] != "index";
        assert!(done || none, "{args:?}: {}{}", ran.out, ran.err);
        assert_eq!(contents(&self.place), step.after, "after {args:?}");
        self.now = step.after;
    }

    /// A collection made of the folder at once gives the same answers.
    fn compare(&mut self) {
        let index = ["index", "docs", "--model", "static"];
        self.place.ok(&index);
        self.place.ok(&[&index[..], &["-c", "fresh"]].concat());
        self.now = self.folder.clone();
        for collection in [".nigh", "fresh"] {
            self.place.ok(&["compact", "-c", collection]);
        }
        // All passages: which of equal ones are the best fifty depends on which was added first.
        // And of words only what is found: merging deleted passages away, tantivy estimates how
        // many words are left.
        for question in [
            ["dense", "which tide is high"],
            ["dense", "version 7 of the tide"],
            ["lexical", "version"],
        ] {
            let answer = |collection| {
                let [mode, question] = question;
                let how = [
                    "--mode", mode, "--exact", "-k", "10000", "--rerank", "none", "--copies",
                ];
                let found = self.place.json(
                    0,
                    &[&["search", question, "-c", collection], &how[..]].concat(),
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
                assert!(hits.len() > self.now.len());
                hits
            };
            assert_eq!(answer(".nigh"), answer("fresh"), "{question:?}");
        }
        std::fs::remove_dir_all(self.place.path("fresh")).unwrap();
    }
}

/// The names and sizes of everything in a collection.
fn names(folder: &Path) -> Vec<(std::ffi::OsString, u64)> {
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
    let mut names: Vec<_> = entries
        .map(|entry| {
            (
                entry.file_name(),
                entry.metadata().map_or(0, |meta| meta.len()),
            )
        })
        .collect();
    names.sort();
    names
}

fn kills() -> usize {
    std::env::var("NIGH_KILLS").map_or(24, |kills| kills.parse().expect("NIGH_KILLS is a number"))
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_goes_on() {
    let (mut killed, mut moments) = (0, BTreeMap::new());
    let mut life = Life::new(0x9e37_79b9);
    let mut longest = Duration::from_millis(300);
    while killed < kills() {
        let step = life.step();
        let name = step.args[0].clone();
        // Half at a random moment, half at a random change of the files.
        let changes = (life.random.next(2) == 0).then(|| 1 + life.random.next(40));
        let wait = longest.mul_f64(life.random.next(1000) as f64 / 1000.0);
        if life.kill(&step, wait, changes) {
            killed += 1;
            *moments.entry(name).or_insert(0) += 1;
        }
        life.survived(&step.after);
        let begun = Instant::now();
        life.resume(step);
        longest = longest.mul_f64(0.9).max(begun.elapsed());
        if killed % 50 == 49 {
            life.compare();
        }
    }
    life.compare();
    println!("measured {{\"kills\": {killed}, \"killed\": {moments:?}}}");
}

#[test]
fn killed_while_a_large_segment_is_merged_it_loses_nothing_and_goes_on() {
    let mut life = Life::new(7);
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
    life.place.put("docs/records.jsonl", lines);
    life.place.ok(&["index", "docs", "--model", "static"]);
    (life.folder, life.now) = (all.clone(), all);
    let begun = Instant::now();
    life.place.ok(&["compact"]);
    let longest = begun.elapsed();
    let mut killed = 0;
    while killed < kills() / 8 {
        let step = Step {
            args: vec!["compact".to_owned()],
            after: life.now.clone(),
        };
        let changes = (life.random.next(2) == 0).then(|| 1 + life.random.next(12));
        let wait = longest.mul_f64(life.random.next(1000) as f64 / 1000.0);
        killed += usize::from(life.kill(&step, wait, changes));
        life.survived(&step.after);
        life.resume(step);
    }
    let stats = life.place.json(0, &["stats"]);
    assert_eq!(
        (&stats["graphs"], &stats["segments"]),
        (&1.into(), &1.into())
    );
    println!("measured {{\"merge_kills\": {killed}, \"merged_passages\": {records}}}");
}
