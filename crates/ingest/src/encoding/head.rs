//! Decodes the beginning of a file, from which its format is detected.

use super::detect::{Detected, detect};

/// Decodes the first bytes of a document; `None` if they are not text.
pub fn decode(head: &[u8]) -> Option<String> {
    Some(match detect(head, false) {
        Detected::Binary(_) => return None,
        Detected::Utf32(order) => order.decode(head),
        Detected::Known(encoding) | Detected::Guess(encoding) => {
            encoding.decode_with_bom_removal(head).0.into_owned()
        }
        Detected::Utf8 | Detected::Utf8WithZeros(_) | Detected::BrokenUtf8 { .. } => {
            String::from_utf8_lossy(head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head)).into_owned()
        }
    })
}
