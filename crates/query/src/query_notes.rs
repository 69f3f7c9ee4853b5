//! Notes on how a query was answered.

use crate::response::RerankStats;
use crate::{Mode, Options, Result};
use notes::{Code, Note};
use store::filter::explain::explain_no_matches;
use store::{Collection, Language, QueryInterpretation};

/// What the notes are made from.
pub struct QueryOutcome<'a> {
    pub query: &'a str,
    pub options: &'a Options,
    pub reading: &'a QueryInterpretation,
    /// How many of the query's tokens lay beyond the model's window.
    pub truncated_tokens: usize,
    /// The lexical search ran and found nothing.
    pub no_lexical_match: bool,
    pub no_hits: bool,
    pub rerank: Option<&'a RerankStats>,
}

/// The language of a query, if it is another than that of the collection's articles. It matters only
/// to lexical search in a collection with a stemmed language.
pub fn other_language(collection: &dyn Collection, query: &str) -> Option<Language> {
    let expected = collection.manifest().language;
    Language::detect_query(query)
        .filter(|language| expected != Language::Other && *language != expected)
}

/// Collects the notes on a query, most important first.
pub fn collect(collection: &dyn Collection, outcome: &QueryOutcome<'_>) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let mut note = |code, message: String| notes.push(Note::new(code, message));
    let manifest = collection.manifest();
    let filter = outcome.options.filter.as_ref();
    let blocked = match filter.filter(|_| outcome.no_hits || outcome.no_lexical_match) {
        Some(filter) => explain_no_matches(collection.field_values(), filter)?,
        None => None,
    };
    let is_blocked = blocked.is_some();
    if let Some(reason) = blocked {
        note(Code::FilterMatchesNothing, reason);
    }
    if outcome.no_lexical_match && !is_blocked && collection.rows() > 0 {
        let scope = if filter.is_some() {
            "no passage that the filter allows"
        } else {
            "no passage"
        };
        let fallback = if outcome.options.mode == Mode::Lexical {
            ""
        } else {
            "; hits come from dense search alone"
        };
        note(
            Code::NoWordMatches,
            format!("{scope} contains a significant word of the question{fallback}"),
        );
    }
    if outcome.reading.only_stop_words {
        let message = "the question has only stop words, so these were searched for";
        note(Code::StopWordsOnly, message.to_owned());
    }
    let mut words: Vec<&str> = outcome
        .reading
        .corrections
        .iter()
        .map(|correction| correction.word.as_str())
        .collect();
    words.dedup();
    for word in words {
        let used = outcome
            .reading
            .corrections
            .iter()
            .filter(|correction| correction.word == word);
        let used = used
            .map(|correction| format!("{:?}", correction.used))
            .collect::<Vec<_>>()
            .join(", ");
        note(
            Code::NearWords,
            format!("no passage contains {word:?}; searched for {used} instead"),
        );
    }
    if outcome.truncated_tokens > 0 {
        let message = format!(
            "the question is longer than the {} tokens that the model reads; dense search ignored the last {}",
            manifest.model.window, outcome.truncated_tokens
        );
        note(Code::QuestionCut, message);
    }
    if outcome.options.mode != Mode::Dense
        && let Some(language) = other_language(collection, outcome.query)
    {
        let message = format!(
            "the question seems to be in {}, but the articles are in {}: few words will match",
            language.display_name(),
            manifest.language.display_name()
        );
        note(Code::LanguageDiffers, message);
    }
    if let Some(rerank) = outcome
        .rerank
        .filter(|rerank| rerank.scored < rerank.requested)
    {
        let message = format!(
            "{} reranked {} of {} passages within the time limit; allow more time to rerank all",
            rerank.model, rerank.scored, rerank.requested
        );
        note(Code::RerankUnfinished, message);
    }
    Ok(notes)
}
