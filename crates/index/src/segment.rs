//! A file of vectors with its graph, if it has one.

use crate::top::Hit;
use crate::{Bits, Error, Graph, Result, VectorFile, check_unit, exact};
use std::path::Path;

/// How to search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Look at every vector.
    Exact,
    /// Walk the graph, where there is one, keeping the best `ef` candidates; more finds more and
    /// takes longer.
    Graph {
        /// The length of the candidate list; at least `k` are kept.
        ef: usize,
    },
}

/// So few rows are looked through faster than walked to.
const FEW: usize = 2048;

fn walks(k: usize, ef: usize, most: usize) -> bool {
    ef.max(k) < most && most >= FEW
}

/// Vectors that can be searched.
pub struct Segment {
    vectors: VectorFile,
    graph: Option<Graph>,
}

impl Segment {
    /// Opens a file of vectors and, if `graph` is given, the graph over it.
    ///
    /// # Errors
    /// When either is not there, damaged, or the two do not belong together.
    pub fn open(vectors: &Path, graph: Option<&Path>) -> Result<Self> {
        let vectors_file = VectorFile::open(vectors)?;
        let graph = graph.map(Graph::open).transpose()?;
        if let Some(found) = graph.as_ref().map(Graph::nodes).filter(|n| *n != vectors_file.rows()) {
            let problem = format!("{} vectors, but {found} nodes in its graph", vectors_file.rows());
            return Err(Error::Damaged { path: vectors.to_owned(), problem });
        }
        Ok(Self { vectors: vectors_file, graph })
    }

    /// Its vectors.
    pub fn vectors(&self) -> &VectorFile {
        &self.vectors
    }

    /// Its graph.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// The `k` rows nearest to `query`, best first, among those in `allowed`.
    ///
    /// # Errors
    /// When `query` is not a unit vector of the right length.
    pub fn search(&self, query: &[f32], k: usize, method: Method, allowed: Option<&Bits>) -> Result<Vec<Hit>> {
        check_unit(query, self.vectors.dimensions())?;
        let allowed = allowed.filter(|bits| !bits.is_full());
        let most = allowed.map_or(self.vectors.rows(), Bits::count);
        if let (Some(graph), Method::Graph { ef }) = (&self.graph, method)
            && walks(k, ef, most)
        {
            let hits = graph.search(&self.vectors, query, k, ef, allowed);
            // Where most rows are not allowed, a walk can end before it has met enough of the others.
            if hits.len() == k.min(most) {
                return Ok(hits);
            }
        }
        Ok(exact::search(&self.vectors, query, k, allowed))
    }

    /// Whether a search for `k` of all rows by [`Method::Graph`] walks the graph.
    pub fn walks(&self, k: usize, ef: usize) -> bool {
        self.graph.is_some() && walks(k, ef, self.vectors.rows())
    }

    /// Reads it all, compares checksums, and walks the graph from its entry to see that every
    /// vector is reached.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self) -> Result<()> {
        self.vectors.verify()?;
        self.graph.as_ref().map_or(Ok(()), Graph::verify)
    }
}
