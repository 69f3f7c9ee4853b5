//! A file of vectors with its graph, if it has one.

use crate::top::Hit;
use crate::{Bits, FirstPass, Graph, Result, VectorFile, check_unit, exact};
use rayon::prelude::*;
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
        /// What the walk compares.
        first: FirstPass,
    },
}

/// Looking through so many codes takes as long as walking with one candidate more; measured with
/// 384 dimensions and candidate lists of 64 and 128, on a hundred thousand rows.
const SCANNED: usize = 50;
/// And where only some rows are allowed, looking them up; also on a million.
const LOOKED_UP: usize = 300;

impl Method {
    /// A walk over int8 codes with `ef` candidates.
    pub fn walk(ef: usize) -> Self {
        Self::Graph { ef, first: FirstPass::Int8 }
    }
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
        let graph = graph.map(|graph| Graph::open(graph, &vectors_file)).transpose()?;
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
    /// When `query` is not a unit vector of the right length, or what was looked at is damaged.
    pub fn search(&self, query: &[f32], k: usize, method: Method, allowed: Option<&Bits>) -> Result<Vec<Hit>> {
        check_unit(query, self.vectors.dimensions())?;
        let hits = self.hits(query, k, method, allowed);
        self.intact()?;
        Ok(hits)
    }

    fn hits(&self, query: &[f32], k: usize, method: Method, allowed: Option<&Bits>) -> Vec<Hit> {
        let allowed = allowed.filter(|bits| !bits.is_all_of(self.vectors.rows()));
        let most = allowed.map_or(self.vectors.rows(), Bits::count);
        let Some(graph) = &self.graph else { return exact::search(&self.vectors, query, k, allowed) };
        if let Method::Graph { ef, first } = method
            && self.walks(k, ef, allowed)
            && let Some(hits) = graph.search(&self.vectors, query, k, ef, first, allowed)
            && hits.len() == k.min(most)
        {
            return hits;
        }
        exact::search_codes(&self.vectors, graph, query, k, allowed)
    }

    /// The answers of [`Segment::search`] to many queries (`queries × dimensions`, row-major), on all
    /// cores.
    ///
    /// # Errors
    /// When a query is not a unit vector of the right length, or what was looked at is damaged.
    pub fn search_many(&self, queries: &[f32], k: usize, method: Method) -> Result<Vec<Vec<Hit>>> {
        let rows = queries.par_chunks(self.vectors.dimensions());
        if method != Method::Exact {
            return rows.map(|query| self.search(query, k, method, None)).collect();
        }
        rows.try_for_each(|query| check_unit(query, self.vectors.dimensions()))?;
        let hits = match &self.graph {
            Some(graph) => exact::search_codes_many(&self.vectors, graph, queries, k),
            None => exact::search_many(&self.vectors, queries, k),
        };
        self.intact()?;
        Ok(hits)
    }

    /// That nothing that was looked at so far is other than what was written.
    ///
    /// # Errors
    /// What is damaged.
    pub fn intact(&self) -> Result<()> {
        self.vectors.intact()?;
        self.graph.as_ref().map_or(Ok(()), Graph::intact)
    }

    /// Whether a search for `k` of the allowed rows by [`Method::Graph`] walks the graph, unless they
    /// turn out to lie far from the query. Otherwise it takes no longer to look at each of them.
    pub fn walks(&self, k: usize, ef: usize, allowed: Option<&Bits>) -> bool {
        let (most, each) = allowed.map_or((self.vectors.rows(), SCANNED), |bits| (bits.count(), LOOKED_UP));
        self.graph.is_some() && most > ef.max(k).saturating_mul(each)
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
