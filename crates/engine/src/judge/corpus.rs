//! A collection as judgements see it: where things stand, and which passage is whose.

use crate::Result;
use eval::needs::{Corpus, Located};
use store::{Collection, PassageKey};

/// The articles of a collection.
pub struct Articles<'a>(pub &'a dyn Collection);

impl Corpus for Articles<'_> {
    fn article(&self, id: &str) -> eval::Result<Option<Located>> {
        let stored = self.0.article(id).map_err(wrong)?;
        Ok(stored.map(|stored| Located { text: stored.article.text, passages: stored.passages }))
    }

    fn ids(&self) -> eval::Result<Vec<String>> {
        let mut ids: Vec<String> = self.0.catalogue().map_err(wrong)?.articles.into_keys().collect();
        ids.sort_unstable();
        Ok(ids)
    }
}

fn wrong(error: store::Error) -> eval::Error {
    eval::Error::Corpus(Box::new(error))
}

/// The name of every passage and its article, looked up once for many questions.
pub struct Directory {
    keys: Vec<PassageKey>,
    /// The names of passages, in the order of keys.
    passages: Vec<String>,
    /// The place in `articles` of each passage's article.
    article_of: Vec<u32>,
    articles: Vec<String>,
}

impl Directory {
    pub fn new(collection: &dyn Collection) -> Result<Self> {
        let keys = collection.keys()?;
        let mut numbers = std::collections::HashMap::new();
        let (mut passages, mut article_of, mut articles) = (Vec::new(), Vec::new(), Vec::new());
        for reference in collection.identify(&keys)? {
            passages.push(reference.to_string());
            let number = *numbers.entry(reference.article_id.clone()).or_insert_with(|| {
                articles.push(reference.article_id);
                articles.len() as u32 - 1
            });
            article_of.push(number);
        }
        Ok(Self { keys, passages, article_of, articles })
    }

    /// How many passages there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    fn place(&self, key: PassageKey) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// The names of what a list ranks, best first, in the order in which figures are computed: by
    /// score, equals by name, later ones first. `by_article` takes each article by its best passage.
    pub fn names(&self, list: &[store::Candidate], by_article: bool) -> Vec<(&str, f32)> {
        let mut seen = vec![false; self.articles.len()];
        let mut names: Vec<(&str, f32)> = list
            .iter()
            .filter_map(|found| {
                let place = self.place(found.key)?;
                if !by_article {
                    return Some((self.passages[place].as_str(), found.score));
                }
                let article = self.article_of[place] as usize;
                let first = !std::mem::replace(&mut seen[article], true);
                first.then(|| (self.articles[article].as_str(), found.score))
            })
            .collect();
        names.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| b.0.cmp(a.0)));
        names
    }
}
