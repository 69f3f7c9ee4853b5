//! Words in common: BM25 over passages and titles, a bonus for words that stand together, and the
//! nearest words for those that no passage has.

use super::among::Documents;
use super::records;
use super::snapshot::Snapshot;
use crate::collection::{Candidate, PassageKey, WordScore};
use crate::{Filter, Result};
use std::collections::{BTreeMap, HashMap};
use tantivy::collector::TopDocs;
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, PhraseQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, Searcher, Term};

/// What a title's BM25 counts beside a passage's. Titles are part of what passages hold already; this
/// is on top. More is better for words alone, and worse for what is fused from them: nDCG@10 of both with 0, .1
/// and .25 is .684, .689, .695 and .736, .737, .730 on SciFact, .696, .700, .702 and .732, .735, .733 on its training
/// questions, .358, .365, .377 and .411, .415, .416 on Cranfield.
const TITLE: f32 = 0.1;
/// What the BM25 of two words that stand together counts, and for how many of the best passages. With it,
/// nDCG@10 of words alone is up by .003 on SciFact and .001 on its training questions and on Cranfield.
const PHRASE: f32 = 0.05;
const PHRASED: usize = 300;
/// What a word counts that is near to one of the question's that no passage has.
const NEAR: f32 = 0.7;
/// The most such words for one of the question's.
const NEAREST: usize = 3;
/// A question's words beyond the rarest so many say little and cost much.
const WORDS: usize = 48;
/// So many of a question's words that no passage has are replaced by near ones, the first of them: each is an
/// automaton run over the dictionary of every segment.
const MAX_FUZZY_WORDS: usize = 8;

/// A question as the index knows words.
pub struct Words {
    /// Every word: what it is in the index, what it counts.
    words: Vec<Word>,
    /// Pairs of words that stand together.
    pairs: Vec<[String; 2]>,
}

struct Word {
    /// In the question.
    asked: String,
    /// In the index.
    term: String,
    weight: f32,
}

impl Snapshot {
    pub fn search_lexical(&self, question: &str, k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        let among = filter.map(|filter| self.among(filter)).transpose()?;
        if k == 0 || self.manifest.segments.is_empty() {
            return Ok(Vec::new());
        }
        let words = self.words(question)?;
        if words.words.is_empty() {
            return Ok(Vec::new());
        }
        let query = self.within(self.any_word(&words), among.as_ref().map(|among| among.documents.clone()));
        let mut found = self.best(&query, k.max(PHRASED))?;
        // Which of equals get the bonus must not depend on the segments that they lie in.
        found.sort_by(|(a_key, _, a), (b_key, _, b)| b.total_cmp(a).then(a_key.cmp(b_key)));
        let pooled = found.len().min(PHRASED);
        if pooled > 0 && !words.pairs.is_empty() {
            let documents = Documents::at(self, found[..pooled].iter().map(|(_, at, _)| *at));
            let bonus: HashMap<DocAddress, f32> = self
                .best(&self.within(self.any_pair(&words), Some(documents)), pooled)?
                .into_iter()
                .map(|(_, at, score)| (at, score))
                .collect();
            found[..pooled].iter_mut().for_each(|(_, at, score)| *score += bonus.get(at).unwrap_or(&0.0));
        }
        let mut found: Vec<Candidate> =
            found.into_iter().map(|(key, _, score)| Candidate { key: PassageKey(key), score }).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        found.truncate(k);
        Ok(found)
    }

    /// What each word of a question gives each passage.
    pub fn explain_lexical(&self, question: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        let addresses = keys.iter().map(|key| self.address(*key)).collect::<Result<Vec<_>>>()?;
        let mut all = vec![Vec::new(); keys.len()];
        let words = self.words(question)?;
        let documents = Documents::at(self, addresses.iter().copied());
        let mut add = |query: Box<dyn Query>, word: &str, found_as: &str, place: &'static str| -> Result<()> {
            let query = self.within(vec![query], Some(documents.clone()));
            for (_, at, score) in self.best(&query, keys.len())? {
                for (_, scores) in addresses.iter().zip(&mut all).filter(|(of, _)| **of == at) {
                    scores.push(WordScore { word: word.to_owned(), found_as: found_as.to_owned(), place, score });
                }
            }
            Ok(())
        };
        for word in &words.words {
            add(self.term(self.fields.contents, &word.term, word.weight), &word.asked, &word.term, "text")?;
            if let Some(heading) = self.fields.heading {
                add(self.term(heading, &word.term, word.weight * TITLE), &word.asked, &word.term, "title")?;
            }
        }
        for pair in &words.pairs {
            add(self.pair(pair), &pair.join(" "), &pair.join(" "), "together")?;
        }
        all.iter_mut().for_each(|scores| scores.sort_by(|a, b| b.score.total_cmp(&a.score)));
        Ok(all)
    }

    /// The words of a question that the index can look for.
    fn words(&self, question: &str) -> Result<Words> {
        let mut analyzer = records::analyzer(self.manifest.language);
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
        let mut unknown = Vec::new();
        for (asked, count) in asked {
            match self.frequency(&asked)? {
                0 => unknown.push((asked, count)),
                found => {
                    by_term.insert(asked.clone(), (found, Word { term: asked.clone(), asked, weight: count }));
                }
            }
        }
        for (asked, count) in unknown.into_iter().take(MAX_FUZZY_WORDS) {
            for (term, found) in self.near(&asked)? {
                let word = Word { asked: asked.clone(), term: term.clone(), weight: count * NEAR };
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
        words.truncate(WORDS);
        let words: Vec<Word> = words.into_iter().map(|(_, word)| word).collect();
        let kept = |word: &String| words.iter().any(|kept| kept.term == *word);
        pairs.retain(|[a, b]| kept(a) && kept(b));
        pairs.sort_unstable();
        pairs.dedup();
        Ok(Words { words, pairs })
    }

    /// How many passages hold a word, deleted ones that still count in BM25 included.
    fn frequency(&self, term: &str) -> Result<u64> {
        self.searcher.doc_freq(&Term::from_field_text(self.fields.contents, term)).map_err(self.text_error())
    }

    /// The commonest of the indexed words nearest to one that is not indexed: a slip of the fingers away.
    fn near(&self, word: &str) -> Result<Vec<(String, u64)>> {
        let letters = word.chars().count();
        // In a short word, or a number, another letter is another word.
        if letters < 4 || word.bytes().any(|b| b.is_ascii_digit()) {
            return Ok(Vec::new());
        }
        for distance in 1..=if letters < 8 { 1 } else { 2 } {
            let mut found: HashMap<String, u64> = HashMap::new();
            let term = Term::from_field_text(self.fields.contents, word);
            let automaton = FuzzyTermQuery::new(term, distance, true).automaton().map_err(self.text_error())?;
            for reader in self.searcher.segment_readers() {
                let index = reader.inverted_index(self.fields.contents).map_err(self.text_error())?;
                let mut terms = index.terms().search(&automaton).into_stream().map_err(self.io_error())?;
                while let Some((term, info)) = terms.next() {
                    let term = String::from_utf8_lossy(term);
                    // The first letter is seldom the wrong one.
                    if term.chars().next() == word.chars().next() {
                        *found.entry(term.into_owned()).or_default() += u64::from(info.doc_freq);
                    }
                }
            }
            if !found.is_empty() {
                let mut found: Vec<(String, u64)> = found.into_iter().collect();
                found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
                found.truncate(NEAREST);
                return Ok(found);
            }
        }
        Ok(Vec::new())
    }

    fn term(&self, field: Field, term: &str, weight: f32) -> Box<dyn Query> {
        let query = TermQuery::new(Term::from_field_text(field, term), IndexRecordOption::WithFreqs);
        if weight == 1.0 { Box::new(query) } else { Box::new(BoostQuery::new(Box::new(query), weight)) }
    }

    fn pair(&self, pair: &[String; 2]) -> Box<dyn Query> {
        let terms = pair.iter().map(|term| Term::from_field_text(self.fields.contents, term));
        Box::new(BoostQuery::new(Box::new(PhraseQuery::new(terms.collect())), PHRASE))
    }

    fn any_word(&self, words: &Words) -> Vec<Box<dyn Query>> {
        let contents = words.words.iter().map(|word| self.term(self.fields.contents, &word.term, word.weight));
        let titles = self.fields.heading.into_iter().flat_map(|heading| {
            words.words.iter().map(move |word| self.term(heading, &word.term, word.weight * TITLE))
        });
        contents.chain(titles).collect()
    }

    fn any_pair(&self, words: &Words) -> Vec<Box<dyn Query>> {
        words.pairs.iter().map(|pair| self.pair(pair)).collect()
    }

    /// One of `any`, among `documents` alone.
    fn within(&self, any: Vec<Box<dyn Query>>, documents: Option<Documents>) -> BooleanQuery {
        let any = BooleanQuery::new(any.into_iter().map(|query| (Occur::Should, query)).collect());
        match documents {
            None => any,
            Some(documents) => {
                let parts: Vec<(Occur, Box<dyn Query>)> =
                    vec![(Occur::Must, Box::new(documents)), (Occur::Must, Box::new(any))];
                BooleanQuery::new(parts)
            }
        }
    }

    /// The `k` best passages of a query, best first: key, document, score.
    fn best(&self, query: &BooleanQuery, k: usize) -> Result<Vec<(u64, DocAddress, f32)>> {
        // tantivy counts from one.
        if k == 0 {
            return Ok(Vec::new());
        }
        let keys = &self.names()?.keys;
        let passages = keys.0.iter().flatten().map(|column| u64::from(column.values.num_vals())).sum();
        let statistics = PassageStatistics { searcher: &self.searcher, passages };
        let top = TopDocs::with_limit(k).order_by_score();
        let found =
            self.searcher.search_with_statistics_provider(query, &top, &statistics).map_err(self.text_error())?;
        Ok(found.into_iter().filter_map(|(score, at)| Some((keys.number(at)?, at, score))).collect())
    }
}

/// BM25's statistics over passages alone: article documents hold no words, and to count them
/// would halve the average length.
struct PassageStatistics<'a> {
    searcher: &'a Searcher,
    /// Deleted ones included until their text segment is merged, as in the counts of words and of
    /// passages with a word.
    passages: u64,
}

impl Bm25StatisticsProvider for PassageStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.passages)
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        self.searcher.doc_freq(term)
    }
}
