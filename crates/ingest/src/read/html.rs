//! HTML: the main text and title, as a browser's reading view would show them. Spans count in the
//! extracted text.

use super::{one_file, title_from_name};
use crate::Result;
use crate::article::{Article, MetaValue};
use crate::walk::Source;
use dom_smoothie::{Config, Readability, TextMode};

/// What is no content anywhere.
const CLUTTER: &str = "nav, footer, form, button, iframe, svg, template, noscript, [role=navigation]";
/// What is none where the reading view finds no main text.
const REST: &str = "head, script, style, header, aside";

pub fn parse(source: &Source, html: String) -> Result<Article> {
    let config = Config { text_mode: TextMode::Formatted, ..Config::default() };
    // A page may be too short for the reading view; then what is left without the clutter is its text.
    let page = dom_query::Document::from(html);
    page.select(CLUTTER).remove();
    let main = Readability::with_document(page.clone(), None, Some(config)).and_then(|mut page| page.parse()).ok();
    let (title, text) = match &main {
        Some(page) if !page.text_content.trim().is_empty() => (page.title.clone(), page.text_content.to_string()),
        _ => {
            let title = page.select("title").text().to_string();
            page.select(REST).remove();
            (title, page.formatted_text().to_string())
        }
    };
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let title = if title.is_empty() { title_from_name(source) } else { title };
    let mut article = one_file(source, title, text);
    if let Some(page) = main {
        let facts = [
            ("author", page.byline),
            ("site", page.site_name),
            ("language", page.lang),
            ("published", page.published_time),
        ];
        for (name, value) in facts {
            if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
                article.metadata.insert(name.to_owned(), MetaValue::from_text(value.trim()));
            }
        }
    }
    Ok(article)
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn scripts_and_menus_are_left_out() {
        let paragraph =
            "Honey keeps for years because it holds too little water for anything to grow in it. ".repeat(8);
        let html = format!(
            "<html lang=en><head><title>On honey</title><script>var x = 'tracker';</script></head><body>\
             <nav><a href=/>Home menu</a></nav><article><h1>On honey</h1><p>{paragraph}</p><p>{paragraph}</p></article>\
             <footer>Copyright notice</footer></body></html>"
        );
        let (articles, errors) = read_bytes("honey.html", Format::Html, html.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(articles[0].title, "On honey");
        assert!(articles[0].text.contains("Honey keeps for years"));
        for clutter in ["tracker", "Home menu", "Copyright"] {
            assert!(!articles[0].text.contains(clutter), "{clutter}: {}", articles[0].text);
        }
    }

    #[test]
    fn a_short_page_is_read_too() {
        let (articles, errors) =
            read_bytes("a.html", Format::Html, b"<title>T</title><nav>menu</nav><p>One line.</p><script>no()</script>");
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!((articles[0].title.as_str(), articles[0].text.trim()), ("T", "One line."));
    }

    #[test]
    fn no_body_is_an_error() {
        let (articles, errors) = read_bytes("a.html", Format::Html, b"<html><head><title>T</title></head></html>");
        assert!(articles.is_empty());
        assert_eq!(errors, ["a.html: no text in it"]);
    }
}
