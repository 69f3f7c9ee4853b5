//! A small collection: texts indexed and asked as `nigh` would.

use crate::Language;
use crate::analysis::Analysis;
use crate::analysis::Analyzer;
use crate::analysis::Place;
use crate::analysis::near::{Correction, NEAR, nearest};
use crate::analysis::question::Question;
use crate::analysis::title;
use tantivy::collector::TopDocs;
use tantivy::query::{BooleanQuery, BoostQuery, Occur, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions, Value};
use tantivy::tokenizer::TokenStream as _;
use tantivy::{Index, IndexWriter, Searcher, TantivyDocument, Term};

pub struct Collection {
    language: Language,
    searcher: Searcher,
    id: Field,
    stems: Field,
    exact: Field,
    titles: Field,
}

/// The terms of a text in a field.
pub fn terms(language: Language, place: Place, text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut words = Analysis::Second.tokenizer(language, place);
    words.token_stream(text).process(&mut |token| {
        assert!(text.get(token.offset_from..token.offset_to).is_some(), "{token:?} of {text:?}");
        all.push(token.text.clone());
    });
    all
}

impl Collection {
    /// Each text with its id; what stands before a line break is a title.
    pub fn new(language: Language, texts: &[(&str, &str)]) -> Self {
        let mut schema = Schema::builder();
        let analyzed = |place, option| {
            let indexing =
                TextFieldIndexing::default().set_tokenizer(Analysis::Second.name(place)).set_index_option(option);
            TextOptions::default().set_indexing_options(indexing)
        };
        let id = schema.add_text_field("id", STRING | STORED);
        let stems = schema.add_text_field("stems", analyzed(Place::Stems, IndexRecordOption::WithFreqsAndPositions));
        let exact = schema.add_text_field("exact", analyzed(Place::Exact, IndexRecordOption::WithFreqs));
        let titles = schema.add_text_field("titles", STRING);
        let index = Index::create_in_ram(schema.build());
        for place in [Place::Stems, Place::Exact] {
            let tokenizer = Analysis::Second.tokenizer(language, place);
            index.tokenizers().register(Analysis::Second.name(place), tokenizer);
        }
        let mut writer: IndexWriter = index.writer_with_num_threads(1, 20_000_000).unwrap();
        for (name, text) in texts {
            let mut document = TantivyDocument::new();
            document.add_text(id, name);
            document.add_text(stems, text);
            document.add_text(exact, text);
            if let Some((heading, _)) = text.split_once('\n') {
                document.add_text(titles, title::term(heading));
            }
            writer.add_document(document).unwrap();
        }
        writer.commit().unwrap();
        Self { language, searcher: index.reader().unwrap().searcher(), id, stems, exact, titles }
    }

    fn term(&self, place: Place, text: &str) -> Term {
        let field = match place {
            Place::Stems => self.stems,
            Place::Exact => self.exact,
            Place::Title => self.titles,
        };
        Term::from_field_text(field, text)
    }

    /// What a question finds, best first, and what was looked for instead of its words.
    pub fn ask(&self, text: &str) -> (Vec<String>, Vec<Correction>) {
        let mut question = Question::new(&mut Analyzer::new(self.language), text);
        let count = |place, term: &str| self.searcher.doc_freq(&self.term(place, term)).unwrap();
        let found: Vec<u64> = question.asked.iter().map(|asked| count(asked.place, &asked.term)).collect();
        let misspelt = question.misspelt(text, self.language, &found);
        question.weigh(&found);
        let mut parts: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut add = |place, term: &str, weight: f32| {
            let query = TermQuery::new(self.term(place, term), IndexRecordOption::WithFreqs);
            parts.push((Occur::Should, Box::new(BoostQuery::new(Box::new(query), weight))));
        };
        question.asked.iter().for_each(|asked| add(asked.place, &asked.term, asked.weight));
        let mut corrections = Vec::new();
        for word in &misspelt {
            for near in nearest(&self.searcher, self.exact, word).unwrap() {
                for stem in terms(self.language, Place::Stems, &near) {
                    add(Place::Stems, &stem, NEAR);
                }
                corrections.push(Correction { word: text[word.span.clone()].to_owned(), used: near });
            }
        }
        let top = TopDocs::with_limit(100).order_by_score();
        let found = self.searcher.search(&BooleanQuery::new(parts), &top).unwrap();
        let id = |at| {
            let document: TantivyDocument = self.searcher.doc(at).unwrap();
            document.get_first(self.id).unwrap().as_str().unwrap().to_owned()
        };
        (found.into_iter().map(|(_, at)| id(at)).collect(), corrections)
    }

    /// What a question finds, best first.
    pub fn find(&self, text: &str) -> Vec<String> {
        self.ask(text).0
    }
}
