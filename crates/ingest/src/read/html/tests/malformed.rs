//! Pages that are no HTML.

use super::text;
use crate::read::html::extract;

#[test]
fn a_page_that_is_no_page_is_read_all_the_same() {
    for html in [
        "",
        " ",
        "<",
        "<html",
        "<p",
        "</p>",
        "<!--",
        "<![CDATA[",
        "<table><td><table>",
        "\u{0}",
        "&#xD800;",
        "<a <b <c",
    ] {
        extract(html);
    }
    assert_eq!(text("one <b>two<p>three</b> four"), "one two\n\nthree four");
    assert_eq!(text("<table>oak<tr>elm<td>ash</table>"), "oakelm\n\nash");
}

/// A hundred thousand levels of each, and long pages without any; seconds would mean that time
/// grows by the square.
#[test]
fn depth_and_length_cost_no_more_than_they_must() {
    let begun = std::time::Instant::now();
    for name in [
        "div",
        "b",
        "ul><li",
        "table><tr><td",
        "blockquote",
        "span",
        "a href=x",
        "ruby",
        "sup",
        "x-y",
        "svg",
        "math",
        "font size=1",
        "nav",
        "pre",
        "q",
    ] {
        let html = format!("{}deep<p>words", format!("<{name}>").repeat(100_000));
        let page = extract(&html);
        assert!(name == "svg" || page.text.contains("deep"), "{name}");
    }
    extract(&"<div><a href=x>Next</a>".repeat(50_000));
    extract(&"<p>word <sup>1</sup><ul><li>item<table><tr><td>cell</table>".repeat(20_000));
    let page = extract(&format!("{}end", "<div>oak</div>".repeat(100_000)));
    assert!(page.text.ends_with("oak\n\nend"));
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn text_below_the_deepest_level_keeps_its_words_apart() {
    let text = text(&format!(
        "{}oak<div>elm</div>ash<p>yew",
        "<div>".repeat(600)
    ));
    assert_eq!(
        text.split_whitespace().collect::<Vec<_>>(),
        ["oak", "elm", "ash", "yew"]
    );
}

/// Tags in any order, from a fixed seed: nothing panics, and every word of a letter and a number
/// comes out whole.
#[test]
fn any_soup_of_tags_is_read() {
    const NAMES: [&str; 30] = [
        "div",
        "p",
        "b",
        "a href=x",
        "table",
        "tr",
        "td",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "pre",
        "sup",
        "ruby",
        "rt",
        "rp",
        "q",
        "form",
        "select",
        "option",
        "h1",
        "h2",
        "nav",
        "svg",
        "math",
        "template",
        "span style=display:block",
        "article",
        "body",
    ];
    let mut state = 7u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..500 {
        let mut html = String::new();
        for at in 0..60 {
            let name = NAMES[next(NAMES.len())];
            match next(3) {
                0 => html.push_str(&format!("<{name}>")),
                1 => html.push_str(&format!("</{}>", name.split(' ').next().unwrap_or(name))),
                _ => html.push_str(&format!("\u{a0}wört{at} ")),
            }
        }
        let text = text(&html);
        for word in text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.starts_with('w'))
        {
            assert!(
                word.strip_prefix("wört")
                    .is_some_and(|number| number.parse::<u8>().is_ok()),
                "{word}: {html}"
            );
        }
    }
}
