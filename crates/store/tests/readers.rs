//! Eight processes read while one writes, and all are killed at random. Every reader sees exactly
//! the contents of one commit, never an older one than before, and two writers are never active at
//! once.
//!
//! Every commit has the same articles, all of one generation, which determines their number of
//! passages. `NIGH_SECONDS` sets the duration.
#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "prints measurements")]

use crate::common::{article, go_on, manifest, vector};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use store::local::LocalCollection;
use store::{Collection, DenseSearch, Error, Listing, Reader};

const ARTICLES: usize = 12;
const READERS: usize = 8;
/// Environment variables that tell a process of this test its role and the path of the collection.
const ROLE: &str = "NIGH_ROLE";
const COLLECTION_PATH: &str = "NIGH_COLLECTION_PATH";

fn line(generation: u64, number: usize, line: u64) -> String {
    format!("generation {generation} of story{number} line {line}")
}

fn text(generation: u64, number: usize) -> String {
    (0..=generation % 3)
        .map(|at| line(generation, number, at) + "\n")
        .collect()
}

/// Commits one generation after another, with merges and compactions in between.
fn write(path: &Path) {
    // A killed writer may not have exited yet.
    let collection = LocalCollection::open(path).unwrap();
    let start = Instant::now();
    let mut writer = loop {
        match collection.writer() {
            Ok(writer) => break writer,
            Err(Error::Locked { .. }) if start.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => panic!("{error}"),
        }
    };
    assert!(
        matches!(collection.writer(), Err(Error::Locked { .. })),
        "two writers at once"
    );
    let first = generation_of(&LocalCollection::open(path).unwrap()).unwrap_or(0) + 1;
    for generation in first.. {
        for number in 0..ARTICLES {
            writer
                .put(article(
                    &format!("story{number}"),
                    &text(generation, number),
                ))
                .unwrap();
        }
        writer.commit().unwrap();
        println!("{generation}");
        match generation % 11 {
            3 => writer.merge(1, &go_on).unwrap(),
            7 => _ = writer.compact(1, &go_on).unwrap(),
            _ => writer
                .maintenance()
                .unwrap()
                .merge_in_background(1)
                .unwrap(),
        }
    }
}

/// Verifies the newest commit in a loop.
fn read(path: &Path) {
    let mut collection = LocalCollection::open(path).unwrap();
    let mut last = 0;
    loop {
        let generation = generation_of(&collection).unwrap_or(0);
        assert!(generation >= last, "generation {generation} after {last}");
        // The snapshot stays the same, whatever is committed and removed meanwhile.
        assert_eq!(generation_of(&collection).unwrap_or(0), generation);
        println!("{generation}");
        last = generation;
        match generation % 2 {
            0 => collection.refresh().unwrap(),
            _ => collection = LocalCollection::open(path).unwrap(),
        }
    }
}

/// The generation of a collection; `None` if it is empty.
fn generation_of(collection: &LocalCollection) -> Option<u64> {
    let ids = collection.catalog().unwrap().articles;
    if ids.is_empty() {
        return None;
    }
    assert_eq!(ids.len(), ARTICLES);
    let first = collection.article("story0").unwrap().unwrap().article.text;
    let generation: u64 = first.split(' ').nth(1).unwrap().parse().unwrap();
    for number in 0..ARTICLES {
        let found = collection
            .article(&format!("story{number}"))
            .unwrap()
            .unwrap();
        assert_eq!(
            found.article.text,
            text(generation, number),
            "part of another commit"
        );
    }
    let keys = collection.keys().unwrap();
    let mut lines: Vec<String> = collection
        .fetch(&keys)
        .unwrap()
        .into_iter()
        .map(|passage| passage.text)
        .collect();
    let mut expected: Vec<String> = (0..ARTICLES)
        .flat_map(|number| (0..=generation % 3).map(move |at| line(generation, number, at)))
        .collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
    let nearest = collection
        .search_dense(&vector(&expected[0]), 1, DenseSearch::Exact, None)
        .unwrap();
    assert_eq!(
        collection.fetch(&[nearest[0].key]).unwrap()[0].text,
        expected[0]
    );
    let hits = collection.search_lexical("generation", 1000, None).unwrap();
    assert_eq!(hits.len(), expected.len());
    Some(generation)
}

/// The entry point of the processes that this test starts. Does nothing in a regular run.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let path = PathBuf::from(std::env::var(COLLECTION_PATH).unwrap());
    match role.as_str() {
        "write" => write(&path),
        _ => read(&path),
    }
}

struct Process {
    child: Child,
    /// Counts the generations that it printed.
    generations: std::thread::JoinHandle<usize>,
}

fn spawn(role: &str, path: &Path) -> Process {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "readers::role", "--nocapture"])
        .env(ROLE, role)
        .env(COLLECTION_PATH, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let generations = std::thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .filter(|line| line.parse::<u64>().is_ok())
            .count()
    });
    Process { child, generations }
}

impl Process {
    /// Kills the process. It must still be running: a failed assertion would have ended it.
    fn kill(mut self) -> usize {
        assert!(
            self.child.try_wait().unwrap().is_none(),
            "a process failed an assertion; see above"
        );
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.generations.join().unwrap()
    }
}

#[test]
fn every_reader_sees_exactly_one_commit() {
    let seconds = std::env::var("NIGH_SECONDS").map_or(4, |seconds| seconds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    LocalCollection::create(&path, manifest()).unwrap();
    let mut writer = spawn("write", &path);
    let mut readers: Vec<Process> = (0..READERS).map(|_| spawn("read", &path)).collect();
    let (start, mut commits, mut looks, mut kills, mut random) =
        (Instant::now(), 0, 0, 0, 0x9e37_79b9_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        std::thread::sleep(Duration::from_millis(200 + (random >> 33) % 700));
        commits += writer.kill();
        writer = spawn("write", &path);
        let killed = (random >> 40) as usize % READERS;
        looks += std::mem::replace(&mut readers[killed], spawn("read", &path)).kill();
        kills += 2;
    }
    commits += writer.kill();
    looks += readers.into_iter().map(Process::kill).sum::<usize>();
    let collection = LocalCollection::open(&path).unwrap();
    assert_eq!(
        collection.check(&go_on).unwrap().problems,
        Vec::<String>::new()
    );
    println!(
        "measured {{\"commits\": {commits}, \"looks\": {looks}, \"readers\": {READERS}, \"reader_kills\": {kills}, \"reader_seconds\": {seconds}}}"
    );
    assert!(
        commits > 3 && looks > READERS,
        "{commits} commits, {looks} looks"
    );
}
