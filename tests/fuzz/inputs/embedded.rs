//! Articles with their vectors.

use super::put;
use exchange::Reader;
use std::io::Cursor;
use std::path::Path;

pub fn lines(input: &[u8]) {
    read(Reader::jsonl(Path::new("a.jsonl"), Cursor::new(input.to_vec())));
}

pub fn parquet(input: &[u8]) {
    read(Reader::open(&put("a.parquet", input)));
}

fn read(opened: exchange::Result<Reader>) {
    match opened {
        Ok(reader) => {
            let dimensions = reader.header().model.dimensions;
            for article in reader {
                match article {
                    Ok(embedded) => sound(&embedded, dimensions),
                    Err(error) => said(&error),
                }
            }
        }
        Err(error) => said(&error),
    }
}

fn said(error: &exchange::Error) {
    let said = error.to_string();
    assert!(said.contains("a.jsonl") || said.contains("a.parquet"), "an error names its file: {said}");
}

fn sound(embedded: &ingest::pipeline::EmbeddedArticle, dimensions: usize) {
    let article = &embedded.article;
    assert!(article.body.iter().all(|span| article.text.get(span.start..span.end).is_some()));
    for passage in &embedded.passages {
        assert!(article.text.get(passage.span.start..passage.span.end).is_some());
        assert_eq!(passage.vector.as_ref().map(Vec::len), Some(dimensions));
    }
}
