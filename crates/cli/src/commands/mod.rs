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
use engine::text::counted;
use engine::{Omitted, Skipped};
use notes::{Code, Note};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What was left out, each kind with its number; `None` if nothing was.
fn omissions(omitted: &Omitted) -> Option<String> {
    let Omitted { unsupported, unsupported_kinds, left_out, left_out_reasons, .. } = omitted;
    let listed = |of: &BTreeMap<String, usize>| {
        let mut kinds: Vec<_> = of.iter().collect();
        kinds.sort_by_key(|(_, count)| Reverse(**count));
        kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    if *unsupported > 0 {
        parts.push(format!("{} in no format read here ({})", counted(*unsupported, "file"), listed(unsupported_kinds)));
    }
    if *left_out > 0 {
        parts.push(format!("{} ({})", counted(*left_out, "path"), listed(left_out_reasons)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Of passages that the model's window cut, if there are any, and of the word pieces that they lost.
fn passages_cut(window: usize, passages: usize, pieces: usize) -> Option<Note> {
    let said = || {
        format!(
            "the model reads {window} word pieces; {} had more, and lost {} of them. --chunk sentences loses none",
            counted(passages, "passage"),
            indicatif::HumanCount(pieces as u64)
        )
    };
    (passages > 0).then(|| Note::new(Code::PassagesCut, said()))
}

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
