//! The terms of the unit of text that is being analyzed.

use tantivy::tokenizer::Token;

/// The index field that a term belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TextField {
    /// Stems without diacritics, and bigrams of characters.
    Stems,
    /// Words as written, except for letter case. Includes stop words and names with signs.
    Words,
    /// Whole titles as one term each.
    WholeTitle,
}

/// The kind of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TermKind {
    /// A word as written, except for letter case.
    Exact,
    /// The stem of a word without diacritics, if that differs from its stem.
    Folded,
    /// A word's stem, without diacritics.
    Stem,
    /// Two characters of a script without spaces.
    Bigram,
    /// A whole name that contains signs.
    Compound,
    /// A short word in capitals.
    Acronym,
    /// A stop word.
    StopWord,
    /// A negation.
    Negation,
    /// Two adjacent stop words or negations.
    StopPair,
    /// Marks that a word is indexed which differs from this one by diacritics or a sign only.
    Variant,
    /// A whole title.
    Title,
}

/// The first character of [`TermKind::Variant`] terms. No word contains it.
pub const VARIANT_MARKER: char = '\u{1}';

/// The terms of a unit. Its strings are reused from unit to unit.
#[derive(Debug, Clone, Default)]
pub struct TermBuffer {
    terms: Vec<(Token, TermKind, TextField)>,
    filled: usize,
    /// Returned for positions without a term.
    empty: Token,
}

impl TermBuffer {
    /// Removes all terms.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Adds the term written by `write`, at bytes `at` of the text, unless it is empty.
    pub fn push(
        &mut self,
        field: TextField,
        kind: TermKind,
        position: usize,
        at: (usize, usize),
        write: impl FnOnce(&mut String),
    ) {
        if self.filled == self.terms.len() {
            self.terms.push((Token::default(), kind, field));
        }
        let Some(slot) = self.terms.get_mut(self.filled) else {
            return;
        };
        let token = &mut slot.0;
        (slot.1, slot.2) = (kind, field);
        (
            token.offset_from,
            token.offset_to,
            token.position,
            token.position_length,
        ) = (at.0, at.1, position, 1);
        token.text.clear();
        write(&mut token.text);
        shorten(&mut token.text);
        if !token.text.is_empty() {
            self.filled += 1;
        }
    }

    /// The terms.
    pub fn terms(&self) -> &[(Token, TermKind, TextField)] {
        self.terms.get(..self.filled).unwrap_or_default()
    }

    /// The term at a position.
    pub fn token(&self, at: usize) -> &Token {
        self.terms.get(at).map_or(&self.empty, |(token, ..)| token)
    }

    /// The term at a position, mutably.
    pub fn token_mut(&mut self, at: usize) -> &mut Token {
        self.terms
            .get_mut(at)
            .map_or(&mut self.empty, |(token, ..)| token)
    }
}

/// A longer term is replaced by its prefix and a hash of all of it: it is still found as a whole,
/// and stays below tantivy's limit.
const MAX_TERM_BYTES: usize = 240;

fn shorten(term: &mut String) {
    if term.len() <= MAX_TERM_BYTES {
        return;
    }
    // FNV-1a. Hashes are stored in the index, so the function must never change.
    let hash = term.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    term.truncate(term.floor_char_boundary(MAX_TERM_BYTES - 32));
    term.push_str(&format!("\u{1}{hash:016x}"));
}
