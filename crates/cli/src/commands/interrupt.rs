//! Ctrl-C handling: the first Ctrl-C asks to stop, the second one exits.

use crate::output;
use anyhow::Context;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set by the first Ctrl-C.
pub static STOP_REQUESTED: AtomicBool = AtomicBool::new(false);

/// On the first Ctrl-C, sets [`STOP_REQUESTED`] and prints `message`; on the second one, exits with
/// status 130.
pub fn on_ctrl_c(message: &'static str) -> anyhow::Result<()> {
    ctrlc::set_handler(move || {
        if STOP_REQUESTED.swap(true, Ordering::Relaxed) {
            #[expect(
                clippy::exit,
                reason = "the second Ctrl-C stops at once; the last commit stays valid"
            )]
            std::process::exit(130);
        }
        output::note(message);
    })
    .context("cannot install the Ctrl-C handler")
}
