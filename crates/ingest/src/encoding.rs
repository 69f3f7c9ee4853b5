//! Decodes bytes to text. The encoding is determined, in this order, by a byte-order mark, by the
//! positions of zero bytes (UTF-16 and UTF-32), by whether the bytes are UTF-8, by the declaration
//! of the document, and by a detector, whose guess is noted.

mod detect;
pub mod head;
mod reader;
mod utf32;

pub use reader::reader;

use crate::source::{Source, note};
use crate::{Error, Result};
use detect::{Detected, detect};
use encoding_rs::Encoding;
use notes::{Code, Note};
use std::borrow::Cow;
use utf32::Utf32;

/// A decoded document.
#[derive(Debug)]
pub struct Decoded {
    /// The text. Valid UTF-8 is kept byte for byte, the byte-order mark included, so that spans
    /// are offsets in the file; only carriage returns without a line feed are replaced by one.
    pub text: String,
    /// A note if the encoding was guessed or bytes were replaced.
    pub note: Option<Note>,
}

/// Decodes a document without a declared encoding.
///
/// # Errors
/// [`Error::Binary`] if it is not text.
pub fn decode(source: &Source, bytes: Vec<u8>) -> Result<Decoded> {
    decode_declared(source, bytes, None)
}

/// A note that the encoding is a guess.
fn guess_note(source: &Source, encoding: &'static Encoding) -> Note {
    let name = encoding.name();
    let message = format!("no encoding is declared; read as {name}, which is a guess");
    note(source, None, Code::EncodingGuessed, message)
}

/// Decodes a document with the encoding that it declares, if any.
///
/// # Errors
/// [`Error::Binary`] if it is not text.
pub fn decode_declared(
    source: &Source,
    bytes: Vec<u8>,
    declared: Option<&'static Encoding>,
) -> Result<Decoded> {
    let detected = match (detect(&bytes, true), declared) {
        // A byte-order mark, zero bytes and even damaged UTF-8 are stronger evidence than a
        // declaration. So is valid UTF-8, except for short texts in a multi-byte encoding.
        (Detected::Guess(_) | Detected::Binary(_), Some(declared))
            if declared != encoding_rs::UTF_8 =>
        {
            Detected::Known(declared)
        }
        (Detected::Utf8, Some(declared))
            if !declared.is_single_byte() && declared != encoding_rs::UTF_8 =>
        {
            declared_or_utf8(&bytes, declared)
        }
        (detected, _) => detected,
    };
    let note = |code, message| Some(note(source, None, code, message));
    let (mut text, note) = match detected {
        Detected::Utf8 => (into_string(bytes), None),
        Detected::Utf8WithZeros(zeros) => {
            let message = format!(
                "read as text, though {zeros} of {} bytes are zero",
                bytes.len()
            );
            (into_string(bytes), note(Code::ZeroBytes, message))
        }
        Detected::BrokenUtf8 { sequences, line } => {
            let places = if sequences == 1 {
                "1 place".to_owned()
            } else {
                format!("{sequences} places, first")
            };
            let message = format!("not UTF-8 in {places} in line {line}; shown as \u{fffd} there");
            (into_string(bytes), note(Code::InvalidBytes, message))
        }
        Detected::Known(encoding) => (
            encoding.decode_with_bom_removal(&bytes).0.into_owned(),
            None,
        ),
        Detected::Guess(encoding) => (
            encoding.decode_without_bom_handling(&bytes).0.into_owned(),
            Some(guess_note(source, encoding)),
        ),
        Detected::Utf32(order) => (order.decode(&bytes), None),
        Detected::Binary(offset) => {
            return Err(Error::Binary {
                path: source.path.clone(),
                offset,
            });
        }
    };
    normalize_line_ends(&mut text);
    Ok(Decoded { text, note })
}

/// Up to this many non-ASCII characters, text in a multi-byte encoding can be valid UTF-8 by
/// accident.
const MAX_ACCIDENTAL_CHARS: usize = 4;

/// Decides between UTF-8 and a declared multi-byte encoding for bytes that are valid UTF-8: a few
/// Chinese or Japanese words can be valid in both, and then the declaration decides.
fn declared_or_utf8(bytes: &[u8], declared: &'static Encoding) -> Detected {
    let text = String::from_utf8_lossy(bytes);
    let characters = text
        .chars()
        .filter(|c| !c.is_ascii())
        .take(MAX_ACCIDENTAL_CHARS + 1)
        .count();
    match (1..=MAX_ACCIDENTAL_CHARS).contains(&characters)
        && !declared.decode_without_bom_handling(bytes).1
    {
        true => Detected::Known(declared),
        false => Detected::Utf8,
    }
}

fn into_string(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Replaces carriage returns that are not followed by a line feed by line feeds. The length stays
/// the same, and so do spans.
fn normalize_line_ends(text: &mut String) {
    if let Cow::Owned(changed) = with_line_feeds(text) {
        *text = changed;
    }
}

fn with_line_feeds(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_alone = |at: usize| bytes.get(at + 1) != Some(&b'\n');
    if !text.match_indices('\r').any(|(at, _)| is_alone(at)) {
        return Cow::Borrowed(text);
    }
    let changed = text
        .char_indices()
        .map(|(at, c)| if c == '\r' && is_alone(at) { '\n' } else { c });
    Cow::Owned(changed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;

    fn source() -> Source {
        Source {
            path: "f".into(),
            name: "f".into(),
            format: Format::Text,
            is_format_guessed: true,
            stat: None,
        }
    }

    /// The text and the message of the note; empty if there is none.
    fn read(bytes: &[u8]) -> Result<(String, String)> {
        let decoded = decode(&source(), bytes.to_vec())?;
        Ok((
            decoded.text,
            decoded.note.map(|note| note.message).unwrap_or_default(),
        ))
    }

    fn text(bytes: &[u8]) -> String {
        read(bytes).unwrap().0
    }

    #[test]
    fn unicode_is_decoded_with_and_without_a_mark() {
        let original = "Café near the river\n";
        let utf16 =
            |to: fn(u16) -> [u8; 2]| original.encode_utf16().flat_map(to).collect::<Vec<_>>();
        let utf32 = |to: fn(u32) -> [u8; 4]| {
            original
                .chars()
                .flat_map(|c| to(c as u32))
                .collect::<Vec<_>>()
        };
        assert_eq!(text(original.as_bytes()), original);
        for (mark, bytes) in [
            (&[0xff, 0xfe][..], utf16(u16::to_le_bytes)),
            (&[0xfe, 0xff], utf16(u16::to_be_bytes)),
            (&[0xff, 0xfe, 0, 0], utf32(u32::to_le_bytes)),
            (&[0, 0, 0xfe, 0xff], utf32(u32::to_be_bytes)),
        ] {
            assert_eq!(read(&bytes).unwrap(), (original.to_owned(), String::new()));
            assert_eq!(
                read(&[mark, &bytes].concat()).unwrap(),
                (original.to_owned(), String::new())
            );
        }
    }

    #[test]
    fn legacy_encodings_are_guessed_and_noted() {
        let russian = "Маяк стоит на мысе, и свет его виден далеко в море. Смотритель зажигает его каждый вечер.";
        let japanese = "灯台は岬の先に立ち、夜ごとに光を放つ。灯台守は毎晩それを灯す。";
        let chinese = "灯塔矗立在海角上，每晚都会发出光芒。守塔人每天傍晚点亮它。";
        let french =
            "La forêt brûlée était située à l'orée du village, où les élèves étudiaient l'été.";
        for (original, encoding) in [
            (russian, encoding_rs::WINDOWS_1251),
            (russian, encoding_rs::KOI8_U),
            (russian, encoding_rs::X_MAC_CYRILLIC),
            (japanese, encoding_rs::SHIFT_JIS),
            (japanese, encoding_rs::EUC_JP),
            (chinese, encoding_rs::GBK),
            (french, encoding_rs::WINDOWS_1252),
            (french, encoding_rs::MACINTOSH),
        ] {
            let (bytes, _, lossy) = encoding.encode(original);
            assert!(!lossy, "{}", encoding.name());
            let (text, note) = read(&bytes).unwrap();
            assert_eq!(text, original, "{}", encoding.name());
            assert!(note.contains("which is a guess"), "{note}");
        }
    }

    #[test]
    fn a_declaration_is_used_unless_the_bytes_contradict_it() {
        let polish = "Łódź leży w środku";
        let read = |bytes: &[u8], declared| {
            decode_declared(&source(), bytes.to_vec(), Some(declared)).unwrap()
        };
        let (latin2, ..) = encoding_rs::ISO_8859_2.encode(polish);
        let decoded = read(&latin2, encoding_rs::ISO_8859_2);
        assert_eq!((decoded.text.as_str(), decoded.note), (polish, None));
        // Saved as UTF-8 by a program that did not update the declaration.
        assert_eq!(
            read(polish.as_bytes(), encoding_rs::ISO_8859_2).text,
            polish
        );
        assert_eq!(read(polish.as_bytes(), encoding_rs::SHIFT_JIS).text, polish);
        // Declared as UTF-8, but is not.
        assert!(
            read(b"Caf\xe9 au lait, d\xe9j\xe0 vu", encoding_rs::UTF_8)
                .note
                .is_some()
        );
    }

    #[test]
    fn a_few_invalid_bytes_do_not_change_the_encoding() {
        let mut bytes = "Ein schöner Tag für Öl und Äpfel.\nÜber den Fluß führt"
            .repeat(3)
            .into_bytes();
        bytes.extend(b"\nein \xff Weg");
        let (text, note) = read(&bytes).unwrap();
        assert!(
            text.contains("schöner") && text.ends_with("ein \u{fffd} Weg"),
            "{text}"
        );
        assert_eq!(
            note,
            "not UTF-8 in 1 place in line 5; shown as \u{fffd} there"
        );
    }

    #[test]
    fn a_stray_zero_byte_is_noted_and_many_make_a_file_binary() {
        let (text, note) = read(b"The quartzite quarry closed in 1931.\0\n").unwrap();
        assert!(text.starts_with("The quartzite quarry"));
        assert_eq!(note, "read as text, though 1 of 38 bytes are zero");
        assert!(matches!(
            read(&[0, 1, 2, 3, 0, 0, 9, 200]),
            Err(Error::Binary { .. })
        ));
        assert!(matches!(
            read(b"\x7fELF\x02\x01\x01\x03\x80\x81\x05\x06"),
            Err(Error::Binary { .. })
        ));
    }

    #[test]
    fn lone_carriage_returns_become_line_feeds() {
        assert_eq!(
            text(b"one\rtwo\r\nthree\nfour\r"),
            "one\ntwo\r\nthree\nfour\n"
        );
    }
}
