//! Files and records that could not be used.

use crate::Progress;
use notes::{Code, Note};
use serde::Serialize;

/// The most failures, and the most notes of each kind, that a report lists.
const MAX_LISTED: usize = 1000;

/// A file or record that could not be used.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// What is wrong, with the name of the file or record.
    pub problem: String,
}

/// Files and records that could not be used.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Skipped {
    /// The number of failures.
    pub failures: usize,
    /// The first 1,000 failures.
    pub failed: Vec<Failure>,
    /// Notes on failures and on everything else worth knowing, at most 1,000 of each kind.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Skipped {
    /// Adds an error of a file or record, with advice.
    pub(crate) fn add_error(&mut self, error: &ingest::Error, progress: &dyn Progress) {
        let mut note = error.to_note();
        if let Some(advice) = progress.advice(error) {
            note.message = format!("{}; {advice}", note.message);
        }
        self.add(note, progress);
    }

    /// Adds a failure and passes it to `progress`.
    pub(crate) fn add(&mut self, note: Note, progress: &dyn Progress) {
        let problem = note.to_string();
        progress.skipped(&problem);
        self.failures += 1;
        if self.failures <= MAX_LISTED {
            self.failed.push(Failure { problem });
        }
        self.note(self.failures, note);
    }

    /// Adds a note, the `number`th of its kind, unless there are too many of them.
    pub(crate) fn note(&mut self, number: usize, note: Note) {
        if number <= MAX_LISTED {
            self.notes.push(note);
        }
    }
}

/// A note on a record that could not be used.
pub(crate) fn unusable(problem: impl Into<String>) -> Note {
    Note::new(Code::ReadFailed, problem)
}
