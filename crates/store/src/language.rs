//! The language of a collection: it selects the stemmer and the stop words.

use crate::analysis::detect::Detector;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use tantivy::tokenizer::Language as TantivyLanguage;

thread_local! {
    /// Kept because building its word lists takes longer than detecting the language of a query.
    static DETECTOR: RefCell<Detector> = RefCell::default();
}

macro_rules! languages {
    ($($name:ident),* $(,)?) => {
        /// The language of a collection's articles.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs, reason = "the names say it all")]
        pub enum Language {
            $($name,)*
            /// Any other language: words are neither stemmed nor treated as stop words.
            #[default]
            Other,
        }

        impl Language {
            /// All languages, [`Language::Other`] last.
            pub const ALL: &'static [Self] = &[$(Self::$name,)* Self::Other];

            /// The language by its name in tantivy, which has the stop words; `None` for [`Language::Other`].
            pub(crate) fn tantivy(self) -> Option<TantivyLanguage> {
                match self {
                    $(Self::$name => Some(TantivyLanguage::$name),)*
                    Self::Other => None,
                }
            }

            /// The Snowball stemmer; `None` for [`Language::Other`].
            pub(crate) fn stemmer(self) -> Option<frostem::Algorithm> {
                match self {
                    $(Self::$name => Some(frostem::Algorithm::$name),)*
                    Self::Other => None,
                }
            }
        }
    };
}

languages!(
    Arabic, Danish, Dutch, English, Finnish, French, German, Greek, Hungarian, Italian, Norwegian,
    Portuguese, Romanian, Russian, Spanish, Swedish, Tamil, Turkish,
);

impl Language {
    /// Detects the main language of `texts`. `None` if they are too short, too mixed, or in no
    /// supported language: the wrong stop words and stems would lose matches, so a language is only
    /// returned on good evidence.
    pub fn detect<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        DETECTOR.with_borrow_mut(|detector| detector.detect(texts).language)
    }

    /// Detects the language of a query; `None` if it is too short to tell.
    pub fn detect_query(query: &str) -> Option<Self> {
        DETECTOR.with_borrow_mut(|detector| detector.detect_query(query).language)
    }
}

impl Language {
    /// The capitalized name, for use in a sentence.
    pub fn display_name(self) -> String {
        format!("{self:?}")
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl std::str::FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let language = Self::ALL
            .iter()
            .find(|language| language.to_string() == text.to_lowercase());
        language.copied().ok_or(UnknownLanguage)
    }
}

/// A name is none of [`Language::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected one of {}", names().join(", "))]
pub struct UnknownLanguage;

fn names() -> Vec<String> {
    Language::ALL.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_sentences_but_not_lists() {
        let english = "The tides follow the moon, and twice a day the water is high. It is not the sun that makes them.";
        let german = "Die Gezeiten folgen dem Mond, und zweimal am Tag steht das Wasser hoch. Das ist nicht die Sonne.";
        assert_eq!(Language::detect([english]), Some(Language::English));
        assert_eq!(Language::detect([german]), Some(Language::German));
        for list in [
            "Oak. Elm. Yew.",
            "Invoice 2024-113",
            "潮汐は月に従い、一日に二度、水位が高くなります。",
        ] {
            assert_eq!(Language::detect([list]), None, "{list}");
        }
    }

    #[test]
    fn names_round_trip_through_display_parse_and_serde() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(*language));
            assert_eq!(
                serde_json::to_value(language).unwrap(),
                language.to_string()
            );
        }
        assert!("klingon".parse::<Language>().is_err());
    }
}
