//! A system's metric values: a row per metric, a column per query.

use crate::metric::Metric;
use crate::{Qrels, Result, Run};
use disk::PathError;
use rayon::prelude::*;
use serde::Serialize;
use std::path::Path;

/// The values of a system on every query with relevant judgements, in the order of
/// [`Qrels::answerable`].
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The system's name.
    pub system: String,
    /// The metrics, one per row.
    pub metrics: Vec<Metric>,
    /// `metrics × queries`, each value in 0..=1.
    pub values: Vec<Vec<f64>>,
}

impl Table {
    /// Evaluates a run. A query without results scores 0 in every metric.
    pub fn new(qrels: &Qrels, run: &Run, metrics: &[Metric]) -> Self {
        let topics: Vec<_> = qrels.answerable().collect();
        let columns: Vec<Vec<f64>> = topics
            .par_iter()
            .with_min_len(64)
            .map(|(query, topic)| {
                let grades = topic.grades(run, query);
                metrics
                    .iter()
                    .map(|metric| metric.value(&grades, &topic.ideal))
                    .collect()
            })
            .collect();
        let values = (0..metrics.len())
            .map(|row| columns.iter().map(|column| column[row]).collect())
            .collect();
        Self {
            system: run.name.clone(),
            metrics: metrics.to_vec(),
            values,
        }
    }

    /// The mean of the metric in row `metric` over the queries.
    pub fn mean(&self, metric: usize) -> f64 {
        mean(&self.values[metric])
    }
}

/// The arithmetic mean; 0 for no values.
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// Writes all values of all systems: as JSON lines, one for each system and query, if the name ends
/// in `.jsonl`; else as CSV with the columns `system,query,metric,value`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn export(path: &Path, qrels: &Qrels, tables: &[Table]) -> Result<()> {
    let queries: Vec<&str> = qrels.answerable().map(|(query, _)| query).collect();
    let written = if path
        .extension()
        .is_some_and(|extension| extension == "jsonl")
    {
        export_jsonl(path, &queries, tables)
    } else {
        export_csv(path, &queries, tables)
    };
    Ok(written.map_err(PathError::at(path))?)
}

fn export_csv(path: &Path, queries: &[&str], tables: &[Table]) -> std::io::Result<()> {
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(["system", "query", "metric", "value"])?;
    for table in tables {
        let names: Vec<String> = table.metrics.iter().map(Metric::to_string).collect();
        for (at, query) in queries.iter().enumerate() {
            for (name, row) in names.iter().zip(&table.values) {
                out.write_record([&table.system, *query, name, &row[at].to_string()])?;
            }
        }
    }
    out.flush()
}

fn export_jsonl(path: &Path, queries: &[&str], tables: &[Table]) -> std::io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        system: &'a str,
        query: &'a str,
        metrics: std::collections::BTreeMap<String, f64>,
    }
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    for table in tables {
        for (at, query) in queries.iter().enumerate() {
            let metrics = table
                .metrics
                .iter()
                .zip(&table.values)
                .map(|(m, row)| (m.to_string(), row[at]))
                .collect();
            serde_json::to_writer(
                &mut out,
                &Line {
                    system: &table.system,
                    query,
                    metrics,
                },
            )?;
            std::io::Write::write_all(&mut out, b"\n")?;
        }
    }
    std::io::Write::flush(&mut out)
}
