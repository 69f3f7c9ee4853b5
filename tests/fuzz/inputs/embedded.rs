//! Files of embedded articles, as `nigh import` reads them.

use super::put;
use exchange::Reader;
use std::io::Cursor;
use std::path::Path;

pub fn check_jsonl(input: &[u8]) {
    let path = Path::new("a.jsonl");
    check_articles(path, Reader::jsonl(path, Cursor::new(input.to_vec()), None));
}

pub fn check_parquet(input: &[u8]) {
    let path = put("a.parquet", input);
    check_articles(&path, Reader::open(&path, None));
}

fn check_articles(path: &Path, opened: exchange::Result<Reader>) {
    match opened {
        Ok(reader) => {
            let dimensions = reader.header().model.dimensions;
            for article in reader {
                match article {
                    Ok(embedded) => assert_valid(&embedded, dimensions),
                    Err(error) => assert_names_file(path, &error),
                }
            }
        }
        Err(error) => assert_names_file(path, &error),
    }
}

fn assert_names_file(path: &Path, error: &exchange::Error) {
    let message = error.to_string();
    assert!(
        message.starts_with(&path.display().to_string()),
        "the error does not name its file: {message}"
    );
}

fn assert_valid(embedded: &ingest::pipeline::EmbeddedArticle, dimensions: usize) {
    let article = &embedded.article;
    assert!(
        article
            .body
            .iter()
            .all(|span| article.text.get(span.start..span.end).is_some())
    );
    for passage in &embedded.passages {
        assert!(
            article
                .text
                .get(passage.span.start..passage.span.end)
                .is_some()
        );
        assert_eq!(passage.vector.as_ref().map(Vec::len), Some(dimensions));
    }
}
