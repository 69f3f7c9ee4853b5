//! Assembles rows into articles.

use crate::Row;
use ingest::pipeline::EmbeddedArticle;
use std::collections::VecDeque;

/// Collects consecutive rows into complete articles.
pub struct Assembler {
    dimensions: usize,
    open: Option<PartialArticle>,
    /// The id of the last article that failed, so that its problem is reported once and not for
    /// each of its rows.
    failed: Option<String>,
    /// Finished articles, and the problems of others with the number of the row where they
    /// occurred.
    pub finished: VecDeque<Result<EmbeddedArticle, (u64, String)>>,
}

/// An article that is missing rows.
struct PartialArticle {
    embedded: EmbeddedArticle,
    /// The number of passages that it must have.
    passages: usize,
}

impl Assembler {
    pub fn new(dimensions: usize) -> Self {
        Self {
            dimensions,
            open: None,
            failed: None,
            finished: VecDeque::new(),
        }
    }

    /// Adds the next row.
    pub fn push_row(&mut self, number: u64, mut row: Row) {
        let id = row.article_id.clone();
        match row.take_article() {
            Some(Ok((embedded, passages))) => {
                self.finish_article(number);
                self.open = Some(PartialArticle { embedded, passages });
            }
            Some(Err(problem)) => {
                self.finish_article(number);
                return self.fail(number, id, problem);
            }
            None => {}
        }
        let Some(PartialArticle { embedded, passages }) = &mut self.open else {
            if self.failed.as_ref() != Some(&id) {
                self.fail(
                    number,
                    id,
                    "it does not follow the first row of its article".to_owned(),
                );
            }
            return;
        };
        match row.into_passage(&embedded.article, embedded.passages.len(), self.dimensions) {
            Ok(passage) => embedded.passages.extend(passage),
            Err(problem) => {
                self.open = None;
                return self.fail(number, id, problem);
            }
        }
        if embedded.passages.len() == *passages {
            self.finished
                .extend(self.open.take().map(|open| Ok(open.embedded)));
        }
    }

    /// Drops the article in progress, because one of its rows cannot be parsed.
    pub fn abandon(&mut self) {
        if let Some(open) = self.open.take() {
            self.failed = Some(open.embedded.article.id);
        }
    }

    fn fail(&mut self, number: u64, id: String, problem: String) {
        self.finished.push_back(Err((number, problem)));
        self.failed = Some(id);
    }

    /// Ends the article in progress, which fails if it is missing passages.
    pub fn finish_article(&mut self, number: u64) {
        if let Some(PartialArticle { embedded, passages }) = self.open.take() {
            let (id, found) = (embedded.article.id, embedded.passages.len());
            let problem = format!("article {id:?}: expected {passages} passages, found {found}");
            self.fail(number, id, problem);
        }
    }
}
