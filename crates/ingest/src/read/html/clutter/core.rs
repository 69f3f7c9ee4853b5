//! Where the main text of a page is.

use super::super::tag::Tag;
use super::super::tree::{Id, Step, Tree};
use super::{PROSE, Search};

impl Search<'_> {
    /// The element that holds the main text: what the page calls so, else the deepest one with
    /// nearly all paragraphs.
    pub(super) fn core(&self) -> Id {
        let page = self.census.get(Id::ROOT);
        let by_prose = page.prose >= PROSE;
        let weight = |id: Id| {
            let stats = self.census.get(id);
            u64::from(if self.is_article {
                stats.weight
            } else if by_prose {
                stats.prose
            } else {
                stats.unlinked()
            })
        };
        let total = weight(Id::ROOT).max(1);
        let mut core = Id::ROOT;
        if let Some(main) = self
            .largest(|tag| tag == Tag::Main, weight)
            .filter(|&main| weight(main) * 2 >= total)
        {
            core = main;
        }
        if let Some(article) = self.largest(|tag| tag == Tag::Article, weight)
            && weight(article) * 100 >= total * if core == Id::ROOT { 60 } else { 80 }
            && (self.is_article || !self.has_rivals(article))
        {
            core = article;
        } else if core == Id::ROOT && (by_prose || self.is_article) {
            let share = if self.is_article { 75 } else { 90 };
            while let Some(child) = self
                .heaviest(core, weight)
                .filter(|&child| weight(child) * 100 >= total * share)
            {
                if self.is_running(core, child) {
                    break;
                }
                core = child;
            }
        }
        // Where most text stands elsewhere, it is not certain that this is the main text.
        if self.census.get(core).unlinked() * 3 < page.unlinked() {
            Id::ROOT
        } else {
            core
        }
    }

    /// Whether other articles on the page have paragraphs too, as the posts of a thread have.
    fn has_rivals(&self, article: Id) -> bool {
        let own = self.census.get(article).prose;
        let mut rivals = 0;
        let mut step = Some(Step::Enter(Id::ROOT));
        while let Some(at) = step {
            let mut inside = true;
            if let Step::Enter(id) = at {
                inside = !self.gone[id.index()];
                if inside
                    && self.tree.tag(id) == Tag::Article
                    && !self.tree.ancestors(article).any(|above| above == id)
                {
                    inside = false;
                    rivals += if id == article {
                        0
                    } else {
                        self.census.get(id).prose
                    };
                }
            }
            step = self.tree.step(Id::ROOT, at, inside);
        }
        rivals * 5 >= own
    }

    /// The element with this tag that holds most; one within another does not count.
    fn largest(&self, is: impl Fn(Tag) -> bool, weight: impl Fn(Id) -> u64) -> Option<Id> {
        let all = self
            .census
            .order
            .iter()
            .copied()
            .filter(|&id| is(self.tree.tag(id)) && !self.gone[id.index()]);
        all.max_by_key(|&id| (weight(id), std::cmp::Reverse(id.index())))
    }

    fn heaviest(&self, core: Id, weight: impl Fn(Id) -> u64) -> Option<Id> {
        let holds = |tag| {
            matches!(
                tag,
                Tag::Block
                    | Tag::Body
                    | Tag::Cell
                    | Tag::Row
                    | Tag::RowGroup
                    | Tag::Table
                    | Tag::Main
                    | Tag::Article
            )
        };
        let children = self
            .tree
            .children(core)
            .filter(|&id| !self.gone[id.index()] && holds(self.tree.tag(id)));
        children.max_by_key(|&id| weight(id))
    }

    /// Whether `core` is running text already, of which `child` is but a part: headings or
    /// paragraphs stand beside it.
    fn is_running(&self, core: Id, child: Id) -> bool {
        self.tree.children(core).any(|other| {
            let stats = self.census.get(other);
            let is_text = match self.tree.tag(other) {
                Tag::Heading(2..) | Tag::Paragraph | Tag::Preformatted | Tag::Detail => {
                    !stats.is_linked(50)
                }
                tag if tag.is_inline() => false,
                _ => {
                    !self.is_article
                        && (stats.tall || stats.columns > 1)
                        && stats.text >= 60
                        && !stats.is_linked(30)
                }
            };
            other != child && !self.gone[other.index()] && is_text
        })
    }
}

/// Whether the page says in its metadata that it is one article.
pub(super) fn is_article(tree: &Tree) -> bool {
    tree.subtree(Id::ROOT)
        .filter_map(|id| tree.element(id).map(|element| (id, element)))
        .any(|(id, element)| match element.local() {
            "meta" => {
                element.attr("property") == Some("og:type")
                    && element.attr("content") == Some("article")
            }
            "script" if element.attr("type") == Some("application/ld+json") => {
                let text = tree.raw_text(id);
                ["\"NewsArticle\"", "\"Article\"", "\"BlogPosting\""]
                    .iter()
                    .any(|kind| text.contains(kind))
            }
            _ => element.attr("itemprop") == Some("articleBody"),
        })
}
