//! Building with the crate hnsw_rs and copying its neighbor lists.

use super::layer::max_neighbors;
use super::mutable::{MutableGraph, MutableLayer, inverse};
use super::params::{Params, Progress};
use crate::codes::QuantizedVectors;
use crate::distance::{self, UnitDistance};
use crate::{Error, Result, VectorFile};
use hnsw_rs::hnsw::Hnsw;

/// The most levels that hnsw_rs supports.
const MAX_LEVELS: usize = 16;
/// Nodes inserted between two calls of the progress callback.
const PROGRESS_INTERVAL: usize = 2048;

/// Builds a graph over the given rows.
///
/// # Errors
/// [`Error::Stopped`] if `progress` returns `Break`.
pub fn build(
    vectors: &VectorFile,
    rows: &[u32],
    params: Params,
    progress: &Progress<'_>,
) -> Result<MutableGraph> {
    let Params {
        m, ef_construction, ..
    } = params;
    let distance = UnitDistance(distance::dot());
    // The level scale keeps its default: hnsw_rs prints to standard output when it is changed.
    let hnsw = Hnsw::<f32, UnitDistance>::new(m, rows.len(), MAX_LEVELS, ef_construction, distance);
    let points: Vec<(&[f32], usize)> = rows
        .iter()
        .map(|&row| (vectors.vector(row), row as usize))
        .collect();
    for block in points.chunks(PROGRESS_INTERVAL) {
        hnsw.parallel_insert_slice(&block.to_vec());
        if progress(hnsw.get_nb_point(), rows.len()).is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(copy_lists(vectors, &hnsw, m))
}

fn copy_lists(vectors: &VectorFile, hnsw: &Hnsw<'_, f32, UnitDistance>, m: usize) -> MutableGraph {
    let points = hnsw.get_point_indexation();
    // hnsw_rs keeps each point only in its highest layer; here a node belongs to all layers below,
    // too.
    let mut by_level: Vec<Vec<(u32, Vec<Vec<u32>>)>> = Vec::new();
    for level in 0..=hnsw.get_max_level_observed() as usize {
        let point_lists = points.get_layer_iterator(level).map(|point| {
            let lists = point.get_neighborhood_id();
            let lists = lists
                .iter()
                .take(level + 1)
                .map(|list| list.iter().map(|n| n.get_origin_id() as u32).collect());
            (
                point.get_origin_id() as u32,
                lists.collect::<Vec<Vec<u32>>>(),
            )
        });
        let mut points: Vec<_> = point_lists.collect();
        points.sort_unstable_by_key(|(row, _)| *row);
        by_level.push(points);
    }
    let mut level_sizes: Vec<usize> = by_level
        .iter()
        .rev()
        .scan(0, |sum, points| {
            *sum += points.len();
            Some(*sum)
        })
        .collect();
    level_sizes.reverse();
    let points: Vec<_> = by_level.into_iter().rev().flatten().collect();
    let rows: Vec<u32> = points.iter().map(|(row, _)| *row).collect();
    let node_of = inverse(&rows, vectors.rows());
    let new_layer = |(level, nodes)| MutableLayer::new(nodes, max_neighbors(level, m));
    let mut layers: Vec<MutableLayer> = (0..).zip(level_sizes).map(new_layer).collect();
    for (node, (row, lists)) in (0..).zip(&points) {
        for (layer, list) in layers.iter_mut().zip(lists) {
            // Some of its links above level 0 lead to points that are not on that level.
            let links = list
                .iter()
                .filter(|&to| to != row)
                .map(|&to| node_of[to as usize]);
            let nodes = layer.nodes;
            layer.set_neighbors(node, links.filter(|&to| (to as usize) < nodes));
        }
    }
    let codes = QuantizedVectors::new(vectors.vectors(), vectors.dimensions(), &rows);
    MutableGraph {
        codes,
        rows,
        layers,
    }
}
