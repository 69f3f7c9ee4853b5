//! What was skipped, left out or guessed while reading.

use crate::{PathNamer, Progress, Skipped};
use ingest::format::UnsupportedKind;
use ingest::walk::{SkipReason, SkippedPath};
use notes::{Code, Note};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that was skipped, left out or guessed while reading files and folders.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Omitted {
    /// Files and records that could not be used, and the notes on all of the below.
    #[serde(flatten)]
    pub skipped: Skipped,
    /// The number of notes on articles that were read: something was guessed, changed or left out.
    pub noted: usize,
    /// Files in walked folders whose format is not supported.
    pub unsupported: usize,
    /// The number of unsupported files by kind.
    pub unsupported_kinds: BTreeMap<String, usize>,
    /// Files and folders that were left out: hidden, ignored, or links to something read already.
    pub left_out: usize,
    /// The number of paths left out by reason.
    pub left_out_reasons: BTreeMap<String, usize>,
}

impl Omitted {
    /// Adds a note on an article and passes it to `progress`.
    pub(crate) fn note(&mut self, note: Note, progress: &dyn Progress) {
        progress.note(&note.to_string());
        self.noted += 1;
        self.skipped.note(self.noted, note);
    }

    /// Adds a file of an unsupported format.
    pub(crate) fn unsupported(&mut self, path: String, kind: UnsupportedKind) {
        let kind = kind.to_string();
        self.unsupported += 1;
        *self.unsupported_kinds.entry(kind.clone()).or_default() += 1;
        let note = Note::new(Code::UnsupportedFormat, "unsupported format")
            .at(path, None)
            .because(kind);
        self.skipped.note(self.unsupported, note);
    }

    /// Adds the paths that a walk left out.
    pub fn leave_out(&mut self, left_out: &[SkippedPath], names: &PathNamer) {
        for SkippedPath { path, reason } in left_out {
            let reason = match reason {
                SkipReason::Ignored(by) => format!("ignored by {}", names.name(by)),
                reason => reason.to_string(),
            };
            self.left_out += 1;
            *self.left_out_reasons.entry(reason.clone()).or_default() += 1;
            let note = Note::new(Code::LeftOut, "left out")
                .at(names.name(path), None)
                .because(reason);
            self.skipped.note(self.left_out, note);
        }
    }
}
