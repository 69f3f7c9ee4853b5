//! Reads a collection: implements [`store::Collection`].

use crate::check;
use crate::client::Client;
use crate::expression;
use crate::manifest_row::{ManifestRow, read_newest};
use crate::proto::DataType;
use crate::reader::{
    FIRST_PAGES, RowReader, SCAN_ROWS, SCAN_ROWS_WITH_VECTORS, article_in, batch_ids,
};
use crate::rows::parse_fingerprint;
use crate::schema::{
    self, ARTICLE, BM25, END, FINGERPRINT, KEY, LINE, METRIC, ORDINAL, PASSAGES, PATH, QUESTIONS,
    SPARSE, START, TAG, TEXT, TITLE, VECTOR,
};
use crate::search::{Searcher, Vectors};
use crate::writer::MilvusWriter;
use ingest::pipeline::{EmbeddedArticle, Passage};
use ingest::{ByteSpan, Fingerprint};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use store::filter::Value;
use store::filter::explain::FieldValues;
use store::{
    ArticleMeta, Catalog, CheckReport, Collection, DenseSearch, Error, Facet, Filter, Listing,
    Manifest, PassageKey, PassageRef, Progress, Reader, RemoteCause, Result, ScoredPassage, Stats,
    StoredArticle, StoredPassage, WordScore, Writer,
};

/// A collection as of a commit. Milvus has no snapshots, so later changes may be visible, passage
/// by passage.
pub struct MilvusCollection {
    pub reader: RowReader,
    pub manifest_row: ManifestRow,
    is_flat: bool,
    /// The number of passages when the manifest was read.
    rows: usize,
    /// All vectors, kept once an exact search has needed them although there is a graph.
    pub vectors: Mutex<Option<Arc<Vectors>>>,
}

impl MilvusCollection {
    /// Opens a collection and loads it on the server.
    pub fn open(client: Arc<Client>) -> Result<Self> {
        let location = client.location();
        let not_found = || Error::NotFound {
            location: location.to_string(),
        };
        if !schema::exists(&client, &location.collection)? {
            return Err(not_found());
        }
        if !schema::exists(&client, &location.articles_collection())? {
            return Err(client.error(
                "there is a collection of this name that nigh did not make; use another name",
            ));
        }
        schema::load(&client, &location.articles_collection())?;
        let manifest_row = read_newest(&client)?.ok_or_else(not_found)?;
        schema::load(&client, &location.collection)?;
        if manifest_row.manifest.format > store::FORMAT {
            let (found, known) = (manifest_row.manifest.format, store::FORMAT);
            return Err(Error::NewerFormat {
                location: location.to_string(),
                found,
                known,
            });
        }
        let index =
            schema::describe_index(&client, &location.collection, VECTOR)?.unwrap_or_default();
        let is_flat = index
            .iter()
            .any(|param| param.key == "index_type" && param.value == "FLAT");
        let reader = RowReader {
            timestamp: manifest_row.read_timestamp,
            client,
        };
        Ok(Self {
            rows: reader.count_passages()?,
            reader,
            manifest_row,
            is_flat,
            vectors: Mutex::new(None),
        })
    }

    fn searcher(&self) -> Searcher<'_> {
        Searcher {
            reader: &self.reader,
            fields: &self.manifest_row.fields,
        }
    }

    /// All vectors, read from the server on the first call.
    fn all_vectors(&self) -> Result<Arc<Vectors>> {
        let mut cached = self.vectors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vectors) = &*cached {
            return Ok(vectors.clone());
        }
        let mut all = Vectors {
            keys: Vec::new(),
            flat: Vec::new(),
        };
        self.for_each_vector(&mut |key, vector| {
            all.keys.push(key.0 as i64);
            all.flat.extend_from_slice(vector);
            Ok(())
        })?;
        Ok(cached.insert(Arc::new(all)).clone())
    }
}

impl Reader for MilvusCollection {
    fn rows(&self) -> usize {
        self.rows
    }

    fn search_dense(
        &self,
        vector: &[f32],
        k: usize,
        search: DenseSearch,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        index::check_unit(vector, self.manifest_row.manifest.model.dimensions)?;
        let params = match search {
            DenseSearch::Exact if !self.is_flat => {
                return self
                    .searcher()
                    .scan(&*self.all_vectors()?, vector, k, filter);
            }
            DenseSearch::Exact => "{}".to_owned(),
            DenseSearch::Graph { ef } => format!(r#"{{"ef":{}}}"#, ef.max(k)),
        };
        let bytes = vector
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.searcher().search(
            VECTOR,
            METRIC,
            &params,
            (DataType::FloatVector, bytes),
            k,
            filter,
        )
    }

    fn search_lexical(
        &self,
        query: &str,
        k: usize,
        filter: Option<&Filter>,
    ) -> Result<Vec<ScoredPassage>> {
        if !self.reader.client.capabilities.full_text_search {
            return Err(self.reader.client.error_with_cause(
                "this server has no full-text search, which needs Milvus 2.5 or later",
                RemoteCause::NoFullTextSearch,
            ));
        }
        let ManifestRow {
            analyzer, manifest, ..
        } = &self.manifest_row;
        let stems = analyzer.query_terms(manifest.language, query);
        if stems.is_empty() {
            return Ok(Vec::new());
        }
        self.searcher().search(
            SPARSE,
            BM25,
            "{}",
            (DataType::VarChar, stems.into_bytes()),
            k,
            filter,
        )
    }

    fn explain_lexical(&self, _: &str, keys: &[PassageKey]) -> Result<Vec<Vec<WordScore>>> {
        // The server gives only the total score.
        Ok(vec![Vec::new(); keys.len()])
    }

    fn vectors(&self, keys: &[PassageKey]) -> Result<Vec<Vec<f32>>> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        self.reader
            .fetch_by_keys(keys, &[KEY, VECTOR], &|columns, at| {
                let vector = columns
                    .vectors(VECTOR, dimensions)
                    .nth(at)
                    .map(<[f32]>::to_vec);
                vector.ok_or_else(|| {
                    self.reader
                        .client
                        .error("the server gave a row without its vector")
                })
            })
    }

    fn identify(&self, keys: &[PassageKey]) -> Result<Vec<PassageRef>> {
        self.reader
            .fetch_by_keys(keys, &[KEY, ARTICLE, ORDINAL], &|columns, at| {
                Ok(PassageRef {
                    article_id: self
                        .reader
                        .cell(columns.strings(ARTICLE), at, ARTICLE)?
                        .clone(),
                    ordinal: *self.reader.cell(columns.longs(ORDINAL), at, ORDINAL)? as u64,
                })
            })
    }

    fn fetch(&self, keys: &[PassageKey]) -> Result<Vec<StoredPassage>> {
        let fields = [KEY, ARTICLE, ORDINAL, TITLE, PATH, START, END, LINE, TEXT];
        let mut found = self.reader.fetch_by_keys(keys, &fields, &|columns, at| {
            let text =
                |name| Ok::<_, Error>(self.reader.cell(columns.strings(name), at, name)?.clone());
            let number =
                |name| Ok::<_, Error>(*self.reader.cell(columns.longs(name), at, name)? as u64);
            Ok(StoredPassage {
                reference: PassageRef {
                    article_id: text(ARTICLE)?,
                    ordinal: number(ORDINAL)?,
                },
                title: text(TITLE)?,
                path: text(PATH)?,
                span: ByteSpan::from((number(START)? as usize, number(END)? as usize)),
                line: number(LINE)?,
                text: text(TEXT)?,
            })
        })?;
        for passage in found
            .iter_mut()
            .filter(|passage| passage.text.len() != passage.span.len())
        {
            // The text was longer than a string field holds.
            if let Some(stored) = self.article(&passage.reference.article_id)? {
                passage.text = passage.span.of(&stored.article.text).to_owned();
            }
        }
        Ok(found)
    }

    fn article(&self, id: &str) -> Result<Option<StoredArticle>> {
        let id = id.to_owned();
        Ok(self
            .reader
            .articles(&[&id])?
            .remove(&id)
            .map(|(_, article)| article))
    }

    fn field_values(&self) -> &dyn FieldValues {
        self
    }
}

impl Listing for MilvusCollection {
    fn keys(&self) -> Result<Vec<PassageKey>> {
        let mut keys = Vec::new();
        self.reader.for_each_page(
            self.reader.passages(),
            "",
            &[KEY],
            SCAN_ROWS,
            &mut |columns| {
                keys.extend(columns.longs(KEY).iter().map(|key| PassageKey(*key as u64)));
                Ok(())
            },
        )?;
        Ok(keys)
    }

    fn for_each_vector(
        &self,
        visit: &mut dyn FnMut(PassageKey, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        self.reader.for_each_page(
            self.reader.passages(),
            "",
            &[KEY, VECTOR],
            SCAN_ROWS_WITH_VECTORS,
            &mut |columns| {
                let rows = columns
                    .longs(KEY)
                    .iter()
                    .zip(columns.vectors(VECTOR, dimensions));
                let mut rows: Vec<_> = rows.collect();
                rows.sort_unstable_by_key(|(key, _)| **key);
                rows.into_iter()
                    .try_for_each(|(key, vector)| visit(PassageKey(*key as u64), vector))
            },
        )
    }

    fn for_each_article(&self, visit: &mut dyn FnMut(EmbeddedArticle) -> Result<()>) -> Result<()> {
        let dimensions = self.manifest_row.manifest.model.dimensions;
        let versions = self.reader.all_versions()?;
        for ids in &batch_ids(&versions) {
            let mut articles = self.reader.articles(ids)?;
            let mut passages: HashMap<(String, String), BTreeMap<i64, Passage>> = HashMap::new();
            let fields = [
                KEY,
                ARTICLE,
                FINGERPRINT,
                ORDINAL,
                START,
                END,
                LINE,
                TAG,
                VECTOR,
            ];
            self.reader.for_each_page(
                self.reader.passages(),
                &article_in(ids),
                &fields,
                SCAN_ROWS_WITH_VECTORS,
                &mut |columns| {
                    for (at, vector) in columns.vectors(VECTOR, dimensions).enumerate() {
                        let text = |name| self.reader.cell(columns.strings(name), at, name);
                        let number = |name| {
                            Ok::<_, Error>(*self.reader.cell(columns.longs(name), at, name)?)
                        };
                        let passage = Passage {
                            span: ByteSpan::from((number(START)? as usize, number(END)? as usize)),
                            line: number(LINE)? as u64,
                            fingerprint: parse_fingerprint(text(TAG)?),
                            vector: Some(vector.to_vec()),
                        };
                        let version = (text(ARTICLE)?.clone(), text(FINGERPRINT)?.clone());
                        passages
                            .entry(version)
                            .or_default()
                            .insert(number(ORDINAL)?, passage);
                    }
                    Ok(())
                },
            )?;
            for id in ids {
                let incomplete_error = || {
                    self.reader.client.error(format!(
                        "article {id:?} is incomplete; index its source again"
                    ))
                };
                let (fingerprint, stored) = articles.remove(*id).ok_or_else(incomplete_error)?;
                let passages = passages
                    .remove(&((*id).clone(), fingerprint.clone()))
                    .unwrap_or_default();
                if passages.len() != stored.passages.len() {
                    return Err(incomplete_error());
                }
                let passages = passages.into_values().collect();
                visit(EmbeddedArticle {
                    article: stored.article,
                    fingerprint: parse_fingerprint(&fingerprint),
                    passages,
                })?;
            }
        }
        Ok(())
    }

    fn corpus_fingerprint(&self) -> Result<Fingerprint> {
        let versions = self.reader.all_versions()?;
        let mut fingerprints: Vec<(String, Fingerprint)> = Vec::new();
        for ids in &batch_ids(&versions) {
            let articles = self.reader.articles(ids)?;
            fingerprints.extend(
                articles
                    .into_iter()
                    .map(|(id, (_, stored))| (id, stored.article.fingerprint(""))),
            );
        }
        fingerprints.sort_unstable();
        Ok(Fingerprint::of(fingerprints.iter().flat_map(
            |(id, fingerprint)| [id.as_bytes(), fingerprint.0.as_slice()],
        )))
    }

    fn catalog(&self) -> Result<Catalog> {
        let versions = self
            .reader
            .all_versions()?
            .into_iter()
            .map(|(id, version)| (id, version.into()));
        // Finding out which texts have vectors would mean reading all passages.
        Ok(Catalog {
            articles: versions.collect(),
            vectors: HashSet::new(),
            reuses_vectors: false,
        })
    }

    fn article_meta(&self, ids: &[&str]) -> Result<HashMap<String, ArticleMeta>> {
        Ok(self
            .reader
            .versions_of(ids)?
            .into_iter()
            .map(|(id, version)| (id, version.into()))
            .collect())
    }

    fn facets(&self, max_values: usize) -> Result<Vec<Facet>> {
        let names: Vec<&String> = self
            .manifest_row
            .fields
            .keys()
            .filter(|name| !["path", "title"].contains(&name.as_str()))
            .collect();
        let mut values: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        self.reader
            .for_each_metadata(PASSAGES, &mut |columns, at, terms| {
                let passages = *self.reader.cell(columns.longs(PASSAGES), at, PASSAGES)?;
                for name in &names {
                    let counts = values.entry((*name).clone()).or_default();
                    if counts.len() > Facet::MAX_VALUES {
                        continue;
                    }
                    for value in expression::field_values(terms, name) {
                        *counts.entry(value.to_text()).or_default() += passages as u64;
                    }
                }
                Ok(())
            })?;
        Ok(Facet::from_counts(values, max_values))
    }
}

impl Collection for MilvusCollection {
    fn manifest(&self) -> &Manifest {
        &self.manifest_row.manifest
    }

    fn stats(&self) -> Result<Stats> {
        let (mut articles, mut questions) = (0, 0);
        let fields = [KEY, QUESTIONS];
        self.reader.for_each_page(
            &self.reader.client.location().articles_collection(),
            FIRST_PAGES,
            &fields,
            SCAN_ROWS,
            &mut |columns| {
                articles += columns.longs(QUESTIONS).len();
                questions += columns.longs(QUESTIONS).iter().sum::<i64>() as usize;
                Ok(())
            },
        )?;
        Ok(Stats {
            articles,
            passages: self.reader.count_passages()?,
            questions,
            dead_vectors: 0,
            segments: 1,
            graphs: usize::from(!self.is_flat),
            links_added: None,
            self_misses: None,
            text_bytes: None,
            vector_bytes: None,
        })
    }

    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(MilvusWriter::new(
            self.reader.client.clone(),
            self.manifest_row.clone(),
        )))
    }

    fn is_newest(&self) -> Result<bool> {
        Ok(read_newest(&self.reader.client)?
            .is_some_and(|manifest_row| manifest_row.commit == self.manifest_row.commit))
    }

    fn refresh(&mut self) -> Result<()> {
        let not_found = || Error::NotFound {
            location: self.reader.client.location().to_string(),
        };
        self.manifest_row = read_newest(&self.reader.client)?.ok_or_else(not_found)?;
        self.reader.timestamp = self.manifest_row.read_timestamp;
        *self.vectors.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.rows = self.reader.count_passages()?;
        Ok(())
    }

    fn check(&self, progress: &Progress<'_>) -> Result<CheckReport> {
        check::check(
            &self.reader,
            self.manifest_row.manifest.model.dimensions,
            progress,
        )
    }
}

impl FieldValues for MilvusCollection {
    fn has_match(&self, filter: &Filter) -> Result<bool> {
        self.searcher().has_match(filter)
    }

    fn values(&self, field: &str) -> Result<Vec<Value>> {
        self.searcher().values(field)
    }
}
