//! Encoding detection from the bytes alone.

use super::Utf32;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// How many bytes are examined for zero bytes and by the statistical detector.
const SNIFF_BYTES: usize = 1 << 16;
/// A file with more than one zero byte in this many bytes is not text.
const MIN_BYTES_PER_ZERO: usize = 20;
/// A file with at least this many valid non-ASCII characters per invalid sequence is damaged UTF-8,
/// not another encoding.
const MIN_VALID_PER_INVALID: usize = 4;

/// What kind of text bytes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detected {
    Utf8,
    /// UTF-8 with this many zero bytes.
    Utf8WithZeros(usize),
    /// UTF-8 with this many invalid sequences, the first of them on `line`, from 1.
    BrokenUtf8 {
        sequences: usize,
        line: usize,
    },
    /// Determined by a byte-order mark, a declaration, or the positions of zero bytes.
    Known(&'static Encoding),
    Utf32(Utf32),
    /// The guess of a statistical detector.
    Guess(&'static Encoding),
    /// Not text; the offset of the first byte that shows it.
    Binary(usize),
}

/// Detects the encoding of `bytes`. If they are a whole file (`is_whole`), a truncated character at
/// the end is an error.
pub fn detect(bytes: &[u8], is_whole: bool) -> Detected {
    if let Some(order) = Utf32::marked(bytes) {
        return Detected::Utf32(order);
    }
    match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding != encoding_rs::UTF_8 => return Detected::Known(encoding),
        _ => {}
    }
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    let zeros = bytecount(head, 0);
    if zeros > 0 {
        if let Some(found) = unmarked(head) {
            return found;
        }
        if zeros * MIN_BYTES_PER_ZERO > head.len()
            || valid_utf8(bytes, is_whole).is_err()
            || control(head).is_some()
        {
            return Detected::Binary(head.iter().position(|&byte| byte == 0).unwrap_or(0));
        }
        return Detected::Utf8WithZeros(bytecount(bytes, 0));
    }
    if valid_utf8(bytes, is_whole).is_ok() {
        return Detected::Utf8;
    }
    if let Some(offset) = control(head) {
        return Detected::Binary(offset);
    }
    let (sequences, first, characters) = broken_utf8(bytes);
    if characters >= sequences * MIN_VALID_PER_INVALID {
        let line = 1 + bytecount(&bytes[..first], b'\n');
        return Detected::BrokenUtf8 { sequences, line };
    }
    Detected::Guess(guess(bytes, is_whole))
}

fn bytecount(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|&&byte| byte == wanted).count()
}

/// Whether bytes are UTF-8. A truncated last character is allowed unless they are a whole file.
fn valid_utf8(bytes: &[u8], is_whole: bool) -> Result<(), std::str::Utf8Error> {
    match std::str::from_utf8(bytes) {
        Err(error) if is_whole || error.error_len().is_some() => Err(error),
        _ => Ok(()),
    }
}

/// The offset of the first control character that does not occur in text, other than zero.
fn control(bytes: &[u8]) -> Option<usize> {
    let is_control = |byte: u8| {
        byte != 0
            && byte < 0x20
            && !matches!(
                byte,
                b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a | 0x1b | 0x08
            )
    };
    bytes.iter().position(|&byte| is_control(byte))
}

/// Detects UTF-16 and UTF-32 without a byte-order mark by the positions of the zero bytes in mostly
/// Latin text.
fn unmarked(head: &[u8]) -> Option<Detected> {
    let zeros = |step: usize, at: usize| {
        head.iter()
            .skip(at)
            .step_by(step)
            .filter(|&&byte| byte == 0)
            .count()
    };
    let words = head.len() / 4;
    if words > 0 && head.len().is_multiple_of(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| zeros(4, at));
        if a == words && b == words && c * 10 >= words * 7 && d * 50 <= words {
            return Some(Detected::Utf32(Utf32::Big));
        }
        if d == words && c == words && b * 10 >= words * 7 && a * 50 <= words {
            return Some(Detected::Utf32(Utf32::Little));
        }
    }
    let (even, odd, pairs) = (zeros(2, 0), zeros(2, 1), head.len() / 2);
    if odd * 10 >= pairs * 7 && even * 50 <= pairs {
        Some(Detected::Known(encoding_rs::UTF_16LE))
    } else if even * 10 >= pairs * 7 && odd * 50 <= pairs {
        Some(Detected::Known(encoding_rs::UTF_16BE))
    } else {
        None
    }
}

/// The number of invalid sequences, the offset of the first, and the number of valid non-ASCII
/// characters.
fn broken_utf8(bytes: &[u8]) -> (usize, usize, usize) {
    let (mut sequences, mut first, mut characters, mut at) = (0, None, 0, 0);
    for chunk in bytes.utf8_chunks() {
        characters += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        at += chunk.valid().len();
        if !chunk.invalid().is_empty() {
            sequences += 1;
            first.get_or_insert(at);
            at += chunk.invalid().len();
        }
    }
    (sequences, first.unwrap_or(0), characters)
}

/// The guess of Firefox's detector, or a Macintosh encoding if that gives clearly more plausible
/// words.
fn guess(bytes: &[u8], is_whole: bool) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(SNIFF_BYTES)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, is_whole && head.len() == bytes.len());
    let guessed = detector.guess(None, Utf8Detection::Deny);
    let candidates = [guessed, encoding_rs::MACINTOSH, encoding_rs::X_MAC_CYRILLIC];
    let oddities =
        candidates.map(|encoding| odd_letters(&encoding.decode_without_bom_handling(head).0));
    let best = (0..candidates.len())
        .min_by_key(|&at| oddities[at])
        .unwrap_or(0);
    // The detector knows more about languages, so it is overruled only if its result has many odd
    // letters.
    match oddities[0] > 3 * oddities[best] && guessed.is_single_byte() {
        true => candidates[best],
        false => guessed,
    }
}

/// Counts implausible characters inside words: a capital or a symbol between lower-case letters, or
/// letters of two scripts side by side.
fn odd_letters(text: &str) -> usize {
    let letters: Vec<char> = text.chars().collect();
    let is_cyrillic = |c: char| ('\u{400}'..'\u{530}').contains(&c);
    let is_odd = |[before, c, after]: [char; 3]| {
        !c.is_ascii()
            && before.is_lowercase()
            && (!c.is_alphabetic()
                && after.is_lowercase()
                && !matches!(c, '’' | '‐' | '–' | '—' | '\u{ad}' | '·')
                || c.is_uppercase()
                || c.is_alphabetic() && is_cyrillic(c) != is_cyrillic(before))
    };
    letters
        .windows(3)
        .filter(|three| is_odd([three[0], three[1], three[2]]))
        .count()
}
