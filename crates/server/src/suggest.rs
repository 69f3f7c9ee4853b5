//! Autocompletion: questions from the articles, and their titles.

use crate::problem::Result;
use serde::Serialize;
use std::collections::HashSet;
use store::Collection;
use utoipa::ToSchema;

/// Articles beyond this are not suggested: every keystroke scans all suggestions.
const MAX_ARTICLES: usize = 200_000;

/// A question or title that completes what was typed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// The question or title.
    pub text: String,
    /// Whether it is a question from an article or its title.
    pub kind: SuggestionKind,
    /// The id of the article.
    pub article_id: String,
}

/// Where a suggestion comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionKind {
    /// A question from an article.
    Question,
    /// The title of an article.
    Title,
}

/// All suggestions of a collection.
pub struct Suggestions {
    /// Each with its text as [`normalize`] gives it.
    all: Vec<(String, Suggestion)>,
}

impl Suggestions {
    pub fn of(collection: &dyn Collection, ids: &[String]) -> Result<Self> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut add = |text: &str, kind, article_id: &str| {
            if !text.trim().is_empty() && seen.insert(text.to_owned()) {
                all.push((
                    normalize(text),
                    Suggestion {
                        text: text.to_owned(),
                        kind,
                        article_id: article_id.to_owned(),
                    },
                ));
            }
        };
        for id in ids.iter().take(MAX_ARTICLES) {
            let Some(stored) = collection.article(id)? else {
                continue;
            };
            stored
                .article
                .questions
                .iter()
                .for_each(|pair| add(&pair.question, SuggestionKind::Question, id));
            add(&stored.article.title, SuggestionKind::Title, id);
        }
        Ok(Self { all })
    }

    /// Suggestions in which every typed word is the prefix of a word: first those that start with
    /// what was typed, then questions before titles, then shorter ones.
    pub fn matching(&self, typed: &str, limit: usize) -> Vec<Suggestion> {
        let typed = normalize(typed);
        let words: Vec<&str> = typed.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let has_word_prefix = |text: &str, word: &str| {
            text.match_indices(word)
                .any(|(at, _)| text[..at].ends_with(' '))
        };
        let mut found: Vec<_> = self
            .all
            .iter()
            .filter(|(text, _)| words.iter().all(|word| has_word_prefix(text, word)))
            .map(|(text, suggestion)| {
                let title = suggestion.kind == SuggestionKind::Title;
                ((!text.starts_with(&typed), title, text.len()), suggestion)
            })
            .collect();
        found.sort_by_key(|(order, _)| *order);
        found
            .into_iter()
            .take(limit)
            .map(|(_, suggestion)| suggestion.clone())
            .collect()
    }
}

/// Lowercase words, each with one space in front.
fn normalize(text: &str) -> String {
    let words = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    words.fold(String::new(), |mut all, word| {
        all.push(' ');
        all.extend(word.chars().flat_map(char::to_lowercase));
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typed_word_must_be_a_word_prefix() {
        let make = |text: &str, kind| {
            (
                normalize(text),
                Suggestion {
                    text: text.to_owned(),
                    kind,
                    article_id: "a".to_owned(),
                },
            )
        };
        let all = Suggestions {
            all: vec![
                make("Why tomatoes split", SuggestionKind::Title),
                make("Why do tomatoes split in summer?", SuggestionKind::Question),
                make("Splitting wood", SuggestionKind::Title),
            ],
        };
        let texts = |typed: &str| {
            all.matching(typed, 5)
                .into_iter()
                .map(|s| s.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts("why tom"),
            ["Why tomatoes split", "Why do tomatoes split in summer?"]
        );
        assert_eq!(
            texts("SPLIT"),
            [
                "Splitting wood",
                "Why do tomatoes split in summer?",
                "Why tomatoes split"
            ]
        );
        assert_eq!(texts("matoes"), [""; 0]);
        assert_eq!(texts("  ?"), [""; 0]);
        assert_eq!(all.matching("w", 1).len(), 1);
    }
}
