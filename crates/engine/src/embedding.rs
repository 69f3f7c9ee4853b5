//! Embeds articles into a file of passages and vectors, without a collection.

use crate::indexing::{NoVectors, status_line};
use crate::{Amount, Error, Omitted, Progress, Result};
use ingest::Embedder;
use ingest::pipeline::{self, Event, PipelineOptions, Totals};
use ingest::walk::IngestItem;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

/// What was embedded.
#[derive(Debug, Default, Serialize)]
pub struct EmbedReport {
    /// Articles written, without failures.
    pub articles: usize,
    /// What was skipped, left out or guessed.
    #[serde(flatten)]
    pub omitted: Omitted,
    /// Passages written.
    pub passages: usize,
    /// Tokens in these passages.
    #[serde(rename = "pieces")]
    pub tokens: usize,
    /// Passages truncated to the model's window.
    #[serde(rename = "cut")]
    pub truncated: usize,
    /// Tokens that truncation removed.
    #[serde(rename = "pieces_cut")]
    pub tokens_truncated: usize,
    /// The time taken, in seconds.
    pub seconds: f64,
    /// Passages per second.
    pub passages_per_second: f64,
}

/// Embeds the articles of `found`, files of `bytes` bytes in total, and writes them to `out`.
///
/// # Errors
/// When the model fails, `out` cannot be written, or `progress` asks to stop. Articles that cannot
/// be read are only reported.
pub fn embed(
    found: impl Iterator<Item = IngestItem> + Send,
    embedder: Box<dyn Embedder>,
    plan: &PipelineOptions,
    bytes: u64,
    out: &mut exchange::Writer,
    progress: &dyn Progress,
) -> Result<EmbedReport> {
    let started = Instant::now();
    let (mut report, mut write_error) = (EmbedReport::default(), None);
    progress.start_stage("embedding", Amount::Bytes(bytes));
    let existing = HashMap::new();
    let result = pipeline::run(
        found,
        embedder,
        &NoVectors(&existing),
        plan,
        progress.stop_flag(),
        &mut |event, totals| {
            let written = handle_event(event, out, &mut report, progress);
            progress.set_position(totals.bytes);
            progress.set_message(&status_line(
                report.articles,
                report.omitted.skipped.failures,
                totals,
                started,
            ));
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    write_error = Some(error);
                    ControlFlow::Break(())
                }
            }
        },
    );
    progress.finish_stage();
    if let Some(error) = write_error {
        return Err(error.into());
    }
    Totals {
        passages: report.passages,
        tokens: report.tokens,
        truncated_passages: report.truncated,
        truncated_tokens: report.tokens_truncated,
        ..
    } = result?;
    if progress.is_stopped() {
        return Err(Error::Stopped);
    }
    report.seconds = started.elapsed().as_secs_f64();
    report.passages_per_second = report.passages as f64 / report.seconds.max(1e-9);
    Ok(report)
}

fn handle_event(
    event: Event,
    out: &mut exchange::Writer,
    report: &mut EmbedReport,
    progress: &dyn Progress,
) -> exchange::Result<()> {
    match event {
        Event::Article(article) => {
            out.put(&article)?;
            report.articles += 1;
        }
        Event::Failed(error) => report.omitted.skipped.add_error(&error, progress),
        Event::Note(note) => report.omitted.note(note, progress),
        Event::Unsupported(source, kind) => report.omitted.unsupported(source.name, kind),
        // There is no collection to compare with, and no source cache to update.
        Event::Unchanged(_) | Event::SourceCompleted(_) => {}
    }
    Ok(())
}
