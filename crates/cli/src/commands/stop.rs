//! Ctrl-C: the first asks to stop, the second stops.

use crate::output;
use anyhow::Context;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first Ctrl-C.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Sets [`STOP`] on the first Ctrl-C, with `said` to the user, and ends the program on the second.
pub fn on_ctrl_c(said: &'static str) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        if STOP.swap(true, Ordering::Relaxed) {
            #[expect(clippy::exit, reason = "the second Ctrl-C means at once; the last commit stands")]
            std::process::exit(130);
        }
        output::note(said);
    })
    .context("Ctrl-C cannot be handled")
}
