//! Articles in; passages with byte spans and unit vectors out.
//!
//! The pipeline is [`walk`] (paths to sources) → [`read`] (a source to [`Article`]s) →
//! [`chunk`] (an article to passages, each a [`ByteSpan`] of it) → [`embed`] (a passage's text to
//! a unit vector). [`pipeline::run`] drives all four over N worker threads with bounded queues.
//!
//! This crate never stores anything, never prints and never panics on input.

#![deny(missing_docs)]

pub mod article;
pub mod chunk;
mod date;
pub mod embed;
mod encoding;
mod error;
pub mod fold;
pub mod format;
pub mod hash;
mod number;
pub mod pipeline;
pub mod read;
pub mod walk;

pub use article::{Article, ByteSpan, MetaValue, Metadata, QaPair};
pub use chunk::{Chunking, LexicalText, Strategy};
pub use date::Date;
pub use embed::{Embedder, Embedding, ModelInfo, Role};
pub use error::{Error, Result};
pub use format::Format;
pub use hash::Fingerprint;
pub use number::Number;
