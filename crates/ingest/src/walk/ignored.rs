//! The rules of ignore files.

use crate::Error;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::{Path, PathBuf};

/// The names of ignore files; an earlier one's rules are stronger.
pub const NAMES: [&str; 3] = [".nighignore", ".ignore", ".gitignore"];

/// The rules of one folder.
#[derive(Default)]
pub struct Rules([Option<Gitignore>; NAMES.len()]);

impl Rules {
    /// Those of `folder`, which holds the ignore files for which `has` says so. What is wrong with one is added to `failed`.
    pub fn read(folder: &Path, has: impl Fn(&str) -> bool, failed: &mut Vec<(PathBuf, Error)>) -> Self {
        Self(NAMES.map(|name| {
            if !has(name) {
                return None;
            }
            let file = folder.join(name);
            let mut rules = GitignoreBuilder::new(folder);
            if let Some(error) = rules.add(&file) {
                failed.push((file.clone(), Error::malformed(&file, None, said(&error))));
            }
            rules.build().ok()
        }))
    }
}

/// The file that ignores `path`, by the rules of the folders above it, innermost last.
pub fn ignored_by(path: &Path, is_folder: bool, above: &[Rules]) -> Option<PathBuf> {
    let matched = (0..NAMES.len()).find_map(|kind| {
        above.iter().rev().find_map(|rules| match rules.0[kind].as_ref()?.matched(path, is_folder) {
            Match::None => None,
            decided => Some(decided.map(|rule| rule.from().map(Path::to_owned))),
        })
    })?;
    match matched {
        Match::Ignore(file) => Some(file.unwrap_or_default()),
        _ => None,
    }
}

/// The innermost part of an error: the outer ones name the file, which whoever reports it does, too.
fn said(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => said(err),
        ignore::Error::WithLineNumber { line, err } => format!("line {line}: {}", said(err)),
        ignore::Error::Partial(errors) => errors.iter().map(said).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
