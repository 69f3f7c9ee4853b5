mod build;
mod damage;
mod layout;
mod sources;

use super::{Document, read};
use build::Builder;

/// Reads a one-page document with this content stream.
fn document(content: impl AsRef<[u8]>) -> Document {
    read(&Builder::new().page(content).build()).unwrap()
}

/// The text of a page with this content stream.
fn text(content: impl AsRef<[u8]>) -> String {
    document(content).pages.remove(0)
}
