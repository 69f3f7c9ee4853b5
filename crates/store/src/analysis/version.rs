//! The versions of the analyzer. A collection is always searched with the one it was indexed with.

use super::FieldTokenizer;
use super::term_buffer::TextField;
use crate::Language;
use serde::{Deserialize, Serialize};
use tantivy::tokenizer::{
    AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter,
    TextAnalyzer,
};

/// A version of text analysis, determined by the format of the collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnalyzerVersion {
    /// Runs of letters and digits up to 60 bytes, without stop words, in one field.
    V1,
    /// `Analyzer`, in fields of stems, exact forms and titles.
    V2,
}

/// The first collection format with the v2 analyzer.
const FIRST_V2_FORMAT: u64 = 4;

impl AnalyzerVersion {
    /// The version used by collections of `format`.
    pub fn of_format(format: u64) -> Self {
        if format < FIRST_V2_FORMAT {
            Self::V1
        } else {
            Self::V2
        }
    }

    /// The name under which a field's tokenizer is registered. It is part of tantivy's stored
    /// schema.
    pub fn tokenizer_name(self, field: TextField) -> &'static str {
        match (self, field) {
            (_, TextField::WholeTitle) => "raw",
            // The name dates from when English was the only language.
            (Self::V1, _) => "nigh_en",
            (_, TextField::Stems) => "nigh_stems_2",
            (_, TextField::Words) => "nigh_exact_2",
        }
    }

    /// The tokenizer of a field.
    pub fn tokenizer(self, language: Language, field: TextField) -> TextAnalyzer {
        match self {
            Self::V1 => v1_tokenizer(language),
            Self::V2 => TextAnalyzer::from(FieldTokenizer::new(language, field)),
        }
    }
}

/// Lowercase ASCII-folded stems without stop words, as version 0.1 indexed them.
fn v1_tokenizer(language: Language) -> TextAnalyzer {
    // Keeps terms well below tantivy's limit.
    const MAX_WORD_BYTES: usize = 60;
    let words = TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(MAX_WORD_BYTES))
        .filter(LowerCaser);
    let Some(stems) = language.tantivy() else {
        return words.filter(AsciiFoldingFilter).build();
    };
    match (language, StopWordFilter::new(stems)) {
        (Language::English, Some(stop)) => words
            .filter(AsciiFoldingFilter)
            .filter(stop)
            .filter(Stemmer::new(stems))
            .build(),
        (_, Some(stop)) => words
            .filter(stop)
            .filter(Stemmer::new(stems))
            .filter(AsciiFoldingFilter)
            .build(),
        (_, None) => words
            .filter(Stemmer::new(stems))
            .filter(AsciiFoldingFilter)
            .build(),
    }
}
