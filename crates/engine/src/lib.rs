//! Operations on whole collections, shared by the command line and the server.
//!
//! | To | use |
//! |---|---|
//! | bring a collection up to date with files and folders | [`indexing`] |
//! | write passages and vectors to a file, without a collection | [`embedding`] |
//! | copy articles with their vectors in and out of collections | [`transfer`] |
//! | search for many queries at once | [`EmbeddedQueries`] |
//! | measure the quality of the results | [`evaluation`] |
//! | measure a graph against exact search | [`graph_benchmark`] |
//! | repair a damaged collection | [`repair()`] |
//!
//! [`Ranking`] holds the search options that users set, [`RerankerFactory`] makes one reranker per
//! thread, and [`provenance`](mod@provenance) records what a figure was made with. Long operations
//! report to a [`Progress`] and stop when it asks them to.
//!
//! This crate never prints and never reads command-line arguments.

#![deny(missing_docs)]

pub mod embedding;
mod error;
pub mod evaluation;
pub mod graph_benchmark;
pub mod indexing;
mod model;
mod omitted;
mod path_namer;
mod progress;
pub mod provenance;
mod queries;
mod ranking;
mod repair;
mod skipped;
mod source_cache;
pub mod text;
pub mod transfer;

pub use error::{Error, Result};
pub use model::{embedder_for, fork_embedder};
pub use omitted::Omitted;
pub use path_namer::PathNamer;
pub use progress::{Amount, NoProgress, Progress, Stage, StoreProgress};
pub use queries::EmbeddedQueries;
pub use ranking::{NO_TIME_LIMIT, Ranking, RerankerFactory};
pub use repair::{RepairOutcome, repair};
pub use skipped::{Failure, Skipped};
