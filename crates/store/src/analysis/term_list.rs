//! Terms as a list of words, for a search server that splits text at white space and counts words
//! itself. Such a server has one field, no weights and no dictionary that could be asked.

use super::query::ParsedQuery;
use super::weights::DocFreqs;
use super::{Analyzer, AnalyzerVersion, FieldTokenizer, TermKind, TextField, title};
use crate::Language;
use ingest::Fingerprint;
use tantivy::tokenizer::Tokenizer;

/// How often a query term of weight 1 is repeated: the server multiplies a term's score by its
/// frequency in the query.
const WEIGHT_STEPS: f32 = 7.0;
/// Queries with more terms than this are not repeated: terms that weigh little are dropped instead.
const MAX_REPEATED_TERMS: usize = 300;
/// Longer terms are replaced by their hashes.
const MAX_PLAIN_BYTES: usize = 40;

impl AnalyzerVersion {
    /// The terms of a passage: `contents` are its words and `title` is its article's title.
    pub fn passage_terms(self, language: Language, title: &str, contents: &str) -> String {
        if self == Self::V1 {
            return self.stems(language, contents).join(" ");
        }
        let mut words = Vec::new();
        for field in [TextField::Stems, TextField::Words] {
            let mut tokenizer = FieldTokenizer::new(language, field);
            let mut stream = tokenizer.token_stream(contents);
            stream.process_kinds(&mut |kind, term| {
                // A variant is a marker for the dictionary.
                if kind != TermKind::Variant {
                    words.push(word(field, term));
                }
            });
        }
        let title = title::term(title);
        if !title.is_empty() {
            words.push(word(TextField::WholeTitle, &title));
        }
        words.join(" ")
    }

    /// The terms of a query, each repeated according to its weight. Empty if the query has no
    /// words to search for.
    pub fn query_terms(self, language: Language, query: &str) -> String {
        if self == Self::V1 {
            return self.stems(language, query).join(" ");
        }
        let mut parsed = ParsedQuery::new(&mut Analyzer::new(language), query);
        parsed.weigh(DocFreqs::Unknown);
        let steps = if parsed.terms.len() > MAX_REPEATED_TERMS {
            1.0
        } else {
            WEIGHT_STEPS
        };
        let words: Vec<String> = parsed
            .terms
            .iter()
            .flat_map(|term| {
                let times = (term.weight * steps).round() as usize;
                std::iter::repeat_n(word(term.field, &term.term), times)
            })
            .collect();
        words.join(" ")
    }

    /// The stems of a text's words, in order.
    fn stems(self, language: Language, text: &str) -> Vec<String> {
        let mut tokenizer = self.tokenizer(language, TextField::Stems);
        let mut stems = Vec::new();
        tokenizer
            .token_stream(text)
            .process(&mut |token| stems.push(token.text.clone()));
        stems
    }
}

/// A term as a word of ASCII letters and digits only, so that no server's tokenizer splits or
/// changes it. The first letter tells the fields apart, and terms from hashes.
fn word(field: TextField, term: &str) -> String {
    let (plain, hashed) = match field {
        TextField::Stems => ('s', 'y'),
        TextField::Words => ('e', 'k'),
        TextField::WholeTitle => ('t', 'j'),
    };
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if term.len() <= MAX_PLAIN_BYTES && term.bytes().all(is_plain) {
        format!("{plain}{term}")
    } else {
        format!("{hashed}{}", Fingerprint::of([term.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BM25's sum over a query, without its factors: the number of matches of each query word.
    fn score(title: &str, contents: &str, query: &str) -> usize {
        let passage = AnalyzerVersion::V2.passage_terms(Language::English, title, contents);
        let passage: Vec<&str> = passage.split(' ').collect();
        AnalyzerVersion::V2
            .query_terms(Language::English, query)
            .split(' ')
            .filter(|word| passage.contains(word))
            .count()
    }

    #[test]
    fn terms_are_ascii_words() {
        let terms = AnalyzerVersion::V2.passage_terms(
            Language::English,
            "The The",
            "Résumés in C++ and 潮汐, IT, ภาษาไทย",
        );
        assert!(
            terms
                .bytes()
                .all(|b| b == b' ' || b.is_ascii_lowercase() || b.is_ascii_digit()),
            "{terms}"
        );
    }

    #[test]
    fn exact_form_scores_above_its_look_alikes() {
        for (exact, look_alike, query) in [
            ("Written in C++.", "Written in C.", "C++"),
            ("Send the résumé.", "Send the resume.", "résumé"),
            (
                "See CVE-2024-3094.",
                "See CVE, 2024 and 3094.",
                "CVE-2024-3094",
            ),
            ("Ask IT for it.", "Ask for it.", "IT"),
        ] {
            let (exact, look_alike) = (score("", exact, query), score("", look_alike, query));
            assert!(exact > look_alike, "{query}: {exact} and {look_alike}");
        }
        assert!(score("", "Send the resume.", "résumé") > 0);
        assert!(score("", "潮汐は月に従い", "潮汐") > 0);
        // A passage begins with its article's title.
        let (title, other) = (
            score("The The", "The The\n\nA band.", "the the"),
            score("", "The band.", "the the"),
        );
        assert!(title > other, "{title} and {other}");
    }

    #[test]
    fn long_query_is_not_repeated() {
        let query = (0..400).map(|at| format!("word{at} ")).collect::<String>();
        let terms = AnalyzerVersion::V2.query_terms(Language::English, &query);
        assert_eq!(terms.split(' ').count(), 400, "{terms}");
    }

    #[test]
    fn query_without_words_has_no_terms() {
        assert_eq!(AnalyzerVersion::V2.query_terms(Language::English, "?!"), "");
    }
}
