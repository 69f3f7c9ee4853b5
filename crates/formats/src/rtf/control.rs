//! Control words, and the encodings that they name.

use encoding_rs::Encoding;

/// The control word or symbol at `at`, its numeric parameter, and the offset of what follows.
pub(super) fn control(bytes: &[u8], at: usize) -> (&[u8], Option<i32>, usize) {
    let rest = bytes.get(at..).unwrap_or_default();
    let letters = rest
        .iter()
        .take(32)
        .take_while(|b| b.is_ascii_alphabetic())
        .count();
    if letters == 0 {
        return (
            rest.get(..1).unwrap_or_default(),
            None,
            (at + 1).min(bytes.len()),
        );
    }
    let (word, after) = rest.split_at(letters);
    let sign = usize::from(after.first() == Some(&b'-'));
    let digits = after
        .iter()
        .skip(sign)
        .take(10)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let length = if digits == 0 { 0 } else { sign + digits };
    let number = after
        .get(..length)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    let space = usize::from(after.get(length) == Some(&b' '));
    (word, number, at + letters + length + space)
}

pub(super) fn code_page(number: i32) -> Option<&'static Encoding> {
    Some(match number {
        437 | 850 | 1252 => encoding_rs::WINDOWS_1252,
        866 => encoding_rs::IBM866,
        874 => encoding_rs::WINDOWS_874,
        932 => encoding_rs::SHIFT_JIS,
        936 => encoding_rs::GBK,
        949 => encoding_rs::EUC_KR,
        950 => encoding_rs::BIG5,
        1250 => encoding_rs::WINDOWS_1250,
        1251 => encoding_rs::WINDOWS_1251,
        1253 => encoding_rs::WINDOWS_1253,
        1254 => encoding_rs::WINDOWS_1254,
        1255 => encoding_rs::WINDOWS_1255,
        1256 => encoding_rs::WINDOWS_1256,
        1257 => encoding_rs::WINDOWS_1257,
        1258 => encoding_rs::WINDOWS_1258,
        10000 => encoding_rs::MACINTOSH,
        65001 => encoding_rs::UTF_8,
        _ => return None,
    })
}

/// The encoding of a font by its `\fcharset` number.
pub(super) fn charset(number: i32) -> Option<&'static Encoding> {
    code_page(match number {
        0 => 1252,
        77 => 10000,
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => return None,
    })
}
