//! Damaged files never panic, and as much as possible is read.

use super::build::{Builder, show};
use crate::read::pdf::text::{PdfError, read};

#[test]
fn damaged_xref_table_is_rebuilt() {
    let whole = Builder::new()
        .page(show(&[(72.0, 700.0, "still here")]))
        .build();
    let text = String::from_utf8_lossy(&whole).into_owned();
    let wrong = text.replace("startxref\n", "startxref\n9");
    assert_eq!(read(wrong.as_bytes()).unwrap().pages, ["still here"]);
    let cut = &text[..text.rfind("\nxref\n").unwrap()];
    assert_eq!(
        read(format!("{cut}\ntrailer\n<< /Root 1 0 R >>\n").as_bytes())
            .unwrap()
            .pages,
        ["still here"]
    );
    let shifted = format!("junk before it\n{text}");
    assert_eq!(read(shifted.as_bytes()).unwrap().pages, ["still here"]);
}

#[test]
fn other_files_are_reported_as_damaged() {
    for bytes in [&b""[..], b"%PDF-1.7 nothing", b"hello", &[0xff; 1000]] {
        assert!(
            matches!(read(bytes), Err(PdfError::Damaged(_))),
            "{bytes:?}"
        );
    }
}

#[test]
fn deep_nesting_does_not_panic() {
    let deep = format!(
        "{}{} BT /F1 12 Tf 72 700 Td (after) Tj ET",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read(&Builder::new().page(deep).build()).is_ok());
    let calls = "q ".repeat(100_000) + "BT /F1 12 Tf 72 700 Td (after) Tj ET";
    assert_eq!(
        read(&Builder::new().page(calls).build()).unwrap().pages,
        ["after"]
    );
    let odd = "BT /F1 1e30 Tf 1e300 0 0 1e300 0 0 Tm (x) Tj /F1 0 Tf (y) Tj /F1 nan Tf (z) Tj /F1 -12 Tf 72 700 Td (w) Tj ET";
    assert!(read(&Builder::new().page(odd).build()).is_ok());
}

#[test]
fn damage_anywhere_does_not_panic() {
    let mut builder = Builder::new();
    builder.font("F2", "<< /Type /Font /Subtype /Type0 /BaseFont /S /Encoding /UniJIS-UCS2-H /DescendantFonts [<< /Type /Font /Subtype /CIDFontType0 /BaseFont /S /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 0 >> >>] >>");
    builder.catalog("/AcroForm << /Fields [<< /FT /Tx /T (a) /V (b) >>] >>");
    builder.page_with(
        "/Annots [<< /Subtype /Text /Contents (note) >> << /Subtype /Widget /FT /Tx /V (v) >>]",
        "",
        "q 1 0 0 1 0 0 cm BT /F1 12 Tf 72 700 Td [(kern) 20 (ed) -300 (words)] TJ /F2 9 Tf 0 -12 Td <65e5672c> Tj ET Q /X Do",
    );
    builder.page(show(&[
        (72.0, 700.0, "left side of it"),
        (320.0, 700.0, "right side"),
        (72.0, 40.0, "2"),
    ]));
    let seeds = [
        builder.build(),
        include_bytes!("../fixtures/aes256.pdf").to_vec(),
        include_bytes!("../fixtures/rc4.pdf").to_vec(),
        include_bytes!("../fixtures/streams.pdf").to_vec(),
    ];
    // A fixed sequence of random numbers, so that failures are reproducible.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut dice = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below.max(1) as u64) as usize
    };
    for seed in &seeds {
        for cut in (0..seed.len()).step_by(7) {
            let _ = read(&seed[..cut]);
        }
        for _ in 0..400 {
            let mut bytes = seed.clone();
            for _ in 0..=dice(12) {
                let at = dice(bytes.len());
                match dice(4) {
                    0 => bytes[at] = dice(256) as u8,
                    1 => bytes[at] ^= 1 << dice(8),
                    2 => {
                        bytes.remove(at);
                    }
                    _ => {
                        let from = dice(bytes.len());
                        let piece = bytes[from..(from + dice(40)).min(bytes.len())].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            // `read` turns panics into errors.
            if let Err(PdfError::Damaged(reason)) = read(&bytes) {
                assert!(!reason.is_empty());
            }
        }
    }
}
