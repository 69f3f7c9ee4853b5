//! How much text stands in each element, how much of it in links, how much in paragraphs.

use super::tag::Tag;
use super::tree::{Data, Id, Tree};

/// The least text that passes for a paragraph, in characters.
const PARAGRAPH: u32 = 60;

/// Counts of an element and all below it, in letters and digits: signs between links are no text
/// beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    pub text: u32,
    /// Of which in links.
    pub linked: u32,
    /// Of which in blocks that read as paragraphs: long enough, few links.
    pub prose: u32,
    /// The same without the first [`PARAGRAPH`] characters of each: one long paragraph outweighs
    /// many short notes.
    pub weight: u32,
    pub links: u32,
    /// The most cells with text in a row of this table.
    pub columns: u32,
    /// The longest text of a cell of this table.
    pub cell: u32,
    /// Whether it holds what does not fit on a line of a table.
    pub tall: bool,
    pub has_h1: bool,
    pub has_heading: bool,
}

impl Stats {
    pub fn unlinked(&self) -> u32 {
        self.text - self.linked.min(self.text)
    }

    /// Whether links make up at least this many hundredths of the text.
    pub fn is_linked(&self, hundredths: u64) -> bool {
        u64::from(self.linked) * 100 >= u64::from(self.text) * hundredths
    }
}

/// Numbers for every node, and the nodes that are in the tree in document order.
#[derive(Debug, Clone)]
pub struct Census {
    stats: Vec<Stats>,
    pub order: Vec<Id>,
}

impl Census {
    pub fn of(tree: &Tree, noscript: bool) -> Self {
        let (order, own) = forward(tree, noscript);
        let mut census = Self {
            stats: vec![Stats::default(); tree.len()],
            order,
        };
        for at in (0..census.order.len()).rev() {
            let id = census.order[at];
            census.close(tree, id, own[id.index()]);
        }
        census
    }

    pub fn get(&self, id: Id) -> &Stats {
        &self.stats[id.index()]
    }

    /// Takes what stands in `id` out of the sums of everything above it.
    pub fn forget(&mut self, tree: &Tree, id: Id) {
        let gone = self.stats[id.index()];
        for above in tree.ancestors(id) {
            let sum = &mut self.stats[above.index()];
            sum.text = sum.text.saturating_sub(gone.text);
            sum.linked = sum.linked.saturating_sub(gone.linked);
            sum.prose = sum.prose.saturating_sub(gone.prose);
            sum.weight = sum.weight.saturating_sub(gone.weight);
            sum.links = sum.links.saturating_sub(gone.links);
        }
        self.stats[id.index()] = Stats::default();
    }

    /// Everything below `id` is counted: completes its numbers and adds them to those of its
    /// parent.
    fn close(&mut self, tree: &Tree, id: Id, own: Own) {
        let tag = tree.tag(id);
        let stats = &mut self.stats[id.index()];
        stats.text += own.text;
        stats.linked += own.linked;
        if own.block >= PARAGRAPH && own.block_linked * 5 < own.block * 2 {
            stats.prose += own.block;
            stats.weight += own.block - PARAGRAPH;
        }
        match tag {
            Tag::Link => stats.links += 1,
            Tag::Heading(level) => {
                stats.has_heading = true;
                stats.has_h1 |= level == 1;
                stats.tall = true;
            }
            Tag::Preformatted | Tag::Quotation | Tag::Article | Tag::Main => stats.tall = true,
            _ => {}
        }
        let mut up = *stats;
        match tag {
            Tag::Cell => (up.columns, up.cell) = (u32::from(up.text > 0), up.text),
            Tag::Table => (up.columns, up.cell, up.tall) = (0, 0, true),
            _ => {}
        }
        let Some(parent) = tree.node(id).parent else {
            return;
        };
        let in_row = tree.tag(parent) == Tag::Row;
        let sum = &mut self.stats[parent.index()];
        sum.text += up.text;
        sum.linked += up.linked;
        sum.prose += up.prose;
        sum.weight += up.weight;
        sum.links += up.links;
        sum.columns = if in_row {
            sum.columns + up.columns
        } else {
            sum.columns.max(up.columns)
        };
        sum.cell = sum.cell.max(up.cell);
        sum.tall |= up.tall;
        sum.has_h1 |= up.has_h1;
        sum.has_heading |= up.has_heading;
    }
}

/// What stands in an element itself.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    text: u32,
    linked: u32,
    /// Of a block: its text outside the blocks within it.
    block: u32,
    block_linked: u32,
}

/// The nodes in document order, with the text of each told to itself and to its block.
fn forward(tree: &Tree, noscript: bool) -> (Vec<Id>, Vec<Own>) {
    let mut own = vec![Own::default(); tree.len()];
    let mut order = Vec::with_capacity(tree.len());
    // Of every node: its block, and whether it is in a link.
    let mut place = vec![(Id::ROOT, false); tree.len()];
    let mut step = Some(super::tree::Step::Enter(Id::ROOT));
    while let Some(at) = step {
        let mut inside = true;
        if let super::tree::Step::Enter(id) = at {
            let (block, linked) = tree
                .node(id)
                .parent
                .map_or((id, false), |parent| place[parent.index()]);
            match &tree.node(id).data {
                Data::Text(text) => {
                    let count = text.chars().map(width).sum::<u32>();
                    let in_link = if linked { count } else { 0 };
                    let (mine, outer) = (id.index(), block.index());
                    (own[mine].text, own[mine].linked) = (count, in_link);
                    own[outer].block += count;
                    own[outer].block_linked += in_link;
                }
                Data::Element(element) => {
                    inside = !(element.tag == Tag::Nothing
                        || (element.tag == Tag::Noscript && !noscript));
                    let block = if element.tag.is_inline() { block } else { id };
                    place[id.index()] = (
                        block,
                        linked || element.tag == Tag::Link && element.attr("href").is_some(),
                    );
                }
                Data::Other => place[id.index()] = (id, false),
            }
            if inside {
                order.push(id);
            }
        }
        step = tree.step(Id::ROOT, at, inside);
    }
    (order, own)
}

/// A letter or digit counts one; one of the scripts that write a syllable or a word with a sign
/// counts three.
fn width(c: char) -> u32 {
    match c {
        _ if !c.is_alphanumeric() => 0,
        '\u{2e80}'.. => 3,
        _ => 1,
    }
}
