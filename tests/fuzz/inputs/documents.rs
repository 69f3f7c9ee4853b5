//! Documents: office, mail, notebook and markup formats, and archives.

use super::articles::check_file;
use ingest::Format;
use ingest::format::DocumentKind;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Selects the format by its number in [`DocumentKind::ALL`], instead of by the first byte.
const FORMAT_VARIABLE: &str = "FUZZ_FORMAT";

/// The first byte selects the format, the rest is the file.
pub fn check(input: &[u8]) {
    let Some((first, file)) = input.split_first() else {
        return;
    };
    let chosen = std::env::var(FORMAT_VARIABLE)
        .ok()
        .map(|number| number.parse().expect("the number of a format"));
    let kind = DocumentKind::ALL[chosen.unwrap_or(usize::from(*first)) % DocumentKind::ALL.len()];
    let format = Format::Document(kind);
    match members(kind) {
        Some(names) if !file.starts_with(b"PK") => {
            check_file("a.document", format, &archive(names, file));
        }
        _ => check_file("a.document", format, file),
    }
}

/// The members of the archive that a document of this kind is; `None` if it is none, or one of any
/// files.
fn members(kind: DocumentKind) -> Option<&'static [&'static str]> {
    match kind {
        DocumentKind::Docx => Some(&[
            "word/document.xml",
            "word/_rels/document.xml.rels",
            "word/styles.xml",
            "word/footnotes.xml",
            "word/numbering.xml",
            "docProps/core.xml",
        ]),
        DocumentKind::Pptx => Some(&[
            "ppt/slides/slide1.xml",
            "ppt/presentation.xml",
            "ppt/_rels/presentation.xml.rels",
            "ppt/slides/_rels/slide1.xml.rels",
            "ppt/notesSlides/n.xml",
            "docProps/core.xml",
        ]),
        DocumentKind::Xlsx => Some(&[
            "xl/worksheets/a.xml",
            "xl/workbook.xml",
            "xl/_rels/workbook.xml.rels",
            "xl/s.xml",
            "xl/t.xml",
            "docProps/core.xml",
        ]),
        DocumentKind::Odf => Some(&["content.xml", "meta.xml", "META-INF/manifest.xml"]),
        DocumentKind::Epub => Some(&["a.xhtml", "a.opf", "META-INF/container.xml", "nav.xhtml"]),
        _ => None,
    }
}

/// An archive whose members are the parts of `input` between zero bytes. A checksum that random
/// changes nearly always break would hide the readers behind it.
fn archive(names: &[&str], input: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, part) in names.iter().zip(input.split(|byte| *byte == 0)) {
        writer.start_file(*name, options).expect("a member");
        writer.write_all(part).expect("bytes in memory");
    }
    writer.finish().expect("an archive").into_inner()
}
