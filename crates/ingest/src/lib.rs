//! Turns files into passages with embeddings.
//!
//! Takes paths, an embedding model and a chunking; gives [`Article`]s with their passages, each a
//! [`ByteSpan`] of the article's text with a unit vector. Never stores anything, never prints,
//! never panics on input.
//!
//! The pipeline is [`walk`] (paths to files) → [`read`] (a file to articles) → [`chunk`] (an
//! article to passages) → [`embed`] (a passage to a vector). [`pipeline::run`] drives it with N
//! embedding threads and bounded queues.

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
mod source;
pub mod walk;

pub use article::{Article, ByteSpan, MetaValue, Metadata, QaPair};
pub use chunk::{Chunking, LexicalText, Strategy};
pub use date::Date;
pub use embed::{Embedder, Embedding, ModelInfo, Role};
pub use error::{Error, Result};
pub use format::Format;
pub use hash::Fingerprint;
pub use number::Number;
