//! Fitting the fusing to questions: what is kept, what it is worth, and what is left alone.

use crate::common::Place;
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
        queries += &format!(
            "{{\"_id\": \"q{n}\", \"text\": \"which pump does the cheap spare part {code} fit\"}}\n"
        );
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
    system["metrics"]["MRR@10"]["mean"].as_f64().unwrap()
}

#[test]
fn what_is_better_is_kept_and_used() {
    let place = Place::new();
    place.ok(&[
        "index",
        crate::common::data().join("sample").to_str().unwrap(),
    ]);
    // The articles' own questions: meaning tells them apart better than words.
    let asked = [
        "eval",
        "--qa",
        "--mode",
        "hybrid,dense,lexical",
        "--metrics",
        "MRR@10",
    ];
    let verdict = || place.json(0, &asked);
    let before = verdict();
    let tune = ["tune", "--qa", "--metric", "MRR@10"];
    let tried = place.json(0, &[&tune[..], &["--dry-run"]].concat());
    assert_eq!(
        (&tried["kept"], &tried["queries"]),
        (&false.into(), &192.into())
    );
    for (of, as_judged) in [
        ("before", "hybrid"),
        ("dense", "dense"),
        ("lexical", "lexical"),
    ] {
        assert!(
            (mean(&tried, of) - mean(&before, as_judged)).abs() < 0.003,
            "{of}"
        );
    }
    assert!(verdict()["manifest"]["tuned"].is_null());
    let tuned = place.json(0, &tune);
    assert_eq!(
        (&tuned["kept"], &tuned["best"]),
        (&true.into(), &tried["best"])
    );
    assert!(
        mean(&tuned, "tuned") > mean(&tuned, "before")
            && tuned["best"]["dense"].as_f64() > Some(0.5),
        "{tuned}"
    );
    let after = verdict();
    let (kept, best) = (&after["manifest"]["tuned"], &tuned["best"]);
    assert_eq!(kept["method"], best["method"]);
    assert!(
        (kept["dense"].as_f64().unwrap() - best["dense"].as_f64().unwrap()).abs() < 1e-6,
        "{kept} {best}"
    );
    assert!(mean(&after, "hybrid") > mean(&before, "hybrid"));
    // Nothing is better than itself.
    assert_eq!(place.json(0, &tune)["kept"], false);
    place.ok(&["tune", "--reset"]);
    assert_eq!(mean(&verdict(), "hybrid"), mean(&before, "hybrid"));
}

#[test]
fn what_cannot_be_tuned_is_said() {
    let place = words_decide();
    place.run(&["tune"]).said(2, &["which questions?"]);
    place
        .run(&[&TUNE[..], &["--folds", "60"]].concat())
        .said(2, &["60 parts need as many questions"]);
    place
        .run(&[&TUNE[..], &["--metric", "nonsense"]].concat())
        .said(2, &["nonsense"]);
    place.run(&TUNE).said(
        0,
        &[
            "40 questions, nDCG@10, 5 parts",
            "as it was",
            "meaning alone",
            "words alone",
            "best on all",
        ],
    );
}

#[test]
fn tune_keeps_the_setting_that_nothing_beats() {
    let place = words_decide();
    let tuned = place.json(0, &[&TUNE[..], &["--metric", "MRR@10"]].concat());
    assert!(mean(&tuned, "lexical") > mean(&tuned, "dense"), "{tuned}");
    assert!(mean(&tuned, "tuned") >= mean(&tuned, "before"), "{tuned}");
    assert!(mean(&tuned, "tuned") > mean(&tuned, "dense"), "{tuned}");
    assert_eq!(
        (&tuned["kept"], &tuned["best"]["dense"]),
        (&false.into(), &0.5.into()),
        "half the weight finds all of them already"
    );
}
