//! Blocks that lead elsewhere: bars of links, lists of contents, teasers of other articles, marks
//! beside headings.

use super::super::tag::Tag;
use super::super::tree::{Data, Element, Id, Tree};
use super::{PROSE, Search};
use std::collections::HashSet;

/// How blocks begin that lead to other articles.
const TEASERS: [&str; 26] = [
    "you may also like",
    "you might also like",
    "you may like",
    "more from",
    "more on this",
    "more news",
    "more stories",
    "most read",
    "most popular",
    "most viewed",
    "recommended for you",
    "recommended stories",
    "read next",
    "up next",
    "trending",
    "related articles",
    "related stories",
    "related posts",
    "related news",
    "related coverage",
    "related content",
    "recent posts",
    "recent articles",
    "top stories",
    "latest news",
    "popular posts",
];

impl Search<'_> {
    /// Whether `id` leads to other articles and is but a small part of the page: nothing but
    /// headings that are links to other pages, or a beginning that says so. Where such teasers are
    /// the page, they stay.
    pub(super) fn is_teaser(&self, id: Id, core: u32) -> bool {
        let stats = self.census.get(id);
        if (core < PROSE && !self.is_article)
            || stats.links < 2
            || stats.has_h1
            || stats.unlinked() * 4 > core
        {
            return false;
        }
        let (mut linked, mut first) = (0, true);
        for below in self.tree.subtree(id) {
            match &self.tree.node(below).data {
                Data::Text(text) if first && text.contains(char::is_alphanumeric) => {
                    let text = text.trim().to_lowercase();
                    if TEASERS.iter().any(|start| text.starts_with(start)) {
                        return true;
                    }
                    if !stats.has_heading {
                        return false;
                    }
                    first = false;
                }
                Data::Element(element) if matches!(element.tag, Tag::Heading(_)) => {
                    let heading = self.census.get(below);
                    let leads_away = !heading.is_linked(95) || heading.text == 0;
                    let outer = self.tree.ancestors(below).take(3);
                    let mut links = self.tree.subtree(below).take(20).chain(outer);
                    let away = links.any(|link| {
                        let href = self
                            .tree
                            .element(link)
                            .filter(|link| link.tag == Tag::Link)
                            .and_then(|link| link.attr("href"));
                        href.is_some_and(|href| !href.starts_with('#'))
                    });
                    if leads_away || !away {
                        return false;
                    }
                    linked += 1;
                }
                _ => {}
            }
        }
        linked >= 2
    }
}

/// A link beside a heading to itself.
pub(super) fn is_anchor_mark(tree: &Tree, id: Id, element: &Element) -> bool {
    let to_itself = element.attr("href").is_some_and(|href| href.contains('#'));
    to_itself && {
        let text = tree.raw_text(id);
        let text = text.trim();
        matches!(
            text,
            "¶" | "#" | "§" | "🔗" | "∞" | "[#]" | "\u{f0c1}" | "[¶]" | "⚓"
        )
    }
}

pub(super) fn is_skip(tree: &Tree, id: Id, element: &Element) -> bool {
    if !element
        .attr("href")
        .is_some_and(|href| href.starts_with('#'))
    {
        return false;
    }
    let text = tree.raw_text(id).trim().to_lowercase();
    [
        "skip to ",
        "skip navigation",
        "jump to content",
        "jump to navigation",
        "jump to main",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

/// A short block of words that lead back, on and up, or to other sites' buttons for sharing.
pub(super) fn is_bar(search: &Search<'_>, id: Id) -> bool {
    let stats = search.census.get(id);
    if stats.text > 300 || stats.prose > 0 || stats.has_heading {
        return false;
    }
    let (mut words, mut turns, mut leads, mut shares) = (0, 0, 0, 0);
    for (seen, below) in search.tree.subtree(id).enumerate() {
        if seen > 200 {
            return false;
        }
        if let Data::Text(text) = &search.tree.node(below).data {
            let text = text.to_lowercase();
            let text = text.trim_matches(|c: char| !c.is_alphanumeric());
            turns += u32::from(is_turn(text));
            leads += u32::from(is_lead(text));
            for word in text
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
            {
                words += 1;
                shares += u32::from(is_share(word));
            }
        }
    }
    let turns = turns + leads;
    let is_turns = turns >= 2 && (leads > 0 || turns == words) && stats.links >= 2;
    is_turns && (stats.is_linked(60) || turns * 3 >= words)
        || (shares >= 2 && shares + turns >= words)
}

/// One way on or back.
fn is_lead(text: &str) -> bool {
    matches!(text, "prev" | "previous" | "next" | "back" | "forward")
}

/// A place to turn to.
fn is_turn(text: &str) -> bool {
    matches!(
        text,
        "up" | "home" | "top" | "contents" | "index" | "toc" | "table of contents" | "main page"
    )
}

fn is_share(word: &str) -> bool {
    matches!(
        word,
        "share"
            | "tweet"
            | "facebook"
            | "twitter"
            | "whatsapp"
            | "linkedin"
            | "pinterest"
            | "reddit"
            | "tumblr"
            | "telegram"
            | "email"
            | "e"
            | "mail"
            | "print"
            | "google"
            | "messenger"
            | "pocket"
            | "flipboard"
            | "this"
            | "on"
    )
}

/// A list of what the page itself says further down, or of the page in other languages: all of it
/// links that way.
pub(super) fn is_contents(
    search: &Search<'_>,
    anchors: &HashSet<&str>,
    id: Id,
    element: &Element,
) -> bool {
    let stats = search.census.get(id);
    if stats.links < 2
        || stats.prose > 0
        || !stats.is_linked(70)
        || !matches!(element.tag, Tag::Block | Tag::List | Tag::OrderedList)
    {
        return false;
    }
    let (mut within, mut tongues, mut links) = (true, true, 0);
    for below in search.tree.subtree(id) {
        let Some(element) = search
            .tree
            .element(below)
            .filter(|element| element.tag == Tag::Link)
        else {
            continue;
        };
        let Some(href) = element.attr("href") else {
            continue;
        };
        links += 1;
        tongues &= element.attr("hreflang").is_some();
        within &= href
            .split_once('#')
            .is_some_and(|(_, name)| anchors.contains(name));
        if !within && !tongues {
            return false;
        }
    }
    links >= 2 && (tongues || links >= 3)
}
