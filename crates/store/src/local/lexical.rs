//! Words in common: BM25 over passages and titles, a bonus for words that stand together, and the
//! nearest words for those that no passage has.

mod first;
mod second;

use super::among::Documents;
use super::snapshot::Snapshot;
use crate::analysis::{Analysis, Place};
use crate::collection::{Candidate, PassageKey, QueryInterpretation, WordScore};
use crate::{Filter, Result};
use std::collections::HashMap;
use std::sync::Arc;
use tantivy::collector::TopDocs;
use tantivy::query::{Bm25StatisticsProvider, BooleanQuery, BoostQuery, Occur, PhraseQuery, Query, TermQuery};
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
/// A question's words beyond the rarest so many say little and cost much.
const MAX_WORDS: usize = 48;
/// How many questions' words are remembered.
const REMEMBERED: usize = 64;

/// A question as the index knows words.
#[derive(Debug, Default)]
pub struct Words {
    /// Every word: what it is in the index, what it counts.
    words: Vec<Word>,
    /// Pairs of stems that stand together.
    pairs: Vec<[String; 2]>,
    reading: QueryInterpretation,
}

#[derive(Debug)]
struct Word {
    /// In the question.
    asked: String,
    /// In the index.
    term: String,
    place: Place,
    weight: f32,
}

/// The questions whose words were worked out, by their texts.
pub type Remembered = HashMap<String, Arc<Words>>;

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
            let shown = word.term.trim_start_matches(crate::analysis::ALIKE);
            for (query, place) in self.term_queries(word) {
                add(query, &word.asked, shown, place)?;
            }
        }
        for pair in &words.pairs {
            add(self.pair(pair), &pair.join(" "), &pair.join(" "), "together")?;
        }
        all.iter_mut().for_each(|scores| scores.sort_by(|a, b| b.score.total_cmp(&a.score)));
        Ok(all)
    }

    /// How a question is read.
    pub fn reading(&self, question: &str) -> Result<QueryInterpretation> {
        Ok(self.words(question)?.reading.clone())
    }

    /// The words of a question that the index can look for.
    fn words(&self, question: &str) -> Result<Arc<Words>> {
        if let Some(known) = self.asked.lock().ok().and_then(|known| known.get(question).cloned()) {
            return Ok(known);
        }
        let words = Arc::new(match Analysis::of(self.manifest.format) {
            Analysis::First => self.first_words(question)?,
            Analysis::Second => self.second_words(question)?,
        });
        if let Ok(mut known) = self.asked.lock() {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(question.to_owned(), words.clone());
        }
        Ok(words)
    }

    /// How many passages hold a term, deleted ones that still count in BM25 included.
    fn frequency(&self, place: Place, term: &str) -> Result<u64> {
        let Some(field) = self.field(place) else { return Ok(0) };
        self.searcher.doc_freq(&Term::from_field_text(field, term)).map_err(self.text_error())
    }

    fn field(&self, place: Place) -> Option<Field> {
        match place {
            Place::Stems => Some(self.fields.contents),
            Place::Exact => self.fields.exact,
            Place::Title => self.fields.titles,
        }
    }

    /// What a word is looked for with, and where that is.
    fn term_queries(&self, word: &Word) -> Vec<(Box<dyn Query>, &'static str)> {
        let of = |field: Field, weight: f32| -> Box<dyn Query> {
            let query = TermQuery::new(Term::from_field_text(field, &word.term), IndexRecordOption::WithFreqs);
            if weight == 1.0 { Box::new(query) } else { Box::new(BoostQuery::new(Box::new(query), weight)) }
        };
        let place = match word.place {
            Place::Stems => "text",
            Place::Exact => "exact",
            Place::Title => "title",
        };
        let heading = self.fields.heading.filter(|_| word.place == Place::Stems);
        let own = self.field(word.place).map(|field| (of(field, word.weight), place));
        own.into_iter().chain(heading.map(|heading| (of(heading, word.weight * TITLE), "title"))).collect()
    }

    fn pair(&self, pair: &[String; 2]) -> Box<dyn Query> {
        let terms = pair.iter().map(|term| Term::from_field_text(self.fields.contents, term));
        Box::new(BoostQuery::new(Box::new(PhraseQuery::new(terms.collect())), PHRASE))
    }

    fn any_word(&self, words: &Words) -> Vec<Box<dyn Query>> {
        words.words.iter().flat_map(|word| self.term_queries(word)).map(|(query, _)| query).collect()
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
