//! Work on a whole collection, for whoever asks for it: the command line and the server.
//!
//! [`articles`] brings a collection up to date with files and folders, [`Questions`] are asked many at
//! once, [`embedding`] writes their vectors to a file instead, [`transfer`] takes them out of a collection and into one, [`judge`] judges the answers and gives a verdict, [`repair()`] makes a damaged one whole. [`Ranking`] says how to search, [`RerankWith`] is a reranker
//! for as many threads as wanted, and [`manifest`](mod@manifest) says what a figure was made with. Long work tells a
//! [`Watch`] how far it is, and stops where that says so.
//!
//! This crate never prints, and never reads arguments.

#![deny(missing_docs)]

pub mod articles;
pub mod embedding;
mod error;
pub mod judge;
pub mod manifest;
mod model;
mod names;
mod omitted;
mod questions;
mod ranking;
mod repair;
mod skipped;
mod sources;
pub mod text;
pub mod transfer;
mod watch;

pub use error::{Error, Result};
pub use model::{embedder_for, forks};
pub use names::Names;
pub use omitted::Omitted;
pub use questions::Questions;
pub use ranking::{Ranking, RerankWith, UNLIMITED};
pub use repair::{Repaired, repair};
pub use skipped::{Failure, Skipped};
pub use watch::{Amount, Part, Silent, Steps, Watch};
