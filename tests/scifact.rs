//! The figure that other engines publish: SciFact, whole abstracts, exact dense search.

mod common;

use common::Place;
use std::collections::HashMap;
use std::path::PathBuf;

#[test]
#[ignore = "needs SciFact in BEIR's layout: set SCIFACT to its folder"]
fn dense_search_on_scifact_is_as_good_as_published() {
    let folder = PathBuf::from(std::env::var("SCIFACT").expect("SCIFACT: the folder with corpus.jsonl and qrels.tsv"));
    let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let place = Place::new();
    let report = place.json(0, &["index", folder.to_str().unwrap(), "--chunk", "whole"]);
    assert_eq!(report["articles"], 5183);
    place.ok(&["run", "--queries", &file("queries.jsonl"), "--out", "dense.trec", "--mode", "dense", "--exact"]);
    let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in std::fs::read_to_string(file("qrels.tsv")).unwrap().lines().skip(1) {
        let [query, document, grade] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        relevant.entry(query.into()).or_default().insert(document.into(), grade.parse().unwrap());
    }
    let mut gains: HashMap<String, f64> = HashMap::new();
    for line in std::fs::read_to_string(place.path("dense.trec")).unwrap().lines() {
        let row: Vec<&str> = line.split(' ').collect();
        let rank: f64 = row[3].parse().unwrap();
        if rank <= 10.0 {
            let grade = relevant.get(row[0]).and_then(|of| of.get(row[2])).copied().unwrap_or_default();
            *gains.entry(row[0].into()).or_default() += grade / (rank + 1.0).log2();
        }
    }
    let ndcg = relevant.iter().map(|(query, documents)| {
        let mut grades: Vec<f64> = documents.values().copied().collect();
        grades.sort_by(|a, b| b.total_cmp(a));
        let ideal: f64 = grades.iter().take(10).zip(2..).map(|(grade, place)| grade / f64::from(place).log2()).sum();
        gains.get(query).copied().unwrap_or_default() / ideal
    });
    let ndcg = ndcg.sum::<f64>() / relevant.len() as f64;
    println!("nDCG@10 {ndcg:.5}");
    assert!(ndcg >= 0.645, "nDCG@10 {ndcg:.5}; published for f32: 0.64508");
}
