//! Reading a collection.

use crate::columns::Columns;
use crate::expression::{self, Fields, quoted};
use crate::proto::{DataType, DescribeIndex, Placeholder, Placeholders, Query, Search};
use crate::rows::{self, fingerprint};
use crate::schema::{
    self, ARTICLE, BM25, END, FACTS, FINGERPRINT, KEY, LINE, MANIFEST, METRIC, ORDINAL, PAGE, PAGES, PASSAGES, PATH,
    QUESTIONS, RECORD, START, TAG, TEXT, TITLE, VECTOR, WORDS, WRITTEN,
};
use crate::wire::{Wire, parameter};
use crate::writer::MilvusWriter;
use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{Article, ByteSpan, Fingerprint};
use prost::Message;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use store::filter::Matcher;
use store::{
    ArticleCard, Candidate, Catalogue, CheckReport, Collection, DenseSearch, Error, Facet, Filter, Manifest,
    PassageKey, PassageRef, Progress, Result, SegmentEntry, Stats, Step, StoredArticle, StoredPassage, WordScore,
    Writer,
};

/// The first page of every article: there is an article where it is.
const FIRST_PAGES: &str = "key > 0 and page == 0";
/// The manifest and the fields.
const NO_ARTICLES: &str = "key <= 0";
/// How many rows are read at once, with and without their vectors.
const PAGE_ROWS: usize = 10_000;
const PAGE_VECTORS: usize = 5_000;
/// How many rows are asked for by their keys at once, and articles by their ids.
const KEYS: usize = 1_000;
const ARTICLES: usize = 50;
const CARDS: usize = 200;
/// More results a server does not give to one question.
const MOST_RESULTS: usize = 16_384;
/// What a condition that no server can be told may allow: so many articles are named instead.
const MOST_NAMED: usize = 20_000;

/// What the manifest's row says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    pub manifest: Manifest,
    /// The fields that articles have, or had: each in a row of its own, so that of several writers none overwrites another's.
    #[serde(skip)]
    pub fields: Fields,
    /// Milvus's time of the last change: whoever reads as of then sees it.
    pub after: u64,
    /// Changes with every commit.
    pub commit: i64,
}

/// What is known of an article without reading it.
pub struct Card {
    pub fingerprint: String,
    pub path: String,
    pub passages: i64,
    pub written: i64,
    /// How many other versions there are, which are no longer meant.
    pub older: Vec<String>,
}

impl Card {
    /// The fingerprints of all versions, the one that is meant first.
    pub fn versions(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.fingerprint).chain(&self.older)
    }
}

impl From<Card> for ArticleCard {
    fn from(card: Card) -> Self {
        // One that a writer left in two versions is like none that is known: put again, it is there once.
        let print = if card.older.is_empty() { card.fingerprint.as_str() } else { "" };
        Self { fingerprint: fingerprint(print), path: card.path }
    }
}

/// A collection as of a commit. Milvus has no snapshots: what is changed meanwhile is seen or not, passage by passage.
pub struct MilvusCollection {
    pub wire: Arc<Wire>,
    pub head: Head,
    is_flat: bool,
    /// All vectors in the order of keys, once an exact search over a graph needed them.
    vectors: Mutex<Option<Arc<Vectors>>>,
}

struct Vectors {
    keys: Vec<i64>,
    flat: Vec<f32>,
}

impl MilvusCollection {
    /// Opens the collection behind a connection.
    pub fn open(wire: Arc<Wire>) -> Result<Self> {
        let location = wire.location();
        if !schema::has(&wire, &location.collection)? {
            return Err(Error::NotFound { path: location.to_string().into() });
        }
        let foreign = || wire.wrong("a collection is there that nigh did not make; give another name");
        if !schema::has(&wire, &location.articles())? {
            return Err(foreign());
        }
        schema::load_both(&wire)?;
        let head = Self::newest(&wire)?.ok_or_else(foreign)?;
        if head.manifest.format > store::FORMAT {
            let (found, known) = (head.manifest.format, store::FORMAT);
            return Err(Error::NewerFormat { path: location.to_string().into(), found, known });
        }
        let is_flat = Self::is_flat(&wire)?;
        let mut collection = Self { is_flat, ..Self::at(wire, head) };
        collection.count()?;
        Ok(collection)
    }

    /// The collection as of a commit, for reading rows alone.
    pub fn at(wire: Arc<Wire>, head: Head) -> Self {
        Self { wire, head, is_flat: false, vectors: Mutex::new(None) }
    }

    /// How many passages there are: what a local manifest says of its segments.
    fn count(&mut self) -> Result<()> {
        let rows = self.counted(&self.wire.location().collection, "")? as usize;
        self.head.manifest.segments = vec![SegmentEntry { number: 0, rows, checksum: String::new(), graph: None }];
        Ok(())
    }

    /// The newest manifest, and the fields that there are; `None` where there is no manifest.
    pub fn newest(wire: &Wire) -> Result<Option<Head>> {
        let unread = |error: serde_json::Error| wire.wrong(format!("its manifest does not read: {error}"));
        let columns = query(wire, &wire.location().articles(), NO_ARTICLES, &[KEY, RECORD], None, 0)?;
        let (mut head, mut fields) = (None, Fields::new());
        for (key, record) in columns.numbers(KEY).iter().zip(columns.strings(RECORD)) {
            match *key {
                MANIFEST => head = Some(serde_json::from_str::<Head>(record).map_err(unread)?),
                _ => expression::join(&mut fields, &serde_json::from_str(record).map_err(unread)?),
            }
        }
        Ok(head.map(|head| Head { fields, ..head }))
    }

    fn is_flat(wire: &Wire) -> Result<bool> {
        let (collection_name, field_name) = (wire.location().collection.clone(), VECTOR.to_owned());
        let answer = wire.ask(DescribeIndex { collection_name, field_name })?;
        let of_vectors = answer.indexes.iter().find(|index| index.field_name == VECTOR);
        let params = of_vectors.map(|index| index.params.as_slice()).unwrap_or_default();
        Ok(params.iter().any(|param| param.key == "index_type" && param.value == "FLAT"))
    }

    fn passages(&self) -> &str {
        &self.wire.location().collection
    }

    /// Rows for which an expression holds.
    fn query(&self, collection: &str, expr: &str, fields: &[&str]) -> Result<Columns> {
        query(&self.wire, collection, expr, fields, None, self.head.after)
    }

    fn counted(&self, collection: &str, expr: &str) -> Result<i64> {
        let columns = self.query(collection, expr, &["count(*)"])?;
        Ok(columns.numbers("count(*)").first().copied().unwrap_or_default())
    }

    /// All rows for which an expression holds, `rows` at a time, in the order of their keys.
    fn pages(
        &self,
        collection: &str,
        expr: &str,
        fields: &[&str],
        rows: usize,
        visit: &mut dyn FnMut(&Columns) -> Result<()>,
    ) -> Result<()> {
        let mut last = -1;
        loop {
            let after = if expr.is_empty() { format!("key > {last}") } else { format!("key > {last} and {expr}") };
            let columns = query(&self.wire, collection, &after, fields, Some(rows), self.head.after)?;
            let keys = columns.numbers(KEY);
            let Some(highest) = keys.iter().max() else { return Ok(()) };
            last = *highest;
            visit(&columns)?;
            if keys.len() < rows {
                return Ok(());
            }
        }
    }

    /// All passages.
    pub fn each_row(&self, fields: &[&str], visit: &mut dyn FnMut(&Columns) -> Result<()>) -> Result<()> {
        self.pages(self.passages(), "", fields, PAGE_ROWS, visit)
    }

    /// Rows by their keys, in the order of these; an error where one is gone.
    fn by_keys<T>(
        &self,
        keys: &[PassageKey],
        fields: &[&str],
        row: &dyn Fn(&Columns, usize) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found: HashMap<u64, T> = HashMap::with_capacity(keys.len());
        for some in keys.chunks(KEYS) {
            let list = some.iter().map(|key| key.0.to_string()).collect::<Vec<_>>().join(", ");
            let columns = self.query(self.passages(), &format!("key in [{list}]"), fields)?;
            for (at, key) in columns.numbers(KEY).iter().enumerate() {
                found.insert(*key as u64, row(&columns, at)?);
            }
        }
        let gone = |key: &PassageKey| {
            self.wire.wrong(format!("the passage with key {} was deleted meanwhile; ask again", key.0))
        };
        keys.iter().map(|key| found.remove(&key.0).ok_or_else(|| gone(key))).collect()
    }

    /// A field of a row, or an error that says that the server did not give it.
    fn part<'a, T>(&self, of: &'a [T], at: usize, name: &str) -> Result<&'a T> {
        of.get(at).ok_or_else(|| self.wire.wrong(format!("the server gave a row without {name}")))
    }

    /// What is known of every article.
    pub fn all_cards(&self) -> Result<HashMap<String, Card>> {
        self.cards_where(FIRST_PAGES)
    }

    /// What is known of some articles.
    pub fn cards_of(&self, ids: &[&str]) -> Result<HashMap<String, Card>> {
        let mut cards = HashMap::new();
        for ids in ids.chunks(CARDS) {
            cards.extend(self.cards_where(&format!("{FIRST_PAGES} and {}", named(ids)))?);
        }
        Ok(cards)
    }

    fn cards_where(&self, expr: &str) -> Result<HashMap<String, Card>> {
        let mut cards: HashMap<String, Card> = HashMap::new();
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PASSAGES, WRITTEN];
        self.pages(&self.wire.location().articles(), expr, &fields, PAGE_ROWS, &mut |columns| {
            for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                let mut card = Card {
                    fingerprint: self.part(columns.strings(FINGERPRINT), at, FINGERPRINT)?.clone(),
                    path: self.part(columns.strings(PATH), at, PATH)?.clone(),
                    passages: *self.part(columns.numbers(PASSAGES), at, PASSAGES)?,
                    written: *self.part(columns.numbers(WRITTEN), at, WRITTEN)?,
                    older: Vec::new(),
                };
                if let Some(mut other) = cards.remove(id) {
                    // A writer that was stopped between writing the one and deleting the other.
                    if other.written > card.written {
                        std::mem::swap(&mut other, &mut card);
                    }
                    card.older = std::mem::take(&mut other.older);
                    card.older.push(other.fingerprint);
                }
                cards.insert(id.clone(), card);
            }
            Ok(())
        })?;
        Ok(cards)
    }

    /// Articles, and their fingerprints, by their ids.
    fn articles(&self, ids: &[&String]) -> Result<HashMap<String, (String, StoredArticle)>> {
        let fields = [KEY, ARTICLE, FINGERPRINT, PATH, PAGE, PAGES, WRITTEN, RECORD];
        let columns = self.query(&self.wire.location().articles(), &named(ids), &fields)?;
        let found = ids.iter().filter_map(|id| {
            let own = own(&columns, id);
            Some(((*id).clone(), rows::article(id, &own)?))
        });
        Ok(found.collect())
    }

    /// What of the server's rows a condition allows; `None` for all of them.
    fn allowed(&self, filter: Option<&Filter>) -> Result<Option<String>> {
        let Some(filter) = filter else { return Ok(None) };
        let known = &self.head.fields;
        for clause in filter.clauses() {
            if clause.field != "id" && !known.is_empty() && !known.contains_key(&clause.field) {
                let known = known.keys().map(String::as_str).chain(["id"]).collect::<Vec<_>>().join(", ");
                return Err(Error::UnknownField { field: clause.field.clone(), known });
            }
        }
        if let Some(expression) = expression::expression(filter, known) {
            return Ok(Some(expression));
        }
        // What servers cannot be told is looked for here, and the articles named.
        let mut allowed = Vec::new();
        let fields = [KEY, ARTICLE, FACTS];
        self.pages(&self.wire.location().articles(), FIRST_PAGES, &fields, PAGE_ROWS, &mut |columns| {
            for (at, id) in columns.strings(ARTICLE).iter().enumerate() {
                let facts = self.part(columns.documents(FACTS), at, FACTS)?;
                let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                if holds(filter, id, &facts)? {
                    allowed.push(id.clone());
                }
            }
            Ok(())
        })?;
        if allowed.len() > MOST_NAMED {
            return Err(self.wire.wrong(format!(
                "the condition {filter} cannot be told to Milvus, and allows more articles than can be named ({}): \
                 words, numbers, dates and a * at the end of a word can",
                allowed.len()
            )));
        }
        Ok(Some(named(&allowed)))
    }

    /// The best of a search in `field` for what stands in `asked`.
    fn search(
        &self,
        field: &str,
        metric: &str,
        params: &str,
        asked: (DataType, Vec<u8>),
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>> {
        let placeholder = Placeholder { tag: "$0".to_owned(), kind: asked.0.into(), values: vec![asked.1] };
        let answer = self.wire.ask(Search {
            collection_name: self.passages().to_owned(),
            expr: self.allowed(filter)?.unwrap_or_default(),
            placeholders: Placeholders { placeholders: vec![placeholder] }.encode_to_vec(),
            expr_kind: 1,
            // Of none the lightest server gives all.
            output_fields: vec![KEY.to_owned()],
            search_params: vec![
                parameter("anns_field", field),
                parameter("topk", k.clamp(1, MOST_RESULTS)),
                parameter("params", params),
                parameter("metric_type", metric),
                parameter("round_decimal", -1),
            ],
            guarantee_timestamp: self.head.after,
            questions: 1,
        })?;
        let results = answer.results.unwrap_or_default();
        let keys = results.ids.and_then(|ids| ids.numbers).unwrap_or_default().data;
        let found = keys.into_iter().zip(results.scores);
        let mut found: Vec<_> = found.map(|(key, score)| Candidate { key: PassageKey(key as u64), score }).collect();
        if metric == BM25 {
            // Which sign they have is the server's business.
            found.iter_mut().for_each(|candidate| candidate.score = candidate.score.abs());
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        Ok(found)
    }

    /// Every vector, read once.
    fn all_vectors(&self) -> Result<Arc<Vectors>> {
        let mut held = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vectors) = &*held {
            return Ok(vectors.clone());
        }
        let mut all = Vectors { keys: Vec::new(), flat: Vec::new() };
        self.each_vector(&mut |key, vector| {
            all.keys.push(key.0 as i64);
            all.flat.extend_from_slice(vector);
            Ok(())
        })?;
        Ok(held.insert(Arc::new(all)).clone())
    }

    /// The nearest of all vectors, looked at here: what a graph on the server gives is not exact.
    fn scan(&self, vector: &[f32], k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        let all = self.all_vectors()?;
        let allowed = match self.allowed(filter)? {
            None => None,
            Some(expr) => {
                let mut allowed: HashSet<i64> = HashSet::new();
                self.pages(self.passages(), &expr, &[KEY], PAGE_ROWS, &mut |columns| {
                    allowed.extend(columns.numbers(KEY));
                    Ok(())
                })?;
                Some(allowed)
            }
        };
        let rows = all.keys.iter().zip(all.flat.chunks_exact(vector.len()));
        let rows = rows.filter(|(key, _)| allowed.as_ref().is_none_or(|allowed| allowed.contains(*key)));
        let dot = index::distance::dot();
        let mut found: Vec<Candidate> =
            rows.map(|(key, row)| Candidate { key: PassageKey(*key as u64), score: dot(vector, row) }).collect();
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        found.truncate(k);
        Ok(found)
    }
}

/// Whether an article's facts pass a condition.
fn holds(filter: &Filter, id: &str, facts: &Map<String, Json>) -> Result<bool> {
    Ok(match filter {
        Filter::And(parts) => {
            for part in parts {
                if !holds(part, id, facts)? {
                    return Ok(false);
                }
            }
            true
        }
        Filter::Or(parts) => {
            for part in parts {
                if holds(part, id, facts)? {
                    return Ok(true);
                }
            }
            false
        }
        Filter::Not(part) => !holds(part, id, facts)?,
        Filter::Is(clause) => {
            let matcher = Matcher::new(&clause.test, ["id", "path"].contains(&clause.field.as_str()))
                .map_err(|problem| Error::Glob { clause: clause.to_string(), problem })?;
            match (clause.field.as_str(), &clause.test) {
                ("id", store::filter::Test::Word(word)) => word == id,
                ("id", _) => matcher.matches(&store::filter::Value::Text(id.to_owned())),
                (field, _) => expression::values(facts, field).any(|value| matcher.matches(&value)),
            }
        }
    })
}

/// Of rows of several articles those of one.
fn own(columns: &Columns, id: &str) -> Columns {
    use crate::columns::{numbers, strings};
    let rows: Vec<usize> = (0..).zip(columns.strings(ARTICLE)).filter(|(_, of)| *of == id).map(|(at, _)| at).collect();
    let texts = |name| strings(name, rows.iter().filter_map(|&at| columns.strings(name).get(at).cloned()).collect());
    let values = |name| numbers(name, rows.iter().filter_map(|&at| columns.numbers(name).get(at).copied()).collect());
    Columns(vec![texts(FINGERPRINT), texts(PATH), texts(RECORD), values(PAGE), values(PAGES), values(WRITTEN)])
}

/// The condition that it is of one of these articles.
fn named(ids: &[impl AsRef<str>]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| quoted(id.as_ref())).collect();
    format!("{ARTICLE} in [{}]", ids.join(", "))
}

/// Rows for which an expression holds, `limit` of them in the order of their keys. `after` is the time as of which they are
/// read, 0 for now.
fn query(
    wire: &Wire,
    collection: &str,
    expr: &str,
    fields: &[&str],
    limit: Option<usize>,
    after: u64,
) -> Result<Columns> {
    let mut query_params = Vec::new();
    if let Some(limit) = limit {
        // Only "iterator" makes every server order by key.
        query_params.extend([parameter("limit", limit), parameter("iterator", "False")]);
    }
    let answer = wire.ask(Query {
        collection_name: collection.to_owned(),
        expr: expr.to_owned(),
        output_fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        query_params,
        guarantee_timestamp: after,
    })?;
    Ok(Columns(answer.fields_data))
}

impl Collection for MilvusCollection {
    fn manifest(&self) -> &Manifest {
        &self.head.manifest
    }

    fn stats(&self) -> Result<Stats> {
        let (mut articles, mut questions) = (0, 0);
        let of = [KEY, QUESTIONS];
        self.pages(&self.wire.location().articles(), FIRST_PAGES, &of, PAGE_ROWS, &mut |columns| {
            articles += columns.numbers(QUESTIONS).len();
            questions += columns.numbers(QUESTIONS).iter().sum::<i64>() as usize;
            Ok(())
        })?;
        let passages = self.counted(self.passages(), "")? as usize;
        Ok(Stats {
            articles,
            passages,
            questions,
            dead_vectors: 0,
            segments: 1,
            graphs: usize::from(!self.is_flat),
            linked_in: None,
            not_found_by_themselves: None,
            text_bytes: None,
            vector_bytes: None,
        })
    }

    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>> {
        index::check_unit(vector, self.head.manifest.model.dimensions)?;
        let params = match how {
            DenseSearch::Exact if !self.is_flat => return self.scan(vector, k, filter),
            DenseSearch::Exact => "{}".to_owned(),
            DenseSearch::Graph { ef } => format!(r#"{{"ef":{}}}"#, ef.max(k)),
        };
        let bytes = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        self.search(VECTOR, METRIC, &params, (DataType::FloatVector, bytes), k, filter)
    }

    fn search_lexical(&self, question: &str, k: usize, filter: Option<&Filter>) -> Result<Vec<Candidate>> {
        if !self.wire.abilities.words {
            return Err(self.wire.wrong("this server does not look for words (Milvus does from 2.5 on); --mode dense"));
        }
        let stems = self.head.manifest.language.stems_of(question).join(" ");
        if stems.is_empty() {
            return Ok(Vec::new());
        }
        self.search(WORDS, BM25, "{}", (DataType::VarChar, stems.into_bytes()), k, filter)
    }

    fn explain_lexical(&self, _: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        // The server says what all words together give.
        Ok(vec![Vec::new(); keys.len()])
    }

    fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        let dimensions = self.head.manifest.model.dimensions;
        self.by_keys(keys, &[KEY, VECTOR], &|columns, at| {
            let vector = columns.vectors(VECTOR, dimensions).nth(at).map(<[f32]>::to_vec);
            vector.ok_or_else(|| self.wire.wrong("the server gave a row without its vector"))
        })
    }

    fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>> {
        self.by_keys(keys, &[KEY, ARTICLE, ORDINAL], &|columns, at| {
            Ok(PassageRef {
                article_id: self.part(columns.strings(ARTICLE), at, ARTICLE)?.clone(),
                ordinal: *self.part(columns.numbers(ORDINAL), at, ORDINAL)? as u64,
            })
        })
    }

    fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>> {
        let fields = [KEY, ARTICLE, ORDINAL, TITLE, PATH, START, END, LINE, TEXT];
        let mut found = self.by_keys(keys, &fields, &|columns, at| {
            let text = |name| Ok::<_, Error>(self.part(columns.strings(name), at, name)?.clone());
            let number = |name| Ok::<_, Error>(*self.part(columns.numbers(name), at, name)? as u64);
            Ok(StoredPassage {
                reference: PassageRef { article_id: text(ARTICLE)?, ordinal: number(ORDINAL)? },
                title: text(TITLE)?,
                path: text(PATH)?,
                span: ByteSpan::from((number(START)? as usize, number(END)? as usize)),
                line: number(LINE)?,
                text: text(TEXT)?,
            })
        })?;
        for passage in found.iter_mut().filter(|passage| passage.text.len() != passage.span.len()) {
            // Longer than a string may be there.
            if let Some(stored) = self.article(&passage.reference.article_id)? {
                passage.text = passage.span.of(&stored.article.text).to_owned();
            }
        }
        Ok(found)
    }

    fn article(&self, id: &str) -> Result<Option<StoredArticle>> {
        let id = id.to_owned();
        Ok(self.articles(&[&id])?.remove(&id).map(|(_, article)| article))
    }

    fn keys(&self) -> Result<Vec<PassageKey>> {
        let mut keys = Vec::new();
        self.pages(self.passages(), "", &[KEY], PAGE_ROWS, &mut |columns| {
            keys.extend(columns.numbers(KEY).iter().map(|key| PassageKey(*key as u64)));
            Ok(())
        })?;
        Ok(keys)
    }

    fn each_vector(&self, visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>) -> Result<()> {
        let dimensions = self.head.manifest.model.dimensions;
        self.pages(self.passages(), "", &[KEY, VECTOR], PAGE_VECTORS, &mut |columns| {
            let rows = columns.numbers(KEY).iter().zip(columns.vectors(VECTOR, dimensions));
            let mut rows: Vec<_> = rows.collect();
            rows.sort_unstable_by_key(|(key, _)| **key);
            rows.into_iter().try_for_each(|(key, vector)| visit(PassageKey(*key as u64), vector))
        })
    }

    fn each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        let dimensions = self.head.manifest.model.dimensions;
        let cards = self.all_cards()?;
        let mut ids: Vec<&String> = cards.keys().collect();
        ids.sort_unstable();
        for ids in ids.chunks(ARTICLES) {
            let mut articles = self.articles(ids)?;
            let mut passages: HashMap<(String, String), BTreeMap<i64, Passage>> = HashMap::new();
            let fields = [KEY, ARTICLE, FINGERPRINT, ORDINAL, START, END, LINE, TAG, VECTOR];
            self.pages(self.passages(), &named(ids), &fields, PAGE_VECTORS, &mut |columns| {
                for (at, vector) in columns.vectors(VECTOR, dimensions).enumerate() {
                    let text = |name| self.part(columns.strings(name), at, name);
                    let number = |name| Ok::<_, Error>(*self.part(columns.numbers(name), at, name)?);
                    let passage = Passage {
                        span: ByteSpan::from((number(START)? as usize, number(END)? as usize)),
                        line: number(LINE)? as u64,
                        fingerprint: fingerprint(text(TAG)?),
                        vector: Some(vector.to_vec()),
                    };
                    let of = (text(ARTICLE)?.clone(), text(FINGERPRINT)?.clone());
                    passages.entry(of).or_default().insert(number(ORDINAL)?, passage);
                }
                Ok(())
            })?;
            for id in ids {
                let not_whole = || self.wire.wrong(format!("article {id:?} is not whole; index its source again"));
                let (print, stored) = articles.remove(*id).ok_or_else(not_whole)?;
                let passages = passages.remove(&((*id).clone(), print.clone())).unwrap_or_default();
                if passages.len() != stored.passages.len() {
                    return Err(not_whole());
                }
                let passages = passages.into_values().collect();
                visit(EmbeddedArticle { article: stored.article, fingerprint: fingerprint(&print), passages })?;
            }
        }
        Ok(())
    }

    fn corpus_fingerprint(&self) -> Result<Fingerprint> {
        let cards = self.all_cards()?;
        let mut ids: Vec<&String> = cards.keys().collect();
        ids.sort_unstable();
        let mut of: Vec<(String, Fingerprint)> = Vec::new();
        for ids in ids.chunks(ARTICLES) {
            let articles = self.articles(ids)?;
            of.extend(articles.into_iter().map(|(id, (_, stored))| (id, stored.article.fingerprint(""))));
        }
        of.sort_unstable();
        Ok(Fingerprint::of(of.iter().flat_map(|(id, of)| [id.as_bytes(), of.0.as_slice()])))
    }

    fn catalogue(&self) -> Result<Catalogue> {
        let cards = self.all_cards()?.into_iter().map(|(id, card)| (id, card.into()));
        // Which texts have vectors would have to be read passage by passage.
        Ok(Catalogue { articles: cards.collect(), vectors: HashSet::new(), keeps: false })
    }

    fn cards(&self, ids: &[&str]) -> Result<HashMap<String, ArticleCard>> {
        Ok(self.cards_of(ids)?.into_iter().map(|(id, card)| (id, card.into())).collect())
    }

    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(MilvusWriter::of(self)))
    }

    fn is_newest(&self) -> Result<bool> {
        Ok(Self::newest(&self.wire)?.is_some_and(|head| head.commit == self.head.commit))
    }

    fn facets(&self, most: usize) -> Result<Vec<Facet>> {
        let names: Vec<&String> =
            self.head.fields.keys().filter(|name| !["path", "title"].contains(&name.as_str())).collect();
        let mut found: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        let of = [KEY, FACTS, PASSAGES];
        self.pages(&self.wire.location().articles(), FIRST_PAGES, &of, PAGE_ROWS, &mut |columns| {
            for (facts, passages) in columns.documents(FACTS).iter().zip(columns.numbers(PASSAGES)) {
                let facts: Map<String, Json> = serde_json::from_slice(facts).unwrap_or_default();
                for name in &names {
                    let counts = found.entry((*name).clone()).or_default();
                    if counts.len() > Facet::VALUES {
                        continue;
                    }
                    for value in expression::values(&facts, name) {
                        *counts.entry(value.shown()).or_default() += *passages as u64;
                    }
                }
            }
            Ok(())
        })?;
        Ok(Facet::of(found, most))
    }

    fn refresh(&mut self) -> Result<()> {
        let gone = || Error::NotFound { path: self.wire.location().to_string().into() };
        self.head = Self::newest(&self.wire)?.ok_or_else(gone)?;
        *self.vectors.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.count()
    }

    fn incomplete(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn salvaged(&self) -> Result<Vec<Article>> {
        Ok(Vec::new())
    }

    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport> {
        let mut report = CheckReport { files: 0, passages: 0, reachable: None, problems: Vec::new() };
        let cards = self.all_cards()?;
        let of = self.counted(self.passages(), "")? as usize;
        let mut ids: Vec<&String> = cards.keys().collect();
        ids.sort_unstable();
        for id in ids.iter().filter(|id| cards.get(**id).is_some_and(|card| !card.older.is_empty())) {
            report
                .problems
                .push(format!("article {id:?} is there in an older version, too; nigh compact removes that"));
        }
        for ids in ids.chunks(ARTICLES) {
            let articles = self.articles(ids)?;
            let mut found: HashMap<&str, i64> = HashMap::new();
            let fields = [KEY, ARTICLE, FINGERPRINT, START, END, TEXT, VECTOR];
            let dimensions = self.head.manifest.model.dimensions;
            self.pages(self.passages(), &named(ids), &fields, PAGE_VECTORS, &mut |columns| {
                for (at, vector) in columns.vectors(VECTOR, dimensions).enumerate() {
                    let text = |name| self.part(columns.strings(name), at, name);
                    let number = |name| Ok::<_, Error>(*self.part(columns.numbers(name), at, name)? as usize);
                    let Some((id, (print, stored))) = articles.get_key_value(text(ARTICLE)?) else { continue };
                    if print != text(FINGERPRINT)? {
                        continue;
                    }
                    *found.entry(id).or_default() += 1;
                    let span = ByteSpan::from((number(START)?, number(END)?));
                    let (text, own) = (text(TEXT)?, span.of(&stored.article.text));
                    if text != own && !(text.is_empty() && own.len() > schema::LONGEST) {
                        report.problems.push(format!(
                            "a passage of article {id:?} is not what stands at {}..{}",
                            span.start, span.end
                        ));
                    }
                    if let Err(error) = index::check_unit(vector, dimensions) {
                        report.problems.push(format!("a passage of article {id:?}: {error}"));
                    }
                    report.passages += 1;
                }
                Ok(())
            })?;
            for id in ids {
                let there = found.get(id.as_str()).copied().unwrap_or_default();
                match cards.get(*id) {
                    Some(card) if !articles.contains_key(*id) => {
                        report
                            .problems
                            .push(format!("article {id:?}: not all of its {} passages' text is there", card.passages));
                    }
                    Some(card) if card.passages != there => {
                        report
                            .problems
                            .push(format!("article {id:?}: {there} of {} passages are there", card.passages));
                    }
                    _ => {}
                }
            }
            if progress(Step::Check, report.passages, of).is_break() {
                return Err(Error::Stopped);
            }
        }
        if of > report.passages {
            let left = of - report.passages;
            report.problems.push(format!(
                "{left} passages of no article, left by a writer that was stopped; nigh compact removes them"
            ));
        }
        Ok(report)
    }
}
