//! What a reading left out or guessed.

use crate::{Names, Watch};
use ingest::format::Kind;
use ingest::read::Note;
use ingest::walk::{LeftOut, Reason};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of each a report names.
const NAMED: usize = 1000;

/// A file or folder that was left out.
#[derive(Debug, Clone, Serialize)]
pub struct Omission {
    /// Its name in the collection.
    pub path: String,
    /// Why, or what kind of file it is.
    pub reason: String,
}

/// What was left out in reading files and folders, or guessed: no failures.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Omitted {
    /// How much was guessed, changed or left out in articles that were read.
    pub notes: usize,
    /// The first thousand of these.
    pub noted: Vec<Note>,
    /// Files in walked folders in no format read here.
    pub unsupported: usize,
    /// How many of each kind.
    pub unsupported_kinds: BTreeMap<String, usize>,
    /// The first thousand of them.
    pub unsupported_files: Vec<Omission>,
    /// Files and folders that were left out: hidden, ignored, and links to what is read already.
    pub left_out: usize,
    /// How many for each reason.
    pub left_out_reasons: BTreeMap<String, usize>,
    /// The first thousand of them.
    pub left_out_paths: Vec<Omission>,
}

impl Omitted {
    /// Something to know about an article, which `watch` is told.
    pub(crate) fn note(&mut self, note: Note, watch: &dyn Watch) {
        watch.note(&note.to_string());
        self.notes += 1;
        keep(&mut self.noted, note);
    }

    /// A file in no format read here.
    pub(crate) fn unsupported(&mut self, path: String, kind: Kind) {
        self.unsupported += 1;
        *self.unsupported_kinds.entry(kind.to_string()).or_default() += 1;
        keep(&mut self.unsupported_files, Omission { path, reason: kind.to_string() });
    }

    /// What a walk left out.
    pub(crate) fn leave_out(&mut self, left_out: &[LeftOut], names: &Names) {
        for LeftOut { path, reason } in left_out {
            let reason = match reason {
                Reason::Ignored(by) => format!("ignored by {}", names.name(by)),
                reason => reason.to_string(),
            };
            self.left_out += 1;
            *self.left_out_reasons.entry(reason.clone()).or_default() += 1;
            keep(&mut self.left_out_paths, Omission { path: names.name(path), reason });
        }
    }
}

fn keep<T>(named: &mut Vec<T>, one: T) {
    if named.len() < NAMED {
        named.push(one);
    }
}
