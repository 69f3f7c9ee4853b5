//! Which of the candidates become neighbours.
//!
//! Malkov and Yashunin's algorithm 4: nearest first, each only if it is nearer to the node than to
//! any neighbour chosen before it, so that links lead off in different directions. Nearer by the
//! factor of Subramanya, Devvrit, Kadekodi, Krishnaswamy and Simhadri (*DiskANN*, NeurIPS 2019), and
//! filled up with the nearest of those passed over. On 115,033 sentences both, with as many links chosen
//! as a list holds, take a quarter less time for a recall@10 of .99 than the plain rule with half as many.

use super::walk::Near;
use crate::codes::{Coded, View};

/// A candidate is passed over when a chosen neighbour is nearer to it than the node is, even if this
/// times as far.
const FACTOR: f32 = 1.1;
/// Chosen neighbours are compared so many at a time.
const GROUP: usize = 4;

/// Room to work in.
#[derive(Default)]
pub struct Selector {
    kept: Vec<Near>,
    /// The nodes of those kept.
    nodes: Vec<u32>,
    passed: Vec<Near>,
    coded: Coded,
    sums: Vec<i32>,
}

impl Selector {
    /// At most `most` of `candidates`, which come nearest first, each once. Where the rule leaves
    /// fewer than `fill`, the nearest of the others make up for it, last.
    pub fn select(&mut self, codes: View<'_>, candidates: &[Near], most: usize, fill: usize) -> &[Near] {
        self.kept.clear();
        self.nodes.clear();
        self.passed.clear();
        for candidate in candidates {
            if self.kept.len() == most {
                break;
            }
            self.coded.become_row(&codes, candidate.node());
            let far = 1.0 - candidate.score;
            let mut alone = true;
            for group in self.nodes.chunks(GROUP) {
                codes.scores(&self.coded, group, &mut self.sums, |_, score| alone &= FACTOR * (1.0 - score) > far);
                if !alone {
                    break;
                }
            }
            if alone {
                self.nodes.push(candidate.node());
                self.kept.push(*candidate);
            } else {
                self.passed.push(*candidate);
            }
        }
        let room = fill.saturating_sub(self.kept.len());
        self.kept.extend(self.passed.iter().take(room));
        &self.kept
    }
}
