//! Files written by other programs: openpyxl, odfpy, ebooklib.
#![allow(clippy::unwrap_used)]

use formats::{Context, Document, Extracted, Kind, detect, read};
use std::ops::ControlFlow;

fn documents(name: &str) -> (Kind, Vec<Document>) {
    let bytes = std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    // A neutral name, so that the content decides the kind.
    let kind = detect("file.zip", &bytes).unwrap();
    let html = |page: &str| {
        let body = page.split_once("<body").map_or(page, |(_, body)| body);
        let text: Vec<&str> = body
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| text.trim())
            .collect();
        (String::new(), text.join(" ").trim().to_owned())
    };
    let context = Context {
        extract_html: &html,
        max_text_bytes: 1 << 20,
        max_unpacked_bytes: 16 << 20,
        archive_depth: 0,
    };
    let mut found = Vec::new();
    read(kind, &bytes, &context, &mut |item| {
        if let Extracted::Document(document) = item.unwrap() {
            found.push(document);
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    (kind, found)
}

#[test]
fn openpyxl_workbooks_are_read() {
    let (kind, sheets) = documents("a.xlsx");
    assert_eq!(kind, Kind::Xlsx);
    assert_eq!(
        sheets[0].text,
        "Name | Date | Share | Price | OK\nAnna | 2024-03-05 | 15.5% | 12.50 | TRUE\nfar\ncorner\n\nComment by Bert: a comment\n"
    );
    assert_eq!(
        (sheets[1].title.as_deref(), sheets[1].text.as_str()),
        (Some("Hidden one"), "2024-03-05 10:07\n10:07\n")
    );
}

#[test]
fn odfpy_documents_are_read() {
    let (kind, texts) = documents("a.odt");
    assert_eq!(kind, Kind::Odf);
    assert_eq!(
        texts[0].text,
        "Chapter one\n\nHoney keeps well. end\n\n00 | 01\n10 | 11\n\nA note.\n\nComment by Bert: Sure?\n"
    );
    let (_, sheets) = documents("a.ods");
    assert_eq!(
        sheets
            .iter()
            .map(|s| s.title.as_deref())
            .collect::<Vec<_>>(),
        [Some("Data"), Some("More")]
    );
    assert_eq!(sheets[0].text, "2024-03-05 |  |  |  |  | x\n");
}

#[test]
fn ebooklib_books_are_read() {
    let (kind, pages) = documents("a.epub");
    assert_eq!(kind, Kind::Epub);
    assert_eq!(pages.len(), 3);
    assert_eq!(
        (pages[2].title.as_deref(), pages[2].name.as_deref()),
        (Some("Chapter 3"), Some("EPUB/c 2.xhtml"))
    );
    assert!(pages[2].text.contains("Text 2"));
}
