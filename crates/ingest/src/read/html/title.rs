//! The title of a page: its own, whole, or its first heading where that says more.

use super::clutter::Clutter;
use super::tag::Tag;
use super::tree::{Id, Tree};

/// What may stand between a page's name and its site's.
const BARS: [&str; 10] = [
    " | ", " - ", " – ", " — ", " · ", " :: ", " » ", " « ", " / ", " • ",
];

/// The title of the page; `og_title` and `site` as the page's metadata say. Empty if it has none.
pub fn of(tree: &Tree, clutter: &Clutter, og_title: Option<&str>, site: Option<&str>) -> String {
    let title = element(tree, "title")
        .map(|id| collapsed(&tree.raw_text(id)))
        .unwrap_or_default();
    let heading = heading(tree, clutter);
    let og_title = og_title.map(collapsed).filter(|title| !title.is_empty());
    if title.is_empty() || is_generic(&title) || site.is_some_and(|site| same(site, &title)) {
        let better = heading
            .into_iter()
            .chain(og_title)
            .find(|other| !other.is_empty());
        return better.unwrap_or(title);
    }
    if let Some(heading) = heading
        && says_more(&heading, &title)
    {
        return heading;
    }
    without_site(&title, site).unwrap_or(title)
}

fn element(tree: &Tree, name: &str) -> Option<Id> {
    tree.subtree(Id::ROOT).find(|&id| {
        tree.element(id).is_some_and(|element| {
            element.local() == name && element.name.ns == html5ever::ns!(html)
        })
    })
}

/// The first heading of the first level that is content.
fn heading(tree: &Tree, clutter: &Clutter) -> Option<String> {
    let mut step = Some(super::tree::Step::Enter(Id::ROOT));
    while let Some(at) = step {
        let mut inside = true;
        if let super::tree::Step::Enter(id) = at {
            inside = !clutter.has(id);
            if inside && tree.tag(id) == Tag::Heading(1) {
                let text = super::layout::line(tree, clutter, id);
                if !text.is_empty() {
                    return Some(text);
                }
            }
        }
        step = tree.step(Id::ROOT, at, inside);
    }
    None
}

/// Whether `heading` is `title` with more to it, which the title was cut before.
fn says_more(heading: &str, title: &str) -> bool {
    let start = title.trim_end_matches(['…', '.', ' ']);
    let cut = start.len() < title.len();
    cut && start.len() > 3
        && heading.len() > start.len()
        && heading.to_lowercase().starts_with(&start.to_lowercase())
}

/// `title` without the name of the site before or after it, if it has that.
fn without_site(title: &str, site: Option<&str>) -> Option<String> {
    for bar in BARS {
        if let Some((page, last)) = title.rsplit_once(bar)
            && !page.trim().is_empty()
            && (site.is_some_and(|site| same(site, last)) || same(page, last))
        {
            return Some(page.trim().to_owned());
        }
        if let Some((first, page)) = title.split_once(bar)
            && !page.trim().is_empty()
            && site.is_some_and(|site| same(site, first))
        {
            return Some(page.trim().to_owned());
        }
    }
    None
}

fn same(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect::<String>()
    };
    let a = plain(a);
    !a.is_empty() && a == plain(b)
}

/// What editors write where nobody wrote a title.
fn is_generic(title: &str) -> bool {
    let generic = [
        "untitled",
        "untitled document",
        "untitled page",
        "no title",
        "new page",
        "new page 1",
        "document",
        "home",
        "homepage",
        "home page",
        "index",
        "default",
        "title",
        "page",
        "page title",
        "welcome",
        "index.html",
    ];
    generic.contains(&title.to_lowercase().as_str())
}

pub fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
