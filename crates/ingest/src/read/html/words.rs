//! The words that page authors name their page furniture with, in `class`, `id` and `role`.

use super::tag::Tag;
use super::tree::Element;

/// How sure a name makes it that an element is no content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    None,
    /// Where it also looks so: mostly links, or no paragraph.
    Weak,
    /// Unless most of the page stands in it.
    Strong,
    /// Whatever it holds.
    Sure,
}

/// What the names of an element say about it.
pub fn sign(element: &Element) -> Sign {
    let mut found = element.attr("role").map_or(Sign::None, role);
    if element
        .attr("itemtype")
        .is_some_and(|kind| kind.ends_with("BreadcrumbList"))
    {
        found = Sign::Sure;
    }
    if is_kept_from_search(element) {
        found = found.max(Sign::Strong);
    }
    // A long id is made of the words of a heading.
    let id = element
        .attr("id")
        .filter(|id| element.local() != "section" && split(id).count() <= 4);
    for name in [element.attr("class"), id, element.attr("aria-label")]
        .into_iter()
        .flatten()
    {
        found = found.max(named(name));
    }
    found
}

/// Whether the page asks search engines to leave an element out: Google, Pagefind, Algolia,
/// Swiftype and Elastic.
fn is_kept_from_search(element: &Element) -> bool {
    [
        "data-nosnippet",
        "data-pagefind-ignore",
        "data-docsearch-ignore",
        "data-elastic-exclude",
    ]
    .iter()
    .any(|name| element.attr(name).is_some_and(|value| value != "false"))
        || element.attr("data-swiftype-index") == Some("false")
}

fn role(role: &str) -> Sign {
    match role.trim() {
        "navigation" | "menubar" | "menu" | "search" | "toolbar" => Sign::Strong,
        "banner" | "complementary" | "dialog" | "alertdialog" => Sign::Weak,
        _ => Sign::None,
    }
}

fn named(names: &str) -> Sign {
    let mut found = Sign::None;
    for name in names.split_ascii_whitespace() {
        found = found.max(whole(name));
        // What holds or lacks a thing is not the thing: has-sidebar, no-comments; ui-widget is
        // anything.
        let mut words = split(name);
        let Some(first) = words.next() else { continue };
        if matches!(
            &*first,
            "ui" | "has" | "no" | "with" | "without" | "is" | "not" | "js"
        ) {
            continue;
        }
        let mut has_cookie = false;
        let mut has_box = false;
        for word in std::iter::once(first).chain(words) {
            has_cookie |= matches!(&*word, "cookie" | "cookies" | "consent" | "gdpr" | "ccpa");
            has_box |= matches!(
                &*word,
                "banner"
                    | "bar"
                    | "notice"
                    | "popup"
                    | "modal"
                    | "overlay"
                    | "message"
                    | "warning"
                    | "dialog"
                    | "law"
                    | "container"
                    | "wrapper"
                    | "disclaimer"
                    | "info"
                    | "alert"
                    | "consent"
                    | "gdpr"
                    | "bubble"
            );
            found = found.max(one(&word));
        }
        if has_cookie {
            found = found.max(if has_box { Sign::Strong } else { Sign::Weak });
        }
    }
    found
}

/// Names whose parts alone would say less.
fn whole(name: &str) -> Sign {
    let sure = [
        "headerlink",
        "mw-editsection",
        "linenos",
        "lineno",
        "linenodiv",
        "line-numbers-rows",
        "katex-html",
        "srclink",
        "viewcode-link",
        "material-icons",
        "material-symbols-outlined",
        "MathJax_Preview",
        "MJX_Assistive_MathML",
        "disqus_thread",
        "adsbygoogle",
        "skip-link",
        "skiplink",
        "screen-reader-shortcut",
        "catlinks",
        "printfooter",
        "jp-relatedposts",
        "sharedaddy",
        "navheader",
        "navfooter",
        "spirit-nav",
        "docnav",
        "crosslinks",
        "nav-panel",
        "sphinxsidebar",
        "sphinxsidebarwrapper",
        "toc_buttons",
    ];
    if sure.contains(&name) {
        return Sign::Sure;
    }
    let strong = [
        "nav-path",
        "side-nav",
        "main-nav",
        "top-nav",
        "topNav",
        "bottomNav",
        "subNav",
        "mw-navigation",
        "navbox",
        "titlearea",
        "toplang",
        "bottomlang",
        "site-header",
        "global-header",
        "siteSub",
        "contentSub",
        "jump-to-nav",
        "related-posts",
        "related-articles",
        "author-bio",
        "post-navigation",
        "mostread",
        "most-read",
        "read-more",
        "readmore",
        "prevnext",
        "next-prev",
        "prev-next",
        "nextprev",
        // Asks search engines to leave it out.
        "nosearch",
        "no-search",
        "noindex",
        "nocontent",
        "robots-nocontent",
        "robots-noindex",
    ];
    if strong.contains(&name) {
        Sign::Strong
    } else {
        Sign::None
    }
}

/// A single word of a name.
fn one(word: &str) -> Sign {
    match word {
        "breadcrumb" | "breadcrumbs" | "navbar" | "pagination" | "paginator" | "pager"
        | "addthis" | "addtoany" | "sharing" | "sharebar" | "socials" | "advert"
        | "advertisement" | "advertising" | "adsense" | "newsletter" | "outbrain" | "taboola"
        | "recirc" | "recirculation" | "disqus" | "navigation" | "masthead" | "subnav"
        | "sitenav" | "megamenu" => Sign::Strong,
        "nav" | "menu" | "sidebar" | "share" | "social" | "related" | "recommended"
        | "recommendations" | "trending" | "popular" | "promo" | "promotion" | "sponsor"
        | "sponsored" | "subscribe" | "subscription" | "signup" | "login" | "toolbar" | "tools"
        | "footer" | "foot" | "header" | "banner" | "ad" | "ads" | "widget" | "popup" | "modal"
        | "overlay" | "skip" | "tags" | "tagcloud" | "comment" | "links" | "follow" | "teaser"
        | "search" | "lang" | "languages" | "print" | "noprint" | "topbar" | "supplemental"
        | "supplementary" | "meta" | "categories" | "rail" | "more" | "carousel" | "player"
        | "paywall" | "donate" | "rating" | "feedback" | "permalink" | "controls" | "buttons"
        | "button" | "actions" => Sign::Weak,
        _ => Sign::None,
    }
}

/// The words of a name, in small letters: at signs that are no letters, and where a capital follows
/// a small letter.
fn split(name: &str) -> impl Iterator<Item = String> {
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_alphabetic());
        let mut before_is_small = false;
        let end = rest
            .char_indices()
            .find(|&(_, c)| {
                let ends = !c.is_alphabetic() || (before_is_small && c.is_uppercase());
                before_is_small = c.is_lowercase();
                ends
            })
            .map_or(rest.len(), |(at, _)| at);
        let (word, after) = rest.split_at(end);
        rest = after;
        (!word.is_empty()).then(|| word.to_lowercase())
    })
}

/// Whether an element is named as what readers wrote below an article.
pub fn is_comments(element: &Element) -> bool {
    [element.attr("class"), element.attr("id")]
        .into_iter()
        .flatten()
        .flat_map(str::split_ascii_whitespace)
        .any(|name| {
            matches!(
                name.to_ascii_lowercase().as_str(),
                "comments"
                    | "comment-list"
                    | "commentlist"
                    | "comments-area"
                    | "comments-section"
                    | "comments_section"
                    | "comment-section"
                    | "respond"
                    | "disqus_thread"
                    | "comments-wrapper"
                    | "comments-container"
                    | "post-comments"
                    | "comments-list"
                    | "commentarea"
                    | "fb-comments"
                    | "usercomments"
                    | "user-comments"
                    | "article-comments"
            )
        })
}

/// Whether an element is named as a part of an article that may stand apart from the rest of it.
pub fn is_part(element: &Element) -> bool {
    let names = [
        element.attr("class"),
        element.attr("id"),
        element.attr("itemprop"),
        element.attr("role"),
    ];
    names.into_iter().flatten().flat_map(split).any(|word| {
        matches!(
            &*word,
            "footnote"
                | "footnotes"
                | "endnote"
                | "endnotes"
                | "notes"
                | "references"
                | "bibliography"
                | "appendix"
                | "content"
                | "article"
                | "entry"
                | "text"
                | "story"
                | "body"
                | "intro"
                | "lead"
                | "standfirst"
                | "abstract"
                | "summary"
                | "chapter"
                | "section"
                | "sect"
                | "doc"
        )
    })
}

/// Whether an element is named as what stands below every page of its site.
pub fn is_footer(element: &Element) -> bool {
    let named = [element.attr("class"), element.attr("id")]
        .into_iter()
        .flatten()
        .flat_map(str::split_ascii_whitespace);
    let is_footer = |name: &str| {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "footer"
                | "site-footer"
                | "page-footer"
                | "pagefooter"
                | "copyright-footer"
                | "global-footer"
                | "sitefooter"
                | "footer-wrapper"
                | "footer-container"
        )
    };
    // A table may have a footer of its own.
    let is_box =
        !element.tag.is_inline() && !matches!(element.tag, Tag::RowGroup | Tag::Row | Tag::Cell);
    element.attr("role") == Some("contentinfo") || (is_box && named.into_iter().any(is_footer))
}

/// Whether an element is a form to search the site with.
pub fn is_search(element: &Element) -> bool {
    let says = |name: &str| {
        element
            .attr(name)
            .is_some_and(|value| value.to_ascii_lowercase().contains("search"))
    };
    element.local() == "search"
        || element.local() == "form" && ["role", "action", "id", "class"].into_iter().any(says)
}

/// Whether an element is named as the name of an author.
pub fn is_author(element: &Element) -> bool {
    let class = element
        .attr("class")
        .into_iter()
        .flat_map(str::split_ascii_whitespace);
    let named = |name: &str| {
        matches!(
            name.to_ascii_lowercase().as_str(),
            "author"
                | "byline"
                | "author-name"
                | "byline-name"
                | "p-author"
                | "post-author"
                | "entry-author"
                | "article-author"
        )
    };
    class.into_iter().any(named)
}

/// Whether an element is named as what covers a part of the page until it is answered.
pub fn is_popup(element: &Element) -> bool {
    let names = [
        element.attr("class"),
        element.attr("id"),
        element.attr("role"),
    ]
    .into_iter()
    .flatten();
    names.flat_map(split).any(|word| {
        matches!(
            &*word,
            "popup" | "modal" | "overlay" | "dialog" | "alertdialog" | "banner"
        )
    })
}
