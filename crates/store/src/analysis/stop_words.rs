//! Stop words, and negations, which are no stop words.

use crate::Language;
use tantivy::tokenizer::{RawTokenizer, StopWordFilter, TokenFilter, TokenStream, Tokenizer};

/// The stop words of a language: tantivy's list, which is only accessible through its filter,
/// without the negations.
#[derive(Clone)]
pub struct StopWords {
    filter: Option<<StopWordFilter as TokenFilter>::Tokenizer<RawTokenizer>>,
    negations: &'static [&'static str],
}

/// No stop word is longer, in bytes.
const MAX_STOP_WORD_BYTES: usize = 24;

impl StopWords {
    /// The stop words of a language; none if it has no list.
    pub fn new(language: Language) -> Self {
        let filter = language.tantivy().and_then(StopWordFilter::new);
        let filter = filter.map(|filter| filter.transform(RawTokenizer::default()));
        Self {
            filter,
            negations: negations(language),
        }
    }

    /// The stop words of a language, negations included.
    pub fn with_negations(language: Language) -> Self {
        Self {
            negations: &[],
            ..Self::new(language)
        }
    }

    /// Whether a folded word is a stop word.
    pub fn contains(&mut self, word: &str) -> bool {
        let Some(filter) = self
            .filter
            .as_mut()
            .filter(|_| word.len() <= MAX_STOP_WORD_BYTES)
        else {
            return false;
        };
        !filter.token_stream(word).advance() && !self.is_negation(word)
    }

    /// Whether a folded word is a negation.
    pub fn is_negation(&self, word: &str) -> bool {
        self.negations.contains(&word)
    }
}

/// Negations are never treated as stop words, because they change the meaning. Folded, as indexed
/// words are.
fn negations(language: Language) -> &'static [&'static str] {
    match language {
        Language::English => &["no", "not", "nor", "never", "none", "without"],
        Language::German => &[
            "nicht", "nichts", "kein", "keine", "keinem", "keinen", "keiner", "keines", "nie",
            "niemals", "ohne", "weder",
        ],
        Language::Dutch => &["niet", "niets", "geen", "nooit", "zonder", "noch"],
        Language::Danish => &["ikke", "ej", "ingen", "intet", "aldrig", "uden"],
        Language::Norwegian => &[
            "ikke", "ikkje", "ingen", "inga", "inkje", "aldri", "uten", "utan",
        ],
        Language::Swedish => &[
            "inte", "icke", "ej", "ingen", "inga", "inget", "aldrig", "utan",
        ],
        Language::French => &[
            "ne", "pas", "non", "ni", "aucun", "aucune", "sans", "jamais", "rien",
        ],
        Language::Spanish => &["no", "ni", "sin", "nada", "nunca", "jamás", "tampoco"],
        Language::Italian => &["non", "né", "senza", "mai", "nessuno", "nulla"],
        Language::Portuguese => &["não", "nem", "sem", "nunca", "jamais", "nada"],
        Language::Finnish => &["ei", "en", "et", "emme", "ette", "eivät", "ilman"],
        Language::Hungarian => &["nem", "ne", "sem", "se", "nincs", "soha", "nélkül"],
        Language::Russian => &["не", "ни", "нет", "без", "никогда", "ничего"],
        _ => &[],
    }
}
