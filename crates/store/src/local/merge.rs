//! Many segments to few, without embedding anything again.

use super::layout::Layout;
use super::snapshot::{Snapshot, open_segment};
use super::writer::LocalWriter;
use crate::collection::{CompactReport, Progress, Step, Writer};
use crate::manifest::{MIN_GRAPH_ROWS, GraphEntry, SegmentEntry};
use crate::{Error, Result};
use index::{Bits, Params, Segment, VectorWriter};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A segment is merged with all smaller ones once these together have a quarter of its rows. Every
/// row is so written a number of times that grows with the logarithm of the collection.
const SHARE: usize = 4;
/// In the background segments are merged only when there are so many: while more are being added,
/// that writes every row less often.
const MANY: usize = 16;

/// The places of the smallest segments, which the rule above says are to be merged into one of at most `most` rows, and
/// those of the others.
fn smallest(entries: &[SegmentEntry], most: usize) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].rows);
    let (mut merged, mut sum) = (0, 0);
    for (place, &at) in order.iter().enumerate() {
        let rows = entries[at].rows;
        if sum + rows > most {
            break;
        }
        if place > 0 && rows < SHARE * sum {
            merged = place + 1;
        }
        sum += rows;
    }
    let others = order.split_off(merged);
    (order, others)
}

/// Merges as many of the smallest segments as the rule above asks for and those of which more than
/// half is dead, and builds the graphs that are due.
pub fn tiered(writer: &mut LocalWriter, threads: usize, progress: &Progress<'_>) -> Result<()> {
    loop {
        let snapshot = Snapshot::open(&writer.layout)?;
        let live = snapshot.live_rows()?;
        let entries = &writer.manifest.segments;
        let (mut chosen, others) = smallest(entries, writer.most_rows);
        let mut rows: usize = chosen.iter().map(|&at| entries[at].rows).sum();
        for at in others {
            let alive = live[at].count();
            if alive * 2 < entries[at].rows && rows + alive <= writer.most_rows {
                rows += alive;
                chosen.push(at);
            }
        }
        if chosen.is_empty() {
            // One of the size that has a graph and without one is a merge of itself.
            let lacks = |entry: &SegmentEntry| entry.needs_graph() && entry.rows <= writer.most_rows;
            chosen.extend(entries.iter().position(lacks));
        }
        if chosen.is_empty() {
            return Ok(());
        }
        now(writer, &chosen, &snapshot, threads, progress)?;
    }
}

/// One segment with everything that is alive.
pub fn everything(writer: &mut LocalWriter, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
    let (segments_before, rows_before) = (writer.segments.len(), writer.manifest.rows());
    let all: Vec<usize> = (0..segments_before).collect();
    let snapshot = Snapshot::open(&writer.layout)?;
    now(writer, &all, &snapshot, threads, progress)?;
    Ok(CompactReport {
        dropped: rows_before - writer.manifest.rows(),
        segments_before,
        segments_after: writer.segments.len(),
    })
}

/// Merges the `chosen` segments and commits.
fn now(
    writer: &mut LocalWriter,
    chosen: &[usize],
    snapshot: &Snapshot,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<()> {
    let live = snapshot.live_rows()?;
    let merge = Merge::new(writer, chosen, threads, |number, segment| {
        let at = snapshot.manifest.segments.iter().position(|entry| entry.number == number);
        at.and_then(|at| live.get(at)).cloned().unwrap_or_else(|| Bits::full(segment.vectors().rows()))
    });
    let merged = merge.run(progress)?;
    writer.take_up(&merge.chosen, merged);
    writer.commit()
}

/// Merges segments too small for a graph, once there are many, into one that is, too: what a change of one article costs
/// does not grow with the collection.
pub fn small(writer: &mut LocalWriter) -> Result<()> {
    let entries = &writer.manifest.segments;
    let mut order: Vec<usize> = (0..entries.len()).filter(|&at| entries[at].graph.is_none()).collect();
    if order.len() < MANY {
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
    if chosen.len() < MANY / 2 {
        // Most are nearly large enough for a graph: the rare time to make one.
        return tiered(writer, 1, &go_on);
    }
    // With what is dead: to find that out would mean to go through all of the collection.
    let merge = Merge::new(writer, &chosen, 1, |_, segment| Bits::full(segment.vectors().rows()));
    let merged = merge.run(&go_on)?;
    writer.take_up(&merge.chosen, merged);
    writer.commit()
}

/// A merge on a thread of its own, while the writer goes on.
pub struct Running {
    /// The number of the segment that it makes.
    pub number: u64,
    chosen: Vec<u64>,
    stop: Arc<AtomicBool>,
    /// How far it is.
    far: Arc<Mutex<(Step, usize, usize)>>,
    thread: JoinHandle<Result<Merged>>,
}

impl Running {
    /// Starts one, if there are many small segments.
    pub fn start(writer: &mut LocalWriter, threads: usize) -> Result<Option<Self>> {
        let entries = &writer.manifest.segments;
        let (small, _) = smallest(entries, writer.most_rows);
        let rows: usize = small.iter().map(|&at| entries[at].rows).sum();
        // Where no more than so many rows may be in one segment, fewer of them make a large one.
        if small.len() < MANY && rows < writer.most_rows / 2 {
            return Ok(None);
        }
        // With what is dead: its texts still have vectors for whoever brings them back in this run.
        let merge = Merge::new(writer, &small, threads, |_, segment| Bits::full(segment.vectors().rows()));
        let stop = Arc::new(AtomicBool::new(false));
        let (number, chosen, stopped) = (merge.number, merge.chosen.clone(), stop.clone());
        let far = Arc::new(Mutex::new((Step::Merge, 0, 0)));
        let now = far.clone();
        let go_on = move |step, done, of| {
            *now.lock().unwrap_or_else(PoisonError::into_inner) = (step, done, of);
            match stopped.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let thread = std::thread::Builder::new().name("merge".to_owned());
        let thread = thread.spawn(move || merge.run(&go_on)).map_err(Error::io(writer.layout.vectors()))?;
        Ok(Some(Self { number, chosen, stop, far, thread }))
    }

    /// How far it is.
    pub fn far(&self) -> (Step, usize, usize) {
        *self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for it and lets the writer have what it made, from the next commit on.
    ///
    /// # Errors
    /// What it failed on; then all is as before. [`Error::MergePanicked`] when it panicked.
    pub fn finish(self, writer: &mut LocalWriter) -> Result<()> {
        let merged = self.thread.join().map_err(|panic| {
            let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            Error::MergePanicked { path: writer.layout.root().to_owned(), said: said.unwrap_or_default() }
        })?;
        writer.take_up(&self.chosen, merged?);
        Ok(())
    }

    /// Gives it up. Once this returns it writes no more.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        // What it says does not matter: what it made has no name in any commit.
        let _ = self.thread.join();
    }
}

/// The segment that a merge made, opened; `None` if there was nothing to keep.
pub type Merged = Option<(SegmentEntry, Arc<Segment>)>;

/// All that a merge needs, as it begins: what comes after does not matter. A row deleted meanwhile
/// is dead in the new segment as it would be in its old one.
struct Merge {
    layout: Layout,
    number: u64,
    /// The numbers of the segments that it replaces.
    chosen: Vec<u64>,
    /// They and the rows that are kept.
    segments: Vec<(Arc<Segment>, Bits)>,
    dimensions: usize,
    params: Params,
    threads: usize,
}

impl Merge {
    /// The merge of the segments at the `chosen` places; `keep` says, by number, which of their rows.
    fn new(writer: &mut LocalWriter, chosen: &[usize], threads: usize, keep: impl Fn(u64, &Segment) -> Bits) -> Self {
        let number = writer.manifest.next_segment;
        writer.manifest.next_segment += 1;
        let kept = |&at: &usize| {
            let segment = &writer.segments[at];
            (segment.clone(), keep(writer.manifest.segments[at].number, segment))
        };
        Self {
            layout: writer.layout.clone(),
            number,
            chosen: chosen.iter().map(|&at| writer.manifest.segments[at].number).collect(),
            segments: chosen.iter().map(kept).collect(),
            dimensions: writer.manifest.model.dimensions,
            params: writer.manifest.graph,
            threads,
        }
    }

    /// Writes a new segment with the kept rows of the chosen ones, in the order of their keys, and a
    /// graph if it is big enough for one. `None` if there are none.
    fn run(&self, steps: &Progress<'_>) -> Result<Merged> {
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
        let step = |done| match steps(Step::Merge, done, count) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Stopped),
        };
        let parts: Vec<_> = self.segments.iter().map(|(s, _)| (s.vectors(), s.vectors().tags())).collect();
        for (done, &(key, at, row)) in rows.iter().enumerate() {
            let (vectors, tags) = parts[at];
            let vector = vectors.vector(row);
            // Before it gets a new checksum.
            vectors.intact()?;
            file.push(key, tags[row as usize], vector)?;
            if done % 1024 == 0 {
                step(done)?;
            }
        }
        step(count)?;
        // The graph may need the memory.
        drop(rows);
        let checksum = file.finish()?;
        let mut entry = SegmentEntry { number: self.number, rows: count, checksum, graph: None };
        if entry.needs_graph() {
            let vectors = index::VectorFile::open(&path)?;
            let progress = |done, all| steps(Step::Graph, done, all);
            let graph = index::graph::build(&vectors, self.params, self.threads, &progress)?;
            let checksum = graph.write(&self.layout.files(), &self.layout.graph_file(self.number))?;
            entry.graph = Some(GraphEntry { checksum, health: graph.health() });
        }
        let segment = open_segment(&self.layout, &entry)?;
        Ok(Some((entry, segment)))
    }
}
