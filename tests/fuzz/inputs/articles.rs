//! Document readers, and the chunking of what they read.

use super::put;
use ingest::read::{Item, Limits};
use ingest::walk::Source;
use ingest::{Article, Chunking, Format, Strategy};
use std::ops::ControlFlow;

pub fn check_file(name: &str, format: Format, input: &[u8]) {
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
    let outcome = ingest::read::read(&source, limits, super::SANDBOX.get(), &mut |item| {
        match item {
            Item::Article(article) => assert_valid(&article),
            Item::Failed(error) => assert_valid_error(&error),
            Item::Note(note) => assert!(!note.message.is_empty()),
        }
        ControlFlow::Continue(())
    });
    if let Err(error) = outcome {
        assert_valid_error(&error);
    }
}

fn assert_valid_error(error: &ingest::Error) {
    let message = error.to_string();
    assert!(
        message.contains("/a."),
        "the error does not name its file: {message}"
    );
    // Only third-party parsers may panic.
    let is_own_parser = ![".html", ".parquet", ".pdf"]
        .iter()
        .any(|extension| message.contains(&format!("/a{extension}")));
    assert!(!is_own_parser || !message.contains("panicked"), "{message}");
}

/// Asserts that all spans lie within the text, that body spans are in order, and that the passages
/// cover the body.
fn assert_valid(article: &Article) {
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
        let chunks = Chunking {
            strategy,
            tokens: 16,
            overlap: 1,
        }
        .chunk(article, 128, &|text| text.split_whitespace().count());
        let mut covered = vec![false; article.text.len()];
        for chunk in &chunks {
            assert!(article.text.get(chunk.span.start..chunk.span.end).is_some());
            covered[chunk.span.start..chunk.span.end].fill(true);
        }
        for span in &article.body {
            for (at, c) in span.of(&article.text).char_indices() {
                assert!(
                    c.is_whitespace() || covered[span.start + at],
                    "{strategy:?}: {c:?} at {at} is in no passage"
                );
            }
        }
    }
}
