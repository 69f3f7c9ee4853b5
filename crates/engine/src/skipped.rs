//! What could not be used.

use crate::Watch;
use serde::Serialize;

/// How many failures a report names.
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
}

impl Skipped {
    /// One more, which `watch` is told.
    pub(crate) fn add(&mut self, problem: &str, watch: &dyn Watch) {
        watch.skipped(problem);
        self.failures += 1;
        if self.failed.len() < NAMED {
            self.failed.push(Failure { problem: problem.to_owned() });
        }
    }
}
