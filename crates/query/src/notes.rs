//! What a reader should know of how a question was answered.

use crate::{Mode, Options, Reranked, Result};
use ::notes::{Code, Note};
use store::filter::explain::why_nothing_passes;
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

/// What there is to know, the weightiest first.
pub fn of(collection: &dyn Collection, facts: &Facts<'_>) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let mut note = |code, message: String| notes.push(Note::new(code, message));
    let manifest = collection.manifest();
    let filter = facts.options.filter.as_ref();
    let blocked = match filter.filter(|_| facts.found_nothing || facts.is_wordless) {
        Some(filter) => why_nothing_passes(collection.field_values(), filter)?,
        None => None,
    };
    let is_blocked = blocked.is_some();
    if let Some(why) = blocked {
        note(Code::FilterMatchesNothing, why);
    }
    if facts.is_wordless && !is_blocked && manifest.rows() > 0 {
        let which = if filter.is_some() { "no passage that the filter allows" } else { "no passage" };
        let without = if facts.options.mode == Mode::Lexical { "" } else { "; meaning alone answers" };
        note(Code::NoWordMatches, format!("{which} holds a word of the question that says anything{without}"));
    }
    if facts.reading.only_stop_words {
        let said = "there are only stop words in the question: they are looked for as they stand";
        note(Code::StopWordsOnly, said.to_owned());
    }
    let mut words: Vec<&str> = facts.reading.corrections.iter().map(|correction| correction.word.as_str()).collect();
    words.dedup();
    for word in words {
        let found = facts.reading.corrections.iter().filter(|correction| correction.word == word);
        let found = found.map(|correction| format!("{:?}", correction.used)).collect::<Vec<_>>().join(", ");
        note(Code::NearWords, format!("no passage holds {word:?}; {found} was looked for instead"));
    }
    if facts.cut > 0 {
        let said = format!(
            "the question is longer than the {} word pieces that the model reads: its last {} did not count for meaning",
            manifest.model.window, facts.cut
        );
        note(Code::QuestionCut, said);
    }
    // Without a language of the articles, or without looking for words, the question's does not matter.
    if facts.options.mode != Mode::Dense
        && manifest.language != Language::Other
        && let Some(asked) = Language::of_question(facts.question).filter(|asked| *asked != manifest.language)
    {
        let said = format!(
            "the question looks like {}, the articles' words are {}: words will hardly be found",
            asked.titled(),
            manifest.language.titled()
        );
        note(Code::LanguageDiffers, said);
    }
    if let Some(rerank) = facts.rerank.filter(|rerank| rerank.passages < rerank.of) {
        let said = format!(
            "{} reranked {} of {} in the time it has; more time lets it finish",
            rerank.model, rerank.passages, rerank.of
        );
        note(Code::RerankUnfinished, said);
    }
    Ok(notes)
}
