mod build;
mod damage;
mod layout;
mod sources;

use super::{Document, read};
use build::Builder;

/// The document of a page with a content.
fn document(content: impl AsRef<[u8]>) -> Document {
    read(&Builder::new().page(content).build()).unwrap()
}

/// Its text.
fn text(content: impl AsRef<[u8]>) -> String {
    document(content).pages.remove(0)
}
