//! Text analysis: from text to index terms, the same for passages and queries.
//!
//! Words are segmented by Unicode's rules, names that contain signs (`C++`) are also indexed whole,
//! and stop words are indexed but only searched for when the query has nothing else. Passages and
//! queries are [folded](ingest::fold) alike.

mod analyzer;
mod camel_case;
mod clusters;
pub mod detect;
pub mod fuzzy;
mod lexicon;
mod quantity;
pub mod query;
mod scan;
mod stop_words;
mod term_buffer;
mod term_list;
#[cfg(test)]
mod tests;
pub mod title;
mod tokenizer;
mod version;
mod weights;

pub use analyzer::Analyzer;
pub use term_buffer::{TermKind, TextField, VARIANT_MARKER};
pub use tokenizer::FieldTokenizer;
pub use version::AnalyzerVersion;
pub use weights::DocFreqs;
