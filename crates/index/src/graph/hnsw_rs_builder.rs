//! Building with hnsw_rs, and reading its lists out.

use super::build::{Params, Progress};
use super::draft::{Draft, Level, inverse};
use super::links::width;
use crate::codes::Codes;
use crate::distance::{self, UnitDistance};
use crate::{Error, Result, VectorFile};
use hnsw_rs::hnsw::Hnsw;

/// hnsw_rs's own limit.
const LEVELS: usize = 16;
/// How many nodes are inserted between two reports of progress.
const BLOCK: usize = 2048;

/// Builds the lists over the given rows.
pub fn build(vectors: &VectorFile, rows: &[u32], params: Params, progress: &Progress<'_>) -> Result<Draft> {
    let Params { m, ef_construction, .. } = params;
    // The level scale stays as it is: to change it would make hnsw_rs print.
    let hnsw = Hnsw::<f32, UnitDistance>::new(m, rows.len(), LEVELS, ef_construction, UnitDistance(distance::dot()));
    let points: Vec<(&[f32], usize)> = rows.iter().map(|&row| (vectors.vector(row), row as usize)).collect();
    for block in points.chunks(BLOCK) {
        hnsw.parallel_insert_slice(&block.to_vec());
        if progress(hnsw.get_nb_point(), rows.len()).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(read_out(vectors, &hnsw, m))
}

fn read_out(vectors: &VectorFile, hnsw: &Hnsw<'_, f32, UnitDistance>, m: usize) -> Draft {
    let points = hnsw.get_point_indexation();
    // Its layers do not overlap: a point is in the one that it reaches up to.
    let mut of_level: Vec<Vec<(u32, Vec<Vec<u32>>)>> = Vec::new();
    for layer in 0..=hnsw.get_max_level_observed() as usize {
        let point_lists = points.get_layer_iterator(layer).map(|point| {
            let lists = point.get_neighborhood_id();
            let lists =
                lists.iter().take(layer + 1).map(|list| list.iter().map(|n| n.get_origin_id() as u32).collect());
            (point.get_origin_id() as u32, lists.collect::<Vec<Vec<u32>>>())
        });
        let mut layer: Vec<_> = point_lists.collect();
        layer.sort_unstable_by_key(|(row, _)| *row);
        of_level.push(layer);
    }
    let mut counts: Vec<usize> = of_level
        .iter()
        .rev()
        .scan(0, |sum, level| {
            *sum += level.len();
            Some(*sum)
        })
        .collect();
    counts.reverse();
    let points: Vec<_> = of_level.into_iter().rev().flatten().collect();
    let rows: Vec<u32> = points.iter().map(|(row, _)| *row).collect();
    let node_of = inverse(&rows, vectors.rows());
    let mut levels: Vec<Level> = (0..).zip(counts).map(|(level, nodes)| Level::new(nodes, width(level, m))).collect();
    for (node, (row, lists)) in (0..).zip(&points) {
        for (level, list) in levels.iter_mut().zip(lists) {
            // Some of its links above level 0 lead to points that are not there.
            let links = list.iter().filter(|&to| to != row).map(|&to| node_of[to as usize]);
            let there = level.nodes;
            level.set(node, links.filter(|&to| (to as usize) < there));
        }
    }
    let codes = Codes::of(vectors.vectors(), vectors.dimensions(), &rows);
    Draft { codes, rows, levels }
}
