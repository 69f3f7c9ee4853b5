//! Titles and facts.

use super::title;
use crate::read::html::{Page, extract};

#[test]
fn a_title_is_kept_whole() {
    assert_eq!(
        title("<title>Bogs: a history</title><h1>Bogs</h1>"),
        "Bogs: a history"
    );
    assert_eq!(
        title("<title>Bogs \n &mdash; The  Moss Book</title><h1>Bogs</h1>"),
        "Bogs — The Moss Book"
    );
}

#[test]
fn a_title_loses_only_the_name_of_its_site() {
    let site = "<meta property=og:site_name content='The Moss Book'>";
    assert_eq!(
        title(&format!(
            "{site}<title>Bogs: a history | The Moss Book</title>"
        )),
        "Bogs: a history"
    );
    assert_eq!(
        title(&format!("{site}<title>The Moss Book - Bogs</title>")),
        "Bogs"
    );
    assert_eq!(
        title(&format!("{site}<title>Bogs | Another book</title>")),
        "Bogs | Another book"
    );
    assert_eq!(title("<title>Bogs | Bogs</title>"), "Bogs");
}

#[test]
fn a_heading_stands_in_where_it_says_more() {
    assert_eq!(
        title("<body><h1>How <em>bogs</em><br>grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<title>Untitled Document</title><h1>How bogs grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<title>How bogs…</title><h1>How bogs grow</h1>"),
        "How bogs grow"
    );
    assert_eq!(
        title("<meta property=og:title content='Bogs'><p>Text."),
        "Bogs"
    );
    assert_eq!(title("<svg><title>Icon</title></svg><p>Text."), "");
}

#[test]
fn facts_about_a_page() {
    let page = extract(
        "<html lang=en-GB><meta name=author content='Ada Berg'><meta name=author content='Carl Dahl'>\
         <meta property=og:site_name content='The Moss Book'><meta name=description content='On peat.'>\
         <meta property=article:published_time content='2024-03-01T10:00+01:00'><p>Text.",
    );
    let expected = [
        ("author", "Ada Berg, Carl Dahl"),
        ("site", "The Moss Book"),
        ("language", "en-GB"),
        ("published", "2024-03-01T10:00+01:00"),
        ("description", "On peat."),
    ];
    assert_eq!(
        page.metadata,
        expected.map(|(key, value)| (key, value.to_owned()))
    );

    let page = extract(
        r#"<script type="application/ld+json">{"@graph": [{"@type": "WebSite", "name": "Moss"}, {"@type": "NewsArticle",
        "author": [{"name": "Ada Berg"}, "Carl Dahl"], "datePublished": "2024-03-01"}]}</script><p>Text."#,
    );
    assert_eq!(
        fact(&page, "author").as_deref(),
        Some("Ada Berg, Carl Dahl")
    );
    assert_eq!(fact(&page, "site").as_deref(), Some("Moss"));
    assert_eq!(fact(&page, "published").as_deref(), Some("2024-03-01"));

    let page = extract(
        "<h3 class=author><span>Ada</span> <span>Berg</span></h3><h3 class=author>Carl Dahl</h3><p>Text.",
    );
    assert_eq!(
        fact(&page, "author").as_deref(),
        Some("Ada Berg, Carl Dahl")
    );
    assert_eq!(
        extract("<script type='application/ld+json'>{broken</script><p>Text.").metadata,
        []
    );
}

fn fact(page: &Page, key: &str) -> Option<String> {
    page.metadata
        .iter()
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.clone())
}
