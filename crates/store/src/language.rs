//! The language of a collection's words: which stop words there are, and how words are reduced to stems.

use crate::analysis::detect::Detector;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use tantivy::tokenizer::Language as Stems;

thread_local! {
    /// Its lists of words take longer to make than a question's language to tell.
    static DETECTOR: RefCell<Detector> = RefCell::default();
}

macro_rules! languages {
    ($($name:ident),* $(,)?) => {
        /// The language of a collection's articles.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs, reason = "they are what they are called")]
        pub enum Language {
            $($name,)*
            /// Any other: words are looked for as they stand.
            #[default]
            Other,
        }

        impl Language {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)* Self::Other];

            /// What its list of stop words is called.
            pub(crate) fn stems(self) -> Option<Stems> {
                match self {
                    $(Self::$name => Some(Stems::$name),)*
                    Self::Other => None,
                }
            }

            /// What its stemmer is called.
            pub(crate) fn algorithm(self) -> Option<frostem::Algorithm> {
                match self {
                    $(Self::$name => Some(frostem::Algorithm::$name),)*
                    Self::Other => None,
                }
            }
        }
    };
}

languages!(
    Arabic, Danish, Dutch, English, Finnish, French, German, Greek, Hungarian, Italian, Norwegian, Portuguese,
    Romanian, Russian, Spanish, Swedish, Tamil, Turkish,
);

impl Language {
    /// The language that most words of the texts are in; `None` where they are too few, too mixed, or in none that is
    /// known. A wrong language would lose words, so none is claimed without good evidence.
    pub fn detect<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        DETECTOR.with_borrow_mut(|detector| detector.detect(texts).language)
    }

    /// The language of a question of some length, if it tells.
    pub fn of_question(question: &str) -> Option<Self> {
        DETECTOR.with_borrow_mut(|detector| detector.detect_question(question).language)
    }
}

impl Language {
    /// Its name with a capital letter, as in a sentence.
    pub fn titled(self) -> String {
        format!("{self:?}")
    }
}

impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl std::str::FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|language| language.to_string() == text.to_lowercase());
        found.copied().ok_or_else(|| {
            let names = Self::ALL.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            format!("expected one of {names}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_sentences_tell_their_language_and_a_list_tells_none() {
        let english =
            "The tides follow the moon, and twice a day the water is high. It is not the sun that makes them.";
        let german = "Die Gezeiten folgen dem Mond, und zweimal am Tag steht das Wasser hoch. Das ist nicht die Sonne.";
        assert_eq!(Language::detect([english]), Some(Language::English));
        assert_eq!(Language::detect([german]), Some(Language::German));
        for list in ["Oak. Elm. Yew.", "Invoice 2024-113", "潮汐は月に従い、一日に二度、水位が高くなります。"]
        {
            assert_eq!(Language::detect([list]), None, "{list}");
        }
    }

    #[test]
    fn names_read_as_they_are_written() {
        for language in Language::ALL {
            assert_eq!(language.to_string().parse(), Ok(*language));
            assert_eq!(serde_json::to_value(language).unwrap(), language.to_string());
        }
        assert!("klingon".parse::<Language>().is_err());
    }
}
