//! Numbering nodes along their links, so that what a walk reads one after the other lies together.

use super::draft::{Draft, Level, inverse};
use crate::Bits;

/// The same graph with its nodes, level by level, in the order in which a breadth-first walk from
/// node 0 meets them.
pub fn along_links(draft: Draft) -> Draft {
    let Draft { codes, rows, levels } = draft;
    let nodes = rows.len();
    let Some(level0) = levels.first() else { return Draft { codes, rows, levels } };
    let mut met = Vec::with_capacity(nodes);
    let mut seen = Bits::new(nodes);
    for start in 0..nodes as u32 {
        let mut at = met.len();
        if seen.insert(start) {
            met.push(start);
        }
        while let Some(&node) = met.get(at) {
            met.extend(level0.of(node).iter().filter(|&&next| seen.insert(next)));
            at += 1;
        }
    }
    let level_of = |node: u32| levels.iter().take_while(|level| (node as usize) < level.nodes).count();
    // Stable: within a level the order of meeting stays.
    met.sort_by_key(|&node| std::cmp::Reverse(level_of(node)));
    let order = met;
    let new_number = inverse(&order, nodes);
    let renumbered = levels.iter().map(|level| {
        let mut new = Level::new(level.nodes, level.width);
        for (number, &old) in (0..).zip(&order[..level.nodes]) {
            new.set(number, level.of(old).iter().map(|&to| new_number[to as usize]));
        }
        new
    });
    let levels = renumbered.collect();
    let rows = order.iter().map(|&old| rows[old as usize]).collect();
    Draft { codes: codes.reordered(&order), rows, levels }
}
