//! Splits articles into passages: spans of the body, each with the context that is embedded with
//! it.

mod markdown;
mod pack;
pub mod sentence;
mod table;

use crate::article::{Article, ByteSpan};
use pack::pack;
use serde::{Deserialize, Serialize};
use table::Tables;

/// How an article is split into passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Strategy {
    /// Each part of the body is one passage; in most formats that is the whole article. Text beyond
    /// the model's window is ignored by the embedding. Published benchmark results are measured
    /// this way.
    Whole,
    /// Whole sentences, packed up to a token budget.
    Sentences,
    /// Like `Sentences`, but never across a heading of a Markdown article, and with the headings
    /// above as context.
    Markdown,
}

/// A chunking strategy with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Chunking {
    /// How to split.
    pub strategy: Strategy,
    /// The maximum number of tokens in a passage, without its context. Unused by
    /// [`Strategy::Whole`].
    pub tokens: usize,
    /// How many sentences of a passage are repeated in the next one.
    pub overlap: usize,
}

impl Default for Chunking {
    fn default() -> Self {
        Self {
            strategy: Strategy::Sentences,
            tokens: 128,
            overlap: 1,
        }
    }
}

/// The text is part of stored fingerprints (see [`Chunking::key`]) and of JSON output, so it must
/// not change.
impl std::fmt::Display for Chunking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            tokens, overlap, ..
        } = self;
        match self.strategy {
            Strategy::Whole => write!(f, "whole"),
            Strategy::Sentences => write!(f, "sentences, {tokens} word pieces, overlap {overlap}"),
            Strategy::Markdown => write!(f, "markdown, {tokens} word pieces, overlap {overlap}"),
        }
    }
}

/// A passage before embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Its span in the article's text.
    pub span: ByteSpan,
    /// What is embedded before it: the title, for Markdown the headings above, and the header of
    /// the table in whose rows it begins. Not part of the span.
    pub context: String,
}

impl Chunk {
    /// The text to embed: the context, a space, the passage.
    pub fn embedded_text(&self, article: &Article) -> String {
        let passage = self.span.of(&article.text);
        if self.context.is_empty() {
            passage.to_owned()
        } else {
            format!("{} {passage}", self.context)
        }
    }
}

/// The text of an article's passages for the lexical index.
pub struct LexicalText<'a> {
    article: &'a Article,
    tables: Tables,
}

impl<'a> LexicalText<'a> {
    /// Prepares the passages of `article`.
    pub fn of(article: &'a Article) -> Self {
        Self {
            article,
            tables: Tables::of(&article.text),
        }
    }

    /// The text to index for a passage, on separate lines: the title, unless the passage begins
    /// with it; the header of the table in whose rows the passage begins; the passage itself.
    pub fn passage(&self, span: ByteSpan) -> String {
        let (title, passage) = (&self.article.title, span.of(&self.article.text));
        let title = Some(title.as_str()).filter(|title| !passage.starts_with(title));
        title
            .into_iter()
            .chain(self.tables.header_at(span.start))
            .chain([passage])
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// The context of a passage gets at most the model's window divided by this, and so does a table
/// header. The context of [`Strategy::Whole`], the title, is not limited.
pub const CONTEXT_DIVISOR: usize = 16;

impl Chunking {
    /// The smallest token budget of a passage; smaller values of `tokens` are raised to it.
    pub const MIN_TOKENS: usize = 16;

    /// Splits `article` into passages, in order. `window` is the model's context window in tokens,
    /// without special tokens; `count` counts the tokens of a text.
    ///
    /// Every non-white-space character of the body is in at least one passage. Except with
    /// [`Strategy::Whole`], the starts of the passages increase strictly, and so do the ends.
    pub fn chunk(
        &self,
        article: &Article,
        window: usize,
        count: &dyn Fn(&str) -> usize,
    ) -> Vec<Chunk> {
        let sections = match self.strategy {
            Strategy::Markdown => markdown::sections(article),
            _ => article
                .body
                .iter()
                .map(|&span| (span, String::new()))
                .collect(),
        };
        let tables = Tables::of(&article.text);
        let mut chunks = Vec::new();
        for (section, headings) in sections {
            let context = context(&article.title, &headings);
            let spans = if self.strategy == Strategy::Whole {
                vec![section.trimmed(&article.text)]
            } else {
                let context = truncated(&context, window / CONTEXT_DIVISOR, count);
                let header = if tables.is_empty() {
                    0
                } else {
                    window / CONTEXT_DIVISOR
                };
                let available = window.saturating_sub(count(&context) + header);
                let budget = self.tokens.min(available).max(Self::MIN_TOKENS);
                pack(&article.text, section, budget, self.overlap, count)
            };
            for span in spans
                .into_iter()
                .filter(|span| !span.is_empty() || self.strategy == Strategy::Whole)
            {
                let begins_with_title =
                    span.of(&article.text).starts_with(&article.title) && headings.is_empty();
                let context = match self.strategy {
                    Strategy::Whole => context.clone(),
                    _ if begins_with_title => String::new(),
                    _ => truncated(&context, window / CONTEXT_DIVISOR, count),
                };
                let header = tables
                    .header_at(span.start)
                    .filter(|_| self.strategy != Strategy::Whole);
                let context =
                    match header.map(|header| truncated(header, window / CONTEXT_DIVISOR, count)) {
                        Some(header) if context.is_empty() => header,
                        Some(header) => format!("{context} {header}"),
                        None => context,
                    };
                chunks.push(Chunk { span, context });
            }
        }
        chunks
    }

    /// Identifies the chunking in the [fingerprint](Article::fingerprint) of an article. Any change
    /// causes all articles of existing collections to be indexed again.
    pub fn key(&self) -> String {
        format!("{self} v1")
    }
}

fn context(title: &str, headings: &str) -> String {
    match (title.is_empty(), headings.is_empty()) {
        (_, true) => title.to_owned(),
        (true, _) => headings.to_owned(),
        _ if headings == title || headings.starts_with(&format!("{title} > ")) => {
            headings.to_owned()
        }
        _ => format!("{title} > {headings}"),
    }
}

/// The first words of `text`, up to `max_tokens` tokens.
fn truncated(text: &str, max_tokens: usize, count: &dyn Fn(&str) -> usize) -> String {
    if count(text) <= max_tokens {
        return text.to_owned();
    }
    let (mut kept, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        used += count(word);
        if used > max_tokens {
            break;
        }
        if !kept.is_empty() {
            kept.push(' ');
        }
        kept.push_str(word);
    }
    kept
}

#[cfg(test)]
mod tests {
    // Imported explicitly, because proptest's prelude has a `Strategy`, too.
    use super::Strategy;
    use super::*;
    use proptest::prelude::*;

    /// A fake tokenizer: one token for every four characters of a word.
    pub fn count(text: &str) -> usize {
        text.split_whitespace()
            .map(|word| word.chars().count().div_ceil(4))
            .sum()
    }

    pub fn article(text: &str, body: Vec<ByteSpan>) -> Article {
        Article {
            id: "a".into(),
            title: "On things".into(),
            path: "a.txt".into(),
            text: text.into(),
            body,
            record_line: None,
            metadata: Default::default(),
            questions: Vec::new(),
        }
    }

    fn whole_body(text: &str) -> Article {
        article(text, vec![ByteSpan::new(0, text.len())])
    }

    proptest! {
        #[test]
        fn spans_are_valid_ordered_and_cover_the_body(
            text in "(\\PC{0,40}[.!?。\n ]{0,3}|[a-z ]{0,80}\\. |# [A-Z][a-z]{2,9}\n){0,12}",
            cut_at in 0usize..400,
            tokens in 1usize..60,
            overlap in 0usize..3,
            strategy in prop_oneof![Just(Strategy::Whole), Just(Strategy::Sentences), Just(Strategy::Markdown)],
        ) {
            let at = (0..=cut_at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap();
            let article = article(&text, vec![ByteSpan::new(0, at), ByteSpan::new(at, text.len())]);
            let chunking = Chunking { strategy, tokens, overlap };
            let chunks = chunking.chunk(&article, 64, &count);
            let mut covered = vec![false; text.len()];
            for cut in &chunks {
                prop_assert!(text.get(cut.span.start..cut.span.end).is_some(), "{:?} is no span", cut.span);
                prop_assert!(article.body.iter().any(|b| b.start <= cut.span.start && cut.span.end <= b.end), "crosses the body");
                covered[cut.span.start..cut.span.end].fill(true);
                if strategy != Strategy::Whole {
                    prop_assert!(count(cut.span.of(&text)) <= tokens.max(Chunking::MIN_TOKENS), "over the budget");
                }
            }
            for pair in chunks.windows(2).filter(|_| strategy != Strategy::Whole) {
                prop_assert!(pair[0].span.start < pair[1].span.start && pair[0].span.end < pair[1].span.end, "not in order");
            }
            for (i, c) in text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
                prop_assert!(covered[i], "{c:?} at {i} is in no passage");
            }
        }
    }

    #[test]
    fn title_is_context_outside_the_span() {
        let chunks = Chunking::default().chunk(&whole_body("One thing. Another."), 254, &count);
        assert_eq!(chunks.len(), 1);
        assert_eq!(
            chunks[0].embedded_text(&whole_body("One thing. Another.")),
            "On things One thing. Another."
        );
    }

    #[test]
    fn title_is_not_repeated_before_a_passage_that_begins_with_it() {
        let article = whole_body("On things\n\nOne thing.");
        let chunks = Chunking::default().chunk(&article, 254, &count);
        assert_eq!(chunks[0].embedded_text(&article), "On things\n\nOne thing.");
    }

    #[test]
    fn overlap_repeats_whole_sentences() {
        let text =
            "Aaaa bbbb cccc dddd. Eeee ffff gggg hhhh. Iiii jjjj kkkk llll. Mmmm nnnn oooo pppp.";
        let chunking = Chunking {
            strategy: Strategy::Sentences,
            tokens: 16,
            overlap: 1,
        };
        let article = whole_body(text);
        let got: Vec<_> = chunking
            .chunk(&article, 254, &count)
            .iter()
            .map(|c| c.span.of(text).to_owned())
            .collect();
        assert_eq!(
            got[0],
            "Aaaa bbbb cccc dddd. Eeee ffff gggg hhhh. Iiii jjjj kkkk llll."
        );
        assert_eq!(got[1], "Iiii jjjj kkkk llll. Mmmm nnnn oooo pppp.");
    }

    #[test]
    fn markdown_chunks_never_cross_headings() {
        let text = "# Bees\n\nIntro here.\n\n## Honey\n\nIt keeps.\n\n### Why\n\nToo dry.\n\n## Wax\n\nIt melts.\n";
        let article = whole_body(text);
        let chunking = Chunking {
            strategy: Strategy::Markdown,
            ..Chunking::default()
        };
        let got: Vec<_> = chunking
            .chunk(&article, 254, &count)
            .into_iter()
            .map(|c| (c.context.clone(), c.span.of(text).to_owned()))
            .collect();
        assert_eq!(
            got[0],
            (
                "On things > Bees".to_owned(),
                "# Bees\n\nIntro here.".to_owned()
            )
        );
        assert_eq!(
            got[2],
            (
                "On things > Bees > Honey > Why".to_owned(),
                "### Why\n\nToo dry.".to_owned()
            )
        );
        assert_eq!(
            got[3],
            (
                "On things > Bees > Wax".to_owned(),
                "## Wax\n\nIt melts.".to_owned()
            )
        );
        assert_eq!(got.len(), 4);
    }
}
