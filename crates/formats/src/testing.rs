//! Helpers for the tests of the readers.

use crate::{Context, Document, Extracted, Kind, read};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;

/// Title and text of an HTML page, by a crude tag stripper.
pub fn extract_html(page: &str) -> (String, String) {
    let title = page
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"))
        .map_or("", |(title, _)| title);
    let body = page.split_once("</head>").map_or(page, |(_, body)| body);
    let mut text = String::new();
    for part in body.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    (
        title.to_owned(),
        text.replace("&amp;", "&").trim().to_owned(),
    )
}

/// Everything that a reader extracts, and its errors as text.
pub fn extract(kind: Kind, bytes: &[u8]) -> (Vec<Extracted>, Vec<String>) {
    extract_within(kind, bytes, 1 << 20, 0)
}

pub fn extract_within(
    kind: Kind,
    bytes: &[u8],
    max_unpacked_bytes: u64,
    archive_depth: u32,
) -> (Vec<Extracted>, Vec<String>) {
    let context = Context {
        extract_html: &extract_html,
        max_text_bytes: 1 << 20,
        max_unpacked_bytes,
        archive_depth,
    };
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    let mut push = |error: crate::ReadError| {
        errors.push(
            error
                .line
                .map_or_else(String::new, |line| format!("{line}: "))
                + &error.message,
        );
    };
    let result = read(kind, bytes, &context, &mut |item| {
        match item {
            Ok(item) => items.push(item),
            Err(error) => push(error),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = result {
        push(error);
    }
    (items, errors)
}

/// The documents that a reader extracts, and its errors as text.
pub fn read_bytes(kind: Kind, bytes: &[u8]) -> (Vec<Document>, Vec<String>) {
    let (items, errors) = extract(kind, bytes);
    let documents = items.into_iter().filter_map(|item| match item {
        Extracted::Document(document) => Some(document),
        _ => None,
    });
    (documents.collect(), errors)
}

/// The only document in a file; panics on errors.
pub fn read_single(kind: Kind, bytes: &[u8]) -> Document {
    let (mut documents, errors) = read_bytes(kind, bytes);
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0)
}

/// A zip file of these members.
pub fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer
            .start_file(*name, zip::write::SimpleFileOptions::default())
            .unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
