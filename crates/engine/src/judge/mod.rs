//! A tested verdict on questions whose answers are known.

mod corpus;
mod evidence;
mod gather;
mod grid;
mod worst;

pub use corpus::Articles;
pub use evidence::by;
pub use gather::{Gathered, Judging, Notes, attach, gather, own_questions};

use crate::manifest::{extend, manifest};
use crate::{Error, Questions, Ranking, RerankWith, Result, UNLIMITED, Watch, embedder_for};
use eval::loss::Searched;
use eval::manifest::Input;
use eval::report::{self, LossReport, ParaphraseReport, Timings, Verdict};
use eval::run::{Scored, column};
use eval::significance::Units;
use eval::{Judged, Level, Metric, Run, Table, paraphrase};
use evidence::Look;
use ingest::Embedder;
use notes::{Code, Note};
use query::{Mode, Options};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::Collection;

/// Metrics where none are named.
const METRICS: [&str; 5] = ["nDCG@10", "recall@10", "recall@100", "MRR@10", "success@1"];
/// Modes where none are named.
pub const MODES: [Mode; 3] = [Mode::Hybrid, Mode::Dense, Mode::Lexical];
/// The depth of a metric that looks at the whole ranking, and the depth at which a judgement counts
/// as missed where the first metric says none.
const WHOLE: usize = 100;
const MISSED: usize = 10;
/// The fewest queries that are worth to be halved.
const HALVED: usize = 20;

/// What to judge, and how.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The questions and what is right.
    pub judging: Judging,
    /// The modes to search in, each once; none to judge run files alone.
    pub modes: Vec<Mode>,
    /// How to rank; with a reranker, each mode is also judged reranked.
    pub ranking: Ranking,
    /// The metrics, by name; the first one orders systems, and its depth says what counts as missed.
    pub metrics: Vec<String>,
    /// Run files to judge beside the modes.
    pub runs: Vec<PathBuf>,
    /// The mode whose results the run files rerank.
    pub reranked: Option<Mode>,
    /// Whether answers are judged by passages or by articles; without it, as the judgements are.
    pub by: Option<Level>,
    /// A file of other ways to cut and embed the articles.
    pub grid: Option<PathBuf>,
    /// Whether the worst queries are shown with their results.
    pub worst: bool,
    /// What every random choice is made from.
    pub seed: u64,
    /// How many threads search.
    pub threads: usize,
}

/// What judging gave.
pub struct Evaluated {
    /// The verdict.
    pub verdict: Verdict,
    /// The values of every query, by system.
    pub tables: Vec<Table>,
    /// What was judged.
    pub judged: Judged,
    /// Whether some of what was given could not be used; the verdict's notes say what.
    pub less: bool,
}

/// Asks every question in every mode and judges the answers, and run files beside them. `collection` is one with its
/// location.
///
/// # Errors
/// When questions, judgements or run files do not read or do not fit together, or the model or the collection fails.
pub fn evaluate(collection: Option<(&dyn Collection, &str)>, asked: &Asked, watch: &dyn Watch) -> Result<Evaluated> {
    let begun = Instant::now();
    let metrics = metrics(&asked.metrics)?;
    let (named, collection) = (collection, collection.map(|(collection, _)| collection));
    let searches = !asked.modes.is_empty();
    if searches && asked.judging.queries.is_none() && !asked.judging.qa {
        return Err(Error::unusable(
            "which questions? Name them with --queries, or use --qa for those that the articles ask themselves",
        ));
    }
    let mut gathered = gather(&asked.judging, collection)?;
    let judged = gathered.judge(collection, asked.by)?;
    // A search ends somewhere: a metric that looks at the whole of it looks at its first hundred.
    let whole = |metric: Metric| Metric { depth: metric.depth.or(searches.then_some(WHOLE)), ..metric };
    let metrics: Vec<Metric> = once(metrics.into_iter().map(whole));
    let files = read_runs(asked, &judged, collection, &mut gathered.notes)?;
    let task = Task { gathered: &gathered, at: metrics[0].depth.unwrap_or(MISSED), metrics, asked, watch };
    let embedder = match collection {
        Some(collection) => embedder_for(collection, task.needs_model())?,
        None => None,
    };
    let embedder: Option<Box<dyn Embedder>> = match embedder {
        Some(embedder) if asked.grid.is_some() => Some(Box::new(grid::Remembering::new(embedder))),
        other => other,
    };
    let reranked = reranked(asked)?;
    let mut part = judge(collection, embedder.as_deref(), &judged, &task, files, reranked, None)?;
    if let (Some(grid), Some(collection)) = (&asked.grid, collection) {
        grid::add(grid, collection, embedder, &task, &mut part)?;
    }
    let (verdict, tables) = verdict(&task, &judged, part, named, begun)?;
    Ok(Evaluated { verdict, tables, judged, less: gathered.notes.less })
}

/// One system: what it found and what is known of it.
struct System {
    run: Run,
    searched: Searched,
    /// The system whose results it reranked.
    reranked: Option<usize>,
}

/// Everything judged under one collection.
struct Part {
    systems: Vec<System>,
    tables: Vec<Table>,
    losses: Vec<eval::loss::Losses>,
    misses: Vec<report::Miss>,
    timings: Timings,
}

/// What is asked of every collection.
struct Task<'a> {
    gathered: &'a Gathered,
    metrics: Vec<Metric>,
    at: usize,
    asked: &'a Asked,
    watch: &'a dyn Watch,
}

/// Each item once, where it comes first.
fn once<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut kept = Vec::new();
    items.for_each(|item| {
        if !kept.contains(&item) {
            kept.push(item);
        }
    });
    kept
}

fn metrics(named: &[String]) -> Result<Vec<Metric>> {
    let names: Vec<&str> = if named.is_empty() { METRICS.to_vec() } else { named.iter().map(String::as_str).collect() };
    Ok(names.iter().map(|name| name.parse()).collect::<Result<Vec<Metric>, _>>()?)
}

impl Task<'_> {
    /// The mode whose model all modes can share: lexical, which has none, only if all are.
    fn needs_model(&self) -> Mode {
        if self.asked.modes.iter().all(|mode| *mode == Mode::Lexical) { Mode::Lexical } else { Mode::Dense }
    }
}

/// Asks and judges every mode, and judges run files beside them.
fn judge(
    collection: Option<&dyn Collection>,
    embedder: Option<&dyn Embedder>,
    judged: &Judged,
    task: &Task<'_>,
    files: Vec<Run>,
    reranked: Option<usize>,
    label: Option<&str>,
) -> Result<Part> {
    let mut timings = Timings::default();
    let queries: Vec<_> = task
        .gathered
        .queries
        .iter()
        .filter(|query| judged.topics.get(&query.id).is_some_and(|t| !t.ideal.is_empty()))
        .collect();
    let words: Vec<&str> = queries.iter().map(|query| query.text.as_str()).collect();
    let texts: HashMap<&str, (usize, &str)> =
        queries.iter().enumerate().map(|(at, query)| (query.id.as_str(), (at, query.text.as_str()))).collect();
    let mut systems = Vec::new();
    let begun = Instant::now();
    let questions = Questions::embed(&words, embedder, task.asked.threads, task.watch)?;
    timings.embed_s = begun.elapsed().as_secs_f64();
    let by = evidence::by(judged.level);
    let deepest = task.metrics.iter().map(|metric| metric.depth.unwrap_or(WHOLE)).max().unwrap_or(WHOLE);
    let spare = judged.answerable().map(|(_, topic)| topic.spare()).max().unwrap_or(0);
    let all = collection.map_or(0, |collection| collection.manifest().rows());
    let k = (deepest.max(task.at) + spare).min(all.max(1));
    if let Some(collection) = collection.filter(|_| !task.asked.modes.is_empty()) {
        let begun = Instant::now();
        let way = |mode: Mode| options(task, collection, mode, k, by);
        let rerank = task.asked.modes.iter().find(|mode| way(**mode).rerank.is_some());
        let rerank = rerank.map(|mode| task.asked.ranking.reranker(collection, *mode, embedder)).transpose()?.flatten();
        // Every mode, and after all of them every mode reranked.
        let plain = task.asked.modes.iter().map(|mode| Options { rerank: None, ..way(*mode) });
        let again = task.asked.modes.iter().map(|mode| way(*mode)).filter(|way| way.rerank.is_some());
        let ways: Vec<Options> = plain.chain(again).collect();
        let name = |way: &Options| {
            let parts =
                [label, Some(way.mode.name()), rerank.as_ref().filter(|_| way.rerank.is_some()).map(RerankWith::name)];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        let mut runs: Vec<Run> = ways.iter().map(|way| Run::new(name(way))).collect();
        questions.search(collection, task.asked.threads, &ways, rerank.as_ref(), task.watch, |at, rankings| {
            runs.iter_mut().zip(rankings).for_each(|(run, ranking)| run.set(&queries[at].id, ranking));
            Ok(())
        })?;
        let before = |way: &Options| task.asked.modes.iter().position(|mode| *mode == way.mode);
        systems.extend(runs.into_iter().zip(&ways).map(|(run, way)| System {
            run,
            searched: if way.rerank.is_some() { Searched::File } else { searched(way.mode) },
            reranked: way.rerank.and_then(|_| before(way)),
        }));
        timings.search_s = begun.elapsed().as_secs_f64();
    }
    systems.extend(files.into_iter().map(|run| System { run, searched: Searched::File, reranked }));
    let begun = Instant::now();
    let tables: Vec<Table> = systems.iter().map(|system| Table::new(judged, &system.run, &task.metrics)).collect();
    timings.judge_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let hybrid = collection.map(|collection| Options {
        rerank: None,
        exact: true,
        ..options(task, collection, Mode::Hybrid, k, by)
    });
    let look = collection.zip(hybrid.as_ref()).map(|(collection, hybrid)| Look {
        collection,
        questions: &questions,
        embedder,
        threads: task.asked.threads,
        hybrid,
        watch: task.watch,
    });
    let (losses, misses) = evidence::losses(judged, &systems, task.at, look.as_ref(), &texts)?;
    timings.loss_s = begun.elapsed().as_secs_f64();
    Ok(Part { systems, tables, losses, misses, timings })
}

/// One way of asking.
fn options(task: &Task<'_>, collection: &dyn Collection, mode: Mode, k: usize, by: query::By) -> Options {
    task.asked.ranking.options(collection, mode, k, by, UNLIMITED)
}

fn searched(mode: Mode) -> Searched {
    match mode {
        Mode::Hybrid => Searched::Hybrid,
        Mode::Dense => Searched::Dense,
        Mode::Lexical => Searched::Lexical,
    }
}

/// The place among the modes of the one that the run files reranked.
fn reranked(asked: &Asked) -> Result<Option<usize>> {
    let Some(mode) = asked.reranked else { return Ok(None) };
    let place = asked.modes.iter().position(|asked| *asked == mode);
    place.map(Some).ok_or_else(|| Error::unusable(format!("--reranked {} needs that mode among --mode", mode.name())))
}

/// Reads the run files, each under a name of its own.
fn read_runs(
    asked: &Asked,
    judged: &Judged,
    collection: Option<&dyn Collection>,
    notes: &mut Notes,
) -> Result<Vec<Run>> {
    if asked.runs.is_empty() {
        return Ok(Vec::new());
    }
    let catalogue = collection.map(|collection| collection.catalogue()).transpose()?.unwrap_or_default();
    let articles: HashSet<&str> = catalogue.articles.keys().map(String::as_str).collect();
    let mut taken: HashSet<String> = asked.modes.iter().map(|mode| mode.name().to_owned()).collect();
    let mut runs = Vec::new();
    for path in &asked.runs {
        let mut run = adopted(Run::read(path)?, judged, &articles);
        if !judged.answerable().any(|(query, _)| run.ranking(query).len() > 0) {
            return Err(Error::unusable(format!("{}: it answers none of the judged questions", path.display())));
        }
        let any = |(query, topic): (&str, &eval::needs::Topic)| {
            run.ranking(query).any(|found| topic.met_by(found.id).next().is_some())
        };
        if !judged.answerable().any(any) {
            let (kind, example) = match judged.level {
                Level::Article => ("an article", "its id"),
                Level::Answer => ("a passage", "ARTICLE#NUMBER, as nigh run --by passage writes them"),
            };
            let said = format!("none of its results names {kind} that was judged ({example})");
            notes.less(Note::new(Code::RunUnjudged, said).at(path.display().to_string(), None));
        }
        if !taken.insert(run.name.clone()) {
            run.name = path.display().to_string();
            if !taken.insert(run.name.clone()) {
                return Err(Error::unusable(format!("{}: named twice", path.display())));
            }
        }
        runs.push(run);
    }
    Ok(runs)
}

/// A run with the ids of the judgements: white space is written as in a URL in a run file, and where
/// articles are judged a passage stands for its article. `articles` are those of the collection.
fn adopted(run: Run, judged: &Judged, articles: &HashSet<&str>) -> Run {
    let judged_articles = judged.topics.values().flat_map(|topic| &topic.needs).flat_map(|need| &need.places);
    let known: HashSet<&str> =
        judged_articles.map(|place| place.article.as_str()).chain(articles.iter().copied()).collect();
    let spaced = |ids: &mut dyn Iterator<Item = &str>| -> HashMap<String, String> {
        ids.filter(|id| id.contains(char::is_whitespace)).map(|id| (column(id), id.to_owned())).collect()
    };
    let queries = spaced(&mut judged.topics.keys().map(String::as_str));
    let documents = spaced(&mut known.iter().copied());
    let document = |id: &str| -> String {
        let number = |(article, number): (&str, &str)| Some((article.to_owned(), number.parse::<usize>().ok()?));
        let (article, number) = match id.rsplit_once('#').and_then(number) {
            Some((article, number)) if !known.contains(id) => (article, Some(number)),
            _ => (id.to_owned(), None),
        };
        let of = |article: &str| known.contains(article).then(|| article.to_owned());
        let Some(article) = of(&article).or_else(|| documents.get(&article).cloned()) else { return id.to_owned() };
        match number {
            Some(number) if judged.level == Level::Answer => eval::needs::passage_id(&article, number),
            _ => article,
        }
    };
    let mut all = Run::new(run.name.clone());
    for query in run.queries() {
        let mut seen = HashSet::new();
        let ranking = run.ranking(query).map(|found| Scored { id: document(found.id), score: found.score });
        let ranking = ranking.filter(|found| seen.insert(found.id.clone())).collect();
        let known = if judged.topics.contains_key(query) { None } else { queries.get(query) };
        all.set(known.map_or(query, String::as_str), ranking);
    }
    all
}

/// The unit of evidence of each answerable question, by column: wordings of one need are one.
pub fn columns(judged: &Judged, groups: &[paraphrase::Group]) -> Vec<usize> {
    let wordings = groups
        .iter()
        .enumerate()
        .flat_map(|(number, group)| group.wordings.iter().map(move |(id, _)| (id.as_str(), number)));
    let of: HashMap<&str, usize> = wordings.collect();
    let queries = judged.answerable().enumerate();
    queries.map(|(at, (query, _))| of.get(query).copied().unwrap_or(groups.len() + at)).collect()
}

/// Puts everything together. Gives the tables back, which a report needs as well.
fn verdict(
    task: &Task<'_>,
    judged: &Judged,
    part: Part,
    collection: Option<(&dyn Collection, &str)>,
    begun: Instant,
) -> Result<(Verdict, Vec<Table>)> {
    let asked = task.asked;
    let Part { systems, tables, losses, misses, mut timings } = part;
    let tested = Instant::now();
    let groups = paraphrase::groups(&task.gathered.queries, judged);
    let columns = columns(judged, &groups);
    let (figures, comparisons) = report::figures(&tables, &Units::new(&columns), asked.seed);
    let selection = if columns.len() >= HALVED { eval::select::select(&tables, 0, &columns, asked.seed) } else { None };
    timings.test_s = tested.elapsed().as_secs_f64();
    let judgements = judged.answerable().map(|(_, topic)| topic.ideal.len()).sum();
    let worst = match collection {
        Some((collection, _)) if asked.worst => worst::queries(collection, task, judged, &systems[0], &tables[0])?,
        _ => Vec::new(),
    };
    let mut particulars = json!({
        "seed": asked.seed,
        "modes": asked.modes,
        "metrics": task.metrics,
        "by": judged.level,
        "reranked": asked.reranked,
        "threads": asked.threads,
        "queries": asked.judging.queries.as_deref().map(Input::of),
        "qrels": asked.judging.qrels.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
        "runs": asked.runs.iter().map(|path| Input::of(path)).collect::<Vec<_>>(),
        "grid": asked.grid.as_deref().map(Input::of),
    });
    extend(&mut particulars, asked.ranking.particulars(collection.map(|(collection, _)| collection)));
    let primary = task.metrics[0].to_string();
    let verdict = Verdict {
        title: format!(
            "Verdict on {}",
            collection.map_or_else(|| stems(&asked.runs), |(_, location)| location.to_owned())
        ),
        queries: judged.answerable().count(),
        judgements,
        by: judged.level,
        metrics: task.metrics.iter().map(Metric::to_string).collect(),
        at: task.at,
        notes: task.gathered.notes.said.clone(),
        systems: figures,
        comparisons,
        losses: LossReport::new(task.at, judgements, losses, misses),
        paraphrases: paraphrases(&groups, judged, &systems, &tables, &primary, task.at),
        selection,
        worst,
        manifest: manifest(collection, particulars)?,
        timings: Timings { total_s: begun.elapsed().as_secs_f64(), ..timings },
        primary,
    };
    Ok((verdict, tables))
}

fn stems(paths: &[PathBuf]) -> String {
    let stem = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.iter().map(|path| stem(path)).collect::<Vec<_>>().join(", ")
}

fn paraphrases(
    groups: &[paraphrase::Group],
    judged: &Judged,
    systems: &[System],
    tables: &[Table],
    metric: &str,
    at: usize,
) -> Option<ParaphraseReport> {
    if groups.is_empty() {
        return None;
    }
    let (mut summaries, mut listed, mut failing) = (Vec::new(), Vec::new(), Vec::new());
    for (system, table) in systems.iter().zip(tables) {
        let mut values = paraphrase::values(groups, judged, table, &system.run, 0, at.max(MISSED));
        summaries.extend(paraphrase::summary(&values));
        values.sort_by(|a, b| a.mean.total_cmp(&b.mean));
        listed.extend(values);
        failing.extend(paraphrase::failing(groups, judged, &system.run, at));
    }
    Some(ParaphraseReport { metric: metric.to_owned(), systems: summaries, groups: listed, failing })
}

/// Where a system put each need of a query.
fn ranks_of(judged: &Judged, run: &Run, query: &str) -> Vec<Option<usize>> {
    let ids = run.ranking(query).map(|found| found.id);
    judged.topics.get(query).map(|topic| topic.ranks(ids)).unwrap_or_default()
}
