//! What could not be used, and notes of it.

use crate::Watch;
use notes::{Code, Note};
use serde::Serialize;

/// How many of each kind a report names.
const NAMED: usize = 1000;

/// A file or record that could not be used.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What is wrong with it, its name included.
    pub problem: String,
}

/// Files and records that could not be used.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Skipped {
    /// How many.
    pub failures: usize,
    /// The first thousand of them.
    pub failed: Vec<Failure>,
    /// These, and whatever else there is to know: a thousand of each kind at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Skipped {
    /// One more, which `watch` is told.
    pub(crate) fn add(&mut self, note: Note, watch: &dyn Watch) {
        let problem = note.to_string();
        watch.skipped(&problem);
        self.failures += 1;
        if self.failures <= NAMED {
            self.failed.push(Failure { problem });
        }
        self.note(self.failures, note);
    }

    /// Something to know: the `number`th of its kind.
    pub(crate) fn note(&mut self, number: usize, note: Note) {
        if number <= NAMED {
            self.notes.push(note);
        }
    }
}

/// A record that could not be used, by what is wrong with it.
pub(crate) fn unusable(problem: impl Into<String>) -> Note {
    Note::new(Code::ReadFailed, problem)
}
