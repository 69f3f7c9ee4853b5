//! Progress on standard error, where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::time::Duration;
use store::Step;

/// How much of `length` bytes of articles is done, and how long the rest will take.
pub fn bytes(length: u64) -> ProgressBar {
    bar(length, "{bar:20} {percent:>3} % {msg}, {eta} left")
}

/// How many of `length` things are done.
pub fn items(length: usize, what: &'static str) -> ProgressBar {
    bar(length as u64, "{msg} {wide_bar} {human_pos}/{human_len}, {eta} left").with_message(what)
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    // The templates here are constants that the tests run.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows the store's long steps, one bar each.
#[derive(Default)]
pub struct Steps {
    current: Mutex<Option<(Step, ProgressBar)>>,
}

impl Steps {
    pub fn show(&self, step: Step, done: usize, of: usize) {
        let Ok(mut current) = self.current.lock() else { return };
        if current.as_ref().is_none_or(|(known, _)| *known != step) {
            if let Some((_, old)) = current.take() {
                old.finish_and_clear();
            }
            let what = match step {
                Step::Merge => "merging vectors",
                Step::Graph => "building the graph",
                Step::Check => "checking passages",
            };
            *current = Some((step, items(of, what)));
        }
        if let Some((_, bar)) = &*current {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        if let Ok(Some((_, bar))) = self.current.get_mut().map(Option::take) {
            bar.finish_and_clear();
        }
    }
}
