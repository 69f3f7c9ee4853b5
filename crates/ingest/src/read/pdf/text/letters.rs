//! Normalizes extracted characters: ligatures, presentation forms and private-use characters.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::compose;

/// The text of a glyph as it would be typed.
pub fn normalize(text: &str) -> String {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Latin and Armenian ligatures, Hebrew and Arabic presentation forms. Other
            // compatibility forms are kept.
            '\u{fb00}'..='\u{fb4f}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' => {
                out.extend(
                    c.nfkc()
                        .filter(|c| *c != '\u{640}' || text.chars().count() == 1),
                );
            }
            // Bullets of symbol fonts, at the code points used by Word and LibreOffice.
            '\u{f0b7}' | '\u{f0a7}' | '\u{f076}' | '\u{f0d8}' | '\u{f06c}' | '\u{f0a8}' => {
                out.push('•')
            }
            '\u{f0fc}' => out.push('✓'),
            '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. | '\u{fffd}' | '\u{feff}' | '\u{200b}' => {}
            // Symbols that are canonically equivalent to letters.
            '\u{2126}' | '\u{212a}' | '\u{212b}' => out.extend(c.nfc()),
            '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\t' | '\n' | '\r' => {
                out.push(' ')
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// The combining mark of a standalone accent, which TeX's old fonts draw over a letter.
fn combining_mark(accent: char) -> Option<char> {
    Some(match accent {
        '`' | '\u{2cb}' => '\u{300}',
        '\u{b4}' | '\u{2ca}' => '\u{301}',
        '^' | '\u{2c6}' => '\u{302}',
        '~' | '\u{2dc}' => '\u{303}',
        '\u{af}' | '\u{2c9}' => '\u{304}',
        '\u{2d8}' => '\u{306}',
        '\u{2d9}' => '\u{307}',
        '\u{a8}' => '\u{308}',
        '\u{2da}' | '\u{b0}' => '\u{30a}',
        '\u{2dd}' => '\u{30b}',
        '\u{2c7}' => '\u{30c}',
        '\u{b8}' => '\u{327}',
        '\u{2db}' => '\u{328}',
        _ => return None,
    })
}

/// Whether a text is a single accent that can belong to a letter.
pub fn is_accent(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| combining_mark(c).is_some()) && chars.next().is_none()
}

/// A letter combined with an accent; `None` if there is no such character.
pub fn accented(letter: &str, accent: &str) -> Option<String> {
    let mark = combining_mark(accent.chars().next()?)?;
    let mut chars = letter.chars();
    // A dotless i or j is drawn under accents.
    let base = match chars.next()? {
        '\u{131}' => 'i',
        '\u{237}' => 'j',
        c => c,
    };
    let whole = compose(base, mark)?;
    Some(std::iter::once(whole).chain(chars).collect())
}

/// Whether a character belongs to a script without spaces between words.
pub fn is_spaceless(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ff60}' | '\u{20000}'..='\u{3ffff}')
}

/// Whether a character is written from right to left.
pub fn is_rtl(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}')
}
