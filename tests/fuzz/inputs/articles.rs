//! Readers, and the cutting of what they read.

use super::put;
use ingest::format::DocumentKind;
use ingest::read::{Item, Limits};
use ingest::walk::Source;
use ingest::{Article, Chunking, Format, Strategy};
use std::ops::ControlFlow;

pub fn read(name: &str, format: Format, input: &[u8]) {
    let source = Source {
        path: put(name, input),
        name: name.to_owned(),
        format,
        is_format_guessed: false,
        stat: Some(Default::default()),
    };
    let limits = Limits {
        bytes: 1 << 20,
        seconds: 5,
        ..Limits::DEFAULT
    };
    let read = ingest::read::read(&source, limits, &mut |item| {
        match item {
            Item::Article(article) => sound(&article),
            Item::Failed(error) => said(&error),
            Item::Note(note) => assert!(!note.message.is_empty()),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = read {
        said(&error);
    }
}

/// The first byte chooses the format, the rest is the file.
pub fn read_document(input: &[u8]) {
    let Some((first, file)) = input.split_first() else {
        return;
    };
    let kind = DocumentKind::ALL[usize::from(*first) % DocumentKind::ALL.len()];
    read("a.document", Format::Document(kind), file);
}

fn said(error: &ingest::Error) {
    let said = error.to_string();
    assert!(said.contains("/a."), "an error names its file: {said}");
    // Other people's parsers may.
    let ours = ![".html", ".parquet", ".pdf"]
        .iter()
        .any(|of| said.contains(&format!("/a{of}")));
    assert!(!ours || !said.contains("panicked"), "{said}");
}

/// Spans stand in order and within the text, and all of the body is in passages, which do too.
fn sound(article: &Article) {
    assert!(!article.id.is_empty());
    assert!(
        article
            .body
            .iter()
            .all(|span| article.text.get(span.start..span.end).is_some())
    );
    assert!(
        article
            .body
            .windows(2)
            .all(|two| two[0].end <= two[1].start)
    );
    for strategy in [Strategy::Whole, Strategy::Sentences, Strategy::Markdown] {
        let cuts = Chunking {
            strategy,
            tokens: 16,
            overlap: 1,
        }
        .chunk(article, 128, &|text| text.split_whitespace().count());
        let mut held = vec![false; article.text.len()];
        for cut in &cuts {
            assert!(article.text.get(cut.span.start..cut.span.end).is_some());
            held[cut.span.start..cut.span.end].fill(true);
        }
        for span in &article.body {
            for (at, c) in span.of(&article.text).char_indices() {
                assert!(
                    c.is_whitespace() || held[span.start + at],
                    "{strategy:?}: {c:?} at {at} is in no passage"
                );
            }
        }
    }
}
