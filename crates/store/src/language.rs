//! The language of a collection's words: which stop words are left out, and how words are reduced to stems.

use serde::{Deserialize, Serialize};
use tantivy::tokenizer::Language as Stems;

macro_rules! languages {
    ($($name:ident $($detected:ident)?),* $(,)?) => {
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

            /// What its stemmer is called.
            pub(crate) fn stems(self) -> Option<Stems> {
                match self {
                    $(Self::$name => Some(Stems::$name),)*
                    Self::Other => None,
                }
            }

            /// The language that a text is most probably in. Of a text of some sentences it is right nearly
            /// always; of a few words it is a guess.
            pub fn detect(text: &str) -> Self {
                match whichlang::detect_language(text) {
                    $($(whichlang::Lang::$detected => Self::$name,)?)*
                    _ => Self::Other,
                }
            }
        }
    };
}

languages!(
    Arabic Ara,
    Danish,
    Dutch Nld,
    English Eng,
    Finnish,
    French Fra,
    German Deu,
    Greek,
    Hungarian,
    Italian Ita,
    Norwegian,
    Portuguese Por,
    Romanian,
    Russian Rus,
    Spanish Spa,
    Swedish Swe,
    Tamil,
    Turkish Tur,
);

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
    fn a_sentence_tells_its_language() {
        for (text, language) in [
            ("The tides follow the moon, and twice a day the water is high.", Language::English),
            ("Die Gezeiten folgen dem Mond, und zweimal am Tag steht das Wasser hoch.", Language::German),
            ("Les marées suivent la lune, et deux fois par jour l'eau est haute.", Language::French),
            ("潮汐は月に従い、一日に二度、水位が高くなります。", Language::Other),
        ] {
            assert_eq!(Language::detect(text), language, "{text}");
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
