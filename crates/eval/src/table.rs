//! A system's metric values: a row per metric, a column per query.

use crate::metric::Metric;
use crate::{Qrels, Run};
use rayon::prelude::*;
use serde::Serialize;
use std::io::Write;

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

/// Writes all values of all systems: as JSON lines, one for each system and query, or as CSV with
/// the columns `system,query,metric,value`.
///
/// # Errors
/// Those of `out`.
pub fn export(
    out: &mut dyn Write,
    as_jsonl: bool,
    qrels: &Qrels,
    tables: &[Table],
) -> std::io::Result<()> {
    let queries: Vec<&str> = qrels.answerable().map(|(query, _)| query).collect();
    match as_jsonl {
        true => export_jsonl(out, &queries, tables),
        false => export_csv(out, &queries, tables),
    }
}

fn export_csv(out: &mut dyn Write, queries: &[&str], tables: &[Table]) -> std::io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
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

fn export_jsonl(out: &mut dyn Write, queries: &[&str], tables: &[Table]) -> std::io::Result<()> {
    #[derive(Serialize)]
    struct Line<'a> {
        system: &'a str,
        query: &'a str,
        metrics: std::collections::BTreeMap<String, f64>,
    }
    for table in tables {
        for (at, query) in queries.iter().enumerate() {
            let metrics = table
                .metrics
                .iter()
                .zip(&table.values)
                .map(|(m, row)| (m.to_string(), row[at]))
                .collect();
            let line = Line {
                system: &table.system,
                query,
                metrics,
            };
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()
}
