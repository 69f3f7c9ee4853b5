//! A model's own tokenizer, with the window handled here: nothing is cut or padded behind our back,
//! and a text of any length costs constant memory.

use crate::{Error, Result};

/// Longer texts are tokenized in blocks of this many bytes, cut at white space.
const BLOCK_BYTES: usize = 1 << 16;

/// A tokenizer and the special pieces that its model wants around a text.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// The special pieces before and after a text.
    before: Vec<u32>,
    after: Vec<u32>,
}

impl Tokenizer {
    /// Takes a tokenizer as its model's files configure it.
    ///
    /// # Errors
    /// When it cannot tokenize a word.
    pub fn new(mut inner: tokenizers::Tokenizer, model: &str) -> Result<Self> {
        let wrong =
            |error: tokenizers::Error| Error::Model { name: model.to_owned(), problem: format!("tokenizer: {error}") };
        inner.with_truncation(None).map_err(wrong)?;
        inner.with_padding(None);
        // Where a single word stands among the special pieces shows which go before and after.
        let probe = inner.encode_fast("a", true).map_err(wrong)?;
        let special = probe.get_special_tokens_mask();
        let first = special.iter().position(|&s| s == 0).unwrap_or(special.len());
        let last = special.iter().rposition(|&s| s == 0).map_or(first, |at| at + 1);
        let (before, after) = (probe.get_ids()[..first].to_vec(), probe.get_ids()[last..].to_vec());
        Ok(Self { inner, before, after })
    }

    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// When it is none.
    pub fn from_bytes(json: &[u8], model: &str) -> Result<Self> {
        let wrong = |error: tokenizers::Error| Error::Model {
            name: model.to_owned(),
            problem: format!("tokenizer.json: {error}"),
        };
        Self::new(tokenizers::Tokenizer::from_bytes(json).map_err(wrong)?, model)
    }

    /// The pieces of `text`, special ones not counted.
    pub fn count(&self, text: &str) -> usize {
        blocks(text).map(|block| self.encode_block(block).len()).sum()
    }

    /// The piece ids of `text` with the special ones, at most `window`, and how many were left out.
    pub fn encode(&self, text: &str, window: usize) -> (Vec<u32>, usize) {
        let room = window.saturating_sub(self.before.len() + self.after.len());
        let (mut ids, mut cut) = (self.before.clone(), 0);
        for block in blocks(text) {
            let pieces = self.encode_block(block);
            let free = room + self.before.len() - ids.len();
            let taken = free.min(pieces.len());
            ids.extend_from_slice(&pieces[..taken]);
            cut += pieces.len() - taken;
        }
        ids.extend_from_slice(&self.after);
        (ids, cut)
    }

    /// The piece ids of `text` without special ones, at most `window`, and how many were left out.
    pub fn encode_without_specials(&self, text: &str, window: usize) -> (Vec<u32>, usize) {
        let mut ids: Vec<u32> = blocks(text).flat_map(|block| self.encode_block(block)).collect();
        let cut = ids.len().saturating_sub(window);
        ids.truncate(window);
        (ids, cut)
    }

    /// The piece that stands for what the vocabulary lacks, if there is one.
    pub fn unknown_token(&self) -> Option<u32> {
        ["[UNK]", "<unk>"].iter().find_map(|name| self.inner.token_to_id(name))
    }

    /// What is left of `text` after its first `pieces` pieces: what a window of that size does not
    /// read.
    pub fn truncated_suffix<'a>(&self, text: &'a str, pieces: usize) -> &'a str {
        let (mut start, mut left) = (0, pieces);
        for block in blocks(text) {
            let Ok(encoding) = self.inner.encode(block, false) else { return "" };
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
        // The tokenizers read here accept every string; a failure would count as nothing read.
        self.inner.encode_fast(block, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
    }
}

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
        let cut = rest[..end].rfind(char::is_whitespace).filter(|&at| at > 0).unwrap_or(end);
        let (block, after) = rest.split_at(cut);
        rest = after;
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_text() {
        let text = format!("{} {}", "word é ".repeat(30_000), "x".repeat(200_000));
        assert_eq!(blocks(&text).collect::<String>(), text);
        assert!(blocks(&text).all(|b| b.len() <= BLOCK_BYTES));
    }
}
