//! A collection in a folder.

use crate::arrays::array;
use crate::errors::{input, input_type};
use crate::options::{self, CollectionOptions, RankingOptions, SearchOptions};
use crate::values::{string, strings, to_json, to_python, type_name};
use crate::verdict::{self, Verdict};
use crate::work::{self, Reporter, lock};
use crossbeam_channel::Receiver;
use engine::evaluation::{DEFAULT_MODES, EvalInputs, EvalOptions, evaluate};
use engine::indexing::{self, Deletions, IndexJob, IndexReport, Scan};
use engine::{
    Error, NO_TIME_LIMIT, PathNamer, Progress, RerankerFactory, Result, Stage, StoreProgress,
    embedder_for,
};
use ingest::pipeline::PipelineOptions;
use ingest::read::sandbox::Sandbox;
use ingest::walk::IngestItem;
use ingest::{Article, ByteSpan, Embedder, Format, MetaValue, Metadata, embed};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping};
use query::{Mode, Response, Searcher};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use store::{Language, Location};

/// The language of a new collection is that of so many articles.
const LANGUAGE_SAMPLES: usize = 200;
/// Ids are looked up for so many passages at a time.
const IDENTIFIED_TOGETHER: usize = 4096;

/// A collection in a folder. The class `nigh.Collection` says what the methods do.
#[pyclass(frozen, module = "nigh._nigh")]
pub struct Collection {
    location: Location,
    options: CollectionOptions,
    threads: usize,
    reader: Option<cli::ReaderCommand>,
    /// The newest commit that was used.
    snapshot: Mutex<Option<Arc<dyn store::Collection>>>,
    /// Embedders of the collection's model that no call uses. The first that is made stays.
    embedders: Mutex<Vec<Box<dyn Embedder>>>,
    rerankers: Mutex<HashMap<String, Arc<Mutex<RerankerFactory>>>>,
    /// Held by whoever writes. Another process gets an error, another thread waits.
    writing: Mutex<()>,
}

/// What to evaluate, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvaluateOptions {
    queries: Option<PathBuf>,
    qrels: Vec<PathBuf>,
    qa: bool,
    modes: Option<Vec<Mode>>,
    metrics: Vec<String>,
    runs: Vec<PathBuf>,
    by: Option<By>,
    seed: u64,
    ranking: RankingOptions,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum By {
    Article,
    Answer,
}

impl Collection {
    /// The newest commit.
    fn snapshot(&self) -> Result<Arc<dyn store::Collection>> {
        let mut current = lock(&self.snapshot);
        if let Some(snapshot) = &*current
            && snapshot.is_newest()?
        {
            return Ok(snapshot.clone());
        }
        let opened: Arc<dyn store::Collection> = store::open(&self.location)?.into();
        *current = Some(opened.clone());
        Ok(opened)
    }

    /// Opens the collection for writing, if there is one.
    fn open(&self) -> Result<Option<Box<dyn store::Collection>>> {
        Ok(if store::exists(&self.location)? {
            Some(store::open(&self.location)?)
        } else {
            None
        })
    }

    /// An embedder of the collection's model; of the model for a new one if `existing` is `None`.
    fn embedder(&self, existing: Option<&dyn store::Collection>) -> Result<Box<dyn Embedder>> {
        let mut embedders = lock(&self.embedders);
        if let Some(base) = embedders.first() {
            let model = existing.map(|existing| &existing.manifest().model);
            if model.is_none_or(|model| model.is_compatible_with(base.model())) {
                return Ok(match embedders.len() {
                    1 => base.fork()?,
                    _ => embedders.swap_remove(1),
                });
            }
        }
        let wanted = self.options.model.as_deref();
        let embedder = match (existing, wanted) {
            (Some(existing), None) => embedder_for(existing, Mode::Dense)?
                .ok_or_else(|| Error::Query(query::Error::NoModel("dense")))?,
            (_, wanted) => embed::load(wanted.unwrap_or(embed::builtin::ALIAS))?,
        };
        if let Some(existing) = existing {
            let (expected, found) = (&existing.manifest().model, embedder.model());
            if !expected.is_compatible_with(found) {
                return Err(Error::Query(query::Error::ModelMismatch {
                    expected_model: expected.name.clone(),
                    expected_hash: expected.hash.clone(),
                    found_model: found.name.clone(),
                    found_hash: found.hash.clone(),
                }));
            }
        }
        *embedders = vec![embedder.fork()?];
        Ok(embedder)
    }

    /// Keeps an embedder for the next call.
    fn keep(&self, embedder: Option<Box<dyn Embedder>>) {
        let mut embedders = lock(&self.embedders);
        let same = |embedder: &dyn Embedder| {
            embedders
                .first()
                .is_some_and(|base| base.model().hash == embedder.model().hash)
        };
        if embedders.len() <= self.threads
            && let Some(embedder) = embedder.filter(|embedder| same(&**embedder))
        {
            embedders.push(embedder);
        }
    }

    /// The reranker of this name, loaded on first use.
    fn reranker(
        &self,
        name: &str,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Arc<Mutex<RerankerFactory>>> {
        let mut rerankers = lock(&self.rerankers);
        if let Some(reranker) = rerankers.get(name) {
            return Ok(reranker.clone());
        }
        let loaded = Arc::new(Mutex::new(RerankerFactory::load(name, embedder)?));
        rerankers.insert(name.to_owned(), loaded.clone());
        Ok(loaded)
    }

    /// Answers questions with `workers` threads.
    fn answer(
        &self,
        questions: &[String],
        search: &SearchOptions,
        ranking: &engine::Ranking,
        reporter: Option<&Reporter>,
    ) -> Result<Vec<Response>> {
        let snapshot = self.snapshot()?;
        let collection = &*snapshot;
        let budget = reporter.map(|_| NO_TIME_LIMIT);
        let options = search.options(collection, ranking, budget);
        let workers = if reporter.is_some() {
            self.threads.min(questions.len()).max(1)
        } else {
            1
        };
        let mut searchers = Vec::with_capacity(workers);
        for _ in 0..workers {
            let embedder = match search.mode {
                Mode::Lexical => None,
                _ => Some(self.embedder(Some(collection))?),
            };
            let reranker = match ranking.reranker_name(collection, search.mode) {
                Some(name) => {
                    let reranker = self.reranker(name, embedder.as_deref())?;
                    let threads = if workers == 1 { self.threads } else { 1 };
                    let reranker = lock(&reranker).with_threads(threads)?;
                    Some(reranker)
                }
                None => None,
            };
            searchers.push(Searcher::new(collection, embedder)?.with_reranker(reranker));
        }
        let stage = reporter.map(|reporter| Stage::start(reporter, "searching", questions.len()));
        let answers =
            parallel::map_in_order(&mut searchers, questions, None, |searcher, question| {
                let answer = searcher.search(question, &options)?;
                if let Some(stage) = &stage {
                    stage.advance()?;
                }
                Ok::<_, Error>(answer)
            });
        drop(stage);
        for searcher in searchers {
            self.keep(searcher.into_models().embedder);
        }
        let mut answers = answers?;
        let names = PathNamer::of(collection, &self.location);
        for hit in answers.iter_mut().flat_map(|answer| &mut answer.hits) {
            hit.path = names.path(&hit.path);
            hit.copies
                .iter_mut()
                .for_each(|copy| copy.path = names.path(&copy.path));
        }
        Ok(answers)
    }

    /// How to read, chunk and embed.
    fn plan(&self, existing: Option<&dyn store::Collection>) -> PipelineOptions {
        let mut plan = PipelineOptions::new(self.options.chunking(existing), self.threads);
        plan.sandbox = self.reader.as_ref().map(|reader| {
            let arguments = reader.arguments.iter().cloned();
            Arc::new(Sandbox::new(
                reader.program.clone(),
                arguments.chain(["read-apart".into()]),
            ))
        });
        plan
    }

    /// The language of a new collection, if it is set.
    fn language(&self) -> Result<Option<Language>> {
        let language = self.options.language.as_deref().map(str::parse::<Language>);
        language
            .transpose()
            .map_err(|error| Error::Unusable(format!("language: {error}")))
    }

    fn create_in(
        &self,
        language: Language,
        embedder: &dyn Embedder,
    ) -> Result<Box<dyn store::Collection>> {
        Ok(store::create(
            &self.location,
            embedder.model().clone(),
            self.options.chunking(None),
            index::Params::default(),
            language,
        )?)
    }

    fn index_files(
        &self,
        paths: &[PathBuf],
        format: Option<Format>,
        deletions: Deletions,
        reporter: &Reporter,
    ) -> Result<IndexReport> {
        let roots = paths
            .iter()
            .map(|path| path.canonicalize().map_err(disk::PathError::at(path)))
            .collect::<std::result::Result<Vec<_>, _>>()?;
        let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
        let existing = self.open()?;
        let names = match existing.as_deref() {
            Some(existing) => PathNamer::for_indexing(existing, &self.location)?,
            None => PathNamer::new(&self.location),
        };
        let job = IndexJob {
            roots: &roots,
            format,
            plan: self.plan(existing.as_deref()),
            names: &names,
            builder: None,
            deletions,
        };
        let scan = Scan::new(&job);
        if scan.omitted_if_empty(&job).is_some() {
            return Err(Error::Unusable(format!(
                "nothing to index: expected files in a format read here ({}), found none",
                Format::ALL
            )));
        }
        let embedder = self.embedder(existing.as_deref())?;
        if let Some(collection) = existing.as_deref()
            && let Some(report) = indexing::report_if_unchanged(collection, &job, &scan, reporter)
        {
            return Ok(report);
        }
        let mut collection = match existing {
            Some(collection) => collection,
            None => {
                let language = match self.language()? {
                    Some(language) => language,
                    None => indexing::detect_language(&job, &scan),
                };
                self.create_in(language, &*embedder)?
            }
        };
        indexing::index(&mut *collection, embedder, &job, &scan, reporter)
    }

    fn add_articles(
        &self,
        articles: Receiver<Article>,
        reporter: &Reporter,
    ) -> Result<IndexReport> {
        let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
        let existing = self.open()?;
        let plan = self.plan(existing.as_deref());
        let embedder = self.embedder(existing.as_deref())?;
        let sample = if existing.is_some() {
            2
        } else {
            LANGUAGE_SAMPLES
        };
        let mut first: Vec<Article> = articles.iter().take(sample).collect();
        let mut collection = match existing {
            Some(collection) => collection,
            None if first.is_empty() => return Ok(IndexReport::default()),
            None => {
                let detect = || Language::detect(first.iter().map(|article| article.text.as_str()));
                let language = self.language()?.or_else(detect);
                self.create_in(language.unwrap_or(Language::Other), &*embedder)?
            }
        };
        if first.len() == 1
            && let Some(article) = first.pop()
        {
            // Its cost does not depend on the size of the collection.
            return indexing::add_one(&mut *collection, embedder, article, &plan, reporter);
        }
        let articles = first.into_iter().chain(articles);
        let articles = articles.map(|article| IngestItem::Article(Box::new(article)));
        indexing::add(&mut *collection, embedder, articles, &plan, reporter)
    }
}

/// The article in a Python dictionary.
fn article(number: usize, value: &Bound<'_, PyAny>) -> PyResult<Article> {
    let py = value.py();
    let what = format!("articles[{number}]");
    if !value.is_instance_of::<PyDict>() && value.cast::<PyMapping>().is_err() {
        return Err(input_type(
            py,
            format!(
                "{what}: expected a dict with \"id\" and \"text\", found {}",
                type_name(value)
            ),
        ));
    }
    let (mut id, mut title, mut path, mut text) = (None, None, None, None);
    let mut metadata = Metadata::new();
    for item in value.cast::<PyMapping>()?.items()?.iter() {
        let (name, value): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let name = string(&name, &format!("{what}: a name"))?;
        let place = format!("{what}[{name:?}]");
        match name.as_str() {
            "id" => id = Some(string(&value, &place)?),
            "text" => text = Some(string(&value, &place)?),
            "title" | "path" if value.is_none() => {}
            "title" => title = Some(string(&value, &place)?),
            "path" => path = Some(string(&value, &place)?),
            "metadata" if value.is_none() => {}
            "metadata" => {
                let serde_json::Value::Object(fields) = to_json(&value, &place)? else {
                    return Err(input_type(
                        py,
                        format!("{place}: expected a dict, found {}", type_name(&value)),
                    ));
                };
                metadata = fields
                    .iter()
                    .filter_map(|(name, value)| Some((name.clone(), MetaValue::from_json(value)?)))
                    .collect();
            }
            _ => {
                return Err(input(
                    py,
                    format!(
                        "{what}: expected \"id\", \"text\", \"title\", \"path\" and \"metadata\", found {name:?}; \
                         fields of your own go into \"metadata\""
                    ),
                ));
            }
        }
    }
    let missing = |name: &str| {
        input(
            py,
            format!("{what}: expected {name:?}, found no such field"),
        )
    };
    let id = id.ok_or_else(|| missing("id"))?;
    let text = text.ok_or_else(|| missing("text"))?;
    let title = title.unwrap_or_default();
    if id.trim().is_empty() {
        return Err(input(py, format!("{what}: the id is blank")));
    }
    if text.trim().is_empty() {
        return Err(input(py, format!("{what}: the text of {id:?} is blank")));
    }
    Ok(Article {
        title: title.split_whitespace().collect::<Vec<_>>().join(" "),
        path: path.unwrap_or_else(|| id.clone()),
        body: vec![ByteSpan::new(0, text.len())],
        id,
        text,
        record_line: None,
        metadata,
        questions: Vec::new(),
    })
}

#[pymethods]
impl Collection {
    #[new]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        options: &Bound<'_, PyAny>,
        read_apart: bool,
    ) -> PyResult<Self> {
        let options: CollectionOptions = crate::values::options(options, "options")?;
        options.check(py)?;
        if let Some(scheme) = path.to_str().and_then(Location::scheme_of) {
            return Err(input(
                py,
                format!("path: expected a folder, found a {scheme}:// address"),
            ));
        }
        let collection = Self {
            // A later change of the current folder must not change which collection this is.
            location: std::path::absolute(&path)
                .map_err(|error| input(py, format!("path: {error}")))?
                .into(),
            threads: options::threads(py, options.threads)?,
            options,
            reader: if read_apart {
                crate::reader_command(py)?
            } else {
                None
            },
            snapshot: Mutex::default(),
            embedders: Mutex::default(),
            rerankers: Mutex::default(),
            writing: Mutex::default(),
        };
        work::open(py, || {
            let language = collection.language()?;
            let existing = match collection.open() {
                Ok(Some(existing)) => existing,
                Ok(None) => return Ok(()),
                // It can still be checked and repaired.
                Err(Error::Store(error)) if error.is_damage() => return Ok(()),
                Err(error) => return Err(error),
            };
            let manifest = existing.manifest();
            if let Some(model) = &collection.options.model
                && embed::canonical_name(model) != embed::canonical_name(&manifest.model.name)
            {
                // Fails if it is another one under another name.
                collection.embedder(Some(&*existing))?;
            }
            match language.filter(|language| *language != manifest.language) {
                Some(language) => Err(Error::Unusable(format!(
                    "language: the collection's is {}, not {language}",
                    manifest.language
                ))),
                None => Ok(()),
            }
        })?;
        Ok(collection)
    }

    fn exists(&self, py: Python<'_>) -> PyResult<bool> {
        work::open(py, || Ok(store::exists(&self.location)?))
    }

    fn create(&self, py: Python<'_>) -> PyResult<()> {
        work::run(py, None, |reporter| {
            let language = self.language()?.unwrap_or(Language::English);
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            let embedder = self.embedder(None)?;
            self.create_in(language, &*embedder)?;
            Ok(())
        })
    }

    fn index<'py>(
        &self,
        py: Python<'py>,
        paths: Vec<PathBuf>,
        format: Option<&str>,
        deletions: &str,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let format = options::format(py, format)?;
        let deletions = match deletions {
            "never" => Deletions::Never,
            "plausible" => Deletions::Plausible,
            "always" => Deletions::Always,
            other => {
                return Err(input(
                    py,
                    format!("deletions: expected never, plausible or always, found {other:?}"),
                ));
            }
        };
        if paths.is_empty() {
            return Err(input(
                py,
                "paths: expected one file or folder or more, found none",
            ));
        }
        let report = work::run(py, progress, |reporter| {
            self.index_files(&paths, format, deletions, reporter)
        })?;
        to_python(py, &report)
    }

    fn add<'py>(
        &self,
        py: Python<'py>,
        articles: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let next = work::items_of(articles, article)?;
        let report = work::run_with(py, progress, next, |reporter, articles| {
            self.add_articles(articles, reporter)
        })?;
        to_python(py, &report)
    }

    fn delete(&self, py: Python<'_>, ids: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
        let ids = strings(ids, "ids")?;
        work::run(py, None, |reporter| {
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            let collection = store::open(&self.location)?;
            let mut writer = collection.writer()?;
            let mut deleted = Vec::new();
            for id in ids {
                reporter.check()?;
                if writer.delete(&id)? {
                    deleted.push(id);
                }
            }
            writer.commit()?;
            Ok(deleted)
        })
    }

    fn search<'py>(
        &self,
        py: Python<'py>,
        question: &Bound<'py, PyAny>,
        options: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let question = [string(question, "question")?];
        let search: SearchOptions = crate::values::options(options, "options")?;
        search.check(py)?;
        let ranking = search.ranking(py)?;
        let answer = work::direct(py, || self.answer(&question, &search, &ranking, None))?;
        to_python(py, &answer.first())
    }

    fn search_many<'py>(
        &self,
        py: Python<'py>,
        questions: &Bound<'py, PyAny>,
        options: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let questions = strings(questions, "questions")?;
        if let Some(blank) = questions.iter().position(|text| text.trim().is_empty()) {
            return Err(input(
                py,
                format!("questions[{blank}]: the question is empty"),
            ));
        }
        let search: SearchOptions = crate::values::options(options, "options")?;
        search.check(py)?;
        let ranking = search.ranking(py)?;
        let answers = work::run(py, progress, |reporter| {
            self.answer(&questions, &search, &ranking, Some(reporter))
        })?;
        answers.iter().map(|answer| to_python(py, answer)).collect()
    }

    fn ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        work::run(py, None, |_| {
            let mut ids: Vec<String> = self.snapshot()?.catalog()?.articles.into_keys().collect();
            ids.sort_unstable();
            Ok(ids)
        })
    }

    fn article<'py>(&self, py: Python<'py>, id: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let id = string(id, "id")?;
        let found = work::direct(py, || {
            let snapshot = self.snapshot()?;
            let names = PathNamer::of(&*snapshot, &self.location);
            Ok(snapshot.article(&id)?.map(|stored| {
                let path = if stored.article.path == stored.article.id
                    && stored.article.record_line.is_none()
                {
                    stored.article.path
                } else {
                    names.path(&stored.article.path)
                };
                json!({
                    "id": stored.article.id,
                    "text": stored.article.text,
                    "title": stored.article.title,
                    "path": path,
                    "metadata": stored.article.metadata,
                    "passages": stored.passages,
                })
            }))
        })?;
        to_python(py, &found)
    }

    fn vectors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let (values, dimensions) = work::run(py, None, |reporter| {
            let snapshot = self.snapshot()?;
            let dimensions = snapshot.manifest().model.dimensions;
            let mut values = Vec::with_capacity(snapshot.rows() * dimensions);
            snapshot.for_each_vector(&mut |_, vector| {
                if reporter.is_stopped() {
                    return Err(store::Error::Stopped);
                }
                values.extend_from_slice(vector);
                Ok(())
            })?;
            Ok((values, dimensions))
        })?;
        array(py, values, dimensions, false)
    }

    fn passage_ids(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        work::run(py, None, |reporter| {
            let snapshot = self.snapshot()?;
            let keys = snapshot.keys()?;
            let mut ids = Vec::with_capacity(keys.len());
            for keys in keys.chunks(IDENTIFIED_TOGETHER) {
                reporter.check()?;
                ids.extend(snapshot.identify(keys)?.iter().map(ToString::to_string));
            }
            Ok(ids)
        })
    }

    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        options: &Bound<'py, PyAny>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Verdict> {
        let options: EvaluateOptions = crate::values::options(options, "options")?;
        let mut modes = Vec::new();
        for mode in options.modes.as_deref().unwrap_or(&DEFAULT_MODES) {
            if !modes.contains(mode) {
                modes.push(*mode);
            }
        }
        let options = EvalOptions {
            inputs: EvalInputs {
                queries: options.queries,
                qrels: options.qrels,
                qa: options.qa,
            },
            modes,
            ranking: options.ranking.ranking(py)?,
            metrics: options.metrics,
            runs: options.runs,
            reranked: None,
            by: options.by.map(|by| match by {
                By::Article => eval::Level::Article,
                By::Answer => eval::Level::Answer,
            }),
            grid: None,
            worst: true,
            seed: options.seed,
            threads: self.threads,
        };
        let evaluation = work::run(py, progress, |reporter| {
            let snapshot = self.snapshot()?;
            let name = self.location.to_string();
            evaluate(Some((&*snapshot, &name)), &options, reporter)
        })?;
        Ok(verdict::Verdict::new(evaluation))
    }

    fn compact<'py>(
        &self,
        py: Python<'py>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report = work::run(py, progress, |reporter| {
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            let collection = store::open(&self.location)?;
            let steps = StoreProgress::new(reporter);
            let mut writer = collection.writer()?;
            Ok(writer.compact(self.threads, &|step, done, of| steps.update(step, done, of))?)
        })?;
        to_python(py, &report)
    }

    fn check<'py>(
        &self,
        py: Python<'py>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let report = work::run(py, progress, |reporter| {
            let steps = StoreProgress::new(reporter);
            match store::open(&self.location) {
                Ok(collection) => {
                    let report =
                        collection.check(&|step, done, of| steps.update(step, done, of))?;
                    Ok(serde_json::to_value(report).unwrap_or_default())
                }
                Err(error) if error.is_damage() => {
                    // Too damaged to open: name the damaged files.
                    let mut problems = store::find_damage(&self.location).unwrap_or_default();
                    if problems.is_empty() {
                        problems.push(error.to_string());
                    }
                    Ok(json!({
                        "files": 0, "passages": 0, "reachable": 0, "problems": problems,
                    }))
                }
                Err(error) => Err(error.into()),
            }
        })?;
        to_python(py, &report)
    }

    fn repair<'py>(
        &self,
        py: Python<'py>,
        progress: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let outcome = work::run(py, progress, |reporter| {
            let _writing = work::lock_unless_stopped(&self.writing, reporter)?;
            engine::repair(&self.location, self.threads, reporter)
        })?;
        to_python(py, &outcome)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let stats = work::direct(py, || {
            let snapshot = self.snapshot()?;
            let (stats, manifest) = (snapshot.stats()?, snapshot.manifest());
            let mut document = serde_json::to_value(stats).unwrap_or_default();
            document["model"] = manifest.model.name.clone().into();
            document["dimensions"] = manifest.model.dimensions.into();
            document["chunking"] = manifest.chunking.to_string().into();
            document["language"] = manifest.language.to_string().into();
            Ok(document)
        })?;
        to_python(py, &stats)
    }

    #[getter]
    fn path(&self) -> String {
        self.location.to_string()
    }
}
