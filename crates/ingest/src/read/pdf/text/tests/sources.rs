//! Tests of fonts, forms, annotations, encryption and file structure.

use super::build::{Builder, show};
use super::{document, text};
use crate::read::pdf::text::{PdfError, read};
use notes::Code;

#[test]
fn encodings_and_glyph_names_give_text() {
    let mut builder = Builder::new();
    builder.font("F2", "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding << /Type /Encoding /Differences [1 /f_i /fl /uni0416 /u1F600 /germandbls] >> >>");
    builder.font(
        "F3",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /Encoding /MacRomanEncoding >>",
    );
    builder.font("F4", "<< /Type /Font /Subtype /Type1 /BaseFont /Symbol >>");
    builder.page(
        b"BT /F2 12 Tf 72 700 Td (of\x01ce \x02ood \x03 \x04 Stra\x05e) Tj ET BT /F1 12 Tf 72 686 Td (\xdcber \x80) Tj ET \
          BT /F3 12 Tf 72 672 Td (caf\x8e) Tj ET BT /F4 12 Tf 72 658 Td (abW) Tj ET",
    );
    let pages = read(&builder.build()).unwrap().pages;
    assert_eq!(
        pages[0].replace('\n', " "),
        "office flood Ж 😀 Straße Über € café αβΩ"
    );
}

#[test]
fn composite_fonts_give_text() {
    let mut builder = Builder::new();
    let map = builder.stream(
        "",
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange\n\
         1 beginbfrange <0001> <001a> <0061> endbfrange 1 beginbfchar <0030> <00660066> endbfchar endcmap",
    );
    let descendant = |ordering: &str| {
        format!(
            "<< /Type /Font /Subtype /CIDFontType0 /BaseFont /Some /CIDSystemInfo << /Registry (Adobe) /Ordering ({ordering}) /Supplement 0 >> /DW 600 >>"
        )
    };
    let identity = builder.object(descendant("Identity"));
    let japan = builder.object(descendant("Japan1"));
    let font = |descendant: usize, encoding: &str, more: &str| {
        format!(
            "<< /Type /Font /Subtype /Type0 /BaseFont /Some /Encoding /{encoding} /DescendantFonts [{descendant} 0 R] {more} >>"
        )
    };
    builder.font(
        "F2",
        &font(identity, "Identity-H", &format!("/ToUnicode {map} 0 R")),
    );
    builder.font("F3", &font(japan, "UniJIS-UCS2-H", ""));
    builder.font("F4", &font(japan, "90ms-RKSJ-H", ""));
    builder.page(
        "BT /F2 12 Tf 72 700 Td <00020005000c0030> Tj ET BT /F3 12 Tf 72 600 Td <65e5672c> Tj ET \
         BT /F4 12 Tf 72 500 Td <93fa967b> Tj ET",
    );
    assert_eq!(
        read(&builder.build()).unwrap().pages,
        ["belff\n\n日本\n\n日本"]
    );
}

#[test]
fn type3_fonts_give_text() {
    let mut builder = Builder::new();
    let glyph = builder.stream("", "500 0 0 0 500 700 d1 0 0 500 700 re f");
    builder.font(
        "F2",
        &format!(
            "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 500 700] /FontMatrix [0.001 0 0 0.001 0 0] /FirstChar 97 /LastChar 98 \
             /Widths [500 500] /CharProcs << /o {glyph} 0 R /k {glyph} 0 R >> /Encoding << /Type /Encoding /Differences [97 /o /k] >> >>"
        ),
    );
    builder.page("BT /F2 12 Tf 72 700 Td (ab) Tj ET");
    assert_eq!(read(&builder.build()).unwrap().pages, ["ok"]);
}

#[test]
fn bitmap_fonts_are_scaled() {
    let mut builder = Builder::new();
    let glyph = builder.stream("", "40 0 0 0 40 60 d1");
    builder.font(
        "F2",
        &format!(
            "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 1000 1000] /FontMatrix [1 0 0 -1 0 0] /FirstChar 97 /LastChar 99 \
             /Widths [40 40 20] /CharProcs << /a97 {glyph} 0 R >> /Encoding << /Type /Encoding /Differences [97 /a97 /a98 /a99] >> >>"
        ),
    );
    builder.page("BT /F2 0.12 Tf 1 0 0 -1 72 700 Tm (abba) Tj 22 0 Td (cab) Tj ET");
    assert_eq!(read(&builder.build()).unwrap().pages, ["abba cab"]);
}

#[test]
fn actual_text_replaces_drawn_text() {
    let spans = "BT /F1 12 Tf 72 700 Td (see ) Tj /Span << /ActualText (chapter) >> BDC (ch.) Tj EMC ( two) Tj ET";
    assert_eq!(text(spans), "see chapter two");
    let utf16 = b"BT /F1 12 Tf 72 700 Td /Span << /ActualText <FEFF00660069> >> BDC (\x01) Tj EMC (sh) Tj ET";
    assert_eq!(text(utf16), "fish");
    let none = "BT /F1 12 Tf 72 700 Td /Span << /ActualText () >> BDC (1) Tj EMC (main) Tj ET";
    assert_eq!(text(none), "main");
}

#[test]
fn invisible_text_is_read_and_inline_images_are_skipped() {
    assert_eq!(
        text("BT 3 Tr /F1 12 Tf 72 700 Td (read by OCR) Tj ET"),
        "read by OCR"
    );
    let image = b"BT /F1 12 Tf 72 700 Td (above) Tj ET BI /W 4 /H 1 /BPC 8 /CS /G ID \x00(EI\xff\n EI BT /F1 12 Tf 72 686 Td (below) Tj ET";
    assert_eq!(text(image), "above\nbelow");
}

#[test]
fn recursive_form_xobjects_terminate() {
    let mut builder = Builder::new();
    // A form that draws itself, and one that draws text with a matrix of its own. The catalog, the
    // tree and the font are 1 to 3.
    let own = builder.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /X 4 0 R >> /Font << /F1 3 0 R >> >>",
        "BT /F1 12 Tf 72 700 Td (once) Tj ET /X Do",
    );
    assert_eq!(own, 4);
    let placed = builder.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Matrix [1 0 0 1 0 -100]",
        "BT /F1 12 Tf 72 700 Td (lower) Tj ET",
    );
    builder.page_with(
        "",
        &format!("/XObject << /X {own} 0 R /Y {placed} 0 R >>"),
        "q /Y Do Q /X Do",
    );
    assert_eq!(read(&builder.build()).unwrap().pages, ["once\n\nlower"]);
}

#[test]
fn form_field_values_are_read_once() {
    let mut builder = Builder::new();
    let drawn = builder.stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 100 20] /Resources << /Font << /F1 3 0 R >> >>",
        "/Tx BMC BT /F1 12 Tf 2 5 Td (as drawn) Tj ET EMC",
    );
    let parent = builder.object("<< /FT /Tx /T (town) /V (Ostend) >>");
    let widget =
        |more: &str| format!("<< /Type /Annot /Subtype /Widget /Rect [72 600 200 620] {more} >>");
    let kids: Vec<usize> = [
        format!("/Parent {parent} 0 R"),
        format!("/Parent {parent} 0 R"),
        format!("/FT /Tx /T (drawn) /AP << /N {drawn} 0 R >>"),
        "/FT /Tx /T (wide) /V <FEFF00530061006D0070006C00650074006F006E>".to_owned(),
        "/FT /Btn /T (agree) /TU (I agree to the rules) /AS /Yes /V /Yes".to_owned(),
        "/FT /Btn /T (refuse) /AS /Off".to_owned(),
        "/FT /Ch /T (days) /V [(Monday) (Friday)]".to_owned(),
    ]
    .iter()
    .map(|more| builder.object(widget(more)))
    .collect();
    let hidden = builder.object("<< /FT /Tx /T (hidden) /V (only in the tree) >>");
    let list: String = kids.iter().map(|k| format!("{k} 0 R ")).collect();
    builder.catalog(&format!(
        "/AcroForm << /Fields [{list} {parent} 0 R {hidden} 0 R] >>"
    ));
    builder.page_with(
        &format!("/Annots [{list}]"),
        "",
        show(&[(72.0, 700.0, "Your town:")]),
    );
    let pages = read(&builder.build()).unwrap().pages;
    let expected = "Your town:\n\nOstend\n\nas drawn\n\nSampleton\n\nI agree to the rules\n\nMonday, Friday\n\nonly in the tree";
    assert_eq!(pages, [expected]);
}

#[test]
fn annotations_with_text_are_read() {
    let mut builder = Builder::new();
    let note = |kind: &str, text: &str| {
        format!("<< /Type /Annot /Subtype /{kind} /Rect [0 0 9 9] /Contents ({text}) >>")
    };
    let notes: String = [
        ("Text", "leaks"),
        ("FreeText", "rebuilt"),
        ("Highlight", "why?"),
        ("Link", "no"),
        ("Popup", "no"),
    ]
    .iter()
    .map(|(kind, text)| note(kind, text))
    .collect();
    builder.page_with(
        &format!("/Annots [{notes}]"),
        "",
        show(&[(72.0, 700.0, "The weir.")]),
    );
    assert_eq!(
        read(&builder.build()).unwrap().pages,
        ["The weir.\n\nleaks\n\nrebuilt\n\nwhy?"]
    );
}

#[test]
fn pages_without_text_are_counted() {
    let mut builder = Builder::new();
    let image = builder
        .stream("/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray", "x");
    builder.page(show(&[(72.0, 700.0, "Cover")]));
    builder.page_with(
        "",
        &format!("/XObject << /I {image} 0 R >>"),
        "q 600 0 0 700 0 0 cm /I Do Q",
    );
    builder.page("");
    let document = read(&builder.build()).unwrap();
    assert_eq!(document.pages_without_text, [2]);
    assert_eq!(
        document.notes,
        [(
            Code::NoText,
            "1 of 3 pages have no text layer: 2".to_owned()
        )]
    );
}

#[test]
fn placeholder_titles_are_ignored() {
    let info_of = |info: &str| {
        let document = read(
            &Builder::new()
                .page(show(&[(72.0, 700.0, "x")]))
                .info(info)
                .build(),
        )
        .unwrap();
        (document.title, document.author, document.created)
    };
    let (title, author, created) =
        info_of("/Title (Of Weirs) /Author (A. Mason) /CreationDate (D:20240531120000Z)");
    assert_eq!(
        (title.as_deref(), author.as_deref(), created.as_deref()),
        (Some("Of Weirs"), Some("A. Mason"), Some("2024-05-31"))
    );
    for no in [
        "Microsoft Word - x.doc",
        "report.dvi",
        "untitled",
        "C:\\\\temp\\\\x",
        "42",
    ] {
        assert_eq!(info_of(&format!("/Title ({no})")).0, None, "{no}");
    }
    assert_eq!(
        info_of("/Title <FEFF00C9007400E9>").0.as_deref(),
        Some("Été")
    );
}

#[test]
fn files_encrypted_with_an_empty_password_are_read() {
    for bytes in [
        &include_bytes!("../fixtures/rc4.pdf")[..],
        include_bytes!("../fixtures/aes128.pdf"),
        include_bytes!("../fixtures/aes256.pdf"),
    ] {
        assert_eq!(
            read(bytes).unwrap().pages,
            ["The heron waits at the sluice."]
        );
    }
    assert_eq!(
        read(include_bytes!("../fixtures/locked.pdf")),
        Err(PdfError::PasswordProtected)
    );
    assert!(PdfError::PasswordProtected.to_string().contains("password"));
}

#[test]
fn object_streams_are_read() {
    assert_eq!(
        read(include_bytes!("../fixtures/streams.pdf"))
            .unwrap()
            .pages,
        ["The heron waits at the sluice."]
    );
}

#[test]
fn incremental_updates_apply() {
    let mut bytes = Builder::new()
        .page(show(&[(72.0, 700.0, "first wording")]))
        .build();
    let text = "BT /F1 12 Tf 72 700 Td (second wording) Tj ET";
    let at = bytes.len();
    bytes.extend(
        format!(
            "4 0 obj\n<< /Length {} >>\nstream\n{text}\nendstream\nendobj\n",
            text.len()
        )
        .bytes(),
    );
    let xref = bytes.len();
    let old = String::from_utf8_lossy(&bytes).rfind("\nxref\n").unwrap() + 1;
    bytes.extend(
        format!(
            "xref\n4 1\n{at:010} 00000 n \ntrailer\n<< /Size 7 /Root 1 0 R /Prev {old} >>\nstartxref\n{xref}\n%%EOF\n"
        )
        .bytes(),
    );
    assert_eq!(read(&bytes).unwrap().pages, ["second wording"]);
}

#[test]
fn invalid_operands_are_skipped() {
    let content = "[6.1e-05 1] 0 d [(un) (closed) 5 Tj BT /F1 12 Tf 72 700 Td (the rest) Tj ET ) > ]] 1 0 BT /F1 12 Tf 72 686 Td (is read) Tj ET";
    assert_eq!(text(content), "the rest\nis read");
    assert_eq!(document("\u{0}(").pages, [""]);
}
