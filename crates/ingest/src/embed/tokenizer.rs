//! A model's own tokenizer, without its truncation and padding: the context window is handled here.

use crate::{Error, Result};

/// Longer texts are tokenized in blocks of at most this many bytes, cut at white space, which
/// bounds the memory of one call to the tokenizer.
const BLOCK_BYTES: usize = 1 << 16;

/// A tokenizer, with the special tokens that its model expects around a text.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
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
            problem: format!("tokenizer: {error}"),
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
            problem: format!("tokenizer.json: {error}"),
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
        // The supported tokenizers accept every string. Should one fail, the block has no tokens.
        self.inner
            .encode_fast(block, false)
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
    use super::*;

    #[test]
    fn blocks_concatenate_to_the_text() {
        let text = format!("{} {}", "word é ".repeat(30_000), "x".repeat(200_000));
        assert_eq!(blocks(&text).collect::<String>(), text);
        assert!(blocks(&text).all(|b| b.len() <= BLOCK_BYTES));
    }
}
