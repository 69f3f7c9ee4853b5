use crate::Kind;
use crate::testing::{read_bytes, read_single};

#[test]
fn text_fields_tables_and_notes_become_text() {
    let rtf = br#"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\fswiss\fcharset0 Arial;}{\f1\fcharset204 Arial Cyr;}}
{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}}{\*\generator Writer 7;}
{\info{\title Bees \'e4nd honey}{\author Anna}{\creatim\yr2024\mo3\dy5\hr10\min7}}
{\header Page header\par}
\pard\s1 On bees\par
\pard Ho{\b ne}y keeps {\field{\*\fldinst HYPERLINK "http://x"}{\fldrslt well}}{\footnote\pard A note.}.\par
{\f1\'ef\'f7\'e5\'eb\'fb} \u8364?5 {\deleted gone }{\v hidden}\par
\trowd\cellx1000\cellx2000\pard\intbl a\cell b\cell\row\trowd\pard\intbl c\cell d\cell\row
\pard After {\*\shppict{\pict\pngblip 89504e47}}{\nonshppict{\pict 00}}pictures\par
}"#;
    let document = read_single(Kind::Rtf, rtf);
    assert_eq!(
        document.text,
        "On bees\n\nHoney keeps well.\n\nпчелы €5 hidden\n\na | b\nc | d\n\nAfter pictures\n\nA note.\n"
    );
    assert_eq!(document.title.as_deref(), Some("Bees änd honey"));
    assert_eq!(
        document.metadata,
        [
            ("author".into(), "Anna".into()),
            ("created".into(), "2024-03-05 10:07".into())
        ]
    );
}

#[test]
fn double_byte_characters_and_surrogate_pairs_are_decoded() {
    let document = read_single(
        Kind::Rtf,
        br"{\rtf1\ansi\ansicpg932 \'93\'fa\'96\'7b \uc1\u-10179?\u-8703?\par}",
    );
    assert_eq!(document.text, "日本 🐁\n".replace('🐁', "\u{1f601}"));
}

#[test]
fn a_truncated_file_is_reported_and_its_text_kept() {
    let (found, errors) = read_bytes(Kind::Rtf, br"{\rtf1 Kept text\par and");
    assert_eq!(found[0].text, "Kept text\n\nand\n");
    assert!(errors[0].contains("cut off"), "{errors:?}");
}
