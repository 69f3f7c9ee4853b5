//! What a reader should know of how a question was answered.

use crate::{Mode, Options, Reranked, Result};
use store::{Collection, Language, QuestionReading};

/// How a question was answered.
pub struct Facts<'a> {
    pub question: &'a str,
    pub options: &'a Options,
    pub reading: &'a QuestionReading,
    /// How many word pieces of the question lay beyond the model's window.
    pub cut: usize,
    /// Words were looked for, and no passage that may answer has one of them.
    pub is_wordless: bool,
    pub found_nothing: bool,
    pub rerank: Option<&'a Reranked>,
}

/// A sentence for each thing to know, the weightiest first.
pub fn of(collection: &dyn Collection, facts: &Facts<'_>) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    let manifest = collection.manifest();
    let filter = facts.options.filter.as_ref();
    let blocked = match filter.filter(|_| facts.found_nothing || facts.is_wordless) {
        Some(filter) => collection.why_nothing_passes(filter)?,
        None => None,
    };
    let is_blocked = blocked.is_some();
    notes.extend(blocked);
    if facts.is_wordless && !is_blocked && manifest.rows() > 0 {
        let which = if filter.is_some() { "no passage that the filter allows" } else { "no passage" };
        let without = if facts.options.mode == Mode::Lexical { "" } else { "; meaning alone answers" };
        notes.push(format!("{which} holds a word of the question that says anything{without}"));
    }
    if facts.reading.only_stop_words {
        notes.push("there are only stop words in the question: they are looked for as they stand".to_owned());
    }
    let mut words: Vec<&str> = facts.reading.corrections.iter().map(|correction| correction.asked.as_str()).collect();
    words.dedup();
    for word in words {
        let found = facts.reading.corrections.iter().filter(|correction| correction.asked == word);
        let found = found.map(|correction| format!("{:?}", correction.found_as)).collect::<Vec<_>>().join(", ");
        notes.push(format!("no passage holds {word:?}; {found} was looked for instead"));
    }
    if facts.cut > 0 {
        notes.push(format!(
            "the question is longer than the {} word pieces that the model reads: its last {} did not count for meaning",
            manifest.model.window, facts.cut
        ));
    }
    // Without a language of the articles, or without looking for words, the question's does not matter.
    if facts.options.mode != Mode::Dense
        && manifest.language != Language::Other
        && let Some(asked) = Language::of_question(facts.question).filter(|asked| *asked != manifest.language)
    {
        notes.push(format!(
            "the question looks like {}, the articles' words are {}: words will hardly be found",
            asked.titled(),
            manifest.language.titled()
        ));
    }
    if let Some(rerank) = facts.rerank.filter(|rerank| rerank.passages < rerank.of) {
        notes.push(format!(
            "{} reranked {} of {} in the time it has; more time lets it finish",
            rerank.model, rerank.passages, rerank.of
        ));
    }
    Ok(notes)
}
