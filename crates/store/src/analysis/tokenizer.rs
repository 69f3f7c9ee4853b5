//! Adapts the analyzer to tantivy's tokenizer interface.

use super::analyzer::Analyzer;
use super::scan::Scanner;
use super::term_buffer::{TermBuffer, TermKind, TextField};
use crate::Language;
use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// The v2 tokenizer of one field, for one language.
#[derive(Clone)]
pub struct FieldTokenizer {
    analyzer: Analyzer,
    field: TextField,
    terms: TermBuffer,
}

impl FieldTokenizer {
    /// The tokenizer of `field`.
    pub fn new(language: Language, field: TextField) -> Self {
        Self {
            analyzer: Analyzer::new(language),
            field,
            terms: TermBuffer::default(),
        }
    }
}

/// The terms of one text.
pub struct Stream<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    tokenizer: &'a mut FieldTokenizer,
    /// The index of the next term in the buffer.
    next: usize,
}

impl Stream<'_> {
    /// Passes all terms with their kinds to `each`.
    pub fn process_kinds(&mut self, each: &mut dyn FnMut(TermKind, &str)) {
        while self.advance() {
            let at = self.next.saturating_sub(1);
            if let Some((token, kind, _)) = self.tokenizer.terms.terms().get(at) {
                each(*kind, &token.text);
            }
        }
    }
}

impl Tokenizer for FieldTokenizer {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.analyzer.start_text();
        self.terms.clear();
        Stream {
            text,
            scanner: Scanner::new(text),
            tokenizer: self,
            next: 0,
        }
    }
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let FieldTokenizer {
            analyzer,
            field,
            terms,
        } = &mut *self.tokenizer;
        while self.next >= terms.terms().len() {
            self.next = 0;
            if analyzer
                .next_unit(self.text, &mut self.scanner, (*field).into(), terms)
                .is_none()
            {
                return false;
            }
        }
        self.next += 1;
        true
    }

    fn token(&self) -> &Token {
        self.tokenizer.terms.token(self.next.saturating_sub(1))
    }

    fn token_mut(&mut self) -> &mut Token {
        self.tokenizer.terms.token_mut(self.next.saturating_sub(1))
    }
}
