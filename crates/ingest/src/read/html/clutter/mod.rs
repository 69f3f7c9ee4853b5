//! Which elements are no content: navigation, notices about cookies, share bars, what stands around
//! the article.
//!
//! Two passes. The first takes what names itself so. Then the core of the page is looked for, which
//! is where its paragraphs are; outside it, what has no paragraph goes too. When in doubt, text
//! stays.

mod core;
mod links;

use self::core::is_article;
use self::links::{is_anchor_mark, is_bar, is_contents, is_skip};
use super::stats::Census;
use super::tag::Tag;
use super::tree::{Element, Id, Step, Tree};
use super::words::{Sign, is_comments, is_footer, is_part, is_popup, is_search, sign};
use std::collections::HashSet;

/// The paragraphs, in characters, that show where the main text of a page is.
const PROSE: u32 = 1000;

/// The paragraphs, in characters, that make an article of what stands above comments.
const ARTICLE: u32 = 200;

/// Which nodes, with all below them, are left out.
#[derive(Debug)]
pub struct Clutter(Vec<bool>);

impl Clutter {
    pub fn has(&self, id: Id) -> bool {
        self.0[id.index()]
    }
}

/// The clutter of a page, and the numbers of what is left.
pub fn find(tree: &Tree) -> (Clutter, Census) {
    let mut census = Census::of(tree, false);
    let noscript = census.get(Id::ROOT).text == 0;
    if noscript {
        census = Census::of(tree, true);
    }
    let nothing = Search::new(tree, census, noscript);
    let mut search = nothing.clone();
    search.by_name();
    let core = search.core();
    search.around(core);
    if search.census.get(Id::ROOT).text == 0 {
        // All of it looks like navigation; then that is what there is.
        return (Clutter(nothing.gone), nothing.census);
    }
    (Clutter(search.gone), search.census)
}

#[derive(Clone)]
struct Search<'a> {
    tree: &'a Tree,
    census: Census,
    gone: Vec<bool>,
    /// Whether the page says that it is an article: then less speaks for what stands around it.
    is_article: bool,
}

impl<'a> Search<'a> {
    fn new(tree: &'a Tree, census: Census, noscript: bool) -> Self {
        let mut gone = vec![true; tree.len()];
        for &id in &census.order {
            gone[id.index()] = tree.tag(id) == Tag::Noscript && !noscript;
        }
        Self {
            tree,
            census,
            gone,
            is_article: is_article(tree),
        }
    }

    /// Leaves `id` out.
    fn drop(&mut self, id: Id) {
        self.gone[id.index()] = true;
        self.census.forget(self.tree, id);
    }

    /// Calls `judge` on every element that is not left out yet, the outer ones first; true leaves
    /// it out.
    fn sift(&mut self, judge: impl Fn(&Self, Id, &'a Element) -> bool) {
        let mut step = Some(Step::Enter(Id::ROOT));
        while let Some(at) = step {
            let mut inside = true;
            if let Step::Enter(id) = at {
                if !self.gone[id.index()]
                    && let Some(element) = self.tree.element(id)
                    && judge(self, id, element)
                {
                    self.drop(id);
                }
                inside = !self.gone[id.index()];
            }
            step = self.tree.step(Id::ROOT, at, inside);
        }
    }

    /// What its tag, its role or its name makes clutter.
    fn by_name(&mut self) {
        let page = *self.census.get(Id::ROOT);
        self.sift(|search, id, element| {
            let stats = search.census.get(id);
            if matches!(element.tag, Tag::Body | Tag::Main | Tag::Root) || element.local() == "html"
            {
                return false;
            }
            // Most of the page is not clutter, whatever it is called.
            let most = stats.prose * 2 > page.prose
                || (page.prose == 0 && stats.unlinked() * 2 > page.unlinked());
            if is_footer(element) && element.tag != Tag::Footer {
                return !stats.has_heading && u64::from(stats.text) * 10 < u64::from(page.text) * 9;
            }
            match element.tag {
                Tag::Nav => return !most,
                _ if is_search(element) => return stats.prose == 0,
                Tag::Footer => {
                    let within = |tag| {
                        matches!(tag, Tag::Article | Tag::Main | Tag::Quotation | Tag::Figure)
                    };
                    if !search
                        .tree
                        .ancestors(id)
                        .any(|above| within(search.tree.tag(above)))
                    {
                        return !most;
                    }
                }
                Tag::Link
                    if is_anchor_mark(search.tree, id, element)
                        || is_skip(search.tree, id, element) =>
                {
                    return true;
                }
                _ => {}
            }
            if is_comments(element) {
                return page.prose.saturating_sub(stats.prose) >= ARTICLE;
            }
            let sign = sign(element);
            if sign > Sign::None
                && !most
                && is_popup(element)
                && search.tree.raw_text(id).to_lowercase().contains("cookie")
            {
                return true;
            }
            // A word within a line, or within code, has the name of what it marks up.
            if sign < Sign::Sure && (element.tag.is_inline() || search.in_code(id)) {
                return false;
            }
            match sign {
                Sign::Sure => true,
                Sign::Strong => stats.prose * 4 <= page.prose && !most && !stats.has_h1,
                Sign::Weak => {
                    !most
                        && !stats.has_h1
                        && !is_table_or_title(element.tag)
                        && stats.prose == 0
                        && stats.links > 0
                        && stats.is_linked(50)
                }
                Sign::None => false,
            }
        });
    }

    fn in_code(&self, id: Id) -> bool {
        self.tree
            .ancestors(id)
            .any(|above| self.tree.tag(above) == Tag::Preformatted)
    }

    /// What stands around the core and has no paragraph of its own, and bars of links anywhere.
    fn around(&mut self, core: Id) {
        let tree = self.tree;
        let place = Places::of(tree, &self.census, core);
        let core_stats = *self.census.get(core);
        let is_named = matches!(tree.tag(core), Tag::Main | Tag::Article);
        self.sift(|search, id, element| {
            let stats = search.census.get(id);
            if place.above[id.index()] || stats.text == 0 {
                return false;
            }
            // The outermost elements that do not hold the core.
            let beside = tree
                .node(id)
                .parent
                .is_some_and(|parent| place.above[parent.index()] && parent != core);
            if beside
                && search.is_article
                && !stats.has_h1
                && place.at(id) > place.at(core)
                && !is_part(element)
            {
                return true;
            }
            if beside && !stats.has_h1 {
                let empty = stats.prose == 0 || stats.is_linked(40) || element.tag == Tag::Aside;
                let is_after = place.at(id) > place.at(core);
                let small = is_after && stats.prose * 4 < core_stats.prose && !is_part(element);
                if empty || small || (is_named && stats.prose * 2 < core_stats.prose) {
                    return true;
                }
            }
            if element.tag.is_inline() {
                return false;
            }
            if element.tag == Tag::Aside {
                return stats.is_linked(50) && stats.links > 1;
            }
            let above_heading = place.at(id) < place.heading && !stats.has_heading;
            if above_heading && stats.links > 1 && stats.prose == 0 && stats.is_linked(80) {
                return true;
            }
            is_bar(search, id)
                || is_contents(search, &place.anchors, id, element)
                || search.is_teaser(id, core_stats.prose)
        });
    }
}

/// Where in the document things stand.
struct Places<'a> {
    /// The core and all that hold it.
    above: Vec<bool>,
    /// Of every node: how many stand before it.
    order: Vec<usize>,
    /// Before which the page begins: the place of its first heading, 0 where much text stands
    /// before that.
    heading: usize,
    /// The names that links within the page may have.
    anchors: HashSet<&'a str>,
}

impl<'a> Places<'a> {
    fn of(tree: &'a Tree, census: &Census, core: Id) -> Self {
        let mut above = vec![false; tree.len()];
        for id in std::iter::once(core).chain(tree.ancestors(core)) {
            above[id.index()] = true;
        }
        let mut order = vec![0; tree.len()];
        let (mut heading, mut before) = (None, 0);
        let mut anchors = HashSet::new();
        for (at, &id) in census.order.iter().enumerate() {
            order[id.index()] = at;
            if let Some(element) = tree.element(id) {
                anchors.extend(
                    [element.attr("id"), element.attr("name")]
                        .into_iter()
                        .flatten(),
                );
            }
            if heading.is_none() {
                let stats = census.get(id);
                match tree.tag(id) {
                    Tag::Heading(_) if stats.text > 0 => heading = Some(at),
                    Tag::Root => before += stats.unlinked(),
                    _ => {}
                }
            }
        }
        let page = census.get(Id::ROOT).unlinked();
        let before = before.saturating_sub(page);
        let heading = heading.filter(|_| before * 5 < page).unwrap_or(0);
        Self {
            above,
            order,
            heading,
            anchors,
        }
    }

    fn at(&self, id: Id) -> usize {
        self.order[id.index()]
    }
}

/// What a weak sign is not enough for: a name like "header" has another meaning there.
fn is_table_or_title(tag: Tag) -> bool {
    matches!(
        tag,
        Tag::Heading(_)
            | Tag::Table
            | Tag::RowGroup
            | Tag::Row
            | Tag::Cell
            | Tag::Caption
            | Tag::Term
            | Tag::Detail
            | Tag::Article
    )
}
