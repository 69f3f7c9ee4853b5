//! One commit, opened: everything a reader asks.

use super::among::Among;
use super::folder::Folder;
use super::layout::Layout;
use super::records::{self, Fields};
use crate::collection::{
    ArticleCard, Candidate, Catalogue, DenseSearch, PassageKey, PassageRef, Stats, StoredArticle, StoredPassage,
};
use crate::{Error, Filter, Manifest, Result};
use index::{Bits, Method, Segment};
use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{ByteSpan, Fingerprint};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use tantivy::collector::TopDocs;
use tantivy::columnar::{Column, StrColumn};
use tantivy::index::SegmentComponent;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::{
    DocAddress, Index, IndexMeta, ReloadPolicy, Searcher, SegmentMeta, SegmentReader, TantivyDocument, Term,
};

/// How often to look again when a writer commits in the middle of opening.
const ATTEMPTS: usize = 20;

/// A consistent view of one commit.
pub struct Snapshot {
    pub manifest: Manifest,
    /// What the commit says of itself.
    metas: IndexMeta,
    pub segments: Vec<Arc<Segment>>,
    pub fields: Fields,
    pub searcher: Searcher,
    pub layout: Layout,
    live: OnceLock<Live>,
    names: OnceLock<Names>,
    /// What conditions allow, once worked out.
    pub filtered: Mutex<HashMap<Filter, Arc<Among>>>,
}

/// Which passages are alive, and where.
struct Live {
    /// Every live passage's document, by key.
    documents: Vec<(u64, DocAddress)>,
    /// The live rows of each segment.
    rows: Vec<Bits>,
    /// Live keys without a vector.
    missing: Vec<u64>,
}

/// What names passages: their columns, opened once, and every article id that was asked for. To look
/// one up in its column means to unpack a block of them.
pub struct Names {
    pub keys: Columns<Option<Column<u64>>>,
    parents: Columns<Option<StrColumn>>,
    ordinals: Columns<Option<Column<u64>>>,
    /// By text segment and place among its ids.
    ids: Vec<Vec<OnceLock<Box<str>>>>,
}

impl Snapshot {
    pub fn open(layout: &Layout) -> Result<Self> {
        let mut last = None;
        for _ in 0..ATTEMPTS {
            let (index, fields) = open_index(layout)?;
            match Self::of(layout, &index, fields) {
                // A commit came in between; its files may have replaced the ones just read of.
                Ok(snapshot) if snapshot.is_newest()? => return Ok(snapshot),
                Ok(_) => {}
                Err(error @ (Error::Index(_) | Error::Text { .. })) => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            Error::damaged(layout.root(), "commits came faster than one could be opened; try again")
        }))
    }

    /// Whether no commit came after this one.
    pub fn is_newest(&self) -> Result<bool> {
        let newest = load_metas(&self.layout, self.searcher.index())?;
        let segments = |metas: &IndexMeta| metas.segments.iter().map(|segment| segment.id()).collect::<Vec<_>>();
        // Another collection that was put in the place of this one may have come as far, but not with its segments.
        Ok(newest.opstamp == self.metas.opstamp && segments(&newest) == segments(&self.metas))
    }

    /// The names of the files of the commit's text segments.
    pub fn segment_files(&self) -> impl Iterator<Item = PathBuf> {
        self.metas.segments.iter().flat_map(segment_files)
    }

    /// The newest commit.
    fn of(layout: &Layout, index: &Index, fields: Fields) -> Result<Self> {
        let text = || Error::text(layout.root());
        let metas = load_metas(layout, index)?;
        let manifest = manifest(layout, &metas)?;
        let segments = manifest.segments.iter().map(|entry| open_segment(layout, entry)).collect::<Result<Vec<_>>>()?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(text())?;
        let searcher = reader.searcher();
        Ok(Self {
            manifest,
            metas,
            segments,
            fields,
            searcher,
            layout: layout.clone(),
            live: OnceLock::new(),
            names: OnceLock::new(),
            filtered: Mutex::default(),
        })
    }

    pub fn text_error(&self) -> impl FnOnce(tantivy::TantivyError) -> Error + use<> {
        Error::text(self.layout.root().to_owned())
    }

    pub fn io_error(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        Error::io(self.layout.text())
    }

    /// Every document that is not deleted, articles and passages alike.
    fn alive(&self) -> impl Iterator<Item = DocAddress> {
        let segments = (0..).zip(self.searcher.segment_readers());
        segments.flat_map(|(ordinal, segment)| segment.doc_ids_alive().map(move |doc| DocAddress::new(ordinal, doc)))
    }

    /// A column, opened once for all documents that are asked for.
    fn columns<C>(&self, open: impl Fn(&SegmentReader) -> tantivy::Result<C>) -> Result<Columns<C>> {
        let columns = self.searcher.segment_readers().iter().map(open).collect::<tantivy::Result<Vec<_>>>();
        columns.map(Columns).map_err(self.text_error())
    }

    fn numbers(&self, name: &str) -> Result<Columns<Option<Column<u64>>>> {
        self.columns(|segment| segment.fast_fields().column_opt(name))
    }

    fn texts(&self, name: &str) -> Result<Columns<Option<StrColumn>>> {
        self.columns(|segment| segment.fast_fields().str(name))
    }

    /// The string of a document; `None` if it has none.
    fn text_at(&self, columns: &Columns<Option<StrColumn>>, at: DocAddress) -> Result<Option<String>> {
        let Some(column) = columns.at(at).and_then(Option::as_ref) else { return Ok(None) };
        let Some(ord) = column.term_ords(at.doc_id).next() else { return Ok(None) };
        let mut text = String::new();
        column.ord_to_str(ord, &mut text).map_err(self.io_error())?;
        Ok(Some(text))
    }

    pub fn names(&self) -> Result<&Names> {
        if let Some(names) = self.names.get() {
            return Ok(names);
        }
        let parents = self.texts("parent")?;
        let places = |column: &Option<StrColumn>| column.as_ref().map_or(0, |column| column.num_terms());
        let ids = parents.0.iter().map(|column| (0..places(column)).map(|_| OnceLock::new()).collect()).collect();
        let names = Names { keys: self.numbers("key")?, ordinals: self.numbers("ordinal")?, parents, ids };
        Ok(self.names.get_or_init(|| names))
    }

    /// The id of the article that a passage's document belongs to; `None` if it has none.
    fn parent(&self, names: &Names, at: DocAddress) -> Result<Option<String>> {
        let Some(column) = names.parents.at(at).and_then(Option::as_ref) else { return Ok(None) };
        let Some(ord) = column.term_ords(at.doc_id).next() else { return Ok(None) };
        let known = names.ids.get(at.segment_ord as usize).and_then(|ids| ids.get(ord as usize));
        if let Some(id) = known.and_then(OnceLock::get) {
            return Ok(Some(id.to_string()));
        }
        let mut id = String::new();
        column.ord_to_str(ord, &mut id).map_err(self.io_error())?;
        if let Some(known) = known {
            let _ = known.set(id.as_str().into());
        }
        Ok(Some(id))
    }

    /// Which passages are alive. Worked out when first asked: opening stays instant.
    fn live(&self) -> Result<&Live> {
        if let Some(live) = self.live.get() {
            return Ok(live);
        }
        let keys = self.numbers("key")?;
        let mut documents: Vec<(u64, DocAddress)> = Vec::with_capacity(self.manifest.rows());
        documents.extend(self.alive().filter_map(|at| Some((keys.number(at)?, at))));
        documents.sort_unstable_by_key(|(key, _)| *key);
        let (rows, missing) = self.rows_of(documents.iter().map(|(key, _)| *key));
        Ok(self.live.get_or_init(|| Live { documents, rows, missing }))
    }

    /// The rows of each vector segment that hold the keys, which come in order, and the keys that none holds.
    pub fn rows_of(&self, keys: impl Iterator<Item = u64>) -> (Vec<Bits>, Vec<u64>) {
        let mut rows: Vec<Bits> = self.segments.iter().map(|segment| Bits::new(segment.vectors().rows())).collect();
        let mut missing = Vec::new();
        let mut places: Vec<(usize, &[u64])> =
            self.segments.iter().map(|segment| (0, segment.vectors().keys())).collect();
        for key in keys {
            // Every segment's keys come in order, too: each is found by going on from the last.
            let found = places.iter_mut().zip(&mut rows).any(|((at, keys), rows)| {
                *at += keys[*at..].partition_point_from_start(key);
                keys.get(*at) == Some(&key) && rows.insert(*at as u32)
            });
            if !found {
                missing.push(key);
            }
        }
        (rows, missing)
    }

    /// Every live passage's key and document, in the order of keys.
    pub fn live_addresses(&self) -> Result<&[(u64, DocAddress)]> {
        Ok(&self.live()?.documents)
    }

    /// The live rows of each segment.
    pub fn live_rows(&self) -> Result<&[Bits]> {
        Ok(&self.live()?.rows)
    }

    /// Live passages whose vector is in no segment: none, unless a file was put in another's place.
    pub fn missing_vectors(&self) -> Result<&[u64]> {
        Ok(&self.live()?.missing)
    }

    /// Every live passage's key, in order.
    pub fn live_keys(&self) -> Result<impl Iterator<Item = PassageKey>> {
        Ok(self.live()?.documents.iter().map(|(key, _)| PassageKey(*key)))
    }

    pub fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        how: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<Candidate>> {
        index::check_unit(vector, self.manifest.model.dimensions)?;
        let method = match how {
            DenseSearch::Exact => Method::Exact,
            DenseSearch::Graph { ef } => Method::walk(ef),
        };
        let among = filter.map(|filter| self.among(filter)).transpose()?;
        let allowed = match &among {
            Some(among) => &among.rows,
            None => &self.live()?.rows,
        };
        let mut found = Vec::new();
        for (segment, allowed) in self.segments.iter().zip(allowed) {
            let hits = segment.search(vector, k, method, Some(allowed))?;
            let keys = segment.vectors().keys();
            found
                .extend(hits.iter().map(|hit| Candidate { key: PassageKey(keys[hit.row as usize]), score: hit.score }));
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
        found.truncate(k);
        Ok(found)
    }

    pub fn address(&self, key: PassageKey) -> Result<DocAddress> {
        let documents = &self.live()?.documents;
        match documents.binary_search_by_key(&key.0, |(key, _)| *key) {
            Ok(at) => Ok(documents[at].1),
            Err(_) => Err(Error::damaged(self.layout.root(), format!("no passage has the key {}", key.0))),
        }
    }

    pub fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>> {
        let names = self.names()?;
        keys.iter()
            .map(|&key| {
                let at = self.address(key)?;
                match (self.parent(names, at)?, names.ordinals.number(at)) {
                    (Some(article_id), Some(ordinal)) => Ok(PassageRef { article_id, ordinal }),
                    _ => Err(Error::damaged(
                        self.layout.text(),
                        format!("the passage with key {} has no article", key.0),
                    )),
                }
            })
            .collect()
    }

    pub fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>> {
        let (starts, ends, lines) = (self.numbers("start")?, self.numbers("end")?, self.numbers("line")?);
        keys.iter()
            .zip(self.identify(keys)?)
            .map(|(&key, reference)| {
                let at = self.address(key)?;
                let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
                let value = |columns: &Columns<Option<Column<u64>>>| columns.number(at).unwrap_or_default();
                Ok(StoredPassage {
                    reference,
                    title: Fields::string(&document, self.fields.title),
                    path: Fields::string(&document, self.fields.path),
                    span: ByteSpan::from((value(&starts) as usize, value(&ends) as usize)),
                    line: value(&lines),
                    text: Fields::string(&document, self.fields.passage),
                })
            })
            .collect()
    }

    /// The document of an article.
    fn find(&self, id: &str) -> Result<Option<DocAddress>> {
        let term = Term::from_field_text(self.fields.id, id);
        let query = TermQuery::new(term, IndexRecordOption::Basic);
        let found =
            self.searcher.search(&query, &TopDocs::with_limit(1).order_by_score()).map_err(self.text_error())?;
        Ok(found.into_iter().next().map(|(_, at)| at))
    }

    pub fn article(&self, id: &str) -> Result<Option<StoredArticle>> {
        let Some(at) = self.find(id)? else { return Ok(None) };
        let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
        let path = self.text_at(&self.texts("source")?, at)?;
        match self.fields.stored_article(id, path.unwrap_or_default(), &document) {
            Some(article) => Ok(Some(article)),
            None => Err(Error::damaged(self.layout.text(), format!("the record of article {id:?} does not read"))),
        }
    }

    /// Calls `visit` with the id and document address of every live article.
    fn each_article(&self, mut visit: impl FnMut(String, DocAddress) -> Result<()>) -> Result<()> {
        let ids = self.texts("id")?;
        for at in self.alive() {
            if let Some(id) = self.text_at(&ids, at)? {
                visit(id, at)?;
            }
        }
        Ok(())
    }

    /// Every article's id.
    pub fn article_ids(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        self.each_article(|id, _| {
            ids.push(id);
            Ok(())
        })?;
        Ok(ids)
    }

    /// The ids of articles whose passages, or their vectors, are not all there.
    pub fn incomplete(&self) -> Result<Vec<String>> {
        let names = self.names()?;
        let mut found: HashMap<String, usize> = HashMap::new();
        for (key, at) in self.live_addresses()? {
            if let Some(id) = self.parent(names, *at)?
                && self.missing_vectors()?.binary_search(key).is_err()
            {
                *found.entry(id).or_default() += 1;
            }
        }
        let mut incomplete = Vec::new();
        for id in self.article_ids()? {
            let expected = self.article(&id)?.map_or(0, |stored| stored.passages.len());
            if found.get(&id).copied().unwrap_or_default() != expected {
                incomplete.push(id);
            }
        }
        Ok(incomplete)
    }

    /// Every id that a passage gives as its article's.
    pub fn parents(&self) -> Result<HashSet<String>> {
        let names = self.names()?;
        let parents = self.live_addresses()?.iter().map(|(_, at)| self.parent(names, *at));
        parents.filter_map(Result::transpose).collect()
    }

    /// Every live vector, in the order of keys.
    pub fn each_vector(&self, visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>) -> Result<()> {
        let keys: Vec<&[u64]> = self.segments.iter().map(|segment| segment.vectors().keys()).collect();
        let mut places = vec![0; keys.len()];
        for key in self.live_keys()? {
            for (at, (keys, segment)) in places.iter_mut().zip(keys.iter().zip(&self.segments)) {
                *at += keys[*at..].partition_point_from_start(key.0);
                if keys.get(*at) == Some(&key.0) {
                    let vector = segment.vectors().vector(*at as u32);
                    segment.vectors().intact()?;
                    visit(key, vector)?;
                    break;
                }
            }
        }
        Ok(())
    }

    /// The vectors of passages, in the order of the keys.
    pub fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        keys.iter()
            .map(|key| {
                let (at, row) = self.row_of(*key)?;
                let vectors = self.segments[at].vectors();
                let vector = vectors.vector(row).to_vec();
                vectors.intact()?;
                Ok(vector)
            })
            .collect()
    }

    /// In which row of which segment a passage's vector is.
    fn row_of(&self, key: PassageKey) -> Result<(usize, u32)> {
        let mut segments = self.segments.iter().enumerate();
        let found = segments.find_map(|(at, segment)| Some((at, segment.vectors().row_of(key.0)?)));
        found.ok_or_else(|| Error::damaged(self.layout.root(), format!("no vector has the key {}", key.0)))
    }

    /// Every article with its passages and vectors, in the order in which they were added.
    pub fn each_embedded(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        let (names, lines) = (self.names()?, self.numbers("line")?);
        let mut order: Vec<String> = Vec::new();
        let mut passages: HashMap<String, Vec<(u64, PassageKey, u64)>> = HashMap::new();
        for (key, at) in self.live_addresses()? {
            let (Some(id), Some(ordinal)) = (self.parent(names, *at)?, names.ordinals.number(*at)) else { continue };
            let place = (ordinal, PassageKey(*key), lines.number(*at).unwrap_or_default());
            match passages.get_mut(&id) {
                Some(places) => places.push(place),
                None => {
                    order.push(id.clone());
                    passages.insert(id, vec![place]);
                }
            }
        }
        let without = self.article_ids()?.into_iter().filter(|id| !passages.contains_key(id));
        order.extend(without);
        let cards = self.catalogue()?.articles;
        let tags: Vec<_> = self.segments.iter().map(|segment| segment.vectors().tags()).collect();
        for id in order {
            let mut places = passages.remove(&id).unwrap_or_default();
            places.sort_unstable();
            let (stored, card) = match (self.article(&id)?, cards.get(&id)) {
                (Some(stored), Some(card)) if stored.passages.len() == places.len() => (stored, card),
                _ => return Err(Error::damaged(self.layout.root(), format!("article {id:?} is not whole"))),
            };
            let passages = stored.passages.into_iter().zip(places).map(|(span, (_, key, line))| {
                let (at, row) = self.row_of(key)?;
                let vectors = self.segments[at].vectors();
                let (tag, vector) = (tags[at][row as usize], vectors.vector(row).to_vec());
                vectors.intact()?;
                Ok(Passage { span, line, fingerprint: Fingerprint(tag), vector: Some(vector) })
            });
            let passages = passages.collect::<Result<_>>()?;
            visit(EmbeddedArticle { article: stored.article, fingerprint: card.fingerprint, passages })?;
        }
        Ok(())
    }

    pub fn corpus_fingerprint(&self) -> Result<Fingerprint> {
        let mut articles: Vec<(String, Fingerprint)> = Vec::new();
        self.each_article(|id, at| {
            let document: TantivyDocument = self.searcher.doc(at).map_err(self.text_error())?;
            let stored = self.fields.stored_article(&id, String::new(), &document);
            let fingerprint = stored.map_or(Fingerprint([0; 16]), |stored| stored.article.fingerprint(""));
            articles.push((id, fingerprint));
            Ok(())
        })?;
        articles.sort_unstable();
        Ok(Fingerprint::of(articles.iter().flat_map(|(id, of)| [id.as_bytes(), of.0.as_slice()])))
    }

    /// Reads what is known of the article of a document.
    fn card(&self) -> Result<impl Fn(DocAddress) -> Result<ArticleCard>> {
        let fingerprints = self.columns(|segment| segment.fast_fields().bytes("fingerprint"))?;
        let sources = self.texts("source")?;
        Ok(move |at: DocAddress| {
            let mut bytes = Vec::new();
            if let Some(column) = fingerprints.at(at).and_then(Option::as_ref)
                && let Some(ord) = column.term_ords(at.doc_id).next()
            {
                column.ord_to_bytes(ord, &mut bytes).map_err(self.io_error())?;
            }
            Ok(ArticleCard {
                fingerprint: records::fingerprint(&bytes).unwrap_or(Fingerprint([0; 16])),
                path: self.text_at(&sources, at)?.unwrap_or_default(),
            })
        })
    }

    pub fn cards(&self, ids: &[&str]) -> Result<HashMap<String, ArticleCard>> {
        let (card, mut cards) = (self.card()?, HashMap::new());
        for id in ids {
            if let Some(at) = self.find(id)? {
                cards.insert((*id).to_owned(), card(at)?);
            }
        }
        Ok(cards)
    }

    pub fn catalogue(&self) -> Result<Catalogue> {
        let mut catalogue = Catalogue { keeps: true, ..Catalogue::default() };
        let card = self.card()?;
        self.each_article(|id, at| {
            catalogue.articles.insert(id, card(at)?);
            Ok(())
        })?;
        for segment in &self.segments {
            let tags = segment.vectors().tags();
            segment.vectors().intact()?;
            catalogue.vectors.extend(tags.iter().map(|tag| Fingerprint(*tag)));
        }
        Ok(catalogue)
    }

    pub fn stats(&self) -> Result<Stats> {
        // Only articles have this field.
        let questions = self.numbers("questions")?;
        let questions: Vec<u64> = self.alive().filter_map(|at| questions.number(at)).collect();
        let passages = self.live()?.documents.len();
        let health = self.segments.iter().filter_map(|segment| segment.graph()).map(index::Graph::health);
        Ok(Stats {
            articles: questions.len(),
            passages,
            questions: questions.iter().sum::<u64>() as usize,
            dead_vectors: self
                .live()?
                .rows
                .iter()
                .zip(&self.segments)
                .map(|(live, s)| s.vectors().rows() - live.count())
                .sum(),
            segments: self.segments.len(),
            graphs: self.segments.iter().filter(|segment| segment.graph().is_some()).count(),
            linked_in: Some(health.clone().map(|health| health.linked).sum()),
            not_found_by_themselves: Some(health.map(|health| health.lost).sum()),
            text_bytes: Some(file_sizes(&self.layout.text()).iter().sum()),
            vector_bytes: Some(file_sizes(&self.layout.vectors()).iter().sum()),
        })
    }
}

/// What tantivy keeps besides segments: the commit, and which files it will have to remove some day.
pub const META: &str = "meta.json";
pub const MANAGED: &str = ".managed.json";

/// The names of a segment's files.
pub fn segment_files(segment: &SegmentMeta) -> Vec<PathBuf> {
    use SegmentComponent::{Delete, FastFields, FieldNorms, Positions, Postings, Store, Terms};
    let deleted = segment.has_deletes().then_some(Delete);
    let parts = [Postings, Positions, FastFields, FieldNorms, Terms, Store].into_iter().chain(deleted);
    parts.map(|part| segment.relative_path(part)).collect()
}

/// tantivy's index in the collection, its fields and its newest manifest, with our analyzer.
pub fn open_index(layout: &Layout) -> Result<(Index, Fields)> {
    let index = Index::open(Folder::new(layout.text(), layout.files())).map_err(Error::text(layout.root()))?;
    let (schema, fields) = records::schema(layout.format());
    if index.schema() != schema {
        return Err(Error::damaged(layout.text(), "its fields are not those of a nigh collection"));
    }
    let manifest = manifest(layout, &load_metas(layout, &index)?)?;
    if manifest.format != layout.format() {
        let problem = format!(
            "format {} expected, as in {}, found {}",
            manifest.format,
            layout.text().display(),
            layout.format()
        );
        return Err(Error::damaged(layout.marker(), problem));
    }
    records::register(&index, manifest.language);
    Ok((index, fields))
}

/// The manifest that a commit carries.
fn manifest(layout: &Layout, metas: &IndexMeta) -> Result<Manifest> {
    let path = || layout.text().join(META);
    let payload = metas.payload.as_deref().ok_or_else(|| Error::damaged(path(), "its commit carries no manifest"))?;
    serde_json::from_str(payload)
        .map_err(|error| Error::damaged(path(), format!("its manifest does not read: {error}")))
}

fn load_metas(layout: &Layout, index: &Index) -> Result<IndexMeta> {
    index.load_metas().map_err(Error::text(layout.root()))
}

/// Opens a segment and sees that its files are those that the commit means.
pub fn open_segment(layout: &Layout, entry: &crate::SegmentEntry) -> Result<Arc<Segment>> {
    let (vectors, graph) = (layout.vector_file(entry.number), layout.graph_file(entry.number));
    let segment = Segment::open(&vectors, entry.graph.as_ref().map(|_| graph.as_path()))?;
    let found = segment.vectors().checksum();
    if found != entry.checksum || segment.vectors().rows() != entry.rows {
        return Err(Error::damaged(
            vectors,
            format!("another file was expected: checksum {} expected, {found} found", entry.checksum),
        ));
    }
    if let (Some(graph_entry), Some(found)) = (&entry.graph, segment.graph().and_then(index::Graph::checksum))
        && found != graph_entry.checksum
    {
        return Err(Error::damaged(
            graph,
            format!("another file was expected: checksum {} expected, {found} found", graph_entry.checksum),
        ));
    }
    Ok(Arc::new(segment))
}

/// The sizes of the files in a folder of the collection.
pub fn file_sizes(folder: &std::path::Path) -> Vec<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).filter(|m| m.is_file()).map(|m| m.len()).collect()
}

/// A column of every text segment.
pub struct Columns<C>(pub Vec<C>);

impl<C> Columns<C> {
    fn at(&self, at: DocAddress) -> Option<&C> {
        self.0.get(at.segment_ord as usize)
    }
}

impl Columns<Option<Column<u64>>> {
    /// The number of a document; `None` if it has none.
    pub fn number(&self, at: DocAddress) -> Option<u64> {
        self.at(at)?.as_ref()?.first(at.doc_id)
    }
}

/// Galloping search, for many keys in order.
trait Gallop {
    /// How many elements at the start are below `key`, found in steps that double.
    fn partition_point_from_start(&self, key: u64) -> usize;
}

impl Gallop for [u64] {
    fn partition_point_from_start(&self, key: u64) -> usize {
        let mut end = 1;
        while end < self.len() && self[end - 1] < key {
            end *= 2;
        }
        self[..end.min(self.len())].partition_point(|&k| k < key)
    }
}

#[cfg(test)]
mod tests {
    use super::Gallop;

    #[test]
    fn galloping_finds_what_bisection_finds() {
        let keys: Vec<u64> = (0..100).map(|i| i * 3).collect();
        for key in 0..310 {
            assert_eq!(keys.partition_point_from_start(key), keys.partition_point(|&k| k < key), "{key}");
        }
        assert_eq!([].partition_point_from_start(5), 0);
    }
}
