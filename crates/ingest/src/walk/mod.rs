//! Paths to files: folders are walked in the order of their names, and what is left out is named with its reason.
//!
//! `.gitignore`, `.ignore` and `.nighignore` are honoured in the folders that were named and below, not above: what a
//! caller names is never hidden by a rule of somewhere else. Hidden names are left out. Links are followed, each file
//! and folder once, after everything that needs no link.

mod folder;
mod ignored;
mod stat;

pub use stat::Stat;

use crate::article::Article;
use crate::format::{self, Format, UnsupportedKind};
use crate::{Error, Result};
use folder::Walker;
use notes::Note;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file in the root of every collection. A folder that holds it is never walked into.
pub const COLLECTION_MARKER: &str = "nigh.collection";

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkEntry {
    /// Where it is.
    pub path: PathBuf,
    /// What tells whether it has changed since.
    pub stat: Stat,
    /// Whether the caller named it, rather than a folder above it.
    pub is_explicit: bool,
}

/// Something that is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// What.
    pub path: PathBuf,
    /// Why.
    pub reason: SkipReason,
}

/// Why a file or folder is not read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SkipReason {
    /// Its name begins with a dot.
    Hidden,
    /// A rule in this ignore file.
    Ignored(PathBuf),
    /// It is a collection.
    Collection,
    /// It belongs to a data set in BEIR's layout, of which only the corpus is read.
    BeirDataset,
    /// A link to what is read under another name.
    AlreadySeen,
    /// A link to a folder that holds what is walked: nobody means all of that.
    LinkToAncestor,
    /// A link to nothing.
    BrokenLink,
    /// A pipe, socket or device.
    SpecialFile,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden => f.write_str("hidden name"),
            Self::Ignored(by) => write!(f, "ignored by {}", by.display()),
            Self::Collection => f.write_str("a collection"),
            Self::BeirDataset => f.write_str("part of a BEIR data set, of which corpus.jsonl is read"),
            Self::AlreadySeen => f.write_str("link to what is read under another name"),
            Self::LinkToAncestor => f.write_str("link to a folder above"),
            Self::BrokenLink => f.write_str("link to nothing"),
            Self::SpecialFile => f.write_str("not a regular file"),
        }
    }
}

/// What a walk met, in the order of the names.
#[derive(Debug, Default)]
pub struct Walk {
    /// The files to read.
    pub files: Vec<WalkEntry>,
    /// What is left out.
    pub skipped: Vec<Skipped>,
    /// What could not be opened, and ignore files with rules that are none.
    pub errors: Vec<(PathBuf, Error)>,
}

impl Walk {
    /// Walks files and folders, given by their canonical paths.
    pub fn new(roots: &[PathBuf]) -> Self {
        let mut walker = Walker::new(roots);
        roots.iter().for_each(|root| walker.root(root));
        walker.finish()
    }

    /// The bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.stat.bytes).sum()
    }
}

/// One file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// Its name in the collection: the id of a one-article file, and what people are shown.
    pub name: String,
    /// The reader it wants.
    pub format: Format,
    /// Whether the format was found out from its beginning: further down it may turn out to be another.
    pub is_format_guessed: bool,
    /// What it was like before it was read; `None` for a stream.
    pub stat: Option<Stat>,
}

impl Source {
    /// Its size in bytes; 0 for a stream.
    pub fn bytes(&self) -> u64 {
        self.stat.map_or(0, |stat| stat.bytes)
    }

    /// Whether it is read once and gone: on which line of it an article stood says nothing later.
    pub fn is_stream(&self) -> bool {
        self.stat.is_none()
    }
}

/// What there is to take in.
#[derive(Debug)]
pub enum IngestItem {
    /// A file to read.
    Source(Source),
    /// A file that has not changed since these articles were read from it, and what was noted then.
    Unchanged(Source, Vec<String>, Vec<Note>),
    /// An article that was read before.
    Article(Box<Article>),
    /// A file in a walked folder that is in no format read here: no failure, only counted.
    Unsupported(Source, UnsupportedKind),
    /// A file or folder that could not be opened, or one named by the caller that is in no format.
    Failed(PathBuf, Error),
}

impl IngestItem {
    /// What a file is, by its name and its first bytes. `format` overrides detection; `name` is the file's name in the
    /// collection.
    pub fn from_entry(entry: WalkEntry, format: Option<Format>, name: String) -> Self {
        let WalkEntry { path, stat, is_explicit } = entry;
        let source =
            |format| Source { path: path.clone(), name: name.clone(), format, is_format_guessed: false, stat: Some(stat) };
        if let Some(format) = format {
            return Self::Source(source(format));
        }
        match classify(&path) {
            Ok(Ok(format)) => Self::Source(Source { is_format_guessed: true, ..source(format) }),
            Ok(Err(kind)) if is_explicit => {
                let problem = format!("in no format read here, but {kind}; those are {}", Format::ALL);
                let error = Error::malformed(&path, None, problem);
                Self::Failed(path, error)
            }
            Ok(Err(kind)) => Self::Unsupported(source(Format::Text), kind),
            Err(error) => Self::Failed(path, error),
        }
    }
}

/// The format of a file, or else what kind of thing it is.
fn classify(path: &Path) -> Result<Result<Format, UnsupportedKind>> {
    let mut head = Vec::with_capacity(format::SNIFF_BYTES);
    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    file.take(format::SNIFF_BYTES as u64).read_to_end(&mut head).map_err(Error::io(path))?;
    let beir =
        path.file_name().is_some_and(|name| name == folder::BEIR[0]) && path.parent().is_some_and(folder::is_beir);
    Ok(if beir { Ok(Format::Beir) } else { format::detect(path, &head) })
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
        let walk = Walk::new(&roots.iter().map(|name| root.join(name)).collect::<Vec<_>>());
        assert!(walk.errors.is_empty(), "{:?}", walk.errors);
        let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        let left_out = walk.skipped.iter().map(|left| {
            let reason = match &left.reason {
                SkipReason::Ignored(by) => format!("ignored by {}", name(by)),
                reason => reason.to_string(),
            };
            format!("{}: {reason}", name(&left.path))
        });
        (walk.files.iter().map(|file| name(&file.path)).collect(), left_out.collect())
    }

    #[test]
    fn files_come_in_order_and_what_is_left_out_has_a_reason() {
        let (_dir, root) = folder(&[
            ("in/b.txt", "text"),
            ("in/a.md", "# a"),
            ("in/a/z.md", "z"),
            ("in/.hidden.txt", "no"),
            ("in/skip.txt", "no"),
            ("in/.nighignore", "skip.txt\n"),
            ("in/col/nigh.collection", "x"),
            ("in/col/x.txt", "no"),
            ("in/.nigh/nigh.collection", "x"),
            ("in/beir/corpus.jsonl", "{}"),
            ("in/beir/queries.jsonl", "{}"),
            ("in/beir/qrels/test.tsv", "x"),
        ]);
        let (files, left_out) = walked(&root, &["in"]);
        assert_eq!(files, ["in/a/z.md", "in/a.md", "in/b.txt", "in/beir/corpus.jsonl"]);
        let data_set = "part of a BEIR data set, of which corpus.jsonl is read";
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
    fn ignore_files_above_what_is_named_do_not_count() {
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
        assert_eq!(left_out, ["in/b.log: ignored by in/.gitignore", "in/deep/d.md: ignored by in/deep/.ignore"]);
        // Named by itself, a file is read whatever the rules say.
        assert_eq!(walked(&root, &["in/b.log"]).0, ["in/b.log"]);
    }

    #[test]
    fn what_two_roots_share_is_met_once() {
        let (_dir, root) = folder(&[("in/a.md", "a"), ("in/deep/b.md", "b")]);
        assert_eq!(walked(&root, &["in", "in/deep", "in/a.md"]).0, ["in/a.md", "in/deep/b.md"]);
        assert_eq!(walked(&root, &["in/deep/b.md", "in", "in/deep/b.md"]).0, ["in/deep/b.md", "in/a.md"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_once() {
        use std::os::unix::fs::symlink;
        let (_dir, root) = folder(&[("in/a.md", "a"), ("out/b.md", "b"), ("out/deep/c.md", "c"), ("d.md", "d")]);
        symlink("../out", root.join("in/folder")).unwrap();
        symlink("../out/deep", root.join("in/inner")).unwrap();
        symlink("../d.md", root.join("in/d.md")).unwrap();
        symlink("a.md", root.join("in/again.md")).unwrap();
        symlink("..", root.join("in/up")).unwrap();
        symlink(".", root.join("out/self")).unwrap();
        symlink("nowhere", root.join("in/broken.md")).unwrap();
        let (files, left_out) = walked(&root, &["in"]);
        assert_eq!(files, ["in/a.md", "in/d.md", "in/folder/b.md", "in/folder/deep/c.md"]);
        let again = "link to what is read under another name";
        let mut expected = vec!["in/broken.md: link to nothing".to_owned(), "in/up: link to a folder above".to_owned()];
        expected.extend(["in/again.md", "in/inner", "in/folder/self"].map(|name| format!("{name}: {again}")));
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(left_out), sorted(expected));
    }

    #[test]
    fn a_broken_rule_is_named_and_the_others_hold() {
        let (_dir, root) = folder(&[("in/.nighignore", "b.md\n{a\n"), ("in/a.md", "a"), ("in/b.md", "b")]);
        let walk = Walk::new(&[root.join("in")]);
        assert_eq!(walk.files.len(), 1);
        assert_eq!(walk.errors.len(), 1);
        let said = walk.errors[0].1.to_string();
        assert!(said.contains(".nighignore: line 2: ") && said.contains("{a"), "{said}");
    }
}
