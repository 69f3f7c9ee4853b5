//! Words as collections of the first three formats have them: stems in one field, stop words left out.

use super::{MAX_WORDS, Word, Words};
use crate::Result;
use crate::analysis::near::{Correction, NEAR, nearest_terms};
use crate::analysis::{Analysis, Place};
use crate::collection::QueryInterpretation;
use crate::local::snapshot::Snapshot;
use std::collections::{BTreeMap, HashMap};

/// So many of a question's words that no passage has are replaced by near ones, the first of them: each is an
/// automaton run over the dictionary of every segment.
const MAX_FUZZY_WORDS: usize = 8;

impl Snapshot {
    /// The words of a question that the index can look for.
    pub(super) fn first_words(&self, question: &str) -> Result<Words> {
        let mut analyzer = Analysis::First.tokenizer(self.manifest.language, Place::Stems);
        // In the order of the question: the same question must give the same scores.
        let mut asked: Vec<(String, f32)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut pairs: Vec<[String; 2]> = Vec::new();
        let mut last: Option<(usize, String)> = None;
        analyzer.token_stream(question).process(&mut |token| {
            let place = *places.entry(token.text.clone()).or_insert(asked.len());
            match asked.get_mut(place) {
                Some((_, count)) => *count += 1.0,
                None => asked.push((token.text.clone(), 1.0)),
            }
            if let Some((_, before)) =
                last.take().filter(|(at, before)| at + 1 == token.position && *before != token.text)
            {
                pairs.push([before, token.text.clone()]);
            }
            last = Some((token.position, token.text.clone()));
        });
        // By term, each with the count of passages that hold it. What the question itself says comes before what a
        // misspelling could mean; of two misspellings of one term the weightier counts.
        let mut by_term: BTreeMap<String, (u64, Word)> = BTreeMap::new();
        let (mut unknown, mut corrections) = (Vec::new(), Vec::new());
        for (asked, count) in asked {
            match self.frequency(Place::Stems, &asked)? {
                0 => unknown.push((asked, count)),
                found => {
                    by_term.insert(
                        asked.clone(),
                        (found, Word { term: asked.clone(), asked, place: Place::Stems, weight: count }),
                    );
                }
            }
        }
        for (asked, count) in unknown.into_iter().take(MAX_FUZZY_WORDS) {
            for (term, found) in self.near(&asked)? {
                corrections.push(Correction { word: asked.clone(), used: term.clone() });
                let word = Word { asked: asked.clone(), term: term.clone(), place: Place::Stems, weight: count * NEAR };
                match by_term.get(&term) {
                    Some((_, kept)) if kept.asked == kept.term || kept.weight >= word.weight => {}
                    _ => {
                        by_term.insert(term, (found, word));
                    }
                }
            }
        }
        let mut words: Vec<(u64, Word)> = by_term.into_values().collect();
        // Stable: equally rare words stay in the order of their terms. The order of the sum decides its last bits.
        words.sort_by_key(|(found, _)| *found);
        words.truncate(MAX_WORDS);
        let words: Vec<Word> = words.into_iter().map(|(_, word)| word).collect();
        let kept = |word: &String| words.iter().any(|kept| kept.term == *word);
        pairs.retain(|[a, b]| kept(a) && kept(b));
        pairs.sort_unstable();
        pairs.dedup();
        Ok(Words { words, pairs, reading: QueryInterpretation { corrections, only_stop_words: false } })
    }

    /// The commonest of the indexed words nearest to one that is not indexed: a slip of the fingers away.
    fn near(&self, word: &str) -> Result<Vec<(String, u64)>> {
        let letters = word.chars().count();
        // In a short word, or a number, another letter is another word.
        if letters < 4 || word.bytes().any(|b| b.is_ascii_digit()) {
            return Ok(Vec::new());
        }
        let distance = if letters < 8 { 1 } else { 2 };
        // The first letter is seldom the wrong one.
        let accepts = |term: &str| term.chars().next() == word.chars().next();
        nearest_terms(&self.searcher, self.fields.contents, word, distance, usize::MAX, accepts)
            .map_err(self.text_error())
    }
}
