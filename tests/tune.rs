//! Fitting the fusing to questions: what is kept, what it is worth, and what is left alone.

mod common;

use common::Place;
use serde_json::Value;

/// Articles that only their words tell apart, and questions with those words among misleading ones.
fn words_decide() -> Place {
    let place = Place::new();
    let (mut queries, mut qrels) = (String::new(), String::from("query-id\tcorpus-id\tscore\n"));
    for n in 0..40 {
        let code = format!("X{}Q", 1000 + 37 * n);
        place.put(
            &format!("parts/{n}.txt"),
            format!("Spare part\n\nThe spare part {code} fits the pump and costs little.\n"),
        );
        queries += &format!("{{\"_id\": \"q{n}\", \"text\": \"which pump does the cheap spare part {code} fit\"}}\n");
        qrels += &format!("q{n}\tparts/{n}.txt\t1\n");
    }
    place.put("q.jsonl", queries);
    place.put("qrels.tsv", qrels);
    place.ok(&["index", "parts"]);
    place
}

const TUNE: [&str; 5] = ["tune", "--queries", "q.jsonl", "--qrels", "qrels.tsv"];

fn mean(report: &Value, system: &str) -> f64 {
    let systems = report["systems"].as_array().unwrap();
    let system = systems.iter().find(|of| of["name"] == system).unwrap();
    system["metrics"]["nDCG@10"]["mean"].as_f64().unwrap()
}

#[test]
fn what_is_better_is_kept_and_used() {
    let place = words_decide();
    let asked = ["eval", "--queries", "q.jsonl", "--qrels", "qrels.tsv", "--mode", "hybrid", "--metrics", "nDCG@10"];
    // Bad to begin with, so that there is something to gain.
    let bad = place.json(0, &[&asked[..], &["--fusion", "z-score", "--dense-weight", "1"]].concat());
    let tried = place.json(0, &[&TUNE[..], &["--dry-run"]].concat());
    assert_eq!((&tried["kept"], &tried["queries"]), (&false.into(), &40.into()));
    assert!(mean(&tried, "lexical") > 0.99 && mean(&tried, "dense") < 0.9, "{tried}");
    assert!((mean(&tried, "dense") - mean(&bad, "hybrid")).abs() < 1e-9);
    assert!(mean(&tried, "tuned") >= mean(&tried, "before"));
    let manifest = |place: &Place| {
        let verdict = place.json(0, &asked);
        verdict["manifest"]["tuned"].clone()
    };
    assert!(manifest(&place).is_null());
    let tuned = place.json(0, &TUNE);
    if tuned["kept"] == true {
        assert_eq!(manifest(&place), tuned["best"]);
        assert!((mean(&place.json(0, &asked), "hybrid") - mean(&tuned, "tuned")).abs() < 0.05);
        place.ok(&["tune", "--reset"]);
        assert!(manifest(&place).is_null());
    } else {
        assert!(mean(&tuned, "tuned") <= mean(&tuned, "before"));
    }
}

#[test]
fn what_cannot_be_tuned_is_said() {
    let place = words_decide();
    place.run(&["tune"]).said(2, &["which questions?"]);
    place.run(&[&TUNE[..], &["--folds", "60"]].concat()).said(2, &["60 parts need as many questions"]);
    place.run(&[&TUNE[..], &["--metric", "nonsense"]].concat()).said(2, &["nonsense"]);
    place
        .run(&TUNE)
        .said(0, &["40 questions, nDCG@10, 5 parts", "as it was", "meaning alone", "words alone", "best on all"]);
}
