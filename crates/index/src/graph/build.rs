//! Building a graph: neighbor lists by one of two algorithms, then repair and reordering.

use super::hnsw::Graph;
use super::params::{Builder, M_RANGE, Params, Progress};
use super::{batch, duplicates, hnsw_rs_builder, reorder, repair};
use crate::{Error, Result, VectorFile};

/// Builds the graph over `vectors` with `threads` threads.
///
/// # Errors
/// [`Error::Parameter`] if a parameter or the number of rows is out of range, [`Error::Threads`] if
/// the threads cannot be started, [`Error::Stopped`] if `progress` returns `Break`,
/// [`Error::Damaged`] if a vector is damaged.
pub fn build(
    vectors: &VectorFile,
    params: Params,
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Graph> {
    let Params {
        m,
        ef_construction,
        builder,
        ..
    } = params;
    if !M_RANGE.contains(&m) {
        return Err(Error::Parameter {
            name: "m",
            expected: "2 to 128",
            found: m,
        });
    }
    if !(1..=10_000).contains(&ef_construction) {
        return Err(Error::Parameter {
            name: "ef_construction",
            expected: "1 to 10,000",
            found: ef_construction,
        });
    }
    let rows = vectors.rows();
    if rows == 0 || rows >= super::search_layer::MAX_NODES {
        return Err(Error::Parameter {
            name: "rows",
            expected: "1 to 2,147,483,647",
            found: rows,
        });
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.max(1))
        .build();
    let pool = pool.map_err(|error| Error::Threads { threads, error })?;
    pool.install(|| {
        let mut groups = duplicates::group_duplicates(vectors);
        let rows: Vec<u32> = groups
            .iter()
            .filter_map(|group| group.first().copied())
            .collect();
        let mut graph = match builder {
            Builder::Batch => batch::build(vectors, &rows, params, progress)?,
            Builder::HnswRs => hnsw_rs_builder::build(vectors, &rows, params, progress)?,
        };
        let (mut report, tree) = repair::repair_connectivity(&mut graph);
        repair::ensure_self_recall(&mut graph, &tree, vectors, &mut report, progress)?;
        vectors.ensure_reads_valid()?;
        let graph = reorder::reorder_bfs(graph);
        let group_of = |row| {
            rows.binary_search(row)
                .map(|at| std::mem::take(&mut groups[at]))
                .unwrap_or_default()
        };
        let node_rows: Vec<Vec<u32>> = graph.rows.iter().map(group_of).collect();
        Ok(Graph::new(graph, &node_rows, params, report))
    })
}
