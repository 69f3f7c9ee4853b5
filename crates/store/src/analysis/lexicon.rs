//! What is known of a word: whether it is a stop word, and its stems. Few words make most of a text, so the last ones
//! looked up are kept.

use super::stop::StopWords;
use crate::Language;
use frostem::Stemmer;
use ingest::fold::fold_marks;

/// A word and what is known of it.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    word: String,
    /// Whether its stems are known yet.
    stemmed: bool,
    /// Whether it is a stop word.
    pub stop: bool,
    /// Whether it turns the sense of a sentence.
    pub negation: bool,
    /// Its stem, without marks.
    pub stem: String,
    /// The stem of the word without marks; empty where it is the same.
    pub unmarked: String,
}

/// The words of a language.
#[derive(Clone)]
pub struct Lexicon {
    language: Language,
    stop: StopWords,
    stemmer: Option<Stemmer>,
    entries: Vec<Entry>,
    /// How many words were looked for in vain since there was room for more.
    missed: usize,
}

/// How many words are kept at first, which is enough for a question, and at most. Powers of two.
const FEW: usize = 1 << 6;
const MANY: usize = 1 << 15;
/// The same where stems are not wanted: stop words are few, and what is kept should stay in the processor's cache.
const FOR_STOP_WORDS: usize = 1 << 11;

impl Lexicon {
    /// Those of a language.
    pub fn new(language: Language) -> Self {
        let stemmer = language.algorithm().map(Stemmer::new);
        Self { language, stop: StopWords::new(language), stemmer, entries: vec![Entry::default(); FEW], missed: 0 }
    }

    /// What is known of a folded word; its stems only if they are `wanted`.
    pub fn entry(&mut self, word: &str, wanted: bool) -> &Entry {
        let most = if wanted { MANY } else { FOR_STOP_WORDS };
        if self.missed > 4 * self.entries.len() && self.entries.len() < most {
            self.entries.resize(self.entries.len() * 4, Entry::default());
            self.missed = 0;
        }
        let place = place(word) & (self.entries.len() - 1);
        // `place` is less than the number of entries.
        let entry = &mut self.entries[place];
        if entry.word != word {
            self.missed += 1;
            entry.word.clear();
            entry.word.push_str(word);
            entry.stemmed = false;
            entry.stop = self.stop.contains(word);
            entry.negation = self.stop.negates(word);
        }
        if wanted && !entry.stemmed {
            entry.stemmed = true;
            stems(self.language, self.stemmer.as_ref(), entry);
        }
        entry
    }
}

/// Writes the stems of an entry's word.
fn stems(language: Language, stemmer: Option<&Stemmer>, entry: &mut Entry) {
    entry.stem.clear();
    entry.unmarked.clear();
    let word = entry.word.as_str();
    let plain = fold_marks(word);
    let Some(stemmer) = stemmer else { return entry.stem.push_str(&plain) };
    // English words have no marks of their own; other languages' stemmers know theirs.
    let marked = if language == Language::English { &*plain } else { word };
    entry.stem.push_str(&fold_marks(&stemmer.stem(marked)));
    if plain != marked {
        let stem = stemmer.stem(&plain);
        let stem = fold_marks(&stem);
        if *stem != entry.stem {
            entry.unmarked.push_str(&stem);
        }
    }
}

/// Where a word is kept, were there room for all.
fn place(word: &str) -> usize {
    let mix = |hash: u64, part: u64| (hash.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
    let mut hash = word.len() as u64;
    let mut rest = word.as_bytes();
    while let Some((eight, more)) = rest.split_first_chunk::<8>() {
        (hash, rest) = (mix(hash, u64::from_le_bytes(*eight)), more);
    }
    let last = rest.iter().fold(0, |last, byte| last << 8 | u64::from(*byte));
    (mix(hash, last) >> 40) as usize
}
