//! What tests of the readers share.

use crate::{Context, Document, Found, Kind, read};
use std::io::{Cursor, Write};
use std::ops::ControlFlow;

/// HTML without its tags, for tests.
pub fn html(page: &str) -> (String, String) {
    let title =
        page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>")).map_or("", |(title, _)| title);
    let body = page.split_once("</head>").map_or(page, |(_, body)| body);
    let mut text = String::new();
    for part in body.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    (title.to_owned(), text.replace("&amp;", "&").trim().to_owned())
}

/// Everything that a reader finds, then the problems as text.
pub fn found(kind: Kind, bytes: &[u8]) -> (Vec<Found>, Vec<String>) {
    found_within(kind, bytes, 1 << 20, 0)
}

pub fn found_within(kind: Kind, bytes: &[u8], unpacked: u64, depth: u32) -> (Vec<Found>, Vec<String>) {
    let context = Context { html: &html, limit: 1 << 20, unpacked, depth };
    let (mut items, mut problems) = (Vec::new(), Vec::new());
    let mut say = |problem: crate::Problem| {
        problems.push(problem.line.map_or_else(String::new, |line| format!("{line}: ")) + &problem.text);
    };
    let result = read(kind, bytes, &context, &mut |item| {
        match item {
            Ok(item) => items.push(item),
            Err(problem) => say(problem),
        }
        ControlFlow::Continue(())
    });
    if let Err(problem) = result {
        say(problem);
    }
    for item in &items {
        if let Found::Document(document) = item {
            for heading in &document.headings {
                assert!(document.text.get(heading.start..heading.end).is_some_and(|text| !text.trim().is_empty()));
            }
        }
    }
    (items, problems)
}

/// The documents that a reader finds, then the problems as text.
pub fn read_bytes(kind: Kind, bytes: &[u8]) -> (Vec<Document>, Vec<String>) {
    let (items, problems) = found(kind, bytes);
    let documents = items.into_iter().filter_map(|item| match item {
        Found::Document(document) => Some(document),
        _ => None,
    });
    (documents.collect(), problems)
}

/// The one document in a file without problems.
pub fn one(kind: Kind, bytes: &[u8]) -> Document {
    let (mut documents, problems) = read_bytes(kind, bytes);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(documents.len(), 1, "{documents:?}");
    documents.remove(0)
}

/// A zip file of these members.
pub fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}
