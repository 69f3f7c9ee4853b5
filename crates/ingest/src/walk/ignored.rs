//! The rules of ignore files.

use crate::Error;
use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use std::path::{Path, PathBuf};

/// The names of ignore files, in order of precedence.
pub const NAMES: [&str; 3] = [".nighignore", ".ignore", ".gitignore"];

/// The rules of one folder.
#[derive(Default)]
pub struct Rules([Option<Gitignore>; NAMES.len()]);

impl Rules {
    /// Reads the ignore files of `folder`; `has` tells which of them exist. Invalid ones are added
    /// to `failed`.
    pub fn read(
        folder: &Path,
        has: impl Fn(&str) -> bool,
        failed: &mut Vec<(PathBuf, Error)>,
    ) -> Self {
        Self(NAMES.map(|name| {
            if !has(name) {
                return None;
            }
            let file = folder.join(name);
            let mut rules = GitignoreBuilder::new(folder);
            if let Some(error) = rules.add(&file) {
                failed.push((file.clone(), Error::malformed(&file, None, message(&error))));
            }
            rules.build().ok()
        }))
    }
}

/// The ignore file that excludes `path`, by the rules of the folders above it, innermost last.
/// `None` if no rule excludes it.
pub fn ignored_by(path: &Path, is_folder: bool, above: &[Rules]) -> Option<PathBuf> {
    let matched = (0..NAMES.len()).find_map(|kind| {
        above.iter().rev().find_map(|rules| {
            match rules.0[kind].as_ref()?.matched(path, is_folder) {
                Match::None => None,
                decided => Some(decided.map(|rule| rule.from().map(Path::to_owned))),
            }
        })
    })?;
    match matched {
        Match::Ignore(file) => Some(file.unwrap_or_default()),
        _ => None,
    }
}

/// The innermost message of an error: the outer ones repeat the path of the file.
fn message(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => message(err),
        ignore::Error::WithLineNumber { line, err } => format!("line {line}: {}", message(err)),
        ignore::Error::Partial(errors) => errors.iter().map(message).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
