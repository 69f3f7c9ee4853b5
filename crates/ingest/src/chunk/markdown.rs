//! Splits a Markdown article at its headings.

use crate::article::{Article, ByteSpan};
use crate::read::markdown_options;
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The sections of the body, in order, each with the path of headings above it (`"Bees > Honey"`).
/// A heading without text of its own belongs to the first section below it.
pub fn sections(article: &Article) -> Vec<(ByteSpan, String)> {
    article
        .body
        .iter()
        .flat_map(|&part| sections_of(&article.text, part))
        .collect()
}

fn sections_of(text: &str, part: ByteSpan) -> Vec<(ByteSpan, String)> {
    let mut sections = Vec::new();
    let mut path: Vec<(usize, String)> = Vec::new();
    let (mut start, mut has_text, mut heading) = (part.start, false, None::<(usize, String)>);
    let mut close =
        |start: &mut usize, end: usize, has_text: &mut bool, path: &[(usize, String)]| {
            if *has_text {
                let headings = path
                    .iter()
                    .map(|(_, h)| h.as_str())
                    .collect::<Vec<_>>()
                    .join(" > ");
                sections.push((ByteSpan::new(*start, end), headings));
                *start = end;
                *has_text = false;
            }
        };
    for (event, range) in Parser::new_ext(part.of(text), markdown_options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                close(&mut start, part.start + range.start, &mut has_text, &path);
                heading = Some((level as usize, String::new()));
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, title)) = heading.take() {
                    path.retain(|(above, _)| *above < level);
                    path.push((level, title.trim().to_owned()));
                }
            }
            Event::Text(words) | Event::Code(words) => match &mut heading {
                Some((_, title)) => title.push_str(&words),
                None => has_text = true,
            },
            Event::Html(_) | Event::InlineHtml(_) | Event::Rule => has_text |= heading.is_none(),
            _ => {}
        }
    }
    has_text |= !text[start..part.end].trim().is_empty();
    close(&mut start, part.end, &mut has_text, &path);
    sections
}
