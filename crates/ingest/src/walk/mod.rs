//! Walks folders in name order and reports what is skipped, with the reason.
//!
//! `.gitignore`, `.ignore` and `.nighignore` apply in the given folders and below them, but not
//! from above: what a caller names explicitly is never hidden by a rule elsewhere. Hidden names are
//! skipped. Symbolic links are followed after everything else, and every file and folder is visited
//! once.

mod folder;
mod ignored;

pub use crate::source::{Source, Stat};

use crate::article::Article;
use crate::format::{self, Format, UnsupportedKind};
use crate::{Error, Result};
use disk::PathError;
use folder::Walker;
use notes::Note;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file found by a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// The path of the file.
    pub path: PathBuf,
    /// Size, times and identity, to detect changes.
    pub stat: Stat,
    /// Whether the caller named the file itself rather than a folder above it.
    pub is_explicit: bool,
}

/// A file or folder that a walk skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedPath {
    /// The path of the file or folder.
    pub path: PathBuf,
    /// Why it was skipped.
    pub reason: SkipReason,
}

/// Why a file or folder was skipped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Its name begins with a dot.
    Hidden,
    /// A rule in this ignore file matches.
    Ignored(PathBuf),
    /// It is a collection.
    Collection,
    /// It belongs to a BEIR data set but is not its corpus.
    BeirDataset,
    /// A link to a file or folder that was visited already.
    AlreadySeen,
    /// A link to a folder that contains one of the roots.
    LinkToAncestor,
    /// A link whose target does not exist.
    BrokenLink,
    /// Neither a file nor a folder: a pipe, socket or device.
    SpecialFile,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("hidden name"),
            Self::Ignored(by) => write!(f, "ignored by {}", by.display()),
            Self::Collection => f.write_str("a collection"),
            Self::BeirDataset => {
                f.write_str("part of a BEIR data set, of which only corpus.jsonl is read")
            }
            Self::AlreadySeen => f.write_str("link to a file or folder that is read already"),
            Self::LinkToAncestor => f.write_str("link to a parent folder"),
            Self::BrokenLink => f.write_str("broken link"),
            Self::SpecialFile => f.write_str("not a regular file"),
        }
    }
}

/// The result of a walk. Files are in name order, those behind links last.
#[derive(Debug, Default)]
pub struct Walk {
    /// The files to read.
    pub files: Vec<WalkEntry>,
    /// The files and folders that were skipped.
    pub skipped: Vec<SkippedPath>,
    /// Files and folders that could not be opened, and ignore files with invalid rules.
    pub errors: Vec<(PathBuf, Error)>,
}

impl Walk {
    /// Walks files and folders. The paths must be canonical. Folders for which `is_collection`
    /// holds are skipped.
    pub fn new(roots: &[PathBuf], is_collection: fn(&Path) -> bool) -> Self {
        let mut walker = Walker::new(roots, is_collection);
        roots.iter().for_each(|root| walker.root(root));
        walker.finish()
    }

    /// The total size of all files in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.stat.bytes).sum()
    }
}

/// An input of the [pipeline](crate::pipeline::run).
#[derive(Debug)]
pub enum IngestItem {
    /// A file to read.
    Source(Source),
    /// A file that has not changed since it was last read, with the ids of its articles and the
    /// notes of that time.
    Unchanged(Source, Vec<String>, Vec<Note>),
    /// An article that does not have to be read.
    Article(Box<Article>),
    /// A file in a walked folder whose format is not supported. Not an error: such files are only
    /// counted.
    Unsupported(Source, UnsupportedKind),
    /// A file or folder that could not be opened, or a file named by the caller whose format is not
    /// supported.
    Failed(PathBuf, Error),
}

impl IngestItem {
    /// Classifies a file by its first bytes and its name. `format` overrides detection; `name` is
    /// the file's name in the collection.
    pub fn from_entry(entry: WalkEntry, format: Option<Format>, name: String) -> Self {
        let WalkEntry {
            path,
            stat,
            is_explicit,
        } = entry;
        let source = |format| Source {
            path: path.clone(),
            name: name.clone(),
            format,
            is_format_guessed: false,
            stat: Some(stat),
        };
        if let Some(format) = format {
            return Self::Source(source(format));
        }
        match classify(&path) {
            Ok(Ok(format)) => Self::Source(Source {
                is_format_guessed: true,
                ..source(format)
            }),
            Ok(Err(kind)) if is_explicit => {
                let problem = format!("unsupported format: {kind}; supported are {}", Format::ALL);
                let error = Error::malformed(&path, None, problem);
                Self::Failed(path, error)
            }
            Ok(Err(kind)) => Self::Unsupported(source(Format::Text), kind),
            Err(error) => Self::Failed(path, error),
        }
    }
}

/// The format of a file, or what kind of unsupported file it is.
fn classify(path: &Path) -> Result<Result<Format, UnsupportedKind>> {
    let mut head = Vec::with_capacity(format::SNIFF_BYTES);
    let file = std::fs::File::open(path).map_err(PathError::at(path))?;
    file.take(format::SNIFF_BYTES as u64)
        .read_to_end(&mut head)
        .map_err(PathError::at(path))?;
    let beir = path.file_name().is_some_and(|name| name == folder::BEIR[0])
        && path.parent().is_some_and(folder::is_beir);
    Ok(if beir {
        Ok(Format::Beir)
    } else {
        format::detect(path, &head)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A folder with these files in it.
    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (dir, root)
    }

    /// The files of a walk, and what was left out, by their names in `root`.
    fn walked(root: &Path, roots: &[&str]) -> (Vec<String>, Vec<String>) {
        let roots: Vec<_> = roots.iter().map(|name| root.join(name)).collect();
        let walk = Walk::new(&roots, |folder| folder.join("marker").is_file());
        assert!(walk.errors.is_empty(), "{:?}", walk.errors);
        let name = |path: &Path| {
            path.strip_prefix(root)
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let left_out = walk.skipped.iter().map(|left| {
            let reason = match &left.reason {
                SkipReason::Ignored(by) => format!("ignored by {}", name(by)),
                reason => reason.to_string(),
            };
            format!("{}: {reason}", name(&left.path))
        });
        (
            walk.files.iter().map(|file| name(&file.path)).collect(),
            left_out.collect(),
        )
    }

    #[test]
    fn files_are_in_name_order_and_skipped_ones_have_a_reason() {
        let (_dir, root) = folder(&[
            ("in/b.txt", "text"),
            ("in/a.md", "# a"),
            ("in/a/z.md", "z"),
            ("in/.hidden.txt", "no"),
            ("in/skip.txt", "no"),
            ("in/.nighignore", "skip.txt\n"),
            ("in/col/marker", "x"),
            ("in/col/x.txt", "no"),
            ("in/.nigh/marker", "x"),
            ("in/beir/corpus.jsonl", "{}"),
            ("in/beir/queries.jsonl", "{}"),
            ("in/beir/qrels/test.tsv", "x"),
        ]);
        let (files, left_out) = walked(&root, &["in"]);
        assert_eq!(
            files,
            ["in/a/z.md", "in/a.md", "in/b.txt", "in/beir/corpus.jsonl"]
        );
        let data_set = "part of a BEIR data set, of which only corpus.jsonl is read";
        assert_eq!(
            left_out,
            [
                "in/.hidden.txt: hidden name".to_owned(),
                format!("in/beir/qrels: {data_set}"),
                format!("in/beir/queries.jsonl: {data_set}"),
                "in/col: a collection".to_owned(),
                "in/skip.txt: ignored by in/.nighignore".to_owned(),
            ]
        );
    }

    #[test]
    fn ignore_files_above_the_roots_do_not_apply() {
        let (_dir, root) = folder(&[
            (".gitignore", "*\n"),
            ("in/.gitignore", "*.log\n!keep.log\n"),
            ("in/a.md", "a"),
            ("in/b.log", "b"),
            ("in/deep/keep.log", "c"),
            ("in/deep/.ignore", "d.md\n"),
            ("in/deep/d.md", "d"),
        ]);
        let (files, left_out) = walked(&root, &["in"]);
        assert_eq!(files, ["in/a.md", "in/deep/keep.log"]);
        assert_eq!(
            left_out,
            [
                "in/b.log: ignored by in/.gitignore",
                "in/deep/d.md: ignored by in/deep/.ignore"
            ]
        );
        // Named by itself, a file is read whatever the rules say.
        assert_eq!(walked(&root, &["in/b.log"]).0, ["in/b.log"]);
    }

    #[test]
    fn overlapping_roots_yield_each_file_once() {
        let (_dir, root) = folder(&[("in/a.md", "a"), ("in/deep/b.md", "b")]);
        assert_eq!(
            walked(&root, &["in", "in/deep", "in/a.md"]).0,
            ["in/a.md", "in/deep/b.md"]
        );
        assert_eq!(
            walked(&root, &["in/deep/b.md", "in", "in/deep/b.md"]).0,
            ["in/deep/b.md", "in/a.md"]
        );
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once() {
        use std::os::unix::fs::symlink;
        let (_dir, root) = folder(&[
            ("in/a.md", "a"),
            ("out/b.md", "b"),
            ("out/deep/c.md", "c"),
            ("d.md", "d"),
        ]);
        symlink("../out", root.join("in/folder")).unwrap();
        symlink("../out/deep", root.join("in/inner")).unwrap();
        symlink("../d.md", root.join("in/d.md")).unwrap();
        symlink("a.md", root.join("in/again.md")).unwrap();
        symlink("..", root.join("in/up")).unwrap();
        symlink(".", root.join("out/self")).unwrap();
        symlink("nowhere", root.join("in/broken.md")).unwrap();
        let (files, left_out) = walked(&root, &["in"]);
        assert_eq!(
            files,
            [
                "in/a.md",
                "in/d.md",
                "in/folder/b.md",
                "in/folder/deep/c.md"
            ]
        );
        let again = "link to a file or folder that is read already";
        let mut expected = vec![
            "in/broken.md: broken link".to_owned(),
            "in/up: link to a parent folder".to_owned(),
        ];
        expected.extend(
            ["in/again.md", "in/inner", "in/folder/self"].map(|name| format!("{name}: {again}")),
        );
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(left_out), sorted(expected));
    }

    #[test]
    fn an_invalid_rule_is_reported_and_the_others_apply() {
        let (_dir, root) = folder(&[
            ("in/.nighignore", "b.md\n{a\n"),
            ("in/a.md", "a"),
            ("in/b.md", "b"),
        ]);
        let walk = Walk::new(&[root.join("in")], |_| false);
        assert_eq!(walk.files.len(), 1);
        assert_eq!(walk.errors.len(), 1);
        let message = walk.errors[0].1.to_string();
        assert!(
            message.contains(".nighignore: line 2: ") && message.contains("{a"),
            "{message}"
        );
    }
}
