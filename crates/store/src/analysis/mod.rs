//! Text to terms: words end where Unicode says, names made with signs count whole, stop words are indexed, and asked for
//! only where nothing else is. What is indexed, asked and compared goes through one [folding](ingest::fold).

mod analyzer;
pub mod detect;
mod grams;
mod humps;
mod lexicon;
pub mod near;
mod quantity;
pub mod question;
mod queue;
mod scan;
mod stop;
mod stream;
#[cfg(test)]
mod tests;
pub mod title;
mod version;
mod weights;

pub use analyzer::Analyzer;
pub use queue::{ALIKE, Kind, Place};
pub use stream::Words;
pub use version::Analysis;
