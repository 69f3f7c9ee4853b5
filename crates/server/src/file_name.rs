//! The name of an uploaded file, as the clients of the world write it in `Content-Disposition`.
//!
//! Browsers send UTF-8 with `"` as `%22`; curl escapes with backslashes; others send `filename*`
//! (RFC 5987, in parts by RFC 2231), MIME words (RFC 2047), or bytes in Latin-1.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The name of a part's file; `None` if it has none.
pub fn of_disposition(disposition: &[u8]) -> Option<String> {
    let parameters = parameters(disposition);
    let find = |wanted: &str| {
        let found = parameters.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_slice())
    };
    if let Some(value) = find("filename*") {
        return Some(decode_extended(value));
    }
    if let Some(value) = find("filename") {
        let text = decode_bytes(value);
        let text = text
            .replace("%22", "\"")
            .replace("%0D", "\r")
            .replace("%0A", "\n");
        return Some(decode_words(&text));
    }
    continued(&parameters)
}

/// Puts together `filename*0`, `filename*1`, …; parts whose names end in `*` are percent-encoded.
fn continued(parameters: &[(String, Vec<u8>)]) -> Option<String> {
    let mut encoding = UTF_8;
    let mut whole = Vec::new();
    for number in 0.. {
        let plain = format!("filename*{number}");
        let found = parameters
            .iter()
            .find(|(name, _)| name.trim_end_matches('*') == plain);
        let Some((name, value)) = found else { break };
        if name.ends_with('*') {
            let value = if number == 0 {
                let (named, rest) = split_charset(value);
                encoding = named;
                rest
            } else {
                value
            };
            whole.extend(percent_decoded(value));
        } else {
            whole.extend(value);
        }
    }
    (!whole.is_empty()).then(|| encoding.decode(&whole).0.into_owned())
}

/// The parameters of a header by lower-case name, unquoted.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some(start) = rest.iter().position(|byte| *byte == b';') {
        rest = &rest[start + 1..];
        let Some(equals) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else {
            break;
        };
        if rest[equals] == b';' {
            continue;
        }
        let name = String::from_utf8_lossy(&rest[..equals])
            .trim()
            .to_ascii_lowercase();
        rest = rest[equals + 1..].trim_ascii_start();
        let value = if let Some(quoted) = rest.strip_prefix(b"\"") {
            let (value, after) = unquoted(quoted);
            rest = after;
            value
        } else {
            let end = rest
                .iter()
                .position(|byte| *byte == b';')
                .unwrap_or(rest.len());
            let value = rest[..end].trim_ascii().to_vec();
            rest = &rest[end..];
            value
        };
        found.push((name, value));
    }
    found
}

/// A quoted string up to its end, and what comes after. A backslash escapes only quotation marks
/// and backslashes before one: others are those of a Windows path.
fn unquoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut value = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], text.get(at + 1)) {
            (b'\\', Some(next @ (b'"' | b'\\'))) => {
                value.push(*next);
                at += 2;
            }
            (b'"', _) => return (value, &text[at + 1..]),
            (byte, _) => {
                value.push(byte);
                at += 1;
            }
        }
    }
    (value, &[])
}

/// Decodes `charset'language'percent-encoded`.
fn decode_extended(value: &[u8]) -> String {
    let (encoding, rest) = split_charset(value);
    encoding.decode(&percent_decoded(rest)).0.into_owned()
}

fn split_charset(value: &[u8]) -> (&'static Encoding, &[u8]) {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(rest)) => {
            (Encoding::for_label(charset).unwrap_or(UTF_8), rest)
        }
        _ => (UTF_8, value),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let code = text.get(at + 1..at + 3).and_then(hexadecimal);
        match (text[at], code) {
            (b'%', Some(code)) => {
                bytes.push(code);
                at += 3;
            }
            (byte, _) => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Bytes that are no UTF-8 are Latin-1, as older clients send it.
fn decode_bytes(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252.decode(bytes).0.into_owned(),
    }
}

/// Decodes the MIME words (`=?utf-8?B?…?=`) in a text. White space between two of them belongs to
/// neither.
fn decode_words(text: &str) -> String {
    let mut decoded = String::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let (before, word) = rest.split_at(start);
        let Some((value, length)) = decode_word(word) else {
            decoded.push_str(&rest[..start + 2]);
            rest = &rest[start + 2..];
            after_word = false;
            continue;
        };
        if !(after_word && before.trim().is_empty()) {
            decoded.push_str(before);
        }
        decoded.push_str(&value);
        rest = &word[length..];
        after_word = true;
    }
    decoded.push_str(rest);
    decoded
}

/// The value of the MIME word that a text begins with, and the word's length in bytes.
fn decode_word(text: &str) -> Option<(String, usize)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (kind, rest) = rest.split_once('?')?;
    let (value, _) = rest.split_once("?=")?;
    // RFC 2231 allows a language after the charset.
    let charset = charset.split('*').next().unwrap_or(charset);
    let encoding = Encoding::for_label(charset.as_bytes())?;
    let bytes = match kind {
        "b" | "B" => BASE64_STANDARD.decode(value).ok()?,
        "q" | "Q" => percent_decoded(value.replace('_', " ").replace('=', "%").as_bytes()),
        _ => return None,
    };
    let length = text.len() - rest.len() + value.len() + "?=".len();
    Some((encoding.decode(&bytes).0.into_owned(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_client_are_read() {
        for (disposition, name) in [
            (
                &b"form-data; name=\"file\"; filename=\"plain.txt\""[..],
                Some("plain.txt"),
            ),
            (
                b"form-data; name=file; filename=plain.txt",
                Some("plain.txt"),
            ),
            (
                b"form-data; NAME=\"file\"; FileName=\"A.txt\"",
                Some("A.txt"),
            ),
            (
                "form-data; filename=\"käse.txt\"".as_bytes(),
                Some("käse.txt"),
            ),
            (b"form-data; filename=\"k\xe4se.txt\"", Some("käse.txt")),
            (
                b"form-data; filename=\"x.txt\"; filename*=UTF-8''k%C3%A4se.txt",
                Some("käse.txt"),
            ),
            (
                b"form-data; filename*=iso-8859-1'de'k%E4se.txt",
                Some("käse.txt"),
            ),
            (
                b"form-data; filename*0=\"long \"; filename*1=\"name.txt\"",
                Some("long name.txt"),
            ),
            (
                b"form-data; filename*0*=UTF-8''k%C3; filename*1*=%A4se; filename*2=\".txt\"",
                Some("käse.txt"),
            ),
            (
                b"form-data; filename=\"=?utf-8?B?a8Okc2U=?= =?utf-8?Q?_100=25.txt?=\"",
                Some("käse 100%.txt"),
            ),
            (
                b"form-data; filename=\"=?no-word.txt\"",
                Some("=?no-word.txt"),
            ),
            (
                b"form-data; filename=\"a%22b\\\"c.txt\"",
                Some("a\"b\"c.txt"),
            ),
            (
                b"form-data; filename=\"semi;colon=x.txt\"; name=\"file\"",
                Some("semi;colon=x.txt"),
            ),
            (
                b"form-data; filename=\"C:\\notes\\x.txt\"",
                Some("C:\\notes\\x.txt"),
            ),
            (b"form-data; filename=\"\"", Some("")),
            (b"form-data; filename=\"open", Some("open")),
            (b"form-data; name=\"filename=x\"", None),
            (b"form-data", None),
        ] {
            assert_eq!(
                of_disposition(disposition).as_deref(),
                name,
                "{}",
                String::from_utf8_lossy(disposition)
            );
        }
    }
}
