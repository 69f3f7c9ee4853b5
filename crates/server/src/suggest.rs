//! What one may want to ask, while it is being typed: the questions that articles ask themselves, and their titles.

use crate::hosted::Snapshot;
use crate::problem::Result;
use serde::Serialize;
use std::collections::HashSet;
use utoipa::ToSchema;

/// More than this are not looked through at every key.
const MOST: usize = 200_000;

/// Something to ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Suggestion {
    /// Its words.
    pub text: String,
    /// Whether an article asks it, or is called so.
    pub kind: SuggestionKind,
    /// The article.
    pub article_id: String,
}

/// Where a suggestion is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SuggestionKind {
    /// An article asks it.
    Question,
    /// An article is called so.
    Title,
}

/// All of a collection.
pub struct Suggestions {
    /// Each with its words in lower case, a space before each.
    all: Vec<(String, Suggestion)>,
}

impl Suggestions {
    fn of(snapshot: &Snapshot) -> Result<Self> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut add = |text: &str, kind, article_id: &str| {
            if !text.trim().is_empty() && seen.insert(text.to_owned()) {
                all.push((spaced(text), Suggestion { text: text.to_owned(), kind, article_id: article_id.to_owned() }));
            }
        };
        for id in snapshot.ids()?.iter().take(MOST) {
            let Some(stored) = snapshot.collection.article(id)? else { continue };
            stored.article.questions.iter().for_each(|pair| add(&pair.question, SuggestionKind::Question, id));
            add(&stored.article.title, SuggestionKind::Title, id);
        }
        Ok(Self { all })
    }

    /// Those in which a word begins with each of the words typed; questions first, and those that begin so first of all.
    fn matching(&self, typed: &str, most: usize) -> Vec<Suggestion> {
        let typed = spaced(typed);
        let words: Vec<&str> = typed.split(' ').filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let begins_word = |text: &str, word: &str| text.match_indices(word).any(|(at, _)| text[..at].ends_with(' '));
        let mut found: Vec<_> = self
            .all
            .iter()
            .filter(|(text, _)| words.iter().all(|word| begins_word(text, word)))
            .map(|(text, suggestion)| {
                let title = suggestion.kind == SuggestionKind::Title;
                ((!text.starts_with(&typed), title, text.len()), suggestion)
            })
            .collect();
        found.sort_by_key(|(order, _)| *order);
        found.into_iter().take(most).map(|(_, suggestion)| suggestion.clone()).collect()
    }
}

/// Lower case, words apart by single spaces, one in front.
fn spaced(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(String::new(), |mut all, word| {
        all.push(' ');
        all.extend(word.chars().flat_map(char::to_lowercase));
        all
    })
}

/// What `typed` may become. Reads all articles the first time; not to be called where others wait.
pub fn suggest(snapshot: &Snapshot, typed: &str, most: usize) -> Result<Vec<Suggestion>> {
    Ok(snapshot.suggestions.get_or_try_init(|| Suggestions::of(snapshot))?.matching(typed, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_typed_begins_a_word() {
        let make =
            |text: &str, kind| (spaced(text), Suggestion { text: text.to_owned(), kind, article_id: "a".to_owned() });
        let all = Suggestions {
            all: vec![
                make("Why tomatoes split", SuggestionKind::Title),
                make("Why do tomatoes split in summer?", SuggestionKind::Question),
                make("Splitting wood", SuggestionKind::Title),
            ],
        };
        let texts = |typed: &str| all.matching(typed, 5).into_iter().map(|s| s.text).collect::<Vec<_>>();
        assert_eq!(texts("why tom"), ["Why tomatoes split", "Why do tomatoes split in summer?"]);
        assert_eq!(texts("SPLIT"), ["Splitting wood", "Why do tomatoes split in summer?", "Why tomatoes split"]);
        assert_eq!(texts("matoes"), [""; 0]);
        assert_eq!(texts("  ?"), [""; 0]);
        assert_eq!(all.matching("w", 1).len(), 1);
    }
}
