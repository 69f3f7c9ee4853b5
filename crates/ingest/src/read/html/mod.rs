//! HTML: the title, the main text and what a page says about itself.
//!
//! The text loses only what is certainly no content. Every element that is not inline ends a word.

mod charset;
mod clutter;
mod layout;
mod marks;
mod metadata;
mod parse;
mod stats;
mod tag;
#[cfg(test)]
mod tests;
mod title;
mod tree;
mod words;

use super::reader::{Emit, Reader};
use super::whole_file::{bytes_of, hand_over, one_file, title_from_name};
use crate::article::{Article, MetaValue};
use crate::source::Source;
use crate::{Result, encoding};
pub use charset::declared_encoding;

pub struct Html;

impl Reader for Html {
    fn read(&self, source: &Source, limit: u64, emit: &mut Emit<'_>) -> Result<()> {
        let bytes = bytes_of(source, limit)?;
        let declared = declared_encoding(&bytes);
        let decoded = encoding::decode_declared(source, bytes, declared)?;
        hand_over(
            source,
            decoded.note,
            article(source, extract(&decoded.text)),
            emit,
        );
        Ok(())
    }
}

fn article(source: &Source, page: Page) -> Article {
    let title = if page.title.is_empty() {
        title_from_name(source)
    } else {
        page.title
    };
    let mut article = one_file(source, title, page.text);
    article.metadata = page
        .metadata
        .into_iter()
        .map(|(name, value)| (name.to_owned(), MetaValue::from_text(&value)))
        .collect();
    article
}

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Empty if the page has none.
    pub title: String,
    pub text: String,
    /// Under "author", "site", "language", "published" and "description".
    pub metadata: Vec<(&'static str, String)>,
}

/// Reads a page.
pub fn extract(html: &str) -> Page {
    let tree = parse::parse(html);
    let (clutter, census) = clutter::find(&tree);
    let text = layout::text(&tree, &clutter, &census);
    let facts = metadata::Facts::of(&tree, &clutter);
    let title = title::of(
        &tree,
        &clutter,
        facts.title.as_deref(),
        facts.site.as_deref(),
    );
    Page {
        title,
        text,
        metadata: facts.into_pairs(),
    }
}
