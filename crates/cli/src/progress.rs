//! Progress bars on standard error, if it is a terminal.

use crate::advice;
use crate::commands::interrupt::STOP_REQUESTED;
use crate::output::{self, style, styled};
use engine::{Amount, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// A bar that counts `length` items.
pub fn items(length: usize, message: &'static str) -> ProgressBar {
    bar(
        length as u64,
        "{msg} {wide_bar} {human_pos}/{human_len}, {eta} left",
    )
    .with_message(message)
}

fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(10));
    // All templates are constants, and valid.
    bar.set_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Shows one bar per stage. Ctrl-C sets its stop flag.
#[derive(Default)]
pub struct ProgressBars {
    current: Mutex<Option<ProgressBar>>,
}

impl ProgressBars {
    fn bar(&self) -> Option<ProgressBar> {
        self.current.lock().ok()?.clone()
    }

    fn print(&self, text: &str) {
        match self.bar() {
            Some(bar) => bar.suspend(|| output::note(text)),
            None => output::note(text),
        }
    }
}

impl Progress for ProgressBars {
    fn start_stage(&self, name: &'static str, total: Amount) {
        let new = match total {
            Amount::Items(n) => items(n as usize, name),
            Amount::Bytes(n) => {
                bar(n, "{bar:20} {percent:>3} % {msg}, {eta} left").with_message(name)
            }
        };
        if let Ok(mut current) = self.current.lock() {
            *current = Some(new);
        }
    }

    fn set_position(&self, done: u64) {
        if let Some(bar) = self.bar() {
            bar.set_position(done);
        }
    }

    fn set_message(&self, message: &str) {
        if let Some(bar) = self.bar() {
            bar.set_message(message.to_owned());
        }
    }

    fn finish_stage(&self) {
        if let Some(bar) = self
            .current
            .lock()
            .ok()
            .and_then(|mut current| current.take())
        {
            bar.finish_and_clear();
        }
    }

    fn skipped(&self, problem: &str) {
        self.print(&format!("{} {problem}", styled(style::BAD, "skipped")));
    }

    fn note(&self, text: &str) {
        self.print(text);
    }

    fn advice(&self, error: &ingest::Error) -> Option<&'static str> {
        advice::on_file(error)
    }

    fn stop_flag(&self) -> &AtomicBool {
        &STOP_REQUESTED
    }
}
