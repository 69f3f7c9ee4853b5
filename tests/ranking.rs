//! Ranking and presentation of hits: fusion, reranking, near-duplicates, diversity, context, score
//! explanations.

use crate::common::TestDir;
use serde_json::Value;

const STORY: &str = "The harbour master said on Friday that the old lighthouse will be lit again after forty years of darkness, \
                     and that its lamp, found in a barn by two children, has been mended by the smith without any charge.";

fn harbour_articles() -> TestDir {
    let dir = TestDir::new();
    dir.put("a/story.txt", format!("Lighthouse lit again\n\n{STORY}\n"));
    dir.put(
        "b/agency.txt",
        format!(
            "From the agency\n\nHARBOUR (Agency) - {}\n",
            STORY.replace("Friday", "Saturday")
        ),
    );
    dir.put(
        "c/other.txt",
        "Lamps\n\nA lighthouse needs a lamp that can be seen from far away, and a keeper who never sleeps.\n",
    );
    dir.put(
        "d/long.txt",
        "Boats\n\nBoats are built of oak. They are tarred each spring.\n\nNets are mended in winter. The twine comes from the south.\n\nFish is salted at once. Barrels hold it for a year.\n",
    );
    dir.ok(&[
        "index",
        ".",
        "--chunk-tokens",
        "16",
        "-c",
        "short",
        "--overlap",
        "0",
    ]);
    dir.ok(&["index", "a", "b", "c", "d"]);
    dir
}

fn article_ids(found: &Value) -> Vec<&str> {
    found["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["article_id"].as_str().unwrap())
        .collect()
}

#[test]
fn near_duplicates_are_folded_under_the_best_hit() {
    let dir = harbour_articles();
    let question = "when will the old lighthouse be lit again";
    let folded = dir.json(0, &["search", question]);
    assert_eq!(article_ids(&folded)[0], "a/story.txt");
    let copies = folded["hits"][0]["copies"].as_array().unwrap();
    assert_eq!(copies.len(), 1);
    assert_eq!(
        (&copies[0]["article_id"], &copies[0]["line"]),
        (&"b/agency.txt".into(), &1.into())
    );
    assert!(!article_ids(&folded)[1..].contains(&"b/agency.txt"));
    let side_by_side = dir.json(0, &["search", question, "--copies"]);
    assert_eq!(
        &article_ids(&side_by_side)[..2],
        ["a/story.txt", "b/agency.txt"]
    );
    assert!(side_by_side["hits"][0].get("copies").is_none());
    assert_eq!(
        article_ids(&dir.json(0, &["search", question, "-k", "2"])),
        ["a/story.txt", "c/other.txt"],
        "a folded duplicate takes up no rank"
    );
    dir.run(&["search", question])
        .assert_exit(0, &["also in b/agency.txt:1"]);
}

#[test]
fn around_adds_the_neighbouring_passages() {
    let dir = harbour_articles();
    let file = std::fs::read_to_string(dir.path("d/long.txt")).unwrap();
    let hit = |around: &str| {
        let args = [
            "search",
            "winter is for mending nets",
            "-c",
            "short",
            "-k",
            "1",
            "--around",
            around,
        ];
        dir.json(0, &args)["hits"][0].clone()
    };
    assert!(hit("0").get("around").is_none());
    let one = hit("1");
    let span = |value: &Value| {
        (
            value[0].as_u64().unwrap() as usize,
            value[1].as_u64().unwrap() as usize,
        )
    };
    let ((start, end), (from, to)) = (span(&one["span"]), span(&one["around"]["span"]));
    assert!(from < start && end < to, "{one}");
    assert_eq!(one["around"]["text"], file[from..to]);
    let (from, to) = span(&hit("50")["around"]["span"]);
    assert_eq!(file[..from].trim(), "");
    assert_eq!(file[to..].trim(), "");
}

#[test]
fn explained_shares_add_up_to_the_score() {
    let dir = harbour_articles();
    let question = "when will the lighthouse lamp be lit agian";
    for extra in [
        &[][..],
        &["--fusion", "min-max"],
        &["--fusion", "rrf", "--dense-weight", "0.3"],
        &["--fusion", "distribution"],
    ] {
        let args = [&["search", question, "--explain", "-k", "2"][..], extra].concat();
        let found = dir.json(0, &args);
        for hit in found["hits"].as_array().unwrap() {
            let explanation = &hit["explanation"];
            let share = |part: &str| explanation["shares"][part].as_f64().unwrap();
            assert!(
                (share("dense") + share("lexical") - hit["score"].as_f64().unwrap()).abs() < 1e-5,
                "{hit}"
            );
            let words = explanation["words"].as_array().unwrap();
            let sum: f64 = words
                .iter()
                .map(|word| word["score"].as_f64().unwrap())
                .sum();
            if let Some(lexical) = hit["scores"]["lexical"].as_f64() {
                assert!(
                    (sum - lexical).abs() < 1e-4,
                    "{sum} {lexical} {explanation}"
                );
            }
            let sentence = &explanation["sentence"];
            let span = |of: &Value, at: usize| of["span"][at].as_u64().unwrap();
            assert!(span(hit, 0) <= span(sentence, 0) && span(sentence, 1) <= span(hit, 1));
        }
        let best = &found["hits"][0]["explanation"];
        let fuzzy = best["words"]
            .as_array()
            .unwrap()
            .iter()
            .find(|word| word["word"] == "agian");
        assert_eq!(fuzzy.unwrap()["found_as"], "again", "{best}");
        assert!(best["above_cut"].as_f64().unwrap() > 0.0);
    }
    let shown = dir.run(&["search", question, "--explain", "-k", "1"]);
    shown.assert_exit(
        0,
        &[
            "dense   +",
            "lexical +",
            "BM25:",
            "agian as again",
            "best sentence",
            "above the first",
        ],
    );
    let lexical = dir.json(
        0,
        &[
            "search",
            "nets in winter",
            "--explain",
            "-k",
            "1",
            "--mode",
            "lexical",
        ],
    );
    let hit = &lexical["hits"][0];
    assert!(hit["explanation"]["shares"].get("dense").is_none());
    let (from, to) = (
        &hit["explanation"]["sentence"]["span"][0],
        &hit["explanation"]["sentence"]["span"][1],
    );
    let file = std::fs::read_to_string(dir.path("d/long.txt")).unwrap();
    assert_eq!(
        &file[from.as_u64().unwrap() as usize..to.as_u64().unwrap() as usize],
        "Nets are mended in winter."
    );
}

#[test]
fn maxsim_reranks_at_most_rerank_top_passages_within_rerank_ms() {
    let dir = harbour_articles();
    let question = "what holds fish for a year";
    let found = dir.json(
        0,
        &[
            "search",
            question,
            "-c",
            "short",
            "--rerank",
            "maxsim",
            "--rerank-top",
            "4",
            "--rerank-ms",
            "60000",
        ],
    );
    assert_eq!(
        (&found["rerank"]["model"], &found["rerank"]["passages"]),
        (&"maxsim".into(), &4.into())
    );
    let hits = found["hits"].as_array().unwrap();
    assert!(
        hits[0]["text"]
            .as_str()
            .unwrap()
            .contains("Barrels hold it")
    );
    for (at, hit) in hits.iter().enumerate() {
        assert_eq!(hit["scores"].get("rerank").is_some(), at < 4, "{hit}");
    }
    let scores: Vec<f64> = hits
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
    let out_of_time = dir.run(&[
        "search",
        question,
        "-c",
        "short",
        "--rerank",
        "maxsim",
        "--rerank-ms",
        "0",
    ]);
    out_of_time.assert_exit(0, &["within the time limit"]);
    dir.run(&["search", question, "--rerank", "builtin"])
        .assert_exit(2, &["has already", "maxsim"]);
    dir.run(&["search", question, "--rerank", "no-such"])
        .assert_exit(2, &["no such reranker", "nigh models"]);
}

#[test]
fn run_and_eval_support_reranking() {
    let dir = harbour_articles();
    dir.put("q.jsonl", "{\"_id\": \"1\", \"text\": \"who mended the lamp\"}\n{\"_id\": \"2\", \"text\": \"what are boats built of\"}\n");
    dir.put(
        "qrels.tsv",
        "query-id\tcorpus-id\tscore\n1\ta/story.txt\t1\n2\td/long.txt\t1\n",
    );
    let run = dir.json(
        0,
        &[
            "run",
            "--queries",
            "q.jsonl",
            "--out",
            "r.trec",
            "--rerank",
            "maxsim",
            "-k",
            "3",
        ],
    );
    assert_eq!(run["manifest"]["rerank"]["model"], "maxsim");
    assert!(
        std::fs::read_to_string(dir.path("r.trec"))
            .unwrap()
            .contains("nigh-hybrid-maxsim")
    );
    let verdict = dir.json(
        0,
        &[
            "eval",
            "--queries",
            "q.jsonl",
            "--qrels",
            "qrels.tsv",
            "--mode",
            "hybrid,dense",
            "--rerank",
            "maxsim",
        ],
    );
    let names: Vec<&str> = verdict["systems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["hybrid", "dense", "hybrid, maxsim", "dense, maxsim"]
    );
}

#[test]
fn diverse_replaces_near_duplicates_by_other_hits() {
    let dir = harbour_articles();
    let search = [
        "search",
        "the lighthouse lamp will be lit again",
        "--copies",
        "-k",
        "2",
    ];
    let first: Vec<String> = article_ids(&dir.json(0, &search))
        .into_iter()
        .map(str::to_owned)
        .collect();
    assert_eq!(first, ["a/story.txt", "b/agency.txt"]);
    let diverse = dir.json(0, &[&search[..], &["--diverse=0.6"]].concat());
    assert_eq!(article_ids(&diverse)[0], "a/story.txt");
    assert_ne!(
        article_ids(&diverse)[1],
        "b/agency.txt",
        "a near-duplicate of the first hit"
    );
    dir.run(&["search", "lamp", "--diverse=2"])
        .assert_exit(2, &["from 0 to 1"]);
}

#[test]
fn article_score_can_be_the_sum_of_its_passages() {
    let dir = harbour_articles();
    let score = |how: &str| {
        let args = [
            "search",
            "nets and fish and boats",
            "-c",
            "short",
            "--by",
            "article",
            "-k",
            "1",
            "--article-score",
            how,
        ];
        let found = dir.json(0, &args);
        assert_eq!(article_ids(&found), ["d/long.txt"]);
        found["hits"][0]["score"].as_f64().unwrap()
    };
    assert!(score("sum") > score("best"));
}

#[test]
fn search_copes_with_typos_long_questions_and_unknown_words() {
    let dir = harbour_articles();
    let first = |question: &str| {
        let found = dir.json(0, &["search", question, "-k", "1"]);
        article_ids(&found)[0].to_owned()
    };
    let paragraph = format!(
        "I once read a long piece, and I quote: {} Where was that?",
        STORY.repeat(20)
    );
    for question in [
        "when will the lighthouse be lit again",
        "WHEN WILL THE LIGHTHOUSE BE LIT AGAIN",
        "lighthouse lit again",
        "wehn wil the lighthuose be litt agan",
        "not the lamp, not the smith: when is the lighthouse lit again",
        &paragraph,
    ] {
        assert_eq!(first(question), "a/story.txt", "{question}");
    }
    dir.run(&["search", "quixotic xylophones"]).assert_exit(
        0,
        &[
            "no passage contains a significant word of the question",
            "hits come from dense search alone",
        ],
    );
    dir.run(&["search", "quixotic xylophones", "--mode", "lexical"])
        .assert_exit(
            0,
            &["no passage contains a significant word", "nothing found"],
        );
    dir.run(&["search", "the of and to", "--mode", "lexical"])
        .assert_exit(0, &["only stop words", "a/story.txt"]);
    dir.run(&[
        "search",
        "wann wird der alte Leuchtturm am Hafen wieder angezündet",
    ])
    .assert_exit(0, &["seems to be in German", "the articles are in English"]);
}

#[test]
fn lexical_search_uses_the_language_of_the_articles() {
    let dir = TestDir::new();
    dir.put(
        "de/a.txt",
        "Häuser\n\nDie alten Häuser am Hafen wurden nach dem Sturm von den Fischern wieder aufgebaut.\n",
    );
    dir.put(
        "de/b.txt",
        "Boote\n\nDie Boote liegen im Winter auf dem Strand, und die Netze werden in der Scheune geflickt.\n",
    );
    let report = dir.json(0, &["index", "de"]);
    assert_eq!(report["language"], "german");
    let found = dir.json(0, &["search", "Haus der Fischer", "--mode", "lexical"]);
    assert_eq!(
        article_ids(&found),
        ["de/a.txt"],
        "German stemming, and \u{201c}der\u{201d} is a stop word"
    );
    dir.run(&["index", "de", "--language", "english"])
        .assert_exit(2, &["german", "english", "-c"]);
    let unstemmed = dir.json(0, &["index", "de", "-c", "plain", "--language", "other"]);
    assert_eq!(unstemmed["language"], "other");
    let fuzzy = dir.json(
        0,
        &["search", "fischer", "-c", "plain", "--mode", "lexical"],
    );
    assert_eq!(
        fuzzy["hits"].as_array().unwrap().len(),
        1,
        "the word is fuzzy-matched"
    );
    assert_eq!(
        fuzzy["corrections"],
        serde_json::json!([{ "word": "fischer", "used": "fischern" }])
    );
    assert_eq!(fuzzy["notes"][0]["code"], "near_words");
    assert!(
        fuzzy["notes"][0]["message"]
            .as_str()
            .unwrap()
            .contains("fischern"),
        "{fuzzy}"
    );
    // Capitalised words may be names and are not fuzzy-matched.
    let name = dir.json(
        0,
        &["search", "Fischer", "-c", "plain", "--mode", "lexical"],
    );
    assert_eq!(name["hits"], serde_json::json!([]));
    dir.run(&["index", "de", "-c", "x", "--language", "klingon"])
        .assert_exit(2, &["expected one of", "german"]);
}
