//! Text helpers shared by several readers: decoding XML, normalizing white space, recognizing
//! placeholder titles.

use std::borrow::Cow;

/// Decodes XML: by byte-order mark, by its declaration, as UTF-8, and otherwise as Windows-1252.
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding
            .decode_without_bom_handling(bytes.get(mark..).unwrap_or_default())
            .0;
    }
    match bytes {
        [b'<', 0, ..] => return encoding_rs::UTF_16LE.decode_without_bom_handling(bytes).0,
        [0, b'<', ..] => return encoding_rs::UTF_16BE.decode_without_bom_handling(bytes).0,
        _ => {}
    }
    if let Some(encoding) = declared(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        // Truncated within a character, or a few invalid bytes: still UTF-8.
        Err(_) if !is_latin(bytes) => String::from_utf8_lossy(bytes),
        Err(_) => {
            encoding_rs::WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
        }
    }
}

/// Whether invalid UTF-8 sequences outnumber valid non-ASCII characters.
fn is_latin(bytes: &[u8]) -> bool {
    let (mut right, mut wrong) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        right += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        wrong += usize::from(!chunk.invalid().is_empty());
    }
    wrong > right
}

/// The encoding named in the XML declaration.
fn declared(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let head = bytes.strip_prefix(b"<?xml")?;
    let end = head.iter().take(200).position(|&b| b == b'>')?;
    let head = std::str::from_utf8(head.get(..end)?).ok()?;
    let value = head
        .split_once("encoding")?
        .1
        .trim_start()
        .strip_prefix('=')?
        .trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = value.get(1..)?.split(quote).next()?;
    // A declaration that could be read as ASCII is not in UTF-16, whatever it claims.
    encoding_rs::Encoding::for_label(name.as_bytes()).filter(|e| e.is_ascii_compatible())
}

/// `text` on one line, with single spaces.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// A longer text is not a title, in characters.
const MAX_TITLE_CHARS: usize = 200;

/// `text` as a title on one line; `None` if it is blank, too long, or a placeholder that a program
/// wrote.
pub fn title(text: &str) -> Option<String> {
    let line = one_line(text);
    let lower = line.to_lowercase();
    let numbered = |stem: &str| {
        lower
            .strip_prefix(stem)
            .is_some_and(|rest| rest.trim().chars().all(|c| c.is_ascii_digit()))
    };
    let placeholders = [
        "document",
        "dokument",
        "doc",
        "untitled",
        "unbenannt",
        "presentation",
        "präsentation",
        "powerpoint presentation",
        "powerpoint-präsentation",
        "présentation powerpoint",
        "présentation",
        "presentación de powerpoint",
        "presentazione di powerpoint",
        "slide",
        "folie",
        "book",
        "mappe",
        "workbook",
        "spreadsheet",
        "title",
        "titel",
        "no title",
        "no slide title",
        "unknown",
        "untitled document",
        "word document",
        "microsoft word document",
        "new document",
    ];
    let programs = [
        "microsoft word - ",
        "microsoft powerpoint - ",
        "microsoft excel - ",
    ];
    let is_placeholder = placeholders.iter().any(|stem| numbered(stem))
        || programs.iter().any(|p| lower.starts_with(p));
    (!line.is_empty() && !is_placeholder && line.chars().count() <= MAX_TITLE_CHARS).then_some(line)
}

/// Whether a text is empty or only white space.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholder_titles_are_ignored() {
        for none in [
            "Document1",
            "PowerPoint Presentation",
            "Microsoft Word - draft.doc",
            "  ",
            "Untitled",
            "Präsentation 2",
        ] {
            assert_eq!(title(none), None, "{none}");
        }
        assert_eq!(title(" On\n bees ").as_deref(), Some("On bees"));
        assert_eq!(
            title("Document retention").as_deref(),
            Some("Document retention")
        );
    }

    #[test]
    fn xml_is_decoded_by_mark_declaration_or_content() {
        assert_eq!(decode("é".as_bytes()), "é");
        assert_eq!(decode(b"caf\xe9"), "café");
        assert_eq!(decode(b"\xff\xfeA\0"), "A");
        assert_eq!(
            decode(b"<?xml version='1.0' encoding='koi8-r'?>\xd7")
                .chars()
                .last(),
            Some('в')
        );
        assert_eq!(
            decode(
                "naïve and long enough, cut in a charact\u{e9}"
                    .as_bytes()
                    .split_last()
                    .unwrap()
                    .1
            )
            .chars()
            .nth(2),
            Some('ï')
        );
    }
}
