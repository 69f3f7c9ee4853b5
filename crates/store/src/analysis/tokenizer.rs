//! The analyzer as tantivy's tokenizer.

use super::analyzer::Analyzer;
use super::queue::{Place, Queue};
use super::scan::Scanner;
use crate::Language;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// The tokenizer of one field of a collection in one language.
#[derive(Clone)]
pub struct Words {
    analyzer: Analyzer,
    place: Place,
    queue: Queue,
}

impl Words {
    /// That of a field.
    pub fn new(language: Language, place: Place) -> Self {
        Self { analyzer: Analyzer::new(language), place, queue: Queue::default() }
    }
}

/// The terms of a text.
pub struct Stream<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    words: &'a mut Words,
    /// The term after the one at hand.
    next: usize,
}

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.analyzer.begin();
        self.queue.clear();
        Stream { text, scanner: Scanner::new(text), words: self, next: 0 }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let Words { analyzer, place, queue } = &mut *self.words;
        while self.next >= queue.terms().len() {
            self.next = 0;
            if analyzer.next_unit(self.text, &mut self.scanner, (*place).into(), queue).is_none() {
                return false;
            }
        }
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        self.words.queue.token(self.next.saturating_sub(1))
    }

    fn token_mut(&mut self) -> &mut Token {
        self.words.queue.token_mut(self.next.saturating_sub(1))
    }
}
