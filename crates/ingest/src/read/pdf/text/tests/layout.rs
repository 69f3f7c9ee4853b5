//! Tests of words, lines, columns, hyphens and running heads.

use super::build::{Builder, show};
use super::{document, text};
use crate::read::pdf::text::read;
use std::fmt::Write;

#[test]
fn lines_are_read_from_top_to_bottom_whatever_the_drawing_order() {
    let content = show(&[
        (72.0, 40.0, "The foot"),
        (72.0, 686.0, "second line"),
        (72.0, 700.0, "first line"),
    ]);
    assert_eq!(text(content), "first line\nsecond line\n\nThe foot");
}

#[test]
fn rotated_text_is_read_along_its_lines() {
    let quarter = "BT /F1 12 Tf 0 1 -1 0 100 72 Tm (A barge carries gravel) Tj ET\n\
                   BT /F1 12 Tf 0 1 -1 0 114 72 Tm (down the canal) Tj ET";
    assert_eq!(text(quarter), "A barge carries gravel\ndown the canal");
    let turned = read(&Builder::new().page_with("/Rotate 90", "", quarter).build()).unwrap();
    assert_eq!(turned.pages, ["A barge carries gravel\ndown the canal"]);
    let over = "BT /F1 12 Tf -1 0 0 -1 400 300 Tm (upside) Tj ET\nBT /F1 12 Tf -1 0 0 -1 400 314 Tm (down) Tj ET";
    assert_eq!(text(over), "upside\ndown");
    // A font size set by the matrix, and a page with some rotated text.
    let mixed = "BT /F1 1 Tf 12 0 0 12 72 700 Tm (level words) Tj ET\nBT /F1 12 Tf 0 1 -1 0 500 72 Tm (on the side) Tj ET";
    assert_eq!(text(mixed), "level words\n\non the side");
}

#[test]
fn letters_drawn_one_by_one_are_joined_to_words() {
    let mut content = String::from("BT /F1 12 Tf 72 700 Td ");
    for (letter, advance) in [
        ('o', 6.67),
        ('a', 6.67),
        ('k', 9.5),
        ('t', 3.34),
        ('r', 4.0),
        ('e', 6.67),
        ('e', 6.67),
    ] {
        write!(content, "({letter}) Tj {advance} 0 Td ").unwrap();
    }
    assert_eq!(text(content + "ET"), "oak tree");
}

#[test]
fn gaps_separate_words_and_kerning_does_not() {
    assert_eq!(
        text("BT /F1 12 Tf 72 700 Td [(T) 120 (ower and W) 90 (a) 60 (ve)] TJ ET"),
        "Tower and Wave"
    );
    assert_eq!(
        text("BT /F1 12 Tf 72 700 Td [(two) -300 (words)] TJ ET"),
        "two words"
    );
    // Character spacing that is cancelled by numbers in the array, as Distiller writes it.
    assert_eq!(
        text(
            "BT /F1 12 Tf 12 Tc 72 700 Td [(T)1000(w)1000(o)750(w)1000(o)1000(r)1000(d)1000(s)] TJ ET"
        ),
        "Two words"
    );
}

#[test]
fn letter_spaced_words_are_joined() {
    assert_eq!(
        text("BT /F1 14 Tf 4 Tc 72 700 Td (HARBOUR) Tj ET"),
        "HARBOUR"
    );
    assert_eq!(
        text("BT /F1 14 Tf 72 700 Td (H A R B O U R) Tj ET"),
        "HARBOUR"
    );
    let set = "BT /F1 12 Tf 72 700 Td [(O)-250(L)-250(D)-900(M)-250(I)-250(L)-250(L)] TJ ET";
    assert_eq!(text(set), "OLD MILL");
    assert_eq!(
        text("BT /F1 12 Tf 72 700 Td (plan A B C) Tj ET"),
        "plan A B C"
    );
}

#[test]
fn letters_drawn_twice_are_read_once() {
    let bold = "BT /F1 12 Tf 72 700 Td (ledger) Tj ET BT /F1 12 Tf 72.3 700 Td (ledger) Tj ET";
    assert_eq!(text(bold), "ledger");
}

#[test]
fn accents_drawn_over_letters_are_composed() {
    assert_eq!(
        text(b"BT /F1 12 Tf 72 700 Td [(caf) (\xb4) 450 (e) ] TJ ET"),
        "café"
    );
}

#[test]
fn note_marks_are_separated_from_words() {
    let note =
        "BT /F1 12 Tf 72 700 Td (harvest) Tj /F1 7 Tf 4 Ts (12) Tj /F1 12 Tf 0 Ts ( ends) Tj ET";
    assert_eq!(text(note), "harvest 12 ends");
}

const LEFT: [&str; 4] = [
    "The county pays for",
    "the repair of the weir.",
    "Two masons work on it",
    "from April to June.",
];
const RIGHT: [&str; 4] = [
    "Herring is salted at",
    "the old pier, and the",
    "barrels go by rail to",
    "the inland markets.",
];

fn columns(by_row: bool) -> String {
    let at = |x: f64, lines: [&'static str; 4]| {
        (0..4).map(move |i| (x, 700.0 - 14.0 * f64::from(i as u8), lines[i]))
    };
    let mut lines: Vec<_> = at(72.0, LEFT).chain(at(320.0, RIGHT)).collect();
    if by_row {
        lines.sort_by(|a, b| b.1.total_cmp(&a.1));
    }
    show(&lines)
}

#[test]
fn columns_are_read_one_after_the_other() {
    let expected = format!("{}\n\n{}", LEFT.join("\n"), RIGHT.join("\n"));
    assert_eq!(text(columns(false)), expected);
    assert_eq!(text(columns(true)), expected);
    let headed = show(&[(
        150.0,
        740.0,
        "A title that stands across both of the columns",
    )]) + &columns(true);
    assert_eq!(
        text(headed),
        format!("A title that stands across both of the columns\n\n{expected}")
    );
}

#[test]
fn a_table_is_read_across() {
    let mut cells = Vec::new();
    for (at, (name, price)) in [
        ("Eel", "12.50"),
        ("Pike", "8.00"),
        ("Perch", "9.75"),
        ("Roach", "3.20"),
    ]
    .iter()
    .enumerate()
    {
        cells.push((72.0, 700.0 - 14.0 * at as f64, *name));
        cells.push((300.0, 700.0 - 14.0 * at as f64, *price));
    }
    assert_eq!(
        text(show(&cells)),
        "Eel 12.50\nPike 8.00\nPerch 9.75\nRoach 3.20"
    );
}

fn paragraph(lines: &[&str]) -> String {
    let lines: Vec<_> = lines
        .iter()
        .enumerate()
        .map(|(i, l)| (72.0, 700.0 - 14.0 * i as f64, *l))
        .collect();
    text(show(&lines))
}

#[test]
fn divided_words_are_rejoined() {
    assert_eq!(
        paragraph(&["hardly understand-", "able to strangers"]),
        "hardly understandable\nto strangers"
    );
    assert_eq!(
        paragraph(&["a light\\255", "house on the rock"]),
        "a lighthouse\non the rock"
    );
    assert_eq!(
        paragraph(&["THE UNDERSTAND-", "ABLE RULES"]),
        "THE UNDERSTANDABLE\nRULES"
    );
}

#[test]
fn compounds_keep_their_hyphen() {
    // The document has the compound elsewhere.
    assert_eq!(
        paragraph(&["a well-worn step, a well-", "worn path"]),
        "a well-worn step, a well-worn\npath"
    );
    // The document has the joined word elsewhere.
    assert_eq!(
        paragraph(&["a seaside inn by the sea-", "side"]),
        "a seaside inn by the seaside"
    );
    // The document has both parts as words.
    assert_eq!(
        paragraph(&["the river and the port: a river-", "port"]),
        "the river and the port: a river-port"
    );
    // No evidence in the document: by typical parts of compounds.
    assert_eq!(
        paragraph(&["speak of price-", "determining marks"]),
        "speak of price-determining\nmarks"
    );
    assert_eq!(paragraph(&["by Jean-", "Paul"]), "by Jean-Paul");
    assert_eq!(paragraph(&["in 1914-", "1918"]), "in 1914-1918");
    assert_eq!(
        paragraph(&["both pre-", "and postwar"]),
        "both pre-\nand postwar"
    );
}

#[test]
fn running_heads_and_page_numbers_are_removed() {
    let mut builder = Builder::new();
    for page in 1..=4 {
        let body = [
            "The bell rang when the keeper",
            "climbed the tower and lit",
            "the lamp for a ship",
            "that came in late",
        ];
        let number = page.to_string();
        builder.page(show(&[
            (72.0, 760.0, "The Example Gazette"),
            (72.0, 700.0, body[page - 1]),
            (72.0, 686.0, "every night of that year"),
            (300.0, 30.0, &number),
        ]));
    }
    let document = read(&builder.build()).unwrap();
    assert_eq!(
        document.pages[0],
        "The Example Gazette\n\nThe bell rang when the keeper\nevery night of that year"
    );
    assert_eq!(
        document.pages[1],
        "climbed the tower and lit\nevery night of that year"
    );
    assert!(
        document
            .notes
            .iter()
            .any(|(_, message)| message.contains("running heads")),
        "{:?}",
        document.notes
    );
}

#[test]
fn headings_that_differ_only_by_number_are_kept() {
    let mut builder = Builder::new();
    for chapter in ["Chapter 3", "Chapter 9", "Chapter 4"] {
        builder.page(show(&[
            (72.0, 760.0, chapter),
            (72.0, 600.0, "Of the weather at sea"),
        ]));
    }
    let pages = read(&builder.build()).unwrap().pages;
    assert!(
        pages[1].contains("Chapter 9") && pages[2].contains("Chapter 4"),
        "{pages:?}"
    );
}

#[test]
fn rtl_text_is_in_logical_order_and_cjk_text_without_spaces() {
    let mut builder = Builder::new();
    let map = builder.stream(
        "",
        "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange\n\
         8 beginbfchar <61> <05e9> <62> <05dc> <63> <05d5> <64> <05dd> <65> <6a5f> <66> <5668> <67> <fb01> <68> <0639> endbfchar endcmap",
    );
    builder.font(
        "F2",
        &format!("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode {map} 0 R >>"),
    );
    builder
        .page("BT /F2 12 Tf 72 700 Td (dcba) Tj ET BT /F2 12 Tf 72 600 Td (ef) Tj ET BT /F2 12 Tf 72 500 Td (g) Tj ET");
    assert_eq!(
        read(&builder.build()).unwrap().pages,
        ["שלום\n\n機器\n\nfi"]
    );
}

#[test]
fn text_outside_the_page_is_omitted() {
    assert_eq!(
        text(show(&[(72.0, 700.0, "inside"), (72.0, -500.0, "outside")])),
        "inside"
    );
}

#[test]
fn a_page_with_many_glyphs_takes_linear_time() {
    let mut content = String::from("BT /F1 2 Tf 1 0 0 1 10 780 Tm 2 TL\n");
    for line in 0..1000 {
        writeln!(content, "(line {line:04} {}) '", "abcdefghi ".repeat(10)).unwrap();
    }
    // Many glyphs at the same position, too.
    for _ in 0..50_000 {
        content.push_str("1 0 0 1 10 10 Tm (x) Tj ");
    }
    let started = std::time::Instant::now();
    assert!(document(content).pages[0].contains("line 0200 abcdefghi"));
    assert!(started.elapsed().as_secs() < 20);
}
