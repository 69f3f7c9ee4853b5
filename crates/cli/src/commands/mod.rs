//! The commands, one file each, or one for a few related ones.

pub mod bench;
pub mod demo;
pub mod embed;
pub mod eval;
pub mod exchange;
pub mod index;
pub mod info;
pub mod interrupt;
pub mod maintenance;
pub mod models;
pub mod read_worker;
pub mod run;
pub mod search;
pub mod serve;
pub mod tune;

use crate::args::BuilderArg;
use crate::output::{Output, style, styled};
use anyhow::bail;
use engine::text::pluralize;
use engine::{Omitted, Skipped};
use notes::{Code, Note};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use store::Location;

/// The graph builder that `--builder` names.
///
/// # Errors
/// If a server keeps the collection: it builds the graphs.
fn graph_builder(
    named: Option<BuilderArg>,
    location: &Location,
) -> anyhow::Result<Option<::index::Builder>> {
    if named.is_some() && location.folder().is_none() {
        bail!("{location}: the server builds its own graphs; leave --builder out");
    }
    Ok(named.map(Into::into))
}

/// The counts of unsupported files and of paths left out, by kind and reason; `None` if there were
/// none.
fn omissions(omitted: &Omitted) -> Option<String> {
    let Omitted {
        unsupported,
        unsupported_kinds,
        left_out,
        left_out_reasons,
        ..
    } = omitted;
    let listed = |of: &BTreeMap<String, usize>| {
        let mut kinds: Vec<_> = of.iter().collect();
        kinds.sort_by_key(|(_, count)| Reverse(**count));
        kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut parts = Vec::new();
    if *unsupported > 0 {
        parts.push(format!(
            "{} in unsupported formats ({})",
            pluralize(*unsupported, "file"),
            listed(unsupported_kinds)
        ));
    }
    if *left_out > 0 {
        parts.push(format!(
            "{} ({})",
            pluralize(*left_out, "path"),
            listed(left_out_reasons)
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A note on passages that were truncated to the model's window, if there were any.
fn truncation_note(window: usize, passages: usize, tokens: usize) -> Option<Note> {
    let message = || {
        format!(
            "the model reads {window} tokens; {} had more and lost {} in total. --chunk sentences loses none",
            pluralize(passages, "passage"),
            indicatif::HumanCount(tokens as u64)
        )
    };
    (passages > 0).then(|| Note::new(Code::PassagesCut, message()))
}

/// Reports failures and interruption.
fn print_incomplete(
    output: &mut Output,
    skipped: &Skipped,
    interrupted: bool,
) -> std::io::Result<()> {
    if skipped.failures > 0 {
        output.line(format_args!(
            "{} named above",
            styled(style::BAD, format!("{} skipped,", skipped.failures))
        ))?;
    }
    if interrupted {
        let interrupted = styled(style::BAD, "interrupted");
        output.line(format_args!(
            "{interrupted}: finished work is saved, and the same command resumes"
        ))?;
    }
    Ok(())
}
