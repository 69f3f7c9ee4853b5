//! A question in; ranked passages with their scores out.
//!
//! [`Searcher`] embeds the question, asks a [`store::Collection`] for the nearest passages (dense),
//! those that hold its words (lexical), or both and fuses the two lists; then, as [`Options`] say, the
//! best are reranked ([`rerank`]), copies folded together, and hits made unlike one another. Equal scores are
//! ordered by article id and place, so one question always gets one answer.
//!
//! This crate knows a collection only through its trait. It never writes and never prints.

#![deny(missing_docs)]

mod copies;
mod diversify;
mod error;
pub mod explain;
pub mod fuse;
mod notes;
mod options;
pub mod parallel;
mod rank;
pub mod rerank;
mod search;
mod select;

pub use error::{Error, Result};
pub use options::{ArticleScore, By, Mode, Options, Reranking};
pub use search::{Around, Copied, Hit, Models, Reranked, Response, Scores, Searcher};
