//! A small in-memory collection, indexed and searched as the real one is.

use crate::Language;
use crate::analysis::fuzzy::{Correction, FUZZY_BOOST, fuzzy_expand};
use crate::analysis::query::ParsedQuery;
use crate::analysis::{Analyzer, AnalyzerVersion, DocFreqs, TextField, title};
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{
    Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::tokenizer::TokenStream as _;
use tantivy::{Index, IndexWriter, Searcher, TantivyDocument, Term};

pub struct Collection {
    language: Language,
    searcher: Searcher,
    id: Field,
    stems: Field,
    words: Field,
    whole_title: Field,
}

/// The terms of a text in a field.
pub fn terms(language: Language, field: TextField, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut tokenizer = AnalyzerVersion::V2.tokenizer(language, field);
    tokenizer.token_stream(text).process(&mut |token| {
        assert!(
            text.get(token.offset_from..token.offset_to).is_some(),
            "{token:?} of {text:?}"
        );
        all.push(token.text.clone());
    });
    all
}

impl Collection {
    /// Indexes texts by id. The first line of a text that has several is its title.
    pub fn new(language: Language, texts: &[(&str, &str)]) -> Self {
        let mut schema = Schema::builder();
        let analyzed = |field, option| {
            let indexing = TextFieldIndexing::default()
                .set_tokenizer(AnalyzerVersion::V2.tokenizer_name(field))
                .set_index_option(option);
            TextOptions::default().set_indexing_options(indexing)
        };
        let id = schema.add_text_field("id", STRING | STORED);
        let stems = schema.add_text_field(
            "stems",
            analyzed(TextField::Stems, IndexRecordOption::WithFreqsAndPositions),
        );
        let words = schema.add_text_field(
            "exact",
            analyzed(TextField::Words, IndexRecordOption::WithFreqs),
        );
        let whole_title = schema.add_text_field("titles", STRING);
        let index = Index::create_in_ram(schema.build());
        for field in [TextField::Stems, TextField::Words] {
            let tokenizer = AnalyzerVersion::V2.tokenizer(language, field);
            index
                .tokenizers()
                .register(AnalyzerVersion::V2.tokenizer_name(field), tokenizer);
        }
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 20_000_000).unwrap();
        for (name, text) in texts {
            let mut document = TantivyDocument::new();
            document.add_text(id, name);
            document.add_text(stems, text);
            document.add_text(words, text);
            if let Some((heading, _)) = text.split_once('\n') {
                document.add_text(whole_title, title::term(heading));
            }
            writer.add_document(document).unwrap();
        }
        writer.commit().unwrap();
        Self {
            language,
            searcher: index.reader().unwrap().searcher(),
            id,
            stems,
            words,
            whole_title,
        }
    }

    fn term(&self, field: TextField, text: &str) -> Term {
        let field = match field {
            TextField::Stems => self.stems,
            TextField::Words => self.words,
            TextField::WholeTitle => self.whole_title,
        };
        Term::from_field_text(field, text)
    }

    /// The ids that a query finds, best first, and the corrections of its words.
    pub fn search(&self, text: &str) -> (Vec<String>, Vec<Correction>) {
        let mut query = ParsedQuery::new(&mut Analyzer::new(self.language), text);
        let doc_freq = |field, term: &str| self.searcher.doc_freq(&self.term(field, term)).unwrap();
        let doc_freqs: Vec<u64> = query
            .terms
            .iter()
            .map(|term| doc_freq(term.field, &term.term))
            .collect();
        let unknown = query.unknown_words(text, self.language, &doc_freqs);
        query.weigh(DocFreqs::Known(&doc_freqs));
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut add = |field, term: &str, weight: f32| {
            let query = TermQuery::new(self.term(field, term), IndexRecordOption::WithFreqs);
            parts.push((
                Occur::Should,
                Box::new(BoostQuery::new(Box::new(query), weight)),
            ));
        };
        query
            .terms
            .iter()
            .for_each(|term| add(term.field, &term.term, term.weight));
        let mut corrections = Vec::new();
        for word in &unknown {
            for replacement in fuzzy_expand(&self.searcher, self.words, word).unwrap() {
                for stem in terms(self.language, TextField::Stems, &replacement) {
                    add(TextField::Stems, &stem, FUZZY_BOOST);
                }
                corrections.push(Correction {
                    word: text[word.span.clone()].to_owned(),
                    used: replacement,
                });
            }
        }
        let top = TopDocs::with_limit(100).order_by_score();
        let hits = self
            .searcher
            .search(&BooleanQuery::new(parts), &top)
            .unwrap();
        let id = |at| {
            let document: TantivyDocument = self.searcher.doc(at).unwrap();
            document
                .get_first(self.id)
                .unwrap()
                .as_str()
                .unwrap()
                .to_owned()
        };
        (
            hits.into_iter().map(|(_, at)| id(at)).collect(),
            corrections,
        )
    }

    /// The ids that a query finds, best first.
    pub fn find(&self, text: &str) -> Vec<String> {
        self.search(text).0
    }
}
