//! What the checks after a build found.

use serde::{Deserialize, Serialize};

/// The result of checking a graph after its build: how connected it was, and what was repaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildReport {
    /// Nodes that could not be reached from the entry point before the repair. After it none is
    /// unreachable.
    pub unreachable: usize,
    /// Links added by the repair: to unreachable nodes, and to nodes that a search for their own
    /// vector missed.
    #[serde(rename = "linked")]
    pub links_added: usize,
    /// Nodes without an incoming link before the repair.
    pub no_incoming: usize,
    /// Nodes searched for by their own vector, with a candidate list of 64.
    #[serde(default, rename = "asked")]
    pub self_queries: usize,
    /// Self-queries that, after the repair, found neither the node nor an equally near one.
    #[serde(default, rename = "lost")]
    pub self_misses: usize,
}
