//! The collection as the corpus of an evaluation.

use crate::Result;
use eval::needs::{Corpus, CorpusArticle};
use query::ResultUnit;
use std::collections::HashSet;
use store::{Collection, DenseSearch, Filter, PassageKey};

/// Looks up the articles of a collection for judgements.
pub struct CollectionCorpus<'a>(pub &'a dyn Collection);

impl Corpus for CollectionCorpus<'_> {
    fn article(&self, id: &str) -> eval::Result<Option<CorpusArticle>> {
        let stored = self.0.article(id).map_err(corpus_error)?;
        Ok(stored.map(|stored| CorpusArticle {
            text: stored.article.text,
            passages: stored.passages,
        }))
    }

    fn ids(&self) -> eval::Result<Vec<String>> {
        let mut ids: Vec<String> = self
            .0
            .catalog()
            .map_err(corpus_error)?
            .articles
            .into_keys()
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

fn corpus_error(error: store::Error) -> eval::Error {
    eval::Error::Corpus(Box::new(error))
}

/// The ids of all passages and their articles, by key. Read once for many queries.
pub struct PassageDirectory {
    /// The keys of all passages, ascending.
    keys: Vec<PassageKey>,
    /// The id of each passage, in the order of `keys`.
    passages: Vec<String>,
    /// The index in `articles` of each passage's article, in the order of `keys`.
    article_of: Vec<u32>,
    articles: Vec<String>,
}

impl PassageDirectory {
    pub fn new(collection: &dyn Collection) -> Result<Self> {
        let keys = collection.keys()?;
        let mut numbers = std::collections::HashMap::new();
        let (mut passages, mut article_of, mut articles) = (Vec::new(), Vec::new(), Vec::new());
        for reference in collection.identify(&keys)? {
            passages.push(reference.to_string());
            let number = *numbers
                .entry(reference.article_id.clone())
                .or_insert_with(|| {
                    articles.push(reference.article_id);
                    articles.len() as u32 - 1
                });
            article_of.push(number);
        }
        Ok(Self {
            keys,
            passages,
            article_of,
            articles,
        })
    }

    /// The number of passages.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// The ids of the results that a filter allows.
    pub fn allowed(
        &self,
        collection: &dyn Collection,
        filter: &Filter,
        by: ResultUnit,
    ) -> Result<HashSet<String>> {
        // Any vector will do: all that the filter allows is in the list.
        let mut any = vec![0.0; collection.manifest().model.dimensions];
        any.iter_mut().take(1).for_each(|first| *first = 1.0);
        let list = collection.search_dense(&any, self.len(), DenseSearch::Exact, Some(filter))?;
        let ids = self.ranking(&list, by).into_iter();
        Ok(ids.map(|(id, _)| id.to_owned()).collect())
    }

    fn position(&self, key: PassageKey) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// The ids and scores of candidates, in the order in which metrics are computed: by descending
    /// score, then by descending id, as trec_eval does. [`ResultUnit::Article`] keeps the first passage of
    /// each article.
    pub fn ranking(&self, candidates: &[store::ScoredPassage], by: ResultUnit) -> Vec<(&str, f32)> {
        let mut seen = vec![false; self.articles.len()];
        let mut ranking: Vec<(&str, f32)> = candidates
            .iter()
            .filter_map(|candidate| {
                let position = self.position(candidate.key)?;
                if by != ResultUnit::Article {
                    return Some((self.passages[position].as_str(), candidate.score));
                }
                let article = self.article_of[position] as usize;
                let first = !std::mem::replace(&mut seen[article], true);
                first.then(|| (self.articles[article].as_str(), candidate.score))
            })
            .collect();
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(a.0)));
        ranking
    }
}
