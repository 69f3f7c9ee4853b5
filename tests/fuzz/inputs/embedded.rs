//! Articles with their vectors.

use super::put;
use exchange::Reader;
use std::io::Cursor;
use std::path::Path;

pub fn lines(input: &[u8]) {
    let path = Path::new("a.jsonl");
    read(path, Reader::jsonl(path, Cursor::new(input.to_vec())));
}

pub fn parquet(input: &[u8]) {
    let path = put("a.parquet", input);
    read(&path, Reader::open(&path));
}

fn read(path: &Path, opened: exchange::Result<Reader>) {
    match opened {
        Ok(reader) => {
            let dimensions = reader.header().model.dimensions;
            for article in reader {
                match article {
                    Ok(embedded) => sound(&embedded, dimensions),
                    Err(error) => said(path, &error),
                }
            }
        }
        Err(error) => said(path, &error),
    }
}

fn said(path: &Path, error: &exchange::Error) {
    let said = error.to_string();
    assert!(
        said.starts_with(&path.display().to_string()),
        "an error names its file: {said}"
    );
}

fn sound(embedded: &ingest::pipeline::EmbeddedArticle, dimensions: usize) {
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
