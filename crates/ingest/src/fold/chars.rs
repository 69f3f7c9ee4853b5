//! Character classes for word segmentation, and the character mappings behind
//! [`fold`](super::fold).

/// The class of a character for word segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A letter or digit of a script that puts spaces between words.
    Word,
    /// Han, Hiragana or Katakana: words follow each other without spaces.
    Cjk,
    /// Hangul: spaces separate phrases, and particles are attached to words.
    Hangul,
    /// Thai, Lao, Khmer, Burmese and related scripts: no spaces between words.
    SoutheastAsian,
    /// Belongs to the character before it: a combining mark or an invisible character.
    Extend,
    /// White space.
    Space,
    /// Anything else.
    Other,
}

/// The class of a character.
pub fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => Class::Word,
        '\0'..='\u{7f}' => {
            if c.is_ascii_whitespace() || c == '\u{b}' {
                Class::Space
            } else {
                Class::Other
            }
        }
        _ => wide(c),
    }
}

fn wide(c: char) -> Class {
    if is_ignorable(c) || unicode_normalization::char::is_combining_mark(c) {
        return Class::Extend;
    }
    match c {
        '\u{e00}'..='\u{eff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{1950}'..='\u{19df}'
        | '\u{1a20}'..='\u{1aaf}'
        | '\u{a9e0}'..='\u{a9ff}'
        | '\u{aa60}'..='\u{aadf}'
            if c.is_alphanumeric()
                || matches!(c, '\u{e2f}' | '\u{e46}' | '\u{eaf}' | '\u{ec6}') =>
        {
            Class::SoutheastAsian
        }
        '\u{1100}'..='\u{11ff}'
        | '\u{3131}'..='\u{318e}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{ffa1}'..='\u{ffdc}' => Class::Hangul,
        '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{3007}'
        | '\u{3021}'..='\u{3029}'
        | '\u{3031}'..='\u{3035}'
        | '\u{303b}'
        | '\u{3041}'..='\u{3096}'
        | '\u{309d}'..='\u{309f}'
        | '\u{30a1}'..='\u{30fa}'
        | '\u{30fc}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{ff66}'..='\u{ff9f}'
        | '\u{1aff0}'..='\u{1b16f}'
        | '\u{20000}'..='\u{323af}' => Class::Cjk,
        _ if c.is_alphanumeric() => Class::Word,
        _ if c.is_whitespace() => Class::Space,
        _ => Class::Other,
    }
}

/// Whether a character is invisible and carries no meaning: Unicode's
/// `Default_Ignorable_Code_Point`, the zero-width space, and the Arabic tatweel, which only
/// stretches a word.
pub fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{640}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a combining mark is optional in writing: accents, niqqud, tashkil. Indic vowel signs are
/// not: without them it is a different word.
pub fn is_optional_mark(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{487}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}'..='\u{5c2}'
        | '\u{5c4}'..='\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}'
        | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}'..='\u{6e8}' | '\u{6ea}'..='\u{6ed}'
        | '\u{711}' | '\u{730}'..='\u{74a}' | '\u{8d3}'..='\u{8ff}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20f0}' | '\u{fe20}'..='\u{fe2f}')
}

/// The plain form of a letter whose diacritic has no Unicode decomposition, such as `ø`.
pub fn plain_letter(c: char) -> Option<&'static str> {
    Some(match c {
        'ø' => "o",
        'ł' | 'ƚ' | 'ɫ' => "l",
        'đ' | 'ð' | 'ɗ' => "d",
        'ħ' => "h",
        'ı' | 'ɨ' => "i",
        'ŧ' => "t",
        'ƶ' => "z",
        'ɓ' => "b",
        'ƙ' => "k",
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ŋ' => "ng",
        'ĸ' => "q",
        _ => return None,
    })
}

/// Maps typographic hyphens, minus signs, apostrophes and quotation marks to ASCII.
pub fn plain_sign(c: char) -> char {
    match c {
        '\u{2010}' | '\u{2011}' | '\u{2212}' | '\u{fe63}' | '\u{ff0d}' | '\u{2043}' => '-',
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2bc}' | '\u{2032}' | '\u{ff07}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{ff02}' => '"',
        _ => c,
    }
}
