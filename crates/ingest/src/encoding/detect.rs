//! Which encoding bytes are in, if nothing declares it.

use super::Utf32;
use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// How much of a file is looked at for the places of zero bytes, and by the detector.
const SNIFF: usize = 1 << 16;
/// Of so many bytes of text, one at most is zero.
const BYTES_A_ZERO: usize = 20;
/// A file with so many characters in valid UTF-8 for each invalid sequence is UTF-8 with errors in it.
const VALID_A_BROKEN: usize = 4;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Detected {
    Utf8,
    /// UTF-8 with so many zero bytes.
    Utf8WithZeros(usize),
    /// UTF-8 but for so many invalid sequences, the first on a line.
    BrokenUtf8 {
        sequences: usize,
        line: usize,
    },
    /// By a byte-order mark, a declaration, or where the zero bytes stand.
    Known(&'static Encoding),
    Utf32(Utf32),
    Guess(&'static Encoding),
    /// No text; where that shows.
    Binary(usize),
}

/// What `bytes` are. `is_whole` says whether they are a whole file, so that a character cut off at the end is an error.
pub fn detect(bytes: &[u8], is_whole: bool) -> Detected {
    if let Some(order) = Utf32::marked(bytes) {
        return Detected::Utf32(order);
    }
    match Encoding::for_bom(bytes) {
        Some((encoding, _)) if encoding != encoding_rs::UTF_8 => return Detected::Known(encoding),
        _ => {}
    }
    let head = &bytes[..bytes.len().min(SNIFF)];
    let zeros = bytecount(head, 0);
    if zeros > 0 {
        if let Some(found) = unmarked(head) {
            return found;
        }
        if zeros * BYTES_A_ZERO > head.len() || valid_utf8(bytes, is_whole).is_err() || control(head).is_some() {
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
    if characters >= sequences * VALID_A_BROKEN {
        let line = 1 + bytecount(&bytes[..first], b'\n');
        return Detected::BrokenUtf8 { sequences, line };
    }
    Detected::Guess(guess(bytes, is_whole))
}

fn bytecount(bytes: &[u8], wanted: u8) -> usize {
    bytes.iter().filter(|&&byte| byte == wanted).count()
}

/// Whether bytes are UTF-8, but for a character that their end cuts off where they are not whole.
fn valid_utf8(bytes: &[u8], is_whole: bool) -> Result<(), std::str::Utf8Error> {
    match std::str::from_utf8(bytes) {
        Err(error) if is_whole || error.error_len().is_some() => Err(error),
        _ => Ok(()),
    }
}

/// The first byte that stands in no text, zero aside.
fn control(bytes: &[u8]) -> Option<usize> {
    let is_control = |byte: u8| {
        byte != 0 && byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1a | 0x1b | 0x08)
    };
    bytes.iter().position(|&byte| is_control(byte))
}

/// UTF-16 or UTF-32 without a mark, if the zero bytes stand where those of mostly-Latin text do.
fn unmarked(head: &[u8]) -> Option<Detected> {
    let zeros = |step: usize, at: usize| head.iter().skip(at).step_by(step).filter(|&&byte| byte == 0).count();
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

/// How many invalid sequences there are, where the first is, and how many characters of several bytes are valid.
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

/// What the detector of Firefox takes it for, or the Macintosh's sister of that where it gives better words.
fn guess(bytes: &[u8], is_whole: bool) -> &'static Encoding {
    let head = &bytes[..bytes.len().min(SNIFF)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, is_whole && head.len() == bytes.len());
    let guessed = detector.guess(None, Utf8Detection::Deny);
    let candidates = [guessed, encoding_rs::MACINTOSH, encoding_rs::X_MAC_CYRILLIC];
    let oddities = candidates.map(|encoding| odd_letters(&encoding.decode_without_bom_handling(head).0));
    let best = (0..candidates.len()).min_by_key(|&at| oddities[at]).unwrap_or(0);
    // The detector knows more of languages: it is overruled only where what it gives has many odd words.
    match oddities[0] > 3 * oddities[best] && guessed.is_single_byte() {
        true => candidates[best],
        false => guessed,
    }
}

/// How many letters, signs and marks stand inside words where none like them stands: a capital or a sign between small
/// letters, or letters of two alphabets side by side.
fn odd_letters(text: &str) -> usize {
    let letters: Vec<char> = text.chars().collect();
    let is_cyrillic = |c: char| ('\u{400}'..'\u{530}').contains(&c);
    let is_odd = |[before, c, after]: [char; 3]| {
        !c.is_ascii()
            && before.is_lowercase()
            && (!c.is_alphabetic() && after.is_lowercase() && !matches!(c, '’' | '‐' | '–' | '—' | '\u{ad}' | '·')
                || c.is_uppercase()
                || c.is_alphabetic() && is_cyrillic(c) != is_cyrillic(before))
    };
    letters.windows(3).filter(|three| is_odd([three[0], three[1], three[2]])).count()
}
