//! Rows to articles.

use crate::Row;
use ingest::pipeline::EmbeddedArticle;
use std::collections::VecDeque;

/// Puts rows together to whole articles.
pub struct Assembler {
    dimensions: usize,
    open: Option<Open>,
    /// The last article with something wrong in it: that is said once, not for each of its rows.
    wrong: Option<String>,
    /// Whole articles, and what is wrong with others, each with the number of the row that says so.
    pub made: VecDeque<Result<EmbeddedArticle, (u64, String)>>,
}

/// An article whose rows are not all there yet.
struct Open {
    embedded: EmbeddedArticle,
    passages: usize,
}

impl Assembler {
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, open: None, wrong: None, made: VecDeque::new() }
    }

    /// The next row.
    pub fn take(&mut self, number: u64, mut row: Row) {
        let id = row.article_id.clone();
        match row.article() {
            Some(Ok((embedded, passages))) => {
                self.end(number);
                self.open = Some(Open { embedded, passages });
            }
            Some(Err(problem)) => {
                self.end(number);
                return self.wrong(number, id, problem);
            }
            None => {}
        }
        let Some(Open { embedded, passages }) = &mut self.open else {
            if self.wrong.as_ref() != Some(&id) {
                self.wrong(number, id, "its article does not stand before it".to_owned());
            }
            return;
        };
        match row.passage(&embedded.article, embedded.passages.len(), self.dimensions) {
            Ok(passage) => embedded.passages.extend(passage),
            Err(problem) => {
                self.open = None;
                return self.wrong(number, id, problem);
            }
        }
        if embedded.passages.len() == *passages {
            self.made.extend(self.open.take().map(|open| Ok(open.embedded)));
        }
    }

    /// Nothing is to be made of the article under way: what is wrong with it has been said.
    pub fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            self.wrong = Some(open.embedded.article.id);
        }
    }

    fn wrong(&mut self, number: u64, id: String, problem: String) {
        self.made.push_back(Err((number, problem)));
        self.wrong = Some(id);
    }

    /// No more rows of the article under way.
    pub fn end(&mut self, number: u64) {
        if let Some(Open { embedded, passages }) = self.open.take() {
            let (id, found) = (embedded.article.id, embedded.passages.len());
            let problem = format!("article {id:?}: expected {passages} passages, found {found}");
            self.wrong(number, id, problem);
        }
    }
}
