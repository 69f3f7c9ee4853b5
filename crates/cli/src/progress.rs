//! Progress on standard error, where that is a terminal.

use crate::commands::stop::STOP;
use crate::output::{self, style, styled};
use engine::{Amount, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

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

/// Shows work in bars, one a part, and stops it on Ctrl-C.
#[derive(Default)]
pub struct Bars {
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    fn bar(&self) -> Option<ProgressBar> {
        self.current.lock().ok()?.clone()
    }

    fn say(&self, text: &str) {
        match self.bar() {
            Some(bar) => bar.suspend(|| output::note(text)),
            None => output::note(text),
        }
    }
}

impl Watch for Bars {
    fn begin(&self, what: &'static str, of: Amount) {
        let new = match of {
            Amount::Items(n) => items(n as usize, what),
            Amount::Bytes(n) => bar(n, "{bar:20} {percent:>3} % {msg}, {eta} left").with_message(what),
        };
        if let Ok(mut current) = self.current.lock() {
            *current = Some(new);
        }
    }

    fn done(&self, done: u64) {
        if let Some(bar) = self.bar() {
            bar.set_position(done);
        }
    }

    fn doing(&self, what: &str) {
        if let Some(bar) = self.bar() {
            bar.set_message(what.to_owned());
        }
    }

    fn end(&self) {
        if let Some(bar) = self.current.lock().ok().and_then(|mut current| current.take()) {
            bar.finish_and_clear();
        }
    }

    fn skipped(&self, problem: &str) {
        self.say(&format!("{} {problem}", styled(style::BAD, "skipped")));
    }

    fn note(&self, what: &str) {
        self.say(what);
    }

    fn stop(&self) -> &AtomicBool {
        &STOP
    }
}
