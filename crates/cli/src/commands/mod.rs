//! One file a command, or a few that belong together.

pub mod about;
pub mod apart;
pub mod bench;
pub mod care;
pub mod demo;
pub mod embed;
pub mod eval;
pub mod exchange;
pub mod index;
pub mod latency;
pub mod recall;
pub mod run;
pub mod search;
pub mod serve;
pub mod stop;
pub mod tune;

use crate::output::{Output, style, styled};
use engine::Skipped;

/// Says what was not done, if anything.
fn print_left(output: &mut Output, skipped: &Skipped, interrupted: bool) -> std::io::Result<()> {
    if skipped.failures > 0 {
        output.line(format_args!("{} named above", styled(style::BAD, format!("{} skipped,", skipped.failures))))?;
    }
    if interrupted {
        let interrupted = styled(style::BAD, "interrupted");
        output.line(format_args!("{interrupted}: what is done is saved; the same command goes on from there"))?;
    }
    Ok(())
}
