//! Building with hnsw_rs, in parallel, and reading the lists out.

use super::flat::{Graph, Lists};
use super::reach;
use crate::distance::{self, UnitDistance};
use crate::{Error, Result, VectorFile};
use hnsw_rs::hnsw::Hnsw;
use serde::{Deserialize, Serialize};

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// The most neighbours of a node above level 0; twice that there.
    pub m: usize,
    /// The length of the candidate list when a node's neighbours are chosen.
    pub ef_construction: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { m: 16, ef_construction: 200 }
    }
}

/// hnsw_rs's own limit.
const LEVELS: usize = 16;
/// How many nodes are inserted between two reports of progress.
const BLOCK: usize = 2048;

/// Builds the graph over `vectors` with `threads` threads. `progress` is told how many nodes are
/// in, and how many there will be.
///
/// hnsw_rs inserts in whatever order its threads get to, so two builds of the same vectors differ
/// in a few links.
///
/// # Errors
/// When a parameter is out of its range or the threads cannot be started.
pub fn build(
    vectors: &VectorFile,
    params: Params,
    threads: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Graph> {
    let Params { m, ef_construction } = params;
    if !(2..=128).contains(&m) {
        return Err(Error::Parameter { name: "m", expected: "2 to 128", found: m });
    }
    if !(1..=10_000).contains(&ef_construction) {
        return Err(Error::Parameter { name: "ef_construction", expected: "1 to 10,000", found: ef_construction });
    }
    let rows = vectors.rows();
    if rows == 0 || rows > i32::MAX as usize {
        return Err(Error::Parameter { name: "rows", expected: "1 to 2,147,483,647", found: rows });
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build();
    let pool = pool.map_err(|error| Error::Threads { threads, said: error.to_string() })?;
    // The level scale stays as it is: to change it would make hnsw_rs print.
    let hnsw = Hnsw::<f32, UnitDistance>::new(m, rows, LEVELS, ef_construction, UnitDistance(distance::dot()));
    let points: Vec<(&[f32], usize)> = (0..rows).map(|row| (vectors.vector(row as u32), row)).collect();
    for block in points.chunks(BLOCK) {
        pool.install(|| hnsw.parallel_insert_slice(&block.to_vec()));
        progress(hnsw.get_nb_point(), rows);
    }
    Ok(freeze(vectors, &hnsw, params))
}

/// Reads the lists out of hnsw_rs, mends what cannot be reached, and lays them flat.
fn freeze(vectors: &VectorFile, hnsw: &Hnsw<'_, f32, UnitDistance>, params: Params) -> Graph {
    let points = hnsw.get_point_indexation();
    let mut level0 = vec![Vec::new(); vectors.rows()];
    let mut above: Vec<Vec<(u32, Vec<u32>)>> = Vec::new();
    let mut entry = (0, 0);
    for layer in (0..=hnsw.get_max_level_observed() as usize).rev() {
        for point in points.get_layer_iterator(layer) {
            let node = point.get_origin_id() as u32;
            entry = entry.max((layer, u32::MAX - node));
            for (level, list) in point.get_neighborhood_id().into_iter().enumerate().take(layer + 1) {
                let links = list.iter().map(|n| n.get_origin_id() as u32).filter(|&n| n != node).collect();
                if level == 0 {
                    level0[node as usize] = links;
                } else {
                    above.resize(above.len().max(level), Vec::new());
                    above[level - 1].push((node, links));
                }
            }
        }
    }
    let entry = u32::MAX - entry.1;
    let health = reach::mend(vectors, entry, &mut level0);
    let mut lists = vec![Lists::new(Vec::new(), &level0)];
    for mut level in above {
        level.sort_unstable_by_key(|(node, _)| *node);
        let (nodes, links): (Vec<u32>, Vec<Vec<u32>>) = level.into_iter().unzip();
        lists.push(Lists::new(nodes, &links));
    }
    Graph::new(lists, entry, params.m, params.ef_construction, health)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exact;
    use crate::graph::testing::{Random, file};

    fn clustered(clusters: usize, each: usize, spread: f32, dimensions: usize) -> Vec<Vec<f32>> {
        let mut random = Random(42);
        let centres: Vec<_> = (0..clusters).map(|_| random.unit(dimensions)).collect();
        (0..clusters * each).map(|i| random.near(&centres[i % clusters], spread)).collect()
    }

    fn quiet(_: usize, _: usize) {}

    #[test]
    fn finds_what_the_exact_scan_finds_and_survives_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let vectors = file(dir.path(), &clustered(100, 30, 0.3, 32));
        let built = build(&vectors, Params::default(), 2, &quiet).unwrap();
        let path = dir.path().join("a.graph");
        built.write(&path).unwrap();
        let graph = Graph::open(&path).unwrap();
        graph.verify().unwrap();
        assert_eq!((graph.m(), graph.ef_construction(), graph.health()), (16, 200, built.health()));
        let mut random = Random(1);
        let (mut found, mut wanted) = (0, 0);
        for _ in 0..100 {
            let query = random.unit(32);
            let truth = exact::search(&vectors, &query, 10, None);
            let got = graph.search(&vectors, &query, 10, 100, None);
            assert_eq!(got, built.search(&vectors, &query, 10, 100, None));
            wanted += truth.len();
            found += got.iter().filter(|hit| truth.contains(hit)).count();
        }
        assert!(found as f64 >= 0.99 * wanted as f64, "recall {found}/{wanted}");
    }

    #[test]
    fn crowds_of_near_copies_stay_reachable() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = clustered(10, 300, 0.004, 24);
        let mut random = Random(3);
        rows.extend((0..1000).map(|_| random.unit(24)));
        rows.extend(vec![random.unit(24); 500]);
        let vectors = file(dir.path(), &rows);
        let graph = build(&vectors, Params { m: 8, ef_construction: 40 }, 2, &quiet).unwrap();
        graph.verify().unwrap();
    }

    #[test]
    fn damage_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let vectors = file(dir.path(), &clustered(5, 8, 0.3, 8));
        let path = dir.path().join("a.graph");
        build(&vectors, Params { m: 4, ef_construction: 20 }, 1, &quiet).unwrap().write(&path).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            std::fs::write(&path, &bytes).unwrap();
            assert!(Graph::open(&path).and_then(|g| g.verify()).is_err(), "byte {at}");
            // Without the check of the whole file, a search may find less, but never panics.
            if let Ok(graph) = Graph::open(&path) {
                graph.search(&vectors, vectors.vector(0), 3, 10, None);
            }
        }
    }

    #[test]
    fn parameters_out_of_range_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let vectors = file(dir.path(), &clustered(2, 2, 0.3, 8));
        for m in [0, 1, 129] {
            assert!(build(&vectors, Params { m, ef_construction: 10 }, 1, &quiet).is_err());
        }
    }
}
