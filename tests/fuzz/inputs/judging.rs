//! Filters, queries, judgements and run files.

use super::put;
use eval::{Metric, Qrels, Run, Table, judgement, query};
use store::filter::Filter;

pub fn check_filter(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match text.parse::<Filter>() {
        // Printing a filter and parsing it again gives the same filter.
        Ok(filter) => assert_eq!(filter.to_string().parse(), Ok(filter)),
        Err(error) => assert!(error.column <= text.chars().count() + 1, "{error}"),
    }
}

pub fn check_judgements(input: &[u8]) {
    let Ok(judgements) = judgement::read(&[put("qrels.tsv", input)]) else {
        return;
    };
    if let Ok(judged) = Qrels::new(&judgements, None, None) {
        for (_, topic) in judged.answerable() {
            assert!(!topic.ideal.is_empty());
        }
    }
}

pub fn check_queries(input: &[u8]) {
    for query in query::read(&put("queries.jsonl", input)).unwrap_or_default() {
        assert!(!query.text.trim().is_empty());
    }
}

/// A run file, then a line `--`, then the judgements to evaluate it with.
pub fn check_run(input: &[u8]) {
    let split = input
        .windows(4)
        .position(|four| four == b"\n--\n")
        .unwrap_or(input.len());
    let Ok(run) = Run::read(&put("run.trec", &input[..split])) else {
        return;
    };
    for query in run.queries() {
        let scores: Vec<f32> = run.ranking(query).map(|scored| scored.score).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    }
    let Ok(judgements) =
        judgement::read(&[put("qrels.tsv", input.get(split + 4..).unwrap_or_default())])
    else {
        return;
    };
    let Ok(judged) = Qrels::new(&judgements, None, None) else {
        return;
    };
    let metrics = [
        "ndcg@10",
        "recall@5",
        "mrr@10",
        "map@100",
        "success@1",
        "p@3",
    ]
    .map(|name| name.parse::<Metric>());
    let metrics: Vec<Metric> = metrics.into_iter().flatten().collect();
    let table = Table::new(&judged, &run, &metrics);
    for (at, metric) in metrics.iter().enumerate() {
        let mean = table.mean(at);
        assert!((0.0..=1.0).contains(&mean), "{metric}: {mean}");
    }
}
