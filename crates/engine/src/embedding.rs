//! Articles to a file of their passages and vectors: read, cut, embed, with no collection to know.

use crate::articles::{WithoutVectors, said};
use crate::{Amount, Error, Omitted, Result, Watch};
use ingest::Embedder;
use ingest::pipeline::{self, Event, Plan, Totals};
use ingest::walk::Found;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

/// What was embedded.
#[derive(Debug, Default, Serialize)]
pub struct Embedded {
    /// Articles, failures not counted.
    pub articles: usize,
    /// What could not be used, was left out or guessed.
    #[serde(flatten)]
    pub omitted: Omitted,
    /// Passages.
    pub passages: usize,
    /// Their word pieces.
    pub pieces: usize,
    /// Passages that the model's window cut.
    pub cut: usize,
    /// The word pieces that it cost them.
    pub pieces_cut: usize,
    /// How long it took.
    pub seconds: f64,
    /// Passages a second.
    pub passages_per_second: f64,
}

/// Writes all that is found, `bytes` in all.
///
/// # Errors
/// When the model fails, `out` refuses, or `watch` says to stop; articles that could not be read are only reported.
pub fn embed(
    found: impl Iterator<Item = Found> + Send,
    embedder: Box<dyn Embedder>,
    plan: &Plan,
    bytes: u64,
    out: &mut exchange::Writer,
    watch: &dyn Watch,
) -> Result<Embedded> {
    let begun = Instant::now();
    let (mut done, mut failed) = (Embedded::default(), None);
    watch.begin("embedding", Amount::Bytes(bytes));
    let result =
        pipeline::run(found, embedder, &WithoutVectors(&HashMap::new()), plan, watch.stop(), &mut |event, totals| {
            let written = take(event, out, &mut done, watch);
            watch.done(totals.bytes);
            watch.doing(&said(done.articles, done.omitted.skipped.failures, totals, begun));
            match written {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
    watch.end();
    if let Some(error) = failed {
        return Err(error.into());
    }
    Totals { passages: done.passages, pieces: done.pieces, cut: done.cut, pieces_cut: done.pieces_cut, .. } = result?;
    if watch.stopped() {
        return Err(Error::Stopped);
    }
    done.seconds = begun.elapsed().as_secs_f64();
    done.passages_per_second = done.passages as f64 / done.seconds.max(1e-9);
    Ok(done)
}

fn take(event: Event, out: &mut exchange::Writer, done: &mut Embedded, watch: &dyn Watch) -> exchange::Result<()> {
    match event {
        Event::Article(article) => {
            out.put(&article)?;
            done.articles += 1;
        }
        Event::Failed(error) => done.omitted.skipped.add(error.to_note(), watch),
        Event::Note(note) => done.omitted.note(note, watch),
        Event::Unsupported(source, kind) => done.omitted.unsupported(source.name, kind),
        // Nothing was there before, and nothing is remembered.
        Event::Unchanged(_) | Event::Read(_) => {}
    }
    Ok(())
}
