//! The analyses that collections were made with: each is searched with its own for good.

use super::Words;
use super::queue::Place;
use crate::Language;
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer,
};

/// How text becomes terms. The format of a collection says which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Analysis {
    /// Letters and digits, 60 bytes at most, without stop words, in one field.
    First,
    /// That of this module, in fields of stems, exact forms and titles.
    Second,
}

/// The first format of collections with the second analysis.
const SECOND: u64 = 4;

impl Analysis {
    /// That of a collection's format.
    pub fn of(format: u64) -> Self {
        if format < SECOND { Self::First } else { Self::Second }
    }

    /// The name that a field's tokenizer is registered under; it is part of tantivy's schema.
    pub fn name(self, place: Place) -> &'static str {
        match (self, place) {
            (_, Place::Title) => "raw",
            // From when there was one language.
            (Self::First, _) => "nigh_en",
            (_, Place::Stems) => "nigh_stems_2",
            (_, Place::Exact) => "nigh_exact_2",
        }
    }

    /// The tokenizer of a field.
    pub fn tokenizer(self, language: Language, place: Place) -> TextAnalyzer {
        match self {
            Self::First => first(language),
            Self::Second => TextAnalyzer::from(Words::new(language, place)),
        }
    }
}

/// Words without accents, lower case, the language's stop words out, its stems: as version 0.1 indexed them.
fn first(language: Language) -> TextAnalyzer {
    // tantivy's limit for a term was near.
    const LONGEST_WORD: usize = 60;
    let words = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(LONGEST_WORD))
        .filter(LowerCaser);
    let Some(stems) = language.stems() else { return words.filter(AsciiFoldingFilter).build() };
    match (language, StopWordFilter::new(stems)) {
        (Language::English, Some(stop)) => {
            words.filter(AsciiFoldingFilter).filter(stop).filter(Stemmer::new(stems)).build()
        }
        (_, Some(stop)) => words.filter(stop).filter(Stemmer::new(stems)).filter(AsciiFoldingFilter).build(),
        (_, None) => words.filter(Stemmer::new(stems)).filter(AsciiFoldingFilter).build(),
    }
}
