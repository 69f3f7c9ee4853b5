//! A vector file together with its graph, if it has one.

use crate::top_k::Neighbor;
use crate::{Bits, Graph, Quantization, Result, VectorFile, check_unit, exact};
use rayon::prelude::*;
use std::path::Path;

/// How to search a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchStrategy {
    /// Find the exact answer by a scan.
    Exact,
    /// Search the graph, if there is one and a scan would not be faster.
    Graph {
        /// The size of the candidate list (at least `k` is used). A larger one finds more and
        /// takes longer.
        ef: usize,
        /// The codes compared during the search.
        quantization: Quantization,
    },
}

/// Codes scanned in the time that one more candidate costs a graph search. Measured with 384
/// dimensions and `ef` of 64 and 128, on a hundred thousand rows.
const SCANNED_ROWS_PER_CANDIDATE: usize = 50;
/// The same for a filtered search, which looks up only the allowed rows; also measured on a million
/// rows.
const FILTERED_ROWS_PER_CANDIDATE: usize = 300;

impl SearchStrategy {
    /// A graph search over int8 codes with `ef` candidates.
    pub fn graph(ef: usize) -> Self {
        Self::Graph {
            ef,
            quantization: Quantization::Int8,
        }
    }
}

/// A searchable set of vectors.
pub struct Segment {
    vectors: VectorFile,
    graph: Option<Graph>,
}

impl Segment {
    /// Opens a vector file and, if `graph` is given, the graph over it.
    ///
    /// # Errors
    /// As [`VectorFile::open`] and [`Graph::open`].
    pub fn open(vectors: &Path, graph: Option<&Path>) -> Result<Self> {
        let vectors = VectorFile::open(vectors)?;
        let graph = graph
            .map(|graph| Graph::open(graph, &vectors))
            .transpose()?;
        Ok(Self { vectors, graph })
    }

    /// The vector file.
    pub fn vectors(&self) -> &VectorFile {
        &self.vectors
    }

    /// The graph; `None` for a segment without one.
    pub fn graph(&self) -> Option<&Graph> {
        self.graph.as_ref()
    }

    /// Returns the `k` rows nearest to `query`, best first, among those in `allowed` (`None` for
    /// all).
    ///
    /// # Errors
    /// Those of [`check_unit`] for `query`; [`Error::Damaged`](crate::Error::Damaged) if a part
    /// that was read is damaged.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        strategy: SearchStrategy,
        allowed: Option<&Bits>,
    ) -> Result<Vec<Neighbor>> {
        check_unit(query, self.vectors.dimensions())?;
        let hits = self.unchecked_search(query, k, strategy, allowed);
        self.ensure_reads_valid()?;
        Ok(hits)
    }

    /// The search itself. Its result must be discarded if a part that it read was damaged.
    fn unchecked_search(
        &self,
        query: &[f32],
        k: usize,
        strategy: SearchStrategy,
        allowed: Option<&Bits>,
    ) -> Vec<Neighbor> {
        let allowed = allowed.filter(|bits| !bits.is_all_of(self.vectors.rows()));
        let max_hits = allowed.map_or(self.vectors.rows(), Bits::count);
        let Some(graph) = &self.graph else {
            return exact::search(&self.vectors, query, k, allowed);
        };
        if let SearchStrategy::Graph { ef, quantization } = strategy
            && self.uses_graph(k, ef, allowed)
            && let Some(hits) = graph.search(&self.vectors, query, k, ef, quantization, allowed)
            && hits.len() == k.min(max_hits)
        {
            return hits;
        }
        exact::search_quantized(&self.vectors, graph, query, k, allowed)
    }

    /// Answers many queries (`queries × dimensions`, row-major) as [`Segment::search`] would, in
    /// parallel.
    ///
    /// # Errors
    /// As [`Segment::search`].
    pub fn search_many(
        &self,
        queries: &[f32],
        k: usize,
        strategy: SearchStrategy,
    ) -> Result<Vec<Vec<Neighbor>>> {
        let query_rows = queries.par_chunks(self.vectors.dimensions());
        if strategy != SearchStrategy::Exact {
            return query_rows
                .map(|query| self.search(query, k, strategy, None))
                .collect();
        }
        query_rows.try_for_each(|query| check_unit(query, self.vectors.dimensions()))?;
        let hits = match &self.graph {
            Some(graph) => exact::search_quantized_many(&self.vectors, graph, queries, k),
            None => exact::search_many(&self.vectors, queries, k),
        };
        self.ensure_reads_valid()?;
        Ok(hits)
    }

    /// Fails if any part of the files read so far was damaged. Parts that were not read are not
    /// checked.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged), with the file and the damaged bytes.
    pub fn ensure_reads_valid(&self) -> Result<()> {
        self.vectors.ensure_reads_valid()?;
        self.graph
            .as_ref()
            .map_or(Ok(()), Graph::ensure_reads_valid)
    }

    /// Whether a search with [`SearchStrategy::Graph`] for `k` of the allowed rows starts with the
    /// graph. If not, a scan is as fast. A graph search still falls back to a scan if the allowed
    /// rows turn out to lie far from the query.
    pub fn uses_graph(&self, k: usize, ef: usize, allowed: Option<&Bits>) -> bool {
        let (rows, rows_per_candidate) = match allowed {
            None => (self.vectors.rows(), SCANNED_ROWS_PER_CANDIDATE),
            Some(allowed) => (allowed.count(), FILTERED_ROWS_PER_CANDIDATE),
        };
        self.graph.is_some() && rows > ef.max(k).saturating_mul(rows_per_candidate)
    }

    /// Reads both files and checks everything that [`VectorFile::verify`] and [`Graph::verify`]
    /// check.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged), with the first check that fails.
    pub fn verify(&self) -> Result<()> {
        self.vectors.verify()?;
        self.graph.as_ref().map_or(Ok(()), Graph::verify)
    }
}
