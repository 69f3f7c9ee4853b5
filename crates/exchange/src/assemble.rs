//! Assembles rows into articles.

use crate::{Row, RowError};
use ingest::ModelInfo;
use ingest::pipeline::{EmbeddedArticle, Passage};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// The rows of incomplete articles that are kept in memory. The rows of a file as it was written
/// here lie together; another program may have sorted them in another order.
const MAX_OPEN_BYTES: usize = 256 << 20;

/// Collects rows into complete articles, whatever their order.
pub struct Assembler {
    model: ModelInfo,
    open: HashMap<String, PartialArticle>,
    /// The ids of the open articles, by the number of their first row.
    order: BTreeMap<u64, String>,
    /// What the open articles need of memory.
    open_bytes: usize,
    /// The article of the last row.
    last: Option<String>,
    /// The ids of articles that failed, so that a problem is reported once and not for each row.
    failed: HashSet<String>,
    /// Finished articles, and the problems of others with the number of the row where they
    /// occurred.
    pub finished: VecDeque<Result<EmbeddedArticle, (u64, RowError)>>,
}

/// An article that is missing rows.
struct PartialArticle {
    /// The number of its first row.
    first: u64,
    bytes: usize,
    /// The article without passages, and the number of passages that it must have.
    article: Option<(EmbeddedArticle, usize)>,
    /// Rows that came before the one with the article.
    waiting: Vec<(u64, Row)>,
    passages: BTreeMap<u64, Passage>,
}

impl PartialArticle {
    /// What is missing. `is_far` says that it may still follow.
    fn incomplete(&self, id: &str, is_far: bool) -> RowError {
        let article = id.to_owned();
        match &self.article {
            Some((_, expected)) => RowError::PassagesMissing {
                article,
                expected: *expected,
                found: self.passages.len(),
                is_far,
            },
            None => RowError::ArticleMissing { article, is_far },
        }
    }
}

impl Assembler {
    /// For articles of this model.
    pub fn new(model: ModelInfo) -> Self {
        Self {
            model,
            open: HashMap::new(),
            order: BTreeMap::new(),
            open_bytes: 0,
            last: None,
            failed: HashSet::new(),
            finished: VecDeque::new(),
        }
    }

    /// Adds the next row.
    pub fn push_row(&mut self, number: u64, mut row: Row) {
        let id = row.article_id.clone();
        self.last = Some(id.clone());
        let bytes = row.bytes();
        let begun = row.take_article(&self.model);
        if begun.is_some() {
            self.failed.remove(&id);
            // The same article again.
            if let Some(open) = self.open.get(&id).filter(|open| open.article.is_some()) {
                let error = open.incomplete(&id, false);
                self.fail(open.first, &id, error);
                self.failed.remove(&id);
            }
        } else if self.failed.contains(&id) {
            return;
        }
        let open = self.open.entry(id.clone()).or_insert_with(|| {
            self.order.insert(number, id.clone());
            PartialArticle {
                first: number,
                bytes: 0,
                article: None,
                waiting: Vec::new(),
                passages: BTreeMap::new(),
            }
        });
        open.bytes += bytes;
        self.open_bytes += bytes;
        open.waiting.push((number, row));
        match begun {
            Some(Ok(article)) => open.article = Some(article),
            Some(Err(error)) => return self.fail(number, &id, error),
            None => {}
        }
        if let Some((embedded, expected)) = &open.article {
            let dimensions = self.model.dimensions;
            for (number, row) in std::mem::take(&mut open.waiting) {
                let passage = row.into_passage(&embedded.article, *expected, dimensions);
                let twice = match passage {
                    Err(error) => return self.fail(number, &id, error),
                    Ok(None) => None,
                    Ok(Some((ordinal, passage))) => {
                        let earlier = open.passages.insert(ordinal, passage);
                        earlier.map(|_| ordinal)
                    }
                };
                if let Some(ordinal) = twice {
                    let article = id.clone();
                    let error = RowError::PassageTwice { article, ordinal };
                    return self.fail(number, &id, error);
                }
            }
            if open.passages.len() == *expected {
                return self.finish(&id);
            }
        }
        self.make_room();
    }

    /// Drops the article of the last row, because the next row cannot be parsed and may be one of
    /// it.
    pub fn abandon(&mut self) {
        if let Some(last) = self.last.take()
            && self.remove(&last).is_some()
        {
            self.failed.insert(last);
        }
    }

    /// Ends the file: articles that are missing rows fail.
    pub fn finish_all(&mut self) {
        while let Some(id) = self.order.values().next().cloned() {
            self.fail_incomplete(&id);
        }
    }

    fn remove(&mut self, id: &str) -> Option<PartialArticle> {
        let open = self.open.remove(id)?;
        self.order.remove(&open.first);
        self.open_bytes -= open.bytes;
        Some(open)
    }

    fn finish(&mut self, id: &str) {
        if let Some(open) = self.remove(id)
            && let Some((mut embedded, _)) = open.article
        {
            embedded.passages = open.passages.into_values().collect();
            self.finished.push_back(Ok(embedded));
        }
    }

    fn fail(&mut self, number: u64, id: &str, error: RowError) {
        self.remove(id);
        self.finished.push_back(Err((number, error)));
        self.failed.insert(id.to_owned());
    }

    fn fail_incomplete(&mut self, id: &str) {
        if let Some(open) = self.open.get(id) {
            self.fail(open.first, id, open.incomplete(id, false));
        }
    }

    /// Fails the articles that have been incomplete for longest if all together need too much
    /// memory.
    fn make_room(&mut self) {
        while self.open_bytes > MAX_OPEN_BYTES {
            let Some(id) = self.order.values().next().cloned() else {
                return;
            };
            if let Some(open) = self.open.get(&id) {
                self.fail(open.first, &id, open.incomplete(&id, true));
            }
        }
    }
}
