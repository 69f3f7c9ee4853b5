//! A question in; ranked passages with their scores out.
//!
//! [`Searcher`] embeds the question, asks a [`store::Collection`] for the nearest passages (dense),
//! those that hold its words (lexical), or both and fuses the two lists. Equal scores are
//! ordered by article id and place, so one question always gets one answer.
//!
//! This crate knows a collection only through its trait. It never writes and never prints.

#![deny(missing_docs)]

mod error;
mod fuse;
mod rank;
mod search;

pub use error::{Error, Result};
pub use search::{By, Hit, Mode, Options, Response, Scores, Searcher};
