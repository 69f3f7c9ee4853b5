//! Markdown: the file is the article, its front matter the metadata.

use super::{one_file, title_from_name};
use crate::article::{Article, ByteSpan, MetaValue, Metadata};
use crate::walk::Source;
use crate::{Error, Result};
use pulldown_cmark::{Event, HeadingLevel, MetadataBlockKind, Options, Parser, Tag, TagEnd};

/// What a heading-aware reader needs to understand of Markdown.
pub fn options() -> Options {
    Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS
        | Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
}

pub fn parse(source: &Source, text: String) -> Result<Article> {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let (mut metadata, mut body_start) = (Metadata::new(), mark);
    let (mut first_heading, mut in_heading) = (None::<String>, false);
    let mut front: Option<(MetadataBlockKind, String)> = None;
    for (event, range) in Parser::new_ext(&text[mark..], options()).into_offset_iter() {
        match event {
            Event::Start(Tag::MetadataBlock(kind)) => front = Some((kind, String::new())),
            Event::End(TagEnd::MetadataBlock(_)) => {
                if let Some((kind, block)) = front.take() {
                    metadata = front_matter(source, kind, &block)?;
                }
                body_start = mark + range.end;
            }
            // With CRLF each line comes by itself.
            Event::Text(part) if let Some((_, block)) = &mut front => block.push_str(&part),
            Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) if first_heading.is_none() => {
                in_heading = true;
                first_heading = Some(String::new());
            }
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::Text(part) | Event::Code(part) if in_heading => {
                if let Some(heading) = &mut first_heading {
                    heading.push_str(&part);
                }
            }
            _ => {}
        }
        if first_heading.is_some() && !in_heading {
            break;
        }
    }
    let title = match metadata.remove("title") {
        Some(title) if !title.shown().is_empty() => title.shown(),
        _ => first_heading.filter(|h| !h.trim().is_empty()).unwrap_or_else(|| title_from_name(source)),
    };
    let mut article = one_file(source, title.trim().to_owned(), text);
    article.body = vec![ByteSpan::new(body_start, article.text.len())];
    article.metadata = metadata;
    Ok(article)
}

fn front_matter(source: &Source, kind: MetadataBlockKind, text: &str) -> Result<Metadata> {
    let wrong = |said: String| Error::malformed(&source.path, Some(1), format!("front matter: {said}"));
    let value: serde_json::Value = match kind {
        MetadataBlockKind::PlusesStyle => toml::from_str(text).map_err(|e| wrong(e.message().to_owned()))?,
        MetadataBlockKind::YamlStyle => serde_saphyr::from_str(text)
            .map_err(|e| wrong(e.to_string().lines().next().unwrap_or_default().to_owned()))?,
    };
    match value {
        serde_json::Value::Object(fields) => {
            Ok(fields.into_iter().filter_map(|(name, value)| Some((name, MetaValue::from_json(&value)?))).collect())
        }
        serde_json::Value::Null => Ok(Metadata::new()),
        other => Err(wrong(format!("expected `name: value` lines, found {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::read::testing::read_bytes;

    #[test]
    fn front_matter_is_metadata_and_no_body() {
        let text = "---\ntitle: On Bees\ndate: 2026-01-31\ntags: [insects, honey]\nrating: 4.5\n---\n# Heading\n\nBody text.\n";
        let (articles, errors) = read_bytes("bees.md", Format::Markdown, text.as_bytes());
        assert!(errors.is_empty(), "{errors:?}");
        let article = &articles[0];
        assert_eq!(article.title, "On Bees");
        assert!(matches!(article.metadata["date"], MetaValue::Date(_)));
        assert!(article.metadata["rating"].shown() == "4.5");
        assert!(matches!(&article.metadata["tags"], MetaValue::List(l) if l.len() == 2));
        assert_eq!(article.body[0].of(&article.text).trim(), "# Heading\n\nBody text.");
    }

    #[test]
    fn toml_front_matter_and_titles() {
        let (a, e) = read_bytes("bees.md", Format::Markdown, b"+++\ntitle = \"T\"\n+++\ntext\n");
        assert!(e.is_empty(), "{e:?}");
        assert_eq!(a[0].title, "T");
        assert_eq!(read_bytes("b.md", Format::Markdown, b"Intro\n\n# The `code` one\n").0[0].title, "The code one");
        assert_eq!(read_bytes("tall-trees.md", Format::Markdown, b"no heading\n").0[0].title, "tall trees");
    }

    #[test]
    fn titles_that_are_numbers_dates_or_lists_are_titles() {
        for (written, title) in [("1984", "1984"), ("2026-01-31", "2026-01-31"), ("[a, 2]", "a, 2"), ("true", "true")] {
            let text = format!("---\ntitle: {written}\n---\n# Heading\n");
            let (articles, errors) = read_bytes("b.md", Format::Markdown, text.as_bytes());
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!((articles[0].title.as_str(), articles[0].metadata.get("title")), (title, None), "{written}");
        }
        for empty in ["", "\"\"", "[]"] {
            let text = format!("---\ntitle: {empty}\n---\n# Heading\n");
            assert_eq!(read_bytes("b.md", Format::Markdown, text.as_bytes()).0[0].title, "Heading", "{empty}");
        }
    }

    #[test]
    fn front_matter_with_any_end_of_line_reads_the_same() {
        for end in ["\n", "\r\n"] {
            let text = ["---", "title: X", "tags:", "  - a", "  - b", "---", "# Heading", ""].join(end);
            let (articles, errors) = read_bytes("b.md", Format::Markdown, text.as_bytes());
            assert!(errors.is_empty(), "{errors:?}");
            assert_eq!((articles[0].title.as_str(), articles[0].metadata["tags"].shown().as_str()), ("X", "a, b"));
        }
    }

    #[test]
    fn broken_front_matter_is_an_error() {
        let (_, errors) = read_bytes("b.md", Format::Markdown, b"---\ntitle: [unclosed\n---\ntext\n");
        assert!(errors[0].starts_with("b.md:1: front matter: "), "{errors:?}");
    }
}
