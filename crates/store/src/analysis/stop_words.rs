//! Words that say little beside others, and those among them that turn the sense of a sentence.

use crate::Language;
use tantivy::tokenizer::{RawTokenizer, StopWordFilter, TokenFilter, TokenStream, Tokenizer};

/// A language's stop words: tantivy's list, which only its filter can read, without the negations.
#[derive(Clone)]
pub struct StopWords {
    filter: Option<<StopWordFilter as TokenFilter>::Tokenizer<RawTokenizer>>,
    negations: &'static [&'static str],
}

/// No word of a list is longer: longer ones need no look.
const LONGEST: usize = 24;

impl StopWords {
    /// Those of a language; none if it has no list.
    pub fn new(language: Language) -> Self {
        let filter = language.stems().and_then(StopWordFilter::new);
        let filter = filter.map(|filter| filter.transform(RawTokenizer::default()));
        Self { filter, negations: negations(language) }
    }

    /// Those of a language, and its negations.
    pub fn with_negations(language: Language) -> Self {
        Self { negations: &[], ..Self::new(language) }
    }

    /// Whether a folded word is one.
    pub fn contains(&mut self, word: &str) -> bool {
        let Some(filter) = self.filter.as_mut().filter(|_| word.len() <= LONGEST) else { return false };
        !filter.token_stream(word).advance() && !self.negates(word)
    }

    /// Whether a folded word is a negation.
    pub fn negates(&self, word: &str) -> bool {
        self.negations.contains(&word)
    }
}

/// Words that turn the sense of a sentence: never left out. Folded, as words of the index are.
fn negations(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &["no", "not", "nor", "never", "none", "without"],
        Language::German => &[
            "nicht", "nichts", "kein", "keine", "keinem", "keinen", "keiner", "keines", "nie", "niemals", "ohne",
            "weder",
        ],
        Language::Dutch => &["niet", "niets", "geen", "nooit", "zonder", "noch"],
        Language::Danish => &["ikke", "ej", "ingen", "intet", "aldrig", "uden"],
        Language::Norwegian => &["ikke", "ikkje", "ingen", "inga", "inkje", "aldri", "uten", "utan"],
        Language::Swedish => &["inte", "icke", "ej", "ingen", "inga", "inget", "aldrig", "utan"],
        Language::French => &["ne", "pas", "non", "ni", "aucun", "aucune", "sans", "jamais", "rien"],
        Language::Spanish => &["no", "ni", "sin", "nada", "nunca", "jamás", "tampoco"],
        Language::Italian => &["non", "né", "senza", "mai", "nessuno", "nulla"],
        Language::Portuguese => &["não", "nem", "sem", "nunca", "jamais", "nada"],
        Language::Finnish => &["ei", "en", "et", "emme", "ette", "eivät", "ilman"],
        Language::Hungarian => &["nem", "ne", "sem", "se", "nincs", "soha", "nélkül"],
        Language::Russian => &["не", "ни", "нет", "без", "никогда", "ничего"],
        _ => &[],
    }
}
