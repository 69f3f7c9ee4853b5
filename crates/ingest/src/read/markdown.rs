//! Markdown: the file is one article, its front matter the metadata.

use super::front_matter::{self, FrontMatter};
use super::whole_file::{one_file, title_from_name};
use crate::Result;
use crate::article::{Article, ByteSpan, Metadata, one_line};
use crate::source::{Source, note};
use notes::{Code, Note};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The Markdown extensions that are enabled.
pub fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES
}

pub fn parse(source: &Source, text: String, notes: &mut Vec<Note>) -> Result<Article> {
    let mark = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let front = front_matter::read(&text[mark..]).unwrap_or_default();
    let (metadata, mut title) = metadata(source, &front, notes);
    let body_start = mark + front.end;
    title = title.or_else(|| first_heading(&text[body_start..]));
    let title = title.unwrap_or_else(|| title_from_name(source));
    let mut article = one_file(source, one_line(&title), text);
    article.body = vec![ByteSpan::new(body_start, article.text.len())];
    article.metadata = metadata;
    if article.body[0].of(&article.text).trim().is_empty() && front.end > 0 {
        // A file with only front matter still has something to find.
        article.body = vec![ByteSpan::new(mark, article.text.len())];
        let message = "it contains only front matter, which is read as its text";
        notes.push(note(source, None, Code::FrontMatterOnly, message));
    }
    Ok(article)
}

/// The metadata and the title in front matter.
pub fn metadata(
    source: &Source,
    front: &FrontMatter,
    notes: &mut Vec<Note>,
) -> (Metadata, Option<String>) {
    let to_note = |(line, problem): &(u64, String)| {
        note(
            source,
            Some(*line),
            Code::FrontMatterInvalid,
            format!("front matter: {problem}"),
        )
    };
    notes.extend(front.problems.iter().map(to_note));
    let (mut metadata, mut title) = (Metadata::new(), None);
    for (name, value) in &front.entries {
        match name.as_str() {
            "title" => title = value.text(),
            _ => metadata.extend(value.metadata().map(|value| (name.clone(), value))),
        }
    }
    (metadata, title)
}

/// The text of the first top-level heading, in Markdown or HTML.
fn first_heading(text: &str) -> Option<String> {
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, options()) {
        match (event, &mut heading) {
            (
                Event::Start(Tag::Heading {
                    level: HeadingLevel::H1,
                    ..
                }),
                None,
            ) => heading = Some(String::new()),
            (Event::End(TagEnd::Heading(_)), Some(text)) if text.trim().is_empty() => {
                heading = None
            }
            (Event::End(TagEnd::Heading(_)), Some(_)) => break,
            (Event::Text(part) | Event::Code(part), Some(text)) => text.push_str(&part),
            (Event::SoftBreak | Event::HardBreak, Some(text)) => text.push(' '),
            (Event::Html(html) | Event::InlineHtml(html), None) => {
                if let Some(text) = html_heading(&html) {
                    return Some(text);
                }
            }
            _ => {}
        }
    }
    heading.filter(|heading| !heading.trim().is_empty())
}

/// The text between `<h1>` and `</h1>` on one line.
fn html_heading(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<h1")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</h1")?;
    let (mut text, mut in_tag) = (String::new(), false);
    for c in html[start..end].chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    (!text.trim().is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use crate::Format;
    use crate::article::MetaValue;
    use crate::read::testing::read_bytes;

    fn read(text: &str) -> (crate::Article, Vec<String>) {
        let (mut articles, notes) = read_bytes("tall-trees.md", Format::Markdown, text.as_bytes());
        (articles.pop().unwrap(), notes)
    }

    #[test]
    fn front_matter_is_metadata_and_not_body() {
        let text = "---\ntitle: On Bees\ndate: 2026-01-31\ntags: [insects, honey]\nrating: 4.5\n---\n# Heading\n\nBody text.\n";
        let (article, notes) = read(text);
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(article.title, "On Bees");
        assert!(matches!(article.metadata["date"], MetaValue::Date(_)));
        assert!(
            matches!(&article.metadata["rating"], MetaValue::Number(n) if n.to_string() == "4.5")
        );
        assert!(matches!(&article.metadata["tags"], MetaValue::List(l) if l.len() == 2));
        assert_eq!(
            article.body[0].of(&article.text).trim(),
            "# Heading\n\nBody text."
        );
    }

    #[test]
    fn titles_of_any_type_are_kept_as_text() {
        for (written, title) in [
            ("1984", "1984"),
            ("2026-01-31", "2026-01-31"),
            ("[a, 2]", "a, 2"),
            ("no", "no"),
            ("3.10", "3.10"),
        ] {
            let (article, notes) = read(&format!("---\ntitle: {written}\n---\n# Heading\n"));
            assert!(notes.is_empty(), "{notes:?}");
            assert_eq!(
                (article.title.as_str(), article.metadata.get("title")),
                (title, None),
                "{written}"
            );
        }
        assert_eq!(
            read("+++\ntitle = 2024-05-07\n+++\ntext\n").0.title,
            "2024-05-07"
        );
        for empty in ["", "\"\"", "[]", "~"] {
            assert_eq!(
                read(&format!("---\ntitle: {empty}\n---\n# Heading\n"))
                    .0
                    .title,
                "Heading",
                "{empty}"
            );
        }
    }

    #[test]
    fn without_front_matter_the_first_heading_is_the_title() {
        assert_eq!(read("Intro\n\n# The `code` one\n").0.title, "The code one");
        assert_eq!(
            read("Underlined\n==========\n\ntext\n").0.title,
            "Underlined"
        );
        assert_eq!(
            read("<h1 align=\"center\">In <b>HTML</b></h1>\n\ntext\n")
                .0
                .title,
            "In HTML"
        );
        assert_eq!(
            read("```\n# a comment\n```\n\nno heading\n").0.title,
            "tall trees"
        );
        assert_eq!(read("## Second level\n\n#\n\ntext\n").0.title, "tall trees");
    }

    #[test]
    fn front_matter_allows_all_line_ends() {
        for end in ["\n", "\r\n", "\r"] {
            let text = [
                "\u{feff}---",
                "title: X",
                "tags:",
                "  - a",
                "  - b",
                "---",
                "# Heading",
                "",
            ]
            .join(end);
            let (article, notes) = read(&text);
            assert!(notes.is_empty(), "{notes:?}");
            assert_eq!(
                (
                    article.title.as_str(),
                    article.metadata["tags"].shown().as_str()
                ),
                ("X", "a, b")
            );
        }
    }

    #[test]
    fn a_rule_in_the_middle_is_not_front_matter() {
        let text = "The aqueduct was built in stone.\n\n---\nMinutes by: B. Sample\n---\n\nThe siphon came later.\n";
        let (article, notes) = read(text);
        assert!(notes.is_empty() && article.metadata.is_empty(), "{notes:?}");
        assert_eq!(article.body[0].of(&article.text), text);
    }

    #[test]
    fn invalid_front_matter_is_noted_and_the_body_read() {
        let (article, notes) =
            read("---\nauthor: Ann\ntitle: Part 2: the return\n---\nThe walnut tree.\n");
        assert_eq!(article.title, "Part 2: the return");
        assert_eq!(article.body[0].of(&article.text).trim(), "The walnut tree.");
        assert!(
            notes.len() == 1 && notes[0].starts_with("note: tall-trees.md:3: front matter: "),
            "{notes:?}"
        );
    }

    #[test]
    fn a_file_with_only_front_matter_is_read_as_text() {
        let (article, notes) = read("---\ntitle: Pump\nstatus: out of order\n---\n");
        assert!(article.body[0].of(&article.text).contains("out of order"));
        assert_eq!(notes.len(), 1);
    }
}
