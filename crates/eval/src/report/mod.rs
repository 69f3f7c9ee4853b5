//! The report of an evaluation: one self-contained HTML page, the numbers as JSON, and the plots as
//! SVG and PNG.
//!
//! `report.html` is rendered from the files in the folder, so an evaluation and a recall benchmark
//! written to the same folder share one page. Each file is replaced as a whole: a page is never
//! shown with half of its figures.

pub mod plots;
mod verdict;

pub use verdict::{
    ExpectedResult, FoundResult, MetricValue, Miss, MissReport, ParaphraseReport, Power,
    SystemMetrics, Timings, Verdict, WorstQuery, system_metrics,
};

use crate::recall::RecallReport;
use crate::table::Table;
use crate::{Error, Result};
use disk::{AtomicFile, PathError};
use minijinja::value::Serde;
use minijinja::{Environment, Value, context};
use plots::Plot;
use serde::Serialize;
use std::path::{Path, PathBuf};

const TEMPLATE: &str = include_str!("report.html.jinja");
/// The page has a query-by-query plot of the first system against at most this many others.
const MAX_COMPARED: usize = 5;

/// The plots of a verdict, apart from the differences.
const VERDICT_PLOTS: [&str; 3] = ["metrics", "losses", "paraphrases"];

fn differences_name(number: usize) -> String {
    format!("differences-{number}")
}

/// The page lists at most this many misses and failing wordings per system; `verdict.json` has all.
const MAX_LISTED: usize = 100;

/// Writes an evaluation into `folder`: `verdict.json`, `plots/` and `report.html`. `tables` belong
/// to the verdict's systems, in the same order. Returns the path of the page.
///
/// # Errors
/// [`Error::Io`], [`Error::Plot`], [`Error::Report`].
pub fn write_verdict(folder: &Path, verdict: &Verdict, tables: &[Table]) -> Result<PathBuf> {
    let (metrics, misses) = (metrics_plot(verdict)?, misses_plot(verdict)?);
    let mut drawn = vec![
        (metrics.name.to_owned(), metrics),
        (misses.name.to_owned(), misses),
    ];
    if let Some(paraphrases) = &verdict.paraphrases {
        let of_first = paraphrases
            .groups
            .iter()
            .filter(|group| group.system == verdict.systems[0].name);
        let groups: Vec<_> = of_first
            .map(|g| (g.question.clone(), g.worst, g.mean, g.best))
            .collect();
        if !groups.is_empty() {
            let plot = plots::paraphrases(&groups, &paraphrases.metric)?;
            drawn.push((plot.name.to_owned(), plot));
        }
    }
    if let Some((first, others)) = tables.split_first() {
        for (number, other) in (1..).zip(others.iter().take(MAX_COMPARED)) {
            let deltas: Vec<f64> = first.values[0]
                .iter()
                .zip(&other.values[0])
                .map(|(a, b)| a - b)
                .collect();
            let plot = plots::differences(&other.system, &first.system, &verdict.primary, &deltas)?;
            drawn.push((differences_name(number), plot));
        }
    }
    let folder = create_folders(folder)?;
    // Delete plots of an earlier evaluation that this one does not have; the page would show them.
    let names = VERDICT_PLOTS
        .iter()
        .map(|name| (*name).to_owned())
        .chain((1..=MAX_COMPARED).map(differences_name));
    for name in names.filter(|name| drawn.iter().all(|(other, _)| other != name)) {
        for old in ["svg", "png"].map(|extension| folder.join(format!("plots/{name}.{extension}")))
        {
            match std::fs::remove_file(&old) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(PathError::at(&old)(error).into());
                }
                _ => {}
            }
        }
    }
    write_json(&folder.join("verdict.json"), verdict)?;
    drawn
        .iter()
        .try_for_each(|(name, plot)| write_plot(folder, name, plot))?;
    render(folder)
}

/// Writes a recall benchmark into `folder`: `recall.json`, `plots/recall.*` and `report.html`.
/// Returns the path of the page.
///
/// # Errors
/// [`Error::Io`], [`Error::Plot`], [`Error::Report`].
pub fn write_recall(folder: &Path, recall: &RecallReport) -> Result<PathBuf> {
    let curves: Vec<_> = recall
        .builds
        .iter()
        .map(|build| {
            let points = build
                .points
                .iter()
                .map(|point| (point.recall, point.qps, format!("ef {}", point.ef)));
            (format!("M {}", build.m), points.collect())
        })
        .collect();
    let plot = plots::recall(&curves)?;
    let folder = create_folders(folder)?;
    write_json(&folder.join("recall.json"), recall)?;
    write_plot(folder, plot.name, &plot)?;
    render(folder)
}

fn metrics_plot(verdict: &Verdict) -> Result<Plot> {
    let row = |system: &SystemMetrics| {
        let values = verdict
            .metrics
            .iter()
            .filter_map(|name| Some((name.clone(), *system.metrics.get(name)?)));
        (
            system.name.clone(),
            values
                .map(|(name, value)| (name, value.mean, value.ci95))
                .collect(),
        )
    };
    plots::metrics(&verdict.systems.iter().map(row).collect::<Vec<_>>())
}

fn misses_plot(verdict: &Verdict) -> Result<Plot> {
    let causes = |counts: &crate::misses::MissCounts| {
        let by_cause = verdict
            .losses
            .causes
            .iter()
            .map(|cause| ((*cause).to_owned(), counts.by_cause[cause]));
        (counts.system.clone(), by_cause.collect())
    };
    plots::misses(
        &verdict
            .losses
            .systems
            .iter()
            .map(causes)
            .collect::<Vec<_>>(),
    )
}

/// Renders the page from the files in the folder.
fn render(folder: &Path) -> Result<PathBuf> {
    let template_error = |error: minijinja::Error| Error::Report(format!("{error:#}"));
    let mut environment = Environment::new();
    environment.add_filter("num", |value: f64, digits: usize| {
        format!("{value:.digits$}")
    });
    environment.add_filter("pct", |value: f64| format!("{:.1}\u{a0}%", 100.0 * value));
    environment.add_filter("count", |value: i64| with_thousands_separators(value));
    environment.add_filter("p", |value: f64| {
        if value < 1e-4 {
            "<0.0001".to_owned()
        } else {
            format!("{value:.4}")
        }
    });
    environment
        .add_template("report.html", TEMPLATE)
        .map_err(template_error)?;
    let mut verdict: Option<serde_json::Value> = read_json(&folder.join("verdict.json"))?;
    let recall: Option<RecallReport> = read_json(&folder.join("recall.json"))?;
    if let Some(verdict) = &mut verdict {
        for list in [
            "/losses/misses",
            "/paraphrases/failing",
            "/paraphrases/groups",
        ] {
            let left_out = verdict
                .pointer_mut(list)
                .and_then(serde_json::Value::as_array_mut)
                .map_or(0, truncate_per_system);
            verdict["left_out"][list.rsplit('/').next().unwrap_or_default()] = left_out.into();
        }
    }
    let title = verdict
        .as_ref()
        .and_then(|verdict| verdict["title"].as_str())
        .unwrap_or("Recall against speed");
    let svg = |name: &str| std::fs::read_to_string(folder.join(format!("plots/{name}.svg"))).ok();
    let differences: Vec<String> = (1..=MAX_COMPARED)
        .map_while(|number| svg(&differences_name(number)))
        .collect();
    let page = environment
        .get_template("report.html")
        .and_then(|template| {
            template.render(context! {
                title,
                verdict => Value::from(Serde(&verdict)),
                recall => Value::from(Serde(&recall)),
                plots => context! {
                    metrics => svg("metrics"),
                    losses => svg("losses"),
                    recall => svg("recall"),
                    paraphrases => svg("paraphrases"),
                    differences,
                },
                theme_css => plots::THEME_CSS,
            })
        })
        .map_err(template_error)?;
    let path = folder.join("report.html");
    AtomicFile::write(&path, page.as_bytes())?;
    Ok(path)
}

/// Creates the folder and its `plots` subfolder.
fn create_folders(folder: &Path) -> Result<&Path> {
    std::fs::create_dir_all(folder.join("plots")).map_err(PathError::at(folder))?;
    Ok(folder)
}

/// Keeps the first [`MAX_LISTED`] entries of each system; returns how many were removed.
fn truncate_per_system(list: &mut Vec<serde_json::Value>) -> usize {
    let (before, mut counts) = (
        list.len(),
        std::collections::HashMap::<String, usize>::new(),
    );
    list.retain(|entry| {
        let count = counts.entry(entry["system"].to_string()).or_default();
        *count += 1;
        *count <= MAX_LISTED
    });
    before - list.len()
}

fn write_plot(folder: &Path, name: &str, plot: &Plot) -> Result<()> {
    let plots = folder.join("plots");
    let (svg, png) = (
        plots.join(format!("{name}.svg")),
        plots.join(format!("{name}.png")),
    );
    AtomicFile::write(&svg, plot.svg.as_bytes())?;
    Ok(AtomicFile::write(&png, &plot.png)?)
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Error::Report(error.to_string()))?;
    Ok(AtomicFile::write(path, (text + "\n").as_bytes())?)
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| {
            Error::file(
                path,
                format!("expected what this program writes there: {error}"),
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(PathError::at(path)(error).into()),
    }
}

/// Formats an integer with commas between thousands.
pub fn with_thousands_separators(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut out = String::from(if value < 0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
