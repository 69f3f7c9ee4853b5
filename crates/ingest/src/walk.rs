//! Paths to sources: folders are walked as `git` and ripgrep would (`.gitignore`, `.ignore` and
//! `.nighignore` honoured, hidden files left out), in the order of their names.

use crate::article::Article;
use crate::format::{self, Format};
use crate::{Error, Result};
use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A file in the root of every collection. A folder that holds it is never walked into.
pub const COLLECTION_MARKER: &str = "nigh.collection";

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
    pub is_guess: bool,
    /// Its size.
    pub bytes: u64,
    /// It is read once and gone: on which line of it an article stood says nothing later.
    pub is_stream: bool,
}

/// What the walk met.
#[derive(Debug)]
pub enum Found {
    /// A file to read.
    Source(Source),
    /// An article that was read before.
    Article(Box<Article>),
    /// A file in a walked folder that is in no format read here: no failure, only counted.
    Unsupported(PathBuf),
    /// A file or folder that could not be opened, or one named by the caller that is in no format.
    Failed(PathBuf, Error),
}

/// Hands over every file under `roots` in the order of their names.
///
/// `format` overrides detection. `name` gives a path its name in the collection.
pub fn walk(roots: &[PathBuf], format: Option<Format>, name: impl Fn(&Path) -> String) -> impl Iterator<Item = Found> {
    // A file under two of the roots is read once. Only then is it worth to remember them all.
    let overlap =
        roots.iter().enumerate().any(|(i, a)| roots.iter().enumerate().any(|(j, b)| i != j && a.starts_with(b)));
    let mut seen = HashSet::new();
    let once = move |entry: &Result<(PathBuf, bool), Found>| match entry {
        Ok((path, _)) if overlap => seen.insert(path.clone()),
        _ => true,
    };
    roots.iter().flat_map(entries).filter(once).map(move |entry| {
        let (path, named_by_caller) = match entry {
            Ok(found) => found,
            Err(error) => return error,
        };
        match classify(&path, format) {
            Ok(Some(found)) => {
                let bytes = path.metadata().map_or(0, |meta| meta.len());
                Found::Source(Source {
                    name: name(&path),
                    path,
                    format: found,
                    is_guess: format.is_none(),
                    bytes,
                    is_stream: false,
                })
            }
            Ok(None) if named_by_caller => {
                let problem = format!("no format read here ({}); give --format if it is one of them", Format::ALL);
                let error = Error::malformed(&path, None, problem);
                Found::Failed(path, error)
            }
            Ok(None) => Found::Unsupported(path),
            Err(error) => Found::Failed(path, error),
        }
    })
}

/// The files under one root, each with whether the root itself is that file.
fn entries(root: &PathBuf) -> Box<dyn Iterator<Item = Result<(PathBuf, bool), Found>> + Send> {
    if root.is_file() {
        return Box::new(std::iter::once(Ok((root.clone(), true))));
    }
    if root.join(COLLECTION_MARKER).is_file() {
        return Box::new(std::iter::empty());
    }
    let walker = ignore::WalkBuilder::new(root)
        .add_custom_ignore_filename(".nighignore")
        .require_git(false)
        .sort_by_file_name(|a, b| a.cmp(b))
        .filter_entry(|entry| {
            let path = entry.path();
            if path.is_dir() {
                let in_beir = entry.depth() > 0 && path.parent().is_some_and(is_beir);
                return !in_beir && !path.join(COLLECTION_MARKER).is_file();
            }
            entry.file_name() == "corpus.jsonl" || !path.parent().is_some_and(is_beir)
        })
        .build();
    let root = root.clone();
    Box::new(walker.filter_map(move |entry| match entry {
        Ok(entry) if entry.file_type().is_some_and(|kind| kind.is_file()) => Some(Ok((entry.into_path(), false))),
        Ok(_) => None,
        Err(error) => {
            let path = path_of(&error).unwrap_or_else(|| root.clone());
            let said = error.io_error().map_or_else(|| error.to_string(), |io| io.to_string());
            let error = Error::malformed(&path, None, said);
            Some(Err(Found::Failed(path, error)))
        }
    }))
}

fn path_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        _ => None,
    }
}

/// A folder in BEIR's layout: of it only the corpus is read, its queries are no articles.
fn is_beir(folder: &Path) -> bool {
    folder.join("corpus.jsonl").is_file() && folder.join("queries.jsonl").is_file()
}

fn classify(path: &Path, format: Option<Format>) -> Result<Option<Format>> {
    if format.is_some() {
        return Ok(format);
    }
    let mut head = Vec::with_capacity(format::HEAD);
    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    file.take(format::HEAD as u64).read_to_end(&mut head).map_err(Error::io(path))?;
    let beir = path.file_name().is_some_and(|n| n == "corpus.jsonl") && path.parent().is_some_and(is_beir);
    Ok(if beir { Some(Format::Beir) } else { format::detect(path, &head) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn walks_in_order_and_leaves_out_what_is_no_article() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("b.txt", "text");
        put("a.md", "# a");
        put(".hidden.txt", "no");
        put("skip.txt", "no");
        put(".nighignore", "skip.txt");
        put("photo.jpg", "\u{0}\u{1}");
        put("col/nigh.collection", "x");
        put("col/x.txt", "no");
        put("beir/corpus.jsonl", "{}");
        put("beir/queries.jsonl", "{}");
        put("beir/qrels/test.tsv", "x");
        let found: Vec<String> =
            walk(&[dir.path().to_owned()], None, |p| p.file_name().unwrap().to_string_lossy().into_owned())
                .map(|f| match f {
                    Found::Source(s) => format!("{} {:?}", s.name, s.format),
                    Found::Unsupported(p) => format!("unsupported {}", p.file_name().unwrap().to_string_lossy()),
                    Found::Failed(..) | Found::Article(_) => "failed".to_owned(),
                })
                .collect();
        assert_eq!(found, ["a.md Markdown", "b.txt Text", "corpus.jsonl Beir", "unsupported photo.jpg"]);
    }
}
