//! Stop words and stems by word. A few frequent words make up most of a text, so recent ones are
//! cached.

use super::stop_words::StopWords;
use crate::Language;
use frostem::Stemmer;
use ingest::fold::fold_marks;

/// A word with its properties.
#[derive(Debug, Clone, Default)]
pub struct Entry {
    word: String,
    /// Whether `stem` and `unmarked` have been computed.
    stemmed: bool,
    /// Whether it is a stop word.
    pub stop: bool,
    /// Whether it is a negation.
    pub negation: bool,
    /// Its stem, without diacritics.
    pub stem: String,
    /// The stem of the word without diacritics; empty if that is the same.
    pub unmarked: String,
}

/// Looks up words of one language, with a direct-mapped cache.
#[derive(Clone)]
pub struct Lexicon {
    language: Language,
    stop: StopWords,
    stemmer: Option<Stemmer>,
    entries: Vec<Entry>,
    /// Cache misses since the cache last grew.
    misses: usize,
}

/// The initial number of cache entries, enough for a query, and the limit. Powers of two.
const INITIAL_ENTRIES: usize = 1 << 6;
const MAX_ENTRIES: usize = 1 << 15;
/// The limit when stems are not needed: there are few stop words, and the cache should fit the
/// processor's.
const MAX_STOP_WORD_ENTRIES: usize = 1 << 11;

impl Lexicon {
    /// The lexicon of `language`.
    pub fn new(language: Language) -> Self {
        let stemmer = language.stemmer().map(Stemmer::new);
        Self {
            language,
            stop: StopWords::new(language),
            stemmer,
            entries: vec![Entry::default(); INITIAL_ENTRIES],
            misses: 0,
        }
    }

    /// Looks up a folded word. The stems of the entry are only valid if `stems` is set.
    pub fn entry(&mut self, word: &str, stems: bool) -> &Entry {
        let limit = if stems {
            MAX_ENTRIES
        } else {
            MAX_STOP_WORD_ENTRIES
        };
        if self.misses > 4 * self.entries.len() && self.entries.len() < limit {
            self.entries
                .resize(self.entries.len() * 4, Entry::default());
            self.misses = 0;
        }
        let slot = hash(word) & (self.entries.len() - 1);
        // The mask keeps `slot` below the number of entries.
        let entry = &mut self.entries[slot];
        if entry.word != word {
            self.misses += 1;
            entry.word.clear();
            entry.word.push_str(word);
            entry.stemmed = false;
            entry.stop = self.stop.contains(word);
            entry.negation = self.stop.is_negation(word);
        }
        if stems && !entry.stemmed {
            entry.stemmed = true;
            compute_stems(self.language, self.stemmer.as_ref(), entry);
        }
        entry
    }
}

/// Computes the stems of an entry's word.
fn compute_stems(language: Language, stemmer: Option<&Stemmer>, entry: &mut Entry) {
    entry.stem.clear();
    entry.unmarked.clear();
    let word = entry.word.as_str();
    let plain = fold_marks(word);
    let Some(stemmer) = stemmer else {
        return entry.stem.push_str(&plain);
    };
    // English stems ignore diacritics; other languages' stemmers need them.
    let marked = if language == Language::English {
        &*plain
    } else {
        word
    };
    entry.stem.push_str(&fold_marks(&stemmer.stem(marked)));
    if plain != marked {
        let stem = stemmer.stem(&plain);
        let stem = fold_marks(&stem);
        if *stem != entry.stem {
            entry.unmarked.push_str(&stem);
        }
    }
}

/// A fast hash (FxHash) of a word.
fn hash(word: &str) -> usize {
    let mix =
        |hash: u64, part: u64| (hash.rotate_left(5) ^ part).wrapping_mul(0x517c_c1b7_2722_0a95);
    let mut hash = word.len() as u64;
    let mut rest = word.as_bytes();
    while let Some((eight, more)) = rest.split_first_chunk::<8>() {
        (hash, rest) = (mix(hash, u64::from_le_bytes(*eight)), more);
    }
    let last = rest
        .iter()
        .fold(0, |last, byte| last << 8 | u64::from(*byte));
    (mix(hash, last) >> 40) as usize
}
