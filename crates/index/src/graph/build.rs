//! From vectors to a graph: by one of two builders, then proved whole and numbered anew.

use super::flat::Graph;
use super::{batch, oracle, reach, renumber, twins};
use crate::{Error, Result, VectorFile};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// What makes the lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Builder {
    /// Our own: in batches, on int8 codes; the same seed and vectors give the same graph, byte for
    /// byte, whatever the number of threads or the processor.
    #[default]
    Batch,
    /// The crate hnsw_rs, on the vectors as they are; two builds differ in a few links.
    HnswRs,
}

/// The values that [`Params::m`] can have.
pub const M: std::ops::RangeInclusive<usize> = 2..=128;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The most neighbours of a node above level 0; twice that there. 2 to 128.
    pub m: usize,
    /// The length of the candidate list when a node's neighbours are chosen. 1 to 10,000.
    pub ef_construction: usize,
    /// What levels and the order of insertion are made from.
    #[serde(default)]
    pub seed: u64,
    /// What makes the lists.
    #[serde(default)]
    pub builder: Builder,
}

impl Default for Params {
    fn default() -> Self {
        Self { m: 16, ef_construction: 200, seed: 0, builder: Builder::Batch }
    }
}

/// Told how many nodes are in, and how many there will be; whether to go on.
pub type Progress<'a> = dyn Fn(usize, usize) -> ControlFlow<()> + Sync + 'a;

/// About how many bytes building a graph over so many vectors needs, their own file aside.
pub fn memory(rows: usize, dimensions: usize, params: Params) -> u64 {
    // Codes, and once more in their new order; lists, their pruned copies, and once more in their new order.
    let node = 2 * dimensions + 24 * params.m + 400;
    let node = match params.builder {
        Builder::Batch => node,
        // Every vector once more, and an object for every node, list and link.
        Builder::HnswRs => node + 4 * dimensions + 64 * params.m + 1700,
    };
    (rows * node) as u64
}

/// Builds the graph over `vectors` with `threads` threads.
///
/// # Errors
/// When a parameter is out of its range, the threads cannot be started, `progress` says to stop, or a
/// vector is damaged.
pub fn build(vectors: &VectorFile, params: Params, threads: usize, progress: &Progress<'_>) -> Result<Graph> {
    let Params { m, ef_construction, builder, .. } = params;
    if !M.contains(&m) {
        return Err(Error::Parameter { name: "m", expected: "2 to 128", found: m });
    }
    if !(1..=10_000).contains(&ef_construction) {
        return Err(Error::Parameter { name: "ef_construction", expected: "1 to 10,000", found: ef_construction });
    }
    let rows = vectors.rows();
    if rows == 0 || rows >= super::walk::MOST_NODES {
        return Err(Error::Parameter { name: "rows", expected: "1 to 2,147,483,647", found: rows });
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    let pool = pool.map_err(|error| Error::Threads { threads, said: error.to_string() })?;
    pool.install(|| {
        let mut groups = twins::groups(vectors);
        let rows: Vec<u32> = groups.iter().filter_map(|group| group.first().copied()).collect();
        let mut draft = match builder {
            Builder::Batch => batch::build(vectors, &rows, params, progress)?,
            Builder::HnswRs => oracle::build(vectors, &rows, params, progress)?,
        };
        let (mut health, ways) = reach::mend(&mut draft);
        reach::make_findable(&mut draft, &ways, vectors, &mut health, progress)?;
        vectors.intact()?;
        let draft = renumber::along_links(draft);
        let group_of = |row| rows.binary_search(row).map(|at| std::mem::take(&mut groups[at])).unwrap_or_default();
        let twins: Vec<Vec<u32>> = draft.rows.iter().map(group_of).collect();
        Ok(Graph::new(draft, &twins, params, health))
    })
}
