//! Progress reports and cancellation of long operations.

use crate::{Error, Result};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::Step;

/// The size of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// A number of items.
    Items(u64),
    /// A number of bytes of articles.
    Bytes(u64),
}

/// Receives the progress of an operation, stage by stage. Stages never overlap; calls can come from
/// any thread.
pub trait Progress: Sync {
    /// A stage starts.
    fn start_stage(&self, name: &'static str, total: Amount);

    /// `done` items or bytes of the current stage are finished. With several threads, a lower value
    /// can come late.
    fn set_position(&self, done: u64);

    /// Replaces the text shown for the current stage. Called often.
    fn set_message(&self, message: &str);

    /// The current stage is over.
    fn finish_stage(&self);

    /// A file or record was skipped because of `problem`.
    fn skipped(&self, problem: &str);

    /// Something that the user should see at once.
    fn note(&self, text: &str);

    /// What the user of this program can do about an error of a file: a sentence without a period,
    /// to be put after the message.
    fn advice(&self, _error: &ingest::Error) -> Option<&'static str> {
        None
    }

    /// Set to `true` to ask the operation to stop as soon as it can.
    fn stop_flag(&self) -> &AtomicBool;

    /// Whether the operation should stop.
    fn is_stopped(&self) -> bool {
        self.stop_flag().load(Ordering::Relaxed)
    }
}

/// Discards all reports.
#[derive(Debug, Default)]
pub struct NoProgress(AtomicBool);

impl Progress for NoProgress {
    fn start_stage(&self, _: &'static str, _: Amount) {}
    fn set_position(&self, _: u64) {}
    fn set_message(&self, _: &str) {}
    fn finish_stage(&self) {}
    fn skipped(&self, _: &str) {}
    fn note(&self, _: &str) {}

    fn stop_flag(&self) -> &AtomicBool {
        &self.0
    }
}

/// A stage that counts its items. It is finished when dropped.
pub struct Stage<'a> {
    progress: &'a dyn Progress,
    done: AtomicU64,
}

impl<'a> Stage<'a> {
    /// Starts a stage of `items` items.
    pub fn start(progress: &'a dyn Progress, name: &'static str, items: usize) -> Self {
        progress.start_stage(name, Amount::Items(items as u64));
        Self {
            progress,
            done: AtomicU64::new(0),
        }
    }

    /// Counts one item.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the operation should stop.
    pub fn advance(&self) -> Result<()> {
        self.progress
            .set_position(self.done.fetch_add(1, Ordering::Relaxed) + 1);
        if self.progress.is_stopped() {
            Err(Error::Stopped)
        } else {
            Ok(())
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.progress.finish_stage();
    }
}

/// Reports the store's long steps as stages.
pub struct StoreProgress<'a> {
    progress: &'a dyn Progress,
    current: Mutex<Option<Step>>,
}

impl<'a> StoreProgress<'a> {
    /// Reports to `progress`.
    pub fn new(progress: &'a dyn Progress) -> Self {
        Self {
            progress,
            current: Mutex::new(None),
        }
    }

    /// Reports `done` of `total` items of a step. Breaks when the operation should stop.
    pub fn update(&self, step: Step, done: usize, total: usize) -> ControlFlow<()> {
        if self.progress.is_stopped() {
            return ControlFlow::Break(());
        }
        let Ok(mut current) = self.current.lock() else {
            return ControlFlow::Continue(());
        };
        if *current != Some(step) {
            if current.replace(step).is_some() {
                self.progress.finish_stage();
            }
            let name = match step {
                Step::Merge => "merging vectors",
                Step::Graph => "building the graph",
                Step::Check => "checking passages",
            };
            self.progress.start_stage(name, Amount::Items(total as u64));
        }
        self.progress.set_position(done as u64);
        ControlFlow::Continue(())
    }
}

impl Drop for StoreProgress<'_> {
    fn drop(&mut self) {
        if self
            .current
            .get_mut()
            .is_ok_and(|current| current.is_some())
        {
            self.progress.finish_stage();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_stops_at_the_item_after_the_stop_flag_is_set() {
        let progress = NoProgress::default();
        let (stage, store) = (
            Stage::start(&progress, "working", 9),
            StoreProgress::new(&progress),
        );
        assert!(stage.advance().is_ok() && store.update(Step::Merge, 1, 9).is_continue());
        progress.stop_flag().store(true, Ordering::Relaxed);
        assert!(
            matches!(stage.advance(), Err(Error::Stopped))
                && store.update(Step::Merge, 2, 9).is_break()
        );
    }
}
