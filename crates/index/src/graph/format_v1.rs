//! Reading graphs of the first version: lists of any length over the rows as they are, without codes.

use super::build::{M, Params};
use super::draft::{Draft, Level, inverse};
use super::flat::{Graph, MOST_LEVELS};
use super::links::width;
use super::reach::Health;
use super::{reach, renumber};
use crate::codes::Codes;
use crate::file::Mapped;
use crate::{Result, VectorFile};

/// One level: nodes (none at level 0, where a node's place is its number), where their lists begin,
/// and the lists.
struct Part<'a> {
    nodes: &'a [u32],
    offsets: &'a [u32],
    links: &'a [u32],
}

/// Reads the file into memory, as a graph of this version, with codes made from its vectors.
pub fn read(file: &Mapped, vectors: &VectorFile) -> Result<Graph> {
    let damaged = |problem: &str| file.damaged(problem.to_owned());
    // All of it is read here: that is the time to see whether it is sound.
    file.verify()?;
    let words: &[u32] =
        bytemuck::try_cast_slice(file.bytes(0)).map_err(|_| damaged("its length is no multiple of four"))?;
    let low = |field: usize| file.fields[field] as u32 as usize;
    let high = |field: usize| (file.fields[field] >> 32) as usize;
    let (rows, entry, m, ef_construction) = (low(0), low(1), high(1), low(2));
    let count = words.first().copied().unwrap_or_default() as usize;
    let table = words.get(1..1 + 3 * count).ok_or_else(|| damaged("its table of levels is cut off"))?;
    let mut rest = &words[1 + table.len()..];
    let mut parts = Vec::new();
    for sizes in table.chunks_exact(3) {
        let mut take = |length: u32| {
            let (part, after) = rest.split_at_checked(length as usize)?;
            rest = after;
            Some(part)
        };
        let part = (|| Some(Part { nodes: take(sizes[0])?, offsets: take(sizes[1])?, links: take(sizes[2])? }))();
        parts.push(part.ok_or_else(|| damaged("its levels are cut off"))?);
    }
    if rows != vectors.rows() || rows == 0 || entry >= rows || !M.contains(&m) || !(1..=MOST_LEVELS).contains(&count) {
        return Err(damaged("it is not the graph of these vectors"));
    }
    // The highest level of each row; the entry before all others.
    let mut level_of = vec![0usize; rows];
    for (level, part) in parts.iter().enumerate().skip(1) {
        for &row in part.nodes {
            *level_of.get_mut(row as usize).ok_or_else(|| damaged("a level names a node that is not there"))? = level;
        }
    }
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by_key(|&row| (std::cmp::Reverse(level_of[row as usize]), row as usize != entry));
    let node_of = inverse(&order, rows);
    let mut levels = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let nodes = level_of.iter().filter(|&&level| level >= number).count();
        let mut level = Level::new(nodes, width(number, m));
        for place in 0..part.offsets.len().saturating_sub(1) {
            let list = part.links.get(part.offsets[place] as usize..part.offsets[place + 1] as usize);
            let list = list.filter(|list| list.iter().all(|&to| (to as usize) < rows));
            let row = if number == 0 { Some(place as u32) } else { part.nodes.get(place).copied() };
            let node = row.and_then(|row| node_of.get(row as usize)).filter(|&&node| (node as usize) < nodes);
            let (Some(list), Some(&node)) = (list, node) else {
                return Err(damaged("its lists do not fit its levels"));
            };
            // hnsw_rs, which made them, also linked to nodes that are not on the level.
            level.set(node, list.iter().map(|&to| node_of[to as usize]).filter(|&to| (to as usize) < nodes));
        }
        levels.push(level);
    }
    let codes = Codes::of(vectors.vectors(), vectors.dimensions(), &order);
    vectors.intact()?;
    let mut draft = Draft { codes, rows: order, levels };
    // Lists could be longer than their width then, to reach every node.
    reach::mend(&mut draft);
    let draft = renumber::along_links(draft);
    let each: Vec<Vec<u32>> = draft.rows.iter().map(|&row| vec![row]).collect();
    let health = Health { unreachable: high(2), linked: low(3), no_incoming: high(3), ..Health::default() };
    Ok(Graph::new(draft, &each, Params { m, ef_construction, ..Params::default() }, health))
}
