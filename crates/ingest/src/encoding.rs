//! Bytes to text: UTF-8, UTF-16 (with or without a mark) and Latin-1.

use crate::{Error, Result};
use std::path::Path;

/// How much of a file is looked at for zero bytes.
const SNIFF: usize = 8192;

/// The text of `bytes`. Valid UTF-8 is kept byte for byte, its mark included, so that spans count
/// in the file itself. What is neither UTF-8 nor UTF-16 is read as Windows-1252, the superset of
/// Latin-1 that the web agreed on.
///
/// # Errors
/// [`Error::Binary`] when a zero byte shows that it is no text.
pub fn decode(path: &Path, bytes: Vec<u8>) -> Result<String> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(&bytes)
        && encoding != encoding_rs::UTF_8
    {
        return Ok(encoding.decode_with_bom_removal(&bytes).0.into_owned());
    }
    let head = &bytes[..bytes.len().min(SNIFF)];
    if let Some(offset) = head.iter().position(|&b| b == 0) {
        return match unmarked_utf16(head) {
            Some(encoding) => Ok(encoding.decode_without_bom_handling(&bytes).0.into_owned()),
            None => Err(Error::Binary { path: path.to_owned(), offset }),
        };
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let bytes = error.into_bytes();
            match bytes.iter().position(|&b| b == 0 || (b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)))
            {
                Some(offset) => Err(Error::Binary { path: path.to_owned(), offset }),
                None => Ok(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&bytes).0.into_owned()),
            }
        }
    }
}

/// UTF-16 without a mark, if the zero bytes stand where those of mostly-Latin text do: nearly all
/// on odd offsets (little-endian) or nearly all on even ones (big-endian).
fn unmarked_utf16(head: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd, pairs) = (zeros(0), zeros(1), head.len() / 2);
    if odd * 10 >= pairs * 7 && even * 50 <= pairs {
        Some(encoding_rs::UTF_16LE)
    } else if even * 10 >= pairs * 7 && odd * 50 <= pairs {
        Some(encoding_rs::UTF_16BE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<String> {
        decode(Path::new("f"), bytes.to_vec())
    }

    #[test]
    fn each_encoding_gives_the_same_text() {
        let text = "Café near the river\n";
        let utf16 = |to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<_>>();
        let latin1: Vec<u8> = text.chars().map(|c| c as u8).collect();
        assert_eq!(read(text.as_bytes()).unwrap(), text);
        assert_eq!(read(&latin1).unwrap(), text);
        assert_eq!(read(&utf16(u16::to_le_bytes)).unwrap(), text);
        assert_eq!(read(&utf16(u16::to_be_bytes)).unwrap(), text);
        assert_eq!(read(&[&[0xff, 0xfe][..], &utf16(u16::to_le_bytes)].concat()).unwrap(), text);
        assert_eq!(read(&[&[0xfe, 0xff][..], &utf16(u16::to_be_bytes)].concat()).unwrap(), text);
    }

    #[test]
    fn a_utf8_mark_stays_so_that_spans_count_in_the_file() {
        assert_eq!(read("\u{feff}abc".as_bytes()).unwrap(), "\u{feff}abc");
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let png = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x00";
        assert!(matches!(read(png), Err(Error::Binary { offset: 8, .. })));
        assert!(matches!(read(b"ab\xff\x01\x02"), Err(Error::Binary { .. })));
    }
}
