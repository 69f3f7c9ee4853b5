//! Articles: listed, read, added, replaced, deleted, uploaded.

pub mod change;
pub mod list;
pub mod read;
pub mod upload;
