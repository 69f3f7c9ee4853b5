//! The terms of the unit that is being read.

use tantivy::tokenizer::Token;

/// Which field a term belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Words as they are found: stems without marks, pairs of characters.
    Stems,
    /// Words as they are written, but for letter case: also stop words, and names made with signs.
    Exact,
    /// Titles, each as one term.
    Title,
}

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A word as it is written, but for letter case.
    Exact,
    /// A word without its marks, where its stem with them is another.
    Folded,
    /// A word's stem, without marks.
    Stem,
    /// Two characters of a script without spaces.
    Gram,
    /// A name made with signs, whole.
    Compound,
    /// A short word in capitals.
    Acronym,
    /// A stop word.
    StopWord,
    /// A word that turns the sense of a sentence.
    Negation,
    /// Two stop words or negations that stand together.
    StopPair,
    /// That a word stands here which differs from this one by its marks or by a sign alone.
    Alike,
    /// A whole title.
    Title,
}

/// What terms of the kind [`Kind::Alike`] begin with: no word holds it.
pub const ALIKE: char = '\u{1}';

/// The terms of a unit, in buffers that are used again.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    terms: Vec<(Token, Kind, Place)>,
    filled: usize,
    /// What is at hand before the first term is asked for.
    none: Token,
}

impl Queue {
    /// Forgets all terms.
    pub fn clear(&mut self) {
        self.filled = 0;
    }

    /// Adds a term that `write` writes.
    pub fn push(
        &mut self,
        place: Place,
        kind: Kind,
        position: usize,
        at: (usize, usize),
        write: impl FnOnce(&mut String),
    ) {
        if self.filled == self.terms.len() {
            self.terms.push((Token::default(), kind, place));
        }
        let Some(slot) = self.terms.get_mut(self.filled) else { return };
        let token = &mut slot.0;
        (slot.1, slot.2) = (kind, place);
        (token.offset_from, token.offset_to, token.position, token.position_length) = (at.0, at.1, position, 1);
        token.text.clear();
        write(&mut token.text);
        shorten(&mut token.text);
        if !token.text.is_empty() {
            self.filled += 1;
        }
    }

    /// The terms.
    pub fn terms(&self) -> &[(Token, Kind, Place)] {
        self.terms.get(..self.filled).unwrap_or_default()
    }

    /// One of them.
    pub fn token(&self, at: usize) -> &Token {
        self.terms.get(at).map_or(&self.none, |(token, ..)| token)
    }

    /// One of them, to be changed.
    pub fn token_mut(&mut self, at: usize) -> &mut Token {
        self.terms.get_mut(at).map_or(&mut self.none, |(token, ..)| token)
    }
}

/// A longer term is kept as its beginning and a hash of all of it: it is found whole, and costs no more than others.
const LONGEST: usize = 240;

fn shorten(term: &mut String) {
    if term.len() <= LONGEST {
        return;
    }
    // FNV-1a: it is written to disk, so it must stay what it is.
    let hash = term
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    term.truncate(term.floor_char_boundary(LONGEST - 32));
    term.push_str(&format!("\u{1}{hash:016x}"));
}
