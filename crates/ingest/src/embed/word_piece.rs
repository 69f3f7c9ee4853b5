//! BERT's tokenization of plain words, many times as fast as the crate `tokenizers` and with the
//! same result. White space separates tokens whatever the words are, so words that need more (with
//! accents, special tokens or control characters) can be left to the crate, one run at a time.

use std::collections::HashMap;
use tokenizers::{ModelWrapper, NormalizerWrapper, PreTokenizerWrapper};

/// The vocabulary of a tokenizer.
pub struct WordPiece {
    /// The tokens with which a word may begin.
    beginnings: HashMap<Box<[u8]>, u32>,
    /// The tokens with which it may go on, without their prefix.
    continuations: HashMap<Box<[u8]>, u32>,
    /// The length of the longest token in bytes.
    longest: usize,
    /// For a word that the vocabulary cannot spell.
    unknown: u32,
    /// A longer word counts as unknown.
    max_word_bytes: usize,
    lowercase: bool,
    /// The ASCII characters with which special tokens begin.
    special: [bool; 128],
}

/// A part of a text.
#[derive(Debug, PartialEq)]
pub enum Part<'a> {
    /// A plain word.
    Plain(&'a [u8]),
    /// Words for the crate `tokenizers`, with the white space among them.
    Other(&'a str),
}

impl WordPiece {
    /// The vocabulary of a tokenizer, if it is BERT's.
    pub fn of(tokenizer: &tokenizers::Tokenizer) -> Option<Self> {
        let (
            ModelWrapper::WordPiece(model),
            Some(NormalizerWrapper::BertNormalizer(normalizer)),
            Some(PreTokenizerWrapper::BertPreTokenizer(_)),
        ) = (
            tokenizer.get_model(),
            tokenizer.get_normalizer(),
            tokenizer.get_pre_tokenizer(),
        )
        else {
            return None;
        };
        let mut special = [false; 128];
        for token in tokenizer.get_added_tokens_decoder().values() {
            let first = token.content.chars().next()?;
            if token.content.contains(char::is_whitespace) || first.is_ascii_alphanumeric() {
                return None;
            }
            if let Some(special) = special.get_mut(first as usize) {
                *special = true;
            }
        }
        let vocabulary = tokenizer.get_vocab(false);
        let unknown = *vocabulary.get(&model.unk_token)?;
        let prefix = model.continuing_subword_prefix.as_str();
        let bytes = |token: &str| token.as_bytes().into();
        Some(Self {
            longest: vocabulary.keys().map(String::len).max()?,
            continuations: vocabulary
                .iter()
                .filter_map(|(token, id)| Some((bytes(token.strip_prefix(prefix)?), *id)))
                .collect(),
            beginnings: vocabulary
                .iter()
                .map(|(token, id)| (bytes(token), *id))
                .collect(),
            unknown,
            max_word_bytes: model.max_input_chars_per_word,
            lowercase: normalizer.lowercase,
            special,
        })
    }

    /// The parts of a text, in order.
    pub fn parts<'a>(&self, text: &'a str) -> impl Iterator<Item = Part<'a>> {
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let mut at = 0;
        // The next word: where it begins and ends, and whether it is plain.
        let word = move |from: usize| {
            let bytes = text.as_bytes();
            let start = from + bytes[from..].iter().position(|byte| !is_space(byte))?;
            let length = bytes[start..].iter().position(is_space);
            let end = length.map_or(bytes.len(), |length| start + length);
            Some((
                start,
                end,
                bytes[start..end].iter().all(|byte| self.is_plain(*byte)),
            ))
        };
        std::iter::from_fn(move || {
            let (start, mut end, is_plain) = word(at)?;
            if is_plain {
                at = end;
                return Some(Part::Plain(&text.as_bytes()[start..end]));
            }
            while let Some((_, next, false)) = word(end) {
                end = next;
            }
            at = end;
            Some(Part::Other(&text[start..end]))
        })
    }

    fn is_plain(&self, byte: u8) -> bool {
        byte.is_ascii() && !byte.is_ascii_control() && !self.special[usize::from(byte)]
    }

    /// Appends the tokens of a plain word.
    pub fn encode(&self, word: &[u8], ids: &mut Vec<u32>) {
        let lowered;
        let mut rest = word;
        if self.lowercase && word.iter().any(u8::is_ascii_uppercase) {
            lowered = word.to_ascii_lowercase();
            rest = &lowered;
        }
        while !rest.is_empty() {
            let length = rest.iter().position(u8::is_ascii_punctuation);
            // Every punctuation character is a word of its own.
            let (own, others) = rest.split_at(length.unwrap_or(rest.len()).max(1));
            self.encode_lowered(own, ids);
            rest = others;
        }
    }

    /// Takes the longest token each time.
    fn encode_lowered(&self, word: &[u8], ids: &mut Vec<u32>) {
        let first = ids.len();
        let (mut start, mut tokens) = (0, &self.beginnings);
        while start < word.len() && word.len() <= self.max_word_bytes {
            let longest = word.len().min(start + self.longest);
            let mut ends = (start + 1..=longest).rev();
            let found = ends.find_map(|end| Some((end, *tokens.get(&word[start..end])?)));
            let Some((end, id)) = found else { break };
            ids.push(id);
            (start, tokens) = (end, &self.continuations);
        }
        if start < word.len() {
            ids.truncate(first);
            ids.push(self.unknown);
        }
    }
}
