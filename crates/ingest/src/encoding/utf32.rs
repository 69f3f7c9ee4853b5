//! UTF-32, which encoding_rs does not know, for no browser reads it.

/// The order of the bytes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Utf32 {
    Little,
    Big,
}

impl Utf32 {
    /// By the mark at the beginning.
    pub fn marked(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => Some(Self::Little),
            [0, 0, 0xfe, 0xff, ..] => Some(Self::Big),
            _ => None,
        }
    }

    /// The character of four bytes.
    pub fn character(self, bytes: [u8; 4]) -> char {
        let number = match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        };
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// The text of `bytes`, without a mark.
    pub fn decode(self, bytes: &[u8]) -> String {
        let (characters, rest) = bytes.as_chunks::<4>();
        let cut_off = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        let text = characters.iter().map(|bytes| self.character(*bytes)).chain(cut_off);
        text.enumerate().filter(|&(at, c)| at > 0 || c != '\u{feff}').map(|(_, c)| c).collect()
    }
}
