//! UTF-32, which encoding_rs does not support because browsers do not.

/// The byte order of UTF-32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Utf32 {
    Little,
    Big,
}

impl Utf32 {
    /// The byte order given by a byte-order mark, if there is one.
    pub fn marked(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => Some(Self::Little),
            [0, 0, 0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }

    /// Decodes four bytes; U+FFFD if they are not a character.
    pub fn character(self, bytes: [u8; 4]) -> char {
        let number = match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Decodes `bytes` without the byte-order mark. A truncated last character becomes U+FFFD.
    pub fn decode(self, bytes: &[u8]) -> String {
        let (characters, rest) = bytes.as_chunks::<4>();
        let cut_off = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        let text = characters
            .iter()
            .map(|bytes| self.character(*bytes))
            .chain(cut_off);
        text.enumerate()
            .filter(|&(at, c)| at > 0 || c != '\u{feff}')
            .map(|(_, c)| c)
            .collect()
    }
}
