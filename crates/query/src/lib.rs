//! A query in; ranked passages with their scores out.
//!
//! [`Searcher`] embeds the query, searches a [`store::Collection`] for the nearest passages
//! (dense), for passages that share its words (lexical), or for both, and fuses the two lists.
//! Then, as [`Options`] say, the best candidates are reranked ([`rerank`]), near-duplicates
//! collapsed, and similar hits spread apart. Ties are broken by article id and passage number, so
//! one query always has one answer.
//!
//! This crate knows a collection only through its trait. It never writes to one and never prints.

#![deny(missing_docs)]

mod error;
pub mod explain;
pub mod fuse;
mod mmr;
pub mod near_duplicates;
mod options;
mod query_notes;
mod rank;
pub mod rerank;
mod response;
mod search;
mod selection;

pub use error::{Error, Result};
pub use options::{ArticleScore, Mode, Options, RerankOptions, ResultUnit};
pub use query_notes::other_language;
pub use response::{ContextWindow, Hit, NearDuplicate, RerankStats, Response, Scores};
pub use search::{SearchModels, Searcher};
