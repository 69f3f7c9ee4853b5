//! Merging of vector segments. Nothing is embedded again.

use super::LocalWriter;
use crate::collection::{CompactReport, Progress, Step, Writer};
use crate::local::layout::Layout;
use crate::local::snapshot::{Snapshot, open_segment};
use crate::manifest::{GraphEntry, MIN_GRAPH_ROWS, SegmentEntry};
use crate::{Error, Result};
use disk::PathError;
use index::{Bits, Params, Segment, VectorWriter};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A segment is merged with all smaller ones once these together have 1/4 of its rows. The number
/// of times a row is rewritten therefore grows with the logarithm of the collection.
const TIER_RATIO: usize = 4;
/// Merges during a series of commits wait for this many small segments, so that rows are rewritten
/// less often.
const MANY_SEGMENTS: usize = 16;

/// Splits segments by the rule of [`TIER_RATIO`]: the indices of the smallest ones, to be merged
/// into a segment of at most `max_rows`, and those of the others.
fn split_by_tier(entries: &[SegmentEntry], max_rows: usize) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].rows);
    let (mut merged, mut sum) = (0, 0);
    for (rank, &at) in order.iter().enumerate() {
        let rows = entries[at].rows;
        if sum + rows > max_rows {
            break;
        }
        if rank > 0 && rows < TIER_RATIO * sum {
            merged = rank + 1;
        }
        sum += rows;
    }
    let others = order.split_off(merged);
    (order, others)
}

/// Merges segments by the rule of [`TIER_RATIO`], rewrites those that are more than half dead, and
/// builds missing graphs, until nothing is left to do.
pub fn merge_tiers(
    writer: &mut LocalWriter,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<()> {
    loop {
        let snapshot = Snapshot::open(&writer.layout)?;
        let live = snapshot.live_rows()?;
        let entries = &writer.manifest.segments;
        let (mut chosen, others) = split_by_tier(entries, writer.max_segment_rows);
        let mut rows: usize = chosen.iter().map(|&at| entries[at].rows).sum();
        for at in others {
            let alive = live[at].count();
            if alive * 2 < entries[at].rows && rows + alive <= writer.max_segment_rows {
                rows += alive;
                chosen.push(at);
            }
        }
        if chosen.is_empty() {
            // A segment that lacks its graph is merged with itself.
            let needs_graph =
                |entry: &SegmentEntry| entry.needs_graph() && entry.rows <= writer.max_segment_rows;
            chosen.extend(entries.iter().position(needs_graph));
        }
        if chosen.is_empty() {
            return Ok(());
        }
        merge_and_commit(writer, &chosen, &snapshot, threads, progress)?;
    }
}

/// Merges all segments into one, without dead rows.
pub fn merge_all(
    writer: &mut LocalWriter,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<CompactReport> {
    let (segments_before, rows_before) = (writer.segments.len(), writer.manifest.rows());
    let all: Vec<usize> = (0..segments_before).collect();
    let snapshot = Snapshot::open(&writer.layout)?;
    merge_and_commit(writer, &all, &snapshot, threads, progress)?;
    Ok(CompactReport {
        dropped: rows_before - writer.manifest.rows(),
        segments_before,
        segments_after: writer.segments.len(),
    })
}

/// Merges the segments at the `chosen` indices and commits.
fn merge_and_commit(
    writer: &mut LocalWriter,
    chosen: &[usize],
    snapshot: &Snapshot,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<()> {
    let live = snapshot.live_rows()?;
    let task = MergeTask::new(writer, chosen, threads, |number, segment| {
        let at = snapshot
            .manifest
            .segments
            .iter()
            .position(|entry| entry.number == number);
        at.and_then(|at| live.get(at))
            .cloned()
            .unwrap_or_else(|| Bits::full(segment.vectors().rows()))
    });
    let merged = task.run(progress)?;
    writer.adopt_merged(&task.replaced, merged);
    writer.commit()
}

/// Merges segments without a graph, once there are many, into one that is still too small for a
/// graph. The cost of changing one article therefore does not grow with the collection.
pub fn merge_small_segments(writer: &mut LocalWriter) -> Result<()> {
    let entries = &writer.manifest.segments;
    let mut order: Vec<usize> = (0..entries.len())
        .filter(|&at| entries[at].graph.is_none())
        .collect();
    if order.len() < MANY_SEGMENTS {
        return Ok(());
    }
    order.sort_by_key(|&at| entries[at].rows);
    let mut rows = 0;
    let fits = |&at: &usize| {
        rows += entries[at].rows;
        rows < MIN_GRAPH_ROWS
    };
    let chosen: Vec<usize> = order.into_iter().take_while(fits).collect();
    let go_on = |_, _, _| ControlFlow::Continue(());
    if chosen.len() < MANY_SEGMENTS / 2 {
        // Most of them are nearly large enough for a graph, so now is the time to build one.
        return merge_tiers(writer, 1, &go_on);
    }
    // Dead rows are kept: finding them would mean scanning the whole collection.
    let task = MergeTask::new(writer, &chosen, 1, |_, segment| {
        Bits::full(segment.vectors().rows())
    });
    let merged = task.run(&go_on)?;
    writer.adopt_merged(&task.replaced, merged);
    writer.commit()
}

/// A merge on its own thread, while the writer continues.
pub struct BackgroundMerge {
    /// The number of the new segment.
    pub number: u64,
    replaced: Vec<u64>,
    stop: Arc<AtomicBool>,
    /// The step, units done and units in total.
    progress: Arc<Mutex<(Step, usize, usize)>>,
    thread: JoinHandle<Result<MergedSegment>>,
}

impl BackgroundMerge {
    /// Starts a merge if there are many small segments.
    pub fn start(writer: &mut LocalWriter, threads: usize) -> Result<Option<Self>> {
        let entries = &writer.manifest.segments;
        let (small, _) = split_by_tier(entries, writer.max_segment_rows);
        let rows: usize = small.iter().map(|&at| entries[at].rows).sum();
        // If segments are limited in size, fewer of them already fill one.
        if small.len() < MANY_SEGMENTS && rows < writer.max_segment_rows / 2 {
            return Ok(None);
        }
        // Dead rows are kept: their vectors can be reused if a text comes back during this run.
        let task = MergeTask::new(writer, &small, threads, |_, segment| {
            Bits::full(segment.vectors().rows())
        });
        let stop = Arc::new(AtomicBool::new(false));
        let (number, replaced, stopped) = (task.number, task.replaced.clone(), stop.clone());
        let progress = Arc::new(Mutex::new((Step::Merge, 0, 0)));
        let current = progress.clone();
        let report = move |step, done, of| {
            *current.lock().unwrap_or_else(PoisonError::into_inner) = (step, done, of);
            match stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let thread = std::thread::Builder::new().name("merge".to_owned());
        let thread = thread
            .spawn(move || task.run(&report))
            .map_err(PathError::at(writer.layout.vectors()))?;
        Ok(Some(Self {
            number,
            replaced,
            stop,
            progress,
            thread,
        }))
    }

    /// The step, units done and units in total.
    pub fn progress(&self) -> (Step, usize, usize) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the merge and hands the new segment to the writer.
    ///
    /// # Errors
    /// The error that the merge failed with, which changed nothing. [`Error::MergePanicked`] if it
    /// panicked.
    pub fn finish(self, writer: &mut LocalWriter) -> Result<()> {
        let merged = self.thread.join().map_err(|panic| {
            let message = panic
                .downcast_ref::<&str>()
                .map(|message| (*message).to_owned());
            let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
            Error::MergePanicked {
                path: writer.layout.root().to_owned(),
                message: message.unwrap_or_default(),
            }
        })?;
        writer.adopt_merged(&self.replaced, merged?);
        Ok(())
    }

    /// Cancels the merge. It writes nothing more once this returns.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // Its result does not matter: no commit names the segment.
        let _ = self.thread.join();
    }
}

/// The opened segment that a merge made; `None` if no rows were left.
pub type MergedSegment = Option<(SegmentEntry, Arc<Segment>)>;

/// The inputs of a merge, as of its start. Later changes do not matter: a row deleted meanwhile is
/// dead in the new segment as it would be in the old one.
struct MergeTask {
    layout: Layout,
    number: u64,
    /// The numbers of the segments to be replaced.
    replaced: Vec<u64>,
    /// These segments, each with the rows to keep.
    segments: Vec<(Arc<Segment>, Bits)>,
    dimensions: usize,
    params: Params,
    threads: usize,
}

impl MergeTask {
    /// A merge of the segments at the `chosen` indices. `keep` returns the rows to keep of a
    /// segment, given its number.
    fn new(
        writer: &mut LocalWriter,
        chosen: &[usize],
        threads: usize,
        keep: impl Fn(u64, &Segment) -> Bits,
    ) -> Self {
        let number = writer.manifest.next_segment;
        writer.manifest.next_segment += 1;
        let kept = |&at: &usize| {
            let segment = &writer.segments[at];
            (
                segment.clone(),
                keep(writer.manifest.segments[at].number, segment),
            )
        };
        Self {
            layout: writer.layout.clone(),
            number,
            replaced: chosen
                .iter()
                .map(|&at| writer.manifest.segments[at].number)
                .collect(),
            segments: chosen.iter().map(kept).collect(),
            dimensions: writer.manifest.model.dimensions,
            params: writer.manifest.graph,
            threads,
        }
    }

    /// Writes a new segment with the kept rows, sorted by key, and its graph if it is large enough
    /// for one. `None` if there are no rows.
    fn run(&self, progress: &Progress<'_>) -> Result<MergedSegment> {
        let mut rows: Vec<(u64, usize, u32)> = Vec::new();
        for (at, (segment, kept)) in self.segments.iter().enumerate() {
            let keys = segment.vectors().keys();
            rows.extend(kept.iter().map(|row| (keys[row as usize], at, row)));
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let count = rows.len();
        rows.sort_unstable();
        let path = self.layout.vector_file(self.number);
        let mut file = VectorWriter::create(&self.layout.files(), &path, self.dimensions)?;
        let step = |done| match progress(Step::Merge, done, count) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        };
        let sources: Vec<_> = self
            .segments
            .iter()
            .map(|(s, _)| (s.vectors(), s.vectors().fingerprints()))
            .collect();
        for (done, &(key, at, row)) in rows.iter().enumerate() {
            let (vectors, fingerprints) = sources[at];
            let vector = vectors.vector(row);
            // Verified before the row gets a new checksum.
            vectors.ensure_reads_valid()?;
            file.push(key, fingerprints[row as usize], vector)?;
            if done % 1024 == 0 {
                step(done)?;
            }
        }
        step(count)?;
        // Frees memory for building the graph.
        drop(rows);
        let checksum = file.finish()?;
        let mut entry = SegmentEntry {
            number: self.number,
            rows: count,
            checksum,
            graph: None,
        };
        if entry.needs_graph() {
            let vectors = index::VectorFile::open(&path)?;
            let graph_progress = |done, all| progress(Step::Graph, done, all);
            let graph = index::graph::build(&vectors, self.params, self.threads, &graph_progress)?;
            let checksum =
                graph.write(&self.layout.files(), &self.layout.graph_file(self.number))?;
            entry.graph = Some(GraphEntry {
                checksum,
                health: graph.build_report(),
            });
        }
        let segment = open_segment(&self.layout, &entry)?;
        Ok(Some((entry, segment)))
    }
}
