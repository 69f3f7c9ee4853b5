//! Many segments to few, without embedding anything again.

use super::snapshot::Snapshot;
use super::writer::LocalWriter;
use crate::Result;
use crate::collection::{CompactReport, Progress, Step};
use crate::manifest::{GraphEntry, SegmentEntry};
use index::{Bits, VectorWriter};

/// A segment with fewer rows has no graph: looking at each of them takes no longer.
pub const GRAPH_ROWS: usize = 4096;
/// A segment is merged with all smaller ones once these together have a quarter of its rows. Every
/// row is so written a number of times that grows with the logarithm of the collection.
const SHARE: usize = 4;

/// Merges as many of the smallest segments as the rule above asks for and those of which more than
/// half is dead, and builds the graphs that are due.
pub fn tiered(writer: &mut LocalWriter, threads: usize, progress: &Progress<'_>) -> Result<()> {
    let snapshot = Snapshot::open(&writer.layout)?;
    let live: Vec<usize> = snapshot.live_rows()?.iter().map(Bits::count).collect();
    let entries = &writer.manifest.segments;
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|&at| entries[at].rows);
    let (mut merged, mut rows) = (0, 0);
    for (place, &at) in order.iter().enumerate() {
        if place > 0 && entries[at].rows < SHARE * rows {
            merged = place + 1;
        }
        rows += entries[at].rows;
    }
    let mut chosen = order[..merged].to_vec();
    chosen.extend(order[merged..].iter().filter(|&&at| live[at] * 2 < entries[at].rows));
    let due = |entry: &SegmentEntry| entry.rows >= GRAPH_ROWS && entry.graph.is_none();
    if chosen.is_empty() && !entries.iter().any(due) {
        return Ok(());
    }
    rewrite(writer, &chosen, &snapshot, threads, progress)
}

/// One segment with everything that is alive.
pub fn everything(writer: &mut LocalWriter, threads: usize, progress: &Progress<'_>) -> Result<CompactReport> {
    let (segments_before, rows_before) = (writer.segments.len(), writer.manifest.rows());
    let all: Vec<usize> = (0..segments_before).collect();
    let snapshot = Snapshot::open(&writer.layout)?;
    rewrite(writer, &all, &snapshot, threads, progress)?;
    Ok(CompactReport {
        dropped: rows_before - writer.manifest.rows(),
        segments_before,
        segments_after: writer.segments.len(),
    })
}

/// Puts the live rows of the `chosen` segments into one, leaves the others, and builds graphs where
/// they are due.
fn rewrite(
    writer: &mut LocalWriter,
    chosen: &[usize],
    snapshot: &Snapshot,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<()> {
    let mut entries: Vec<SegmentEntry> = Vec::new();
    for (at, entry) in writer.manifest.segments.iter().enumerate().filter(|(at, _)| !chosen.contains(at)) {
        // A segment that another merge brought to the size of one with a graph, but was cut short.
        let again = entry.rows >= GRAPH_ROWS && entry.graph.is_none();
        entries.push(if again { build_graph(writer, at, threads, progress)? } else { entry.clone() });
    }
    if let Some(entry) = merge(writer, chosen, snapshot.live_rows()?, threads, progress)? {
        entries.push(entry);
    }
    writer.replace_segments(entries)
}

fn build_graph(writer: &LocalWriter, at: usize, threads: usize, progress: &Progress<'_>) -> Result<SegmentEntry> {
    let mut entry = writer.manifest.segments[at].clone();
    entry.graph = Some(write_graph(writer, writer.segments[at].vectors(), entry.number, threads, progress)?);
    Ok(entry)
}

fn write_graph(
    writer: &LocalWriter,
    vectors: &index::VectorFile,
    number: u64,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<GraphEntry> {
    let graph =
        index::graph::build(vectors, writer.manifest.graph, threads, &|done, all| progress(Step::Graph, done, all))?;
    let checksum = graph.write(&writer.layout.graph_file(number))?;
    Ok(GraphEntry { checksum, health: graph.health() })
}

/// A new segment with the live rows of the chosen ones, in the order of their keys.
fn merge(
    writer: &mut LocalWriter,
    chosen: &[usize],
    live: &[Bits],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Option<SegmentEntry>> {
    let mut rows: Vec<(u64, usize, u32)> = Vec::new();
    for &at in chosen {
        let keys = (0..).zip(writer.segments[at].vectors().keys());
        rows.extend(keys.filter(|(row, _)| live[at].contains(*row)).map(|(row, key)| (*key, at, row)));
    }
    if rows.is_empty() {
        return Ok(None);
    }
    rows.sort_unstable();
    let number = writer.manifest.next_segment;
    writer.manifest.next_segment += 1;
    let path = writer.layout.vector_file(number);
    let mut file = VectorWriter::create(&path, writer.manifest.model.dimensions)?;
    for (done, &(key, at, row)) in rows.iter().enumerate() {
        let vectors = writer.segments[at].vectors();
        file.push(key, vectors.tags()[row as usize], vectors.vector(row))?;
        if done % 1024 == 0 {
            progress(Step::Merge, done, rows.len());
        }
    }
    progress(Step::Merge, rows.len(), rows.len());
    let checksum = file.finish()?;
    let mut entry = SegmentEntry { number, rows: rows.len(), checksum, graph: None };
    if entry.rows >= GRAPH_ROWS {
        let vectors = index::VectorFile::open(&path)?;
        entry.graph = Some(write_graph(writer, &vectors, number, threads, progress)?);
    }
    Ok(Some(entry))
}
