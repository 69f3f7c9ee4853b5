//! Those who want to know how far long work is.

use crate::{Error, Result};
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::Step;

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// So many things.
    Items(u64),
    /// So many bytes of articles.
    Bytes(u64),
}

/// Told how far work is, part by part: one part at a time, but from any thread.
pub trait Watch: Sync {
    /// A part begins.
    fn begin(&self, what: &'static str, of: Amount);

    /// So much of the part is done.
    fn done(&self, done: u64);

    /// What is being done, in words that change often.
    fn doing(&self, what: &str);

    /// The part is over.
    fn end(&self);

    /// An article was left out, and why.
    fn skipped(&self, problem: &str);

    /// Something to know at once.
    fn note(&self, what: &str);

    /// Set when the work is to stop as soon as it can.
    fn stop(&self) -> &AtomicBool;

    /// Whether it is to stop.
    fn stopped(&self) -> bool {
        self.stop().load(Ordering::Relaxed)
    }
}

/// A watch that nobody looks at.
#[derive(Debug, Default)]
pub struct Silent(AtomicBool);

impl Watch for Silent {
    fn begin(&self, _: &'static str, _: Amount) {}
    fn done(&self, _: u64) {}
    fn doing(&self, _: &str) {}
    fn end(&self) {}
    fn skipped(&self, _: &str) {}
    fn note(&self, _: &str) {}

    fn stop(&self) -> &AtomicBool {
        &self.0
    }
}

/// A part of the work that counts its own items, and ends when it is dropped.
pub struct Part<'a> {
    watch: &'a dyn Watch,
    done: AtomicU64,
}

impl<'a> Part<'a> {
    /// Begins a part of `of` items.
    pub fn begin(watch: &'a dyn Watch, what: &'static str, of: usize) -> Self {
        watch.begin(what, Amount::Items(of as u64));
        Self { watch, done: AtomicU64::new(0) }
    }

    /// One more item is done.
    ///
    /// # Errors
    /// [`Error::Stopped`] when the work is to stop.
    pub fn one(&self) -> Result<()> {
        self.watch.done(self.done.fetch_add(1, Ordering::Relaxed) + 1);
        if self.watch.stopped() { Err(Error::Stopped) } else { Ok(()) }
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.watch.end();
    }
}

/// The store's long steps as parts.
pub struct Steps<'a> {
    watch: &'a dyn Watch,
    current: Mutex<Option<Step>>,
}

impl<'a> Steps<'a> {
    /// Shows them to `watch`.
    pub fn of(watch: &'a dyn Watch) -> Self {
        Self { watch, current: Mutex::new(None) }
    }

    /// How far a step is, and whether it is to go on.
    pub fn show(&self, step: Step, done: usize, of: usize) -> ControlFlow<()> {
        if self.watch.stopped() {
            return ControlFlow::Break(());
        }
        let Ok(mut current) = self.current.lock() else { return ControlFlow::Continue(()) };
        if *current != Some(step) {
            if current.replace(step).is_some() {
                self.watch.end();
            }
            let what = match step {
                Step::Merge => "merging vectors",
                Step::Graph => "building the graph",
                Step::Check => "checking passages",
            };
            self.watch.begin(what, Amount::Items(of as u64));
        }
        self.watch.done(done as u64);
        ControlFlow::Continue(())
    }
}

impl Drop for Steps<'_> {
    fn drop(&mut self) {
        if self.current.get_mut().is_ok_and(|current| current.is_some()) {
            self.watch.end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_stop_does_at_its_next_item() {
        let watch = Silent::default();
        let (part, steps) = (Part::begin(&watch, "working", 9), Steps::of(&watch));
        assert!(part.one().is_ok() && steps.show(Step::Merge, 1, 9).is_continue());
        watch.stop().store(true, Ordering::Relaxed);
        assert!(matches!(part.one(), Err(Error::Stopped)) && steps.show(Step::Merge, 2, 9).is_break());
    }
}
