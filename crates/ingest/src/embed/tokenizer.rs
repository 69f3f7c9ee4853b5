//! A model's own tokenizer, without its truncation and padding: the context window is handled here.

use super::word_piece::{Part, WordPiece};
use crate::{Error, Result};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Longer texts are tokenized in blocks of at most this many bytes, cut at white space, which
/// bounds the memory of one call to the tokenizer.
const BLOCK_BYTES: usize = 1 << 16;
/// So many bytes go through the crate `tokenizers` before the vocabulary is laid out for
/// [`WordPiece`]: a single question is answered sooner without.
const BYTES_BEFORE_WORD_PIECE: usize = 4_096;

/// A tokenizer, with the special tokens that its model expects around a text.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The faster way, if there is one; made when it pays.
    word_piece: OnceLock<Option<WordPiece>>,
    /// The bytes tokenized without it.
    bytes: AtomicUsize,
    /// The ids of the special tokens before a text.
    before: Vec<u32>,
    /// The ids of the special tokens after a text.
    after: Vec<u32>,
}

impl Tokenizer {
    /// Wraps a tokenizer as configured by the files of `model`.
    ///
    /// # Errors
    /// [`Error::Model`] if it fails on a single word.
    pub fn new(mut inner: tokenizers::Tokenizer, model: &str) -> Result<Self> {
        let wrong = |error: tokenizers::Error| Error::Model {
            name: model.to_owned(),
            reason: format!("tokenizer: {error}"),
        };
        inner.with_truncation(None).map_err(wrong)?;
        inner.with_padding(None);
        // The position of a single word among the special tokens shows which go before and which
        // after a text.
        let probe = inner.encode_fast("a", true).map_err(wrong)?;
        let special = probe.get_special_tokens_mask();
        let first = special
            .iter()
            .position(|&s| s == 0)
            .unwrap_or(special.len());
        let last = special
            .iter()
            .rposition(|&s| s == 0)
            .map_or(first, |at| at + 1);
        let (before, after) = (
            probe.get_ids()[..first].to_vec(),
            probe.get_ids()[last..].to_vec(),
        );
        Ok(Self {
            inner,
            word_piece: OnceLock::new(),
            bytes: AtomicUsize::new(0),
            before,
            after,
        })
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// [`Error::Model`] if it is invalid.
    pub fn from_bytes(json: &[u8], model: &str) -> Result<Self> {
        let wrong = |error: tokenizers::Error| Error::Model {
            name: model.to_owned(),
            reason: format!("tokenizer.json: {error}"),
        };
        Self::new(
            tokenizers::Tokenizer::from_bytes(json).map_err(wrong)?,
            model,
        )
    }

    /// The number of tokens of `text`, special ones not counted.
    pub fn count(&self, text: &str) -> usize {
        blocks(text)
            .map(|block| self.encode_block(block).len())
            .sum()
    }

    /// The token ids of `text` with special tokens, at most `window`, and how many tokens were
    /// truncated.
    pub fn encode(&self, text: &str, window: usize) -> (Vec<u32>, usize) {
        let max_tokens = window.saturating_sub(self.before.len() + self.after.len());
        let (mut ids, mut truncated) = (self.before.clone(), 0);
        for block in blocks(text) {
            let tokens = self.encode_block(block);
            let free = max_tokens + self.before.len() - ids.len();
            let taken = free.min(tokens.len());
            ids.extend_from_slice(&tokens[..taken]);
            truncated += tokens.len() - taken;
        }
        ids.extend_from_slice(&self.after);
        (ids, truncated)
    }

    /// The token ids of `text` without special tokens, at most `window`, and how many tokens were
    /// truncated. Holds the ids of the whole text in memory.
    pub fn encode_without_specials(&self, text: &str, window: usize) -> (Vec<u32>, usize) {
        let mut ids: Vec<u32> = blocks(text)
            .flat_map(|block| self.encode_block(block))
            .collect();
        let truncated = ids.len().saturating_sub(window);
        ids.truncate(window);
        (ids, truncated)
    }

    /// The id of the unknown token, if the vocabulary has one.
    pub fn unknown_token(&self) -> Option<u32> {
        ["[UNK]", "<unk>"]
            .iter()
            .find_map(|name| self.inner.token_to_id(name))
    }

    /// The token with the highest id.
    pub fn last_token(&self) -> Option<(String, u32)> {
        self.inner
            .get_vocab(true)
            .into_iter()
            .max_by_key(|(_, id)| *id)
    }

    /// The part of `text` after its first `tokens` tokens: what truncation to that length cuts off.
    pub fn truncated_suffix<'a>(&self, text: &'a str, tokens: usize) -> &'a str {
        let (mut start, mut left) = (0, tokens);
        for block in blocks(text) {
            let Ok(encoding) = self.inner.encode(block, false) else {
                return "";
            };
            let offsets = encoding.get_offsets();
            if let Some((first, _)) = offsets.get(left) {
                return text.get(start + first..).unwrap_or_default();
            }
            left -= offsets.len();
            start += block.len();
        }
        ""
    }

    fn encode_block(&self, block: &str) -> Vec<u32> {
        let Some(word_piece) = self.word_piece(block.len()) else {
            return self.encode_with_crate(block);
        };
        let mut ids = Vec::with_capacity(block.len() / 4);
        for part in word_piece.parts(block) {
            match part {
                Part::Plain(word) => word_piece.encode(word, &mut ids),
                Part::Other(words) => ids.extend(self.encode_with_crate(words)),
            }
        }
        ids
    }

    /// The faster way, if it is made already or pays from now on.
    fn word_piece(&self, bytes: usize) -> Option<&WordPiece> {
        let before = match self.word_piece.get() {
            Some(made) => return made.as_ref(),
            None => self.bytes.fetch_add(bytes, Ordering::Relaxed),
        };
        if before + bytes < BYTES_BEFORE_WORD_PIECE {
            return None;
        }
        let make = || WordPiece::of(&self.inner);
        self.word_piece.get_or_init(make).as_ref()
    }

    fn encode_with_crate(&self, text: &str) -> Vec<u32> {
        // The supported tokenizers accept every string. Should one fail, the text has no tokens.
        self.inner
            .encode_fast(text, false)
            .map(|encoding| encoding.get_ids().to_vec())
            .unwrap_or_default()
    }
}

/// Splits a text into blocks of at most [`BLOCK_BYTES`] bytes. Only words longer than a block are
/// cut.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if rest.len() <= BLOCK_BYTES {
            return Some(std::mem::take(&mut rest));
        }
        let end = rest.floor_char_boundary(BLOCK_BYTES);
        let cut = rest[..end]
            .rfind(char::is_whitespace)
            .filter(|&at| at > 0)
            .unwrap_or(end);
        let (block, after) = rest.split_at(cut);
        rest = after;
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::super::builtin;
    use super::*;
    use proptest::prelude::*;

    /// The built-in tokenizer, with and without lowercasing, and with a special token that is not
    /// in brackets.
    fn tokenizers() -> Vec<Tokenizer> {
        let changed = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut json = serde_json::from_slice(builtin::TOKENIZER).unwrap();
            change(&mut json);
            Tokenizer::from_bytes(json.to_string().as_bytes(), "test").unwrap()
        };
        vec![
            changed(&|_| ()),
            changed(&|json| json["normalizer"]["lowercase"] = false.into()),
            changed(&|json| json["model"]["max_input_chars_per_word"] = 6.into()),
            changed(&|json| json["added_tokens"][0]["content"] = "<|x|>".into()),
        ]
    }

    fn check(tokenizers: &[Tokenizer], text: &str) {
        for (number, tokenizer) in tokenizers.iter().enumerate() {
            let word_piece = tokenizer.word_piece(BYTES_BEFORE_WORD_PIECE);
            assert!(word_piece.is_some(), "tokenizer {number}");
            let block = tokenizer.encode_block(text);
            assert_eq!(
                block,
                tokenizer.encode_with_crate(text),
                "tokenizer {number}: {text:?}"
            );
        }
    }

    #[test]
    fn word_piece_gives_the_tokens_of_the_crate_for_random_text() {
        let tokenizers = tokenizers();
        let text = prop_oneof![
            "\\PC{0,60}",
            "[a-zA-Z0-9 .,;:!?()'\"#\\[\\]<|>x_-]{0,120}",
            "([A-Za-z]{1,14}[ \t\n.,-]{1,2}|é|e\u{301}|\u{301}|ﬁ|İ|ß|中|\u{a0}|\u{200b}|\u{ad}|\u{0}|\u{b}|\u{7f}|\\[CLS\\]|<\\|x\\|>|##ing| ){0,30}",
        ];
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(600));
        let outcome = runner.run(&text, |text| {
            check(&tokenizers, &text);
            Ok(())
        });
        outcome.unwrap();
    }

    #[test]
    fn word_piece_gives_the_tokens_of_the_crate_for_real_text() {
        let tokenizers = tokenizers();
        let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/sample");
        for file in std::fs::read_dir(data).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            text.lines().for_each(|line| check(&tokenizers, line));
        }
        let samples = include_str!("transformer/samples.txt");
        check(&tokenizers, samples);
        check(&tokenizers, &"x".repeat(101));
        check(&tokenizers, &"X".repeat(300));
    }

    #[test]
    fn other_tokenizers_are_left_to_the_crate() {
        let with = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut json = serde_json::from_slice(builtin::TOKENIZER).unwrap();
            change(&mut json);
            let tokenizer = Tokenizer::from_bytes(json.to_string().as_bytes(), "test").unwrap();
            tokenizer.word_piece(BYTES_BEFORE_WORD_PIECE).is_some()
        };
        assert!(with(&|_| ()));
        assert!(!with(
            &|json| json["normalizer"] = serde_json::json!({"type": "Lowercase"})
        ));
        assert!(!with(
            &|json| json["pre_tokenizer"] = serde_json::json!({"type": "Whitespace"})
        ));
        assert!(!with(
            &|json| json["added_tokens"][0]["content"] = "word".into()
        ));
        assert!(!with(
            &|json| json["added_tokens"][0]["content"] = "<two words>".into()
        ));
    }

    #[test]
    fn the_first_texts_are_left_to_the_crate() {
        let tokenizer = Tokenizer::from_bytes(builtin::TOKENIZER, "test").unwrap();
        tokenizer.count("a short question");
        assert!(tokenizer.word_piece.get().is_none());
        tokenizer.count(&"a long text ".repeat(400));
        assert!(tokenizer.word_piece.get().is_some());
    }

    #[test]
    fn blocks_concatenate_to_the_text() {
        let text = format!("{} {}", "word é ".repeat(30_000), "x".repeat(200_000));
        assert_eq!(blocks(&text).collect::<String>(), text);
        assert!(blocks(&text).all(|b| b.len() <= BLOCK_BYTES));
    }
}
