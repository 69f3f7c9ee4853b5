//! Reading graph files of format version 1: lists of any length, one node per row, no codes.

use super::hnsw::{Graph, MAX_LEVELS};
use super::layer::max_neighbors;
use super::mutable::{MutableGraph, MutableLayer, inverse};
use super::params::{M_RANGE, Params};
use super::report::BuildReport;
use super::{reorder, repair};
use crate::codes::QuantizedVectors;
use crate::section_file::SectionFile;
use crate::{Result, VectorFile};

/// One level in the file.
struct Level<'a> {
    /// The nodes on the level, increasing; empty on level 0, which has all of them in order.
    nodes: &'a [u32],
    /// Where the list of each node begins in `links`, and where the last one ends.
    offsets: &'a [u32],
    links: &'a [u32],
}

/// Reads the file into memory as a graph of the current version, with codes computed from
/// `vectors`.
pub fn read(file: &SectionFile, vectors: &VectorFile) -> Result<Graph> {
    let damaged = |damage: &str| file.damaged(damage.to_owned());
    // All of the file is read here, so all of it can be verified.
    file.verify()?;
    let words: &[u32] = bytemuck::try_cast_slice(file.bytes(0))
        .map_err(|_| damaged("its length is not a multiple of four"))?;
    let low = |field: usize| file.fields[field] as u32 as usize;
    let high = |field: usize| (file.fields[field] >> 32) as usize;
    let (rows, entry, m, ef_construction) = (low(0), low(1), high(1), low(2));
    let count = words.first().copied().unwrap_or_default() as usize;
    let table = words
        .get(1..1 + 3 * count)
        .ok_or_else(|| damaged("its table of levels is cut off"))?;
    let mut rest = &words[1 + table.len()..];
    let mut file_levels = Vec::new();
    for sizes in table.chunks_exact(3) {
        let mut take = |length: u32| {
            let (part, after) = rest.split_at_checked(length as usize)?;
            rest = after;
            Some(part)
        };
        let level = (|| {
            Some(Level {
                nodes: take(sizes[0])?,
                offsets: take(sizes[1])?,
                links: take(sizes[2])?,
            })
        })();
        file_levels.push(level.ok_or_else(|| damaged("its levels are cut off"))?);
    }
    if rows != vectors.rows()
        || rows == 0
        || entry >= rows
        || !M_RANGE.contains(&m)
        || !(1..=MAX_LEVELS).contains(&count)
    {
        return Err(damaged("it is not the graph of these vectors"));
    }
    // The highest level of each row. Nodes are numbered from the highest level down, the entry
    // point first.
    let mut level_of = vec![0usize; rows];
    for (number, level) in file_levels.iter().enumerate().skip(1) {
        for &row in level.nodes {
            *level_of
                .get_mut(row as usize)
                .ok_or_else(|| damaged("a level names a node that does not exist"))? = number;
        }
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by_key(|&row| {
        (
            std::cmp::Reverse(level_of[row as usize]),
            row as usize != entry,
        )
    });
    let node_of = inverse(&order, rows);
    let mut layers = Vec::new();
    for (number, level) in file_levels.iter().enumerate() {
        let nodes = level_of
            .iter()
            .filter(|&&highest| highest >= number)
            .count();
        let mut layer = MutableLayer::new(nodes, max_neighbors(number, m));
        for at in 0..level.offsets.len().saturating_sub(1) {
            let list = level
                .links
                .get(level.offsets[at] as usize..level.offsets[at + 1] as usize);
            let list = list.filter(|list| list.iter().all(|&to| (to as usize) < rows));
            let row = if number == 0 {
                Some(at as u32)
            } else {
                level.nodes.get(at).copied()
            };
            let node = row
                .and_then(|row| node_of.get(row as usize))
                .filter(|&&node| (node as usize) < nodes);
            let (Some(list), Some(&node)) = (list, node) else {
                return Err(damaged("its lists do not fit its levels"));
            };
            // hnsw_rs, which wrote these lists, also linked to nodes that are not on the level.
            layer.set_neighbors(
                node,
                list.iter()
                    .map(|&to| node_of[to as usize])
                    .filter(|&to| (to as usize) < nodes),
            );
        }
        layers.push(layer);
    }
    let codes = QuantizedVectors::new(vectors.vectors(), vectors.dimensions(), &order);
    vectors.ensure_reads_valid()?;
    let mut graph = MutableGraph {
        codes,
        rows: order,
        layers,
    };
    // Lists longer than the width, which version 1 allowed to reach every node, were cut off above.
    repair::repair_connectivity(&mut graph);
    let graph = reorder::reorder_bfs(graph);
    let node_rows: Vec<Vec<u32>> = graph.rows.iter().map(|&row| vec![row]).collect();
    let report = BuildReport {
        unreachable: high(2),
        links_added: low(3),
        no_incoming: high(3),
        ..BuildReport::default()
    };
    Ok(Graph::new(
        graph,
        &node_rows,
        Params {
            m,
            ef_construction,
            ..Params::default()
        },
        report,
    ))
}
