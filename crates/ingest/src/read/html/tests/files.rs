//! Pages in files.

use crate::Format;
use crate::read::testing::read_bytes;

#[test]
fn a_page_is_read_in_the_encoding_that_it_declares() {
    let page = "<meta charset=windows-1251><title>Маяк</title><p>Маяк стоит на мысе.";
    let (bytes, ..) = encoding_rs::WINDOWS_1251.encode(page);
    let (articles, notes) = read_bytes("a.html", Format::Html, &bytes);
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(
        (articles[0].title.as_str(), articles[0].text.trim()),
        ("Маяк", "Маяк стоит на мысе.")
    );
}

#[test]
fn a_page_without_a_title_is_called_after_its_file() {
    let (articles, _) = read_bytes("tall-trees.html", Format::Html, b"<p>They grow.");
    assert_eq!(articles[0].title, "tall trees");
}

#[test]
fn a_page_without_text_is_an_error() {
    let (articles, errors) = read_bytes(
        "a.html",
        Format::Html,
        b"<html><head><title>T</title></head></html>",
    );
    assert!(articles.is_empty());
    assert_eq!(errors, ["a.html: no text in it"]);
}
