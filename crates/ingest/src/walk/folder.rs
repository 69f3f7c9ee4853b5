//! The traversal behind [`Walk`].

use super::ignored::{self, Rules, ignored_by};
use super::{SkipReason, SkippedPath, Stat, Walk, WalkEntry};
use disk::PathError;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// The files that identify the folder of a BEIR data set. Only the first is read: queries are not
/// articles.
pub const BEIR: [&str; 2] = ["corpus.jsonl", "queries.jsonl"];

/// Whether a folder is a BEIR data set.
pub fn is_beir(folder: &Path) -> bool {
    BEIR.iter().all(|name| folder.join(name).is_file())
}

pub struct Walker {
    walk: Walk,
    is_collection: fn(&Path) -> bool,
    /// The folders visited so far; also the files, if roots overlap or links are being followed.
    seen: HashSet<PathBuf>,
    /// Whether one root is inside another, so that a file can be reached twice.
    roots_overlap: bool,
    roots: Vec<PathBuf>,
    /// Links to follow after everything else.
    links: Vec<PathBuf>,
    /// Whether links are being followed, so that paths are no longer canonical.
    following_links: bool,
}

/// A folder being walked, with its remaining names in reverse order.
struct Level {
    folder: PathBuf,
    names: Vec<(OsString, FileType)>,
    is_beir: bool,
}

impl Walker {
    pub fn new(roots: &[PathBuf], is_collection: fn(&Path) -> bool) -> Self {
        let lies_in_another = |(at, root): (usize, &PathBuf)| {
            roots
                .iter()
                .enumerate()
                .any(|(other_at, other)| at != other_at && root.starts_with(other))
        };
        Self {
            walk: Walk::default(),
            is_collection,
            seen: HashSet::new(),
            roots_overlap: roots.iter().enumerate().any(lies_in_another),
            roots: roots.to_owned(),
            links: Vec::new(),
            following_links: false,
        }
    }

    /// Walks a root, given by its canonical path.
    pub fn root(&mut self, root: &Path) {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => self.folder(root.to_owned()),
            Ok(metadata) => self.file(root.to_owned(), &metadata, true),
            Err(error) => self.fail(root, error),
        }
    }

    /// Follows the collected links and returns the result.
    pub fn finish(mut self) -> Walk {
        if !self.links.is_empty() {
            self.following_links = true;
            // Paths found without links are canonical, because the roots are.
            self.seen
                .extend(self.walk.files.iter().map(|file| file.path.clone()));
        }
        // Linked folders may contain further links.
        while !self.links.is_empty() {
            std::mem::take(&mut self.links)
                .into_iter()
                .for_each(|link| self.follow(link));
        }
        self.walk
    }

    fn follow(&mut self, link: PathBuf) {
        let is_above = |place: &PathBuf| self.roots.iter().any(|root| root.starts_with(place));
        match fs::metadata(&link) {
            Ok(metadata)
                if metadata.is_dir() && link.canonicalize().is_ok_and(|place| is_above(&place)) =>
            {
                self.skip(link, SkipReason::LinkToAncestor)
            }
            Ok(metadata) if metadata.is_dir() => self.folder(link),
            Ok(metadata) => self.file(link, &metadata, false),
            Err(_) => self.skip(link, SkipReason::BrokenLink),
        }
    }

    /// Whether a path is visited for the first time. Reports it as skipped if a link leads to it
    /// again.
    fn is_new(&mut self, path: &Path) -> bool {
        if !self.following_links {
            return self.seen.insert(path.to_owned());
        }
        let is_new = path
            .canonicalize()
            .is_ok_and(|place| self.seen.insert(place));
        if !is_new {
            self.skip(path.to_owned(), SkipReason::AlreadySeen);
        }
        is_new
    }

    fn folder(&mut self, root: PathBuf) {
        let mut rules: Vec<Rules> = Vec::new();
        let mut levels: Vec<Level> = Vec::new();
        self.enter(root, &mut levels, &mut rules);
        while let Some(level) = levels.last_mut() {
            let Some((name, kind)) = level.names.pop() else {
                levels.pop();
                rules.pop();
                continue;
            };
            let (path, in_beir) = (level.folder.join(&name), level.is_beir);
            if name.as_encoded_bytes().starts_with(b".") {
                // Ignore files and collections are hidden by design and not worth reporting.
                let is_ignore_file = name
                    .to_str()
                    .is_some_and(|name| ignored::NAMES.contains(&name));
                let is_collection = kind.is_dir() && (self.is_collection)(&path);
                if !is_ignore_file && !is_collection {
                    self.skip(path, SkipReason::Hidden);
                }
            } else if let Some(file) = ignored_by(&path, kind.is_dir(), &rules) {
                self.skip(path, SkipReason::Ignored(file));
            } else if in_beir && name != BEIR[0] {
                self.skip(path, SkipReason::BeirDataset);
            } else if kind.is_symlink() {
                self.links.push(path);
            } else if kind.is_dir() {
                self.enter(path, &mut levels, &mut rules);
            } else {
                match fs::symlink_metadata(&path) {
                    Ok(metadata) => self.file(path, &metadata, false),
                    Err(error) => self.fail(&path, error),
                }
            }
        }
    }

    /// Reads the names in a folder, unless it was visited already.
    fn enter(&mut self, folder: PathBuf, levels: &mut Vec<Level>, rules: &mut Vec<Rules>) {
        if !self.is_new(&folder) {
            return;
        }
        let mut names = match names(&folder) {
            Ok(names) => names,
            Err(error) => return self.fail(&folder, error),
        };
        let has = |wanted: &str| {
            names
                .iter()
                .any(|(name, kind)| name == wanted && !kind.is_dir())
        };
        if (self.is_collection)(&folder) {
            // Reported even for a root: people often name the collection itself by mistake.
            return self.skip(folder, SkipReason::Collection);
        }
        let is_beir = BEIR.iter().all(|name| has(name));
        rules.push(Rules::read(&folder, has, &mut self.walk.errors));
        names.sort_unstable_by(|(a, _), (b, _)| b.cmp(a));
        levels.push(Level {
            folder,
            names,
            is_beir,
        });
    }

    fn file(&mut self, path: PathBuf, metadata: &Metadata, is_explicit: bool) {
        if !metadata.is_file() {
            return self.skip(path, SkipReason::SpecialFile);
        }
        if (self.roots_overlap || self.following_links) && !self.is_new(&path) {
            return;
        }
        self.walk.files.push(WalkEntry {
            path,
            stat: Stat::new(metadata),
            is_explicit,
        });
    }

    fn skip(&mut self, path: PathBuf, reason: SkipReason) {
        self.walk.skipped.push(SkippedPath { path, reason });
    }

    fn fail(&mut self, path: &Path, error: io::Error) {
        self.walk
            .errors
            .push((path.to_owned(), PathError::at(path)(error).into()));
    }
}

fn names(folder: &Path) -> io::Result<Vec<(OsString, FileType)>> {
    fs::read_dir(folder)?
        .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
        .collect()
}
