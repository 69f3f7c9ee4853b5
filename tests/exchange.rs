//! `nigh export`, `import` and `embed`: articles with their vectors in JSON lines and Parquet.

use crate::common::{CliOutput, TestDir, data, with_data};
use serde_json::{Value, json};
#[cfg(feature = "parquet")]
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;

/// The second file format under test, if it is compiled in.
const OTHER_EXTENSION: &str = if cfg!(feature = "parquet") {
    "parquet"
} else {
    "jsonl"
};

const QUESTIONS: [&str; 3] = [
    "why is one high tide a day bigger",
    "how did Moscow react",
    "what makes a sourdough rise",
];

/// The hits of every question: passage id, text and cosine. BM25 scores are left out: their last
/// digit depends on the number of segments.
fn hits_of(dir: &TestDir, collection: &str) -> Vec<(Value, Value, Value)> {
    let hits = QUESTIONS
        .map(|question| dir.json(0, &["search", question, "-c", collection])["hits"].clone());
    let hits = hits.iter().flat_map(|hits| hits.as_array().unwrap());
    hits.map(|hit| {
        (
            hit["passage_id"].clone(),
            hit["text"].clone(),
            hit["scores"]["dense"].clone(),
        )
    })
    .collect()
}

/// The rows that an export has of each article, by its id; none if there is no collection.
#[cfg(feature = "parquet")]
fn articles_of(dir: &TestDir, collection: &str) -> BTreeMap<String, Vec<Value>> {
    let mut articles = BTreeMap::<String, Vec<Value>>::new();
    if dir.path(collection).exists() {
        let export = dir.ok(&["export", "-c", collection]).stdout;
        // The first line is the header.
        for line in export.lines().skip(1) {
            let row: Value = serde_json::from_str(line).unwrap();
            let id = row["article_id"].as_str().unwrap().to_owned();
            articles.entry(id).or_default().push(row);
        }
    }
    articles
}

/// Runs the program with `input` on standard input.
fn run_with_stdin(dir: &TestDir, args: &[&str], input: &[u8]) -> CliOutput {
    let mut command = dir.command(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // Writing fails if the program ends before it has read everything.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap().into()
    })
}

#[test]
fn export_and_import_round_trip_preserves_search_results() {
    let dir = with_data();
    let expected = hits_of(&dir, ".nigh");
    let articles = dir.json(0, &["stats"])["articles"].as_u64().unwrap();
    for extension in ["jsonl", OTHER_EXTENSION] {
        let file = &format!("all.{extension}");
        let exported = dir.json(0, &["export", file]);
        assert_eq!(exported["articles"], articles);
        let copy = format!("{file}.copy");
        let report = dir.json(0, &["import", file, "-c", &copy]);
        assert_eq!(
            (report["added"].as_u64(), report["failures"].as_u64()),
            (Some(articles), Some(0)),
            "{report}"
        );
        assert_eq!(report["passages"], exported["passages"]);
        assert_eq!(hits_of(&dir, &copy), expected, "{file}");
        assert_eq!(dir.json(0, &["check", "-c", &copy])["sound"], true);
        // The vectors are preserved bit by bit: a second export is the same file.
        dir.ok(&["export", "again.jsonl", "-c", &copy]);
        dir.ok(&["export", "first.jsonl"]);
        assert!(
            std::fs::read(dir.path("again.jsonl")).unwrap()
                == std::fs::read(dir.path("first.jsonl")).unwrap()
        );
        // Indexing the source files afterwards finds nothing to do.
        let report = dir.json(0, &["index", data().to_str().unwrap(), "-c", &copy]);
        assert_eq!(report["unchanged"], articles, "{report}");
        assert_eq!(report["embedded"], 0);
    }
}

#[test]
fn import_is_idempotent_and_replaces_changed_articles() {
    let dir = TestDir::new();
    dir.put("a/one.txt", "The moon pulls the sea. Tides rise.");
    dir.put("a/two.txt", "Yeast makes bread rise.");
    dir.ok(&["index", "a", "-c", "from"]);
    assert_eq!(dir.json(0, &["import", "from", "-c", "to"])["added"], 2);
    assert_eq!(dir.json(0, &["import", "from", "-c", "to"])["unchanged"], 2);
    dir.put("a/two.txt", "Yeast makes bread rise, slowly in the cold.");
    dir.put("a/three.txt", "Bees dance.");
    dir.ok(&["index", "a", "-c", "from"]);
    let report = dir.json(0, &["import", "from", "-c", "to"]);
    assert_eq!(
        (&report["added"], &report["updated"], &report["unchanged"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let found = dir.json(0, &["search", "bread", "-c", "to", "-k", "1"]);
    assert_eq!(
        found["hits"][0]["text"],
        "Yeast makes bread rise, slowly in the cold."
    );
    assert_eq!(dir.json(0, &["check", "-c", "to"])["sound"], true);
    // Vectors of another model are refused.
    dir.ok(&["index", "a", "-c", "static", "--model", "static"]);
    dir.run(&["import", "static", "-c", "to"])
        .assert_exit(2, &["was made with the model", "Make a new collection"]);
}

#[test]
fn embed_reads_stdin_or_files_and_gives_the_same_vectors_as_indexing() {
    let dir = with_data();
    let records: String = [
        "Tides rise twice a day.",
        "Bread rises once.",
        "Tides rise twice a day.",
    ]
    .iter()
    .enumerate()
    .map(|(id, text)| {
        format!(
            "{}\n",
            json!({"_id": format!("r{id}"), "text": text, "part": id})
        )
    })
    .collect();
    let result = run_with_stdin(&dir, &["embed"], records.as_bytes());
    result.assert_exit(0, &["3 passages of 3 articles"]);
    let rows: Vec<Value> = result
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["nigh"]["model"]["dimensions"], 384);
    assert_eq!(rows[1]["passage_id"], "r0#0");
    assert_eq!(rows[3]["metadata"], json!({"part": 2}));
    // A repeated text gets the same vector again.
    assert_eq!(rows[1]["vector"], rows[3]["vector"]);
    let norm: f64 = rows[1]["vector"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap().powi(2))
        .sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");

    // The output does not depend on the number of threads, and searching it after an import gives
    // the hits of an indexed collection.
    let (data, one, two) = (
        data(),
        format!("one.{OTHER_EXTENSION}"),
        format!("two.{OTHER_EXTENSION}"),
    );
    dir.ok(&[
        "embed",
        data.to_str().unwrap(),
        "--out",
        &one,
        "--threads",
        "1",
    ]);
    dir.ok(&[
        "embed",
        data.to_str().unwrap(),
        "--out",
        &two,
        "--threads",
        "2",
    ]);
    assert!(std::fs::read(dir.path(&one)).unwrap() == std::fs::read(dir.path(&two)).unwrap());
    dir.ok(&["import", &one, "-c", "embedded"]);
    let texts = |collection: &str| {
        hits_of(&dir, collection)
            .into_iter()
            .map(|(_, text, dense)| (text, dense))
    };
    assert!(texts("embedded").eq(texts(".nigh")));

    // `embed` and `index` derive the same ids from file names.
    dir.put("docs/tides.txt", "Tides rise twice a day.");
    dir.ok(&["index", "docs", "-c", "files"]);
    dir.ok(&["embed", "docs", "--out", "docs.jsonl"]);
    let report = dir.json(0, &["import", "docs.jsonl", "-c", "files"]);
    assert_eq!(
        (&report["added"], &report["unchanged"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
}

#[test]
fn import_rejects_foreign_files_and_skips_damaged_articles() {
    let dir = with_data();
    dir.ok(&["export", "all.jsonl"]);
    let good = std::fs::read_to_string(dir.path("all.jsonl")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let import = |name: &str, text: &[u8]| {
        dir.put(name, text);
        let _ = std::fs::remove_dir_all(dir.path("to"));
        dir.run(&["import", name, "-c", "to"])
    };
    dir.run(&["import", "nowhere.jsonl", "-c", "to"])
        .assert_exit(2, &["nowhere.jsonl", "No such file"]);
    import("empty.jsonl", b"").assert_exit(
        2,
        &["empty.jsonl: no header in its first line", "it is empty"],
    );
    import("other.jsonl", b"{\"text\": \"a\"}\n")
        .assert_exit(2, &["other.jsonl: no header", "nigh export"]);
    let newer = lines[0].replace("\"format\":1", "\"format\":9");
    import("newer.jsonl", newer.as_bytes())
        .assert_exit(2, &["its format is 9, and this program reads format 1"]);
    assert!(
        !dir.path("to").exists(),
        "a rejected file creates no collection"
    );

    // An error in one article skips only that article and is reported once.
    let passages_of_article_row = |at: usize| {
        serde_json::from_str::<Value>(lines[at]).unwrap()["article"]["passages"].as_u64()
    };
    let multi_passage = (1..lines.len())
        .find(|&at| passages_of_article_row(at).is_some_and(|passages| passages > 2))
        .unwrap();
    let articles = (1..lines.len())
        .filter(|&at| passages_of_article_row(at).is_some())
        .count();
    let with_line = |at: usize, line: &str| {
        let mut changed = lines.clone();
        changed[at] = line;
        changed.join("\n")
    };
    let with_short_vector = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["vector"] = json!([1.0, 0.0]);
        row.to_string()
    };
    let with_zero_vector = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["vector"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|number| *number = json!(0.0));
        row.to_string()
    };
    for (broken, problem) in [
        (
            with_line(multi_passage + 1, "{\"cut"),
            format!("line {}: EOF while parsing", multi_passage + 2),
        ),
        (
            with_line(multi_passage + 1, ""),
            format!("line {}: article", multi_passage + 1),
        ),
        (
            with_line(
                multi_passage + 1,
                &with_short_vector(lines[multi_passage + 1]),
            ),
            "expected a vector of 384 numbers, found 2".to_owned(),
        ),
        (
            with_line(
                multi_passage + 1,
                &with_zero_vector(lines[multi_passage + 1]),
            ),
            "a vector of length 0; unit length was expected".to_owned(),
        ),
        (
            with_line(multi_passage, ""),
            format!("line {}: ", multi_passage + 2),
        ),
        (
            with_line(
                multi_passage + 1,
                &lines[multi_passage + 1].replacen("\"start\":", "\"start\":1", 1),
            ),
            "the text of a passage is not its article's".to_owned(),
        ),
        (
            with_line(
                multi_passage + 1,
                &lines[multi_passage + 1].replacen("\"fingerprint\":\"", "\"fingerprint\":\"x", 1),
            ),
            "32 hexadecimal digits".to_owned(),
        ),
    ] {
        let result = import("broken.jsonl", broken.as_bytes());
        result.assert_exit(1, &["skipped", &problem, "1 skipped"]);
        assert_eq!(
            dir.json(0, &["stats", "-c", "to"])["articles"],
            articles - 1,
            "{problem}"
        );
        assert_eq!(dir.json(0, &["check", "-c", "to"])["sound"], true);
    }
    // A truncated file.
    let truncated = lines[..multi_passage + 2].join("\n");
    import("cut.jsonl", truncated.as_bytes()).assert_exit(1, &["passages, found 2"]);
}

#[cfg(feature = "parquet")]
#[test]
fn import_of_a_damaged_parquet_file_fails_and_never_alters_articles() {
    let dir = with_data();
    dir.ok(&["export", "all.parquet"]);
    let import = |name: &str, bytes: &[u8]| {
        dir.put(name, bytes);
        let _ = std::fs::remove_dir_all(dir.path("to"));
        dir.run(&["import", name, "-c", "to"])
    };
    let parquet = std::fs::read(dir.path("all.parquet")).unwrap();
    import("cut.parquet", &parquet[..parquet.len() / 2]).assert_exit(2, &["cut.parquet: "]);
    // Damage in the data pages: an article whose vector is damaged is skipped, and an unreadable
    // page ends the import. What was imported is what was exported.
    let exported = articles_of(&dir, ".nigh");
    let (mut skipped, mut stopped) = (0, 0);
    for place in [2, 8, 12, 15] {
        let mut flipped = parquet.clone();
        let at = flipped.len() / 16 * place;
        flipped[at..at + 64]
            .iter_mut()
            .for_each(|byte| *byte ^= 0xff);
        let result = import("flipped.parquet", &flipped);
        let imported = articles_of(&dir, "to");
        if result.stdout.contains("1 skipped") {
            result.assert_exit(1, &["skipped article"]);
            assert_eq!(imported.len(), exported.len() - 1, "at {at}");
            skipped += 1;
        } else {
            result.assert_exit(1, &["stopped", "flipped.parquet: "]);
            assert!(imported.len() < exported.len(), "at {at}");
            stopped += 1;
        }
        for (id, rows) in &imported {
            assert_eq!(Some(rows), exported.get(id), "{id}, damaged at {at}");
        }
    }
    assert!(skipped > 0 && stopped > 0, "{skipped} {stopped}");
    dir.run(&["index", "all.parquet", "-c", "x"])
        .assert_exit(1, &["embedded already; nigh import"]);
}

#[test]
fn export_leaves_no_partial_files_and_tolerates_a_closed_pipe() {
    let dir = with_data();
    dir.run(&["export", "--json"])
        .assert_exit(2, &["name a file for the passages"]);
    dir.run(&["export", "no/such/folder/x.jsonl"])
        .assert_exit(2, &["no/such/folder/x.jsonl: "]);
    dir.put("bad.jsonl", "{\"text\": \"good\"}\n{\"cut\n");
    let report = dir.json(1, &["embed", "bad.jsonl", "--out", "out.jsonl"]);
    assert_eq!(
        (&report["articles"], &report["failures"]),
        (&json!(1), &json!(1))
    );
    dir.put("photo.jpg", [0, 1, 2]);
    dir.run(&["embed", "photo.jpg", "--out", "photo.jsonl"])
        .assert_exit(1, &["unsupported format"]);
    dir.run(&["embed", "-", "bad.jsonl"])
        .assert_exit(2, &["read alone"]);
    let mut remaining = std::fs::read_dir(dir.path(".")).unwrap().flatten();
    assert!(remaining.all(|entry| !entry.file_name().to_string_lossy().ends_with(".unfinished")));
    // A reader that closes the pipe early is no error.
    let mut child = dir
        .command(&["export"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let result: CliOutput = child.wait_with_output().unwrap().into();
    assert_eq!((result.code, result.stderr.as_str()), (0, ""));
}

/// Rows as another program writes them anew: without the header, sorted, with numbers as floats and
/// without values that are null.
#[test]
fn import_takes_rows_that_were_filtered_sorted_and_written_anew() {
    let dir = with_data();
    let all = dir.ok(&["export"]).stdout;
    let mut rows: Vec<Value> = all
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kept = |row: &Value| row["path"].as_str().unwrap().len().is_multiple_of(2);
    rows.retain(kept);
    let articles = rows.iter().filter(|row| row["article"].is_object()).count();
    assert!(articles > 3);
    rows.sort_by_key(|row| row["text"].as_str().unwrap().len());
    for row in &mut rows {
        for key in ["ordinal", "start", "end", "line"] {
            row[key] = json!(row[key].as_f64().unwrap());
        }
        row["metadata"]["absent"] = Value::Null;
        let fields = row.as_object_mut().unwrap();
        fields.retain(|_, value| !value.is_null());
    }
    let lines = |rows: &[Value]| {
        rows.iter()
            .map(|row| format!("{row}\n"))
            .collect::<String>()
    };
    dir.put("anew.jsonl", lines(&rows));
    let report = dir.json(0, &["import", "anew.jsonl", "-c", "to"]);
    assert_eq!(
        (&report["added"], &report["failures"]),
        (&json!(articles), &json!(0))
    );
    // The same articles, down to the vectors.
    let sorted = |text: &str| {
        let rows = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut rows: Vec<Value> = rows
            .filter(|row| row["passage_id"].is_string() && kept(row))
            .collect();
        rows.sort_by_key(|row| row["passage_id"].as_str().unwrap().to_owned());
        rows
    };
    assert_eq!(
        sorted(&dir.ok(&["export", "-c", "to"]).stdout),
        sorted(&all)
    );

    // Without any header, as the rows of earlier versions: the error says what to do.
    for row in &mut rows {
        if let Some(article) = row["article"].as_object_mut() {
            article.remove("header");
        }
    }
    dir.put("bare.jsonl", lines(&rows));
    dir.run(&["import", "bare.jsonl", "-c", "bare"])
        .assert_exit(2, &["bare.jsonl", "--header"]);
    assert!(!dir.path("bare").exists());
    dir.put("all.jsonl", &all);
    for header in [".nigh", "all.jsonl"] {
        let _ = std::fs::remove_dir_all(dir.path("bare"));
        let args = ["import", "bare.jsonl", "-c", "bare", "--header", header];
        assert_eq!(dir.json(0, &args)["added"], articles);
    }

    // Articles of two models in one file, and a passage that occurs twice.
    let mut mixed: Vec<Value> = all
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let begins = |row: &Value| row["article"].is_object();
    let at = (1..mixed.len()).find(|&at| begins(&mixed[at])).unwrap();
    mixed[at]["article"]["header"]["model"]["hash"] = json!("another");
    let last = (0..mixed.len())
        .rev()
        .find(|&at| !begins(&mixed[at]))
        .unwrap();
    mixed.push(mixed[last].clone());
    dir.put("mixed.jsonl", lines(&mixed));
    let result = dir.run(&["import", "mixed.jsonl", "-c", "mixed"]);
    result.assert_exit(
        1,
        &["was embedded with the model", "(another)", "2 skipped"],
    );
}
