//! What a reading left out or guessed.

use crate::{Names, Skipped, Watch};
use ingest::format::Kind;
use ingest::walk::{LeftOut, Reason};
use notes::{Code, Note};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was left out in reading files and folders, or guessed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Omitted {
    /// What could not be used, and a note of each thing below.
    #[serde(flatten)]
    pub skipped: Skipped,
    /// How much was guessed, changed or left out in articles that were read.
    pub noted: usize,
    /// Files in walked folders in no format read here.
    pub unsupported: usize,
    /// How many of each kind.
    pub unsupported_kinds: BTreeMap<String, usize>,
    /// Files and folders that were left out: hidden, ignored, and links to what is read already.
    pub left_out: usize,
    /// How many for each reason.
    pub left_out_reasons: BTreeMap<String, usize>,
}

impl Omitted {
    /// Something to know about an article, which `watch` is told.
    pub(crate) fn note(&mut self, note: Note, watch: &dyn Watch) {
        watch.note(&note.to_string());
        self.noted += 1;
        self.skipped.note(self.noted, note);
    }

    /// A file in no format read here.
    pub(crate) fn unsupported(&mut self, path: String, kind: Kind) {
        let kind = kind.to_string();
        self.unsupported += 1;
        *self.unsupported_kinds.entry(kind.clone()).or_default() += 1;
        let note = Note::new(Code::UnsupportedFormat, "in no format read here").at(path, None).because(kind);
        self.skipped.note(self.unsupported, note);
    }

    /// What a walk left out.
    pub fn leave_out(&mut self, left_out: &[LeftOut], names: &Names) {
        for LeftOut { path, reason } in left_out {
            let reason = match reason {
                Reason::Ignored(by) => format!("ignored by {}", names.name(by)),
                reason => reason.to_string(),
            };
            self.left_out += 1;
            *self.left_out_reasons.entry(reason.clone()).or_default() += 1;
            let note = Note::new(Code::LeftOut, "left out").at(names.name(path), None).because(reason);
            self.skipped.note(self.left_out, note);
        }
    }
}
