//! Articles with their vectors out of a collection, into files, and into collections again.

use crate::common::{Place, Ran, data};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

/// The extension of the files that are tried beside JSON lines.
const OTHER: &str = if cfg!(feature = "parquet") {
    "parquet"
} else {
    "jsonl"
};

const QUESTIONS: [&str; 3] = [
    "why is one high tide a day bigger",
    "how did Moscow react",
    "what makes a sourdough rise",
];

/// A place with data/ in its collection.
fn indexed() -> Place {
    let place = Place::new();
    place.ok(&["index", data().to_str().unwrap()]);
    place
}

/// What a collection answers: passages with their cosines. How words count depends in its last
/// digit on how many parts a collection was written in.
fn answers(place: &Place, collection: &str) -> Vec<(Value, Value, Value)> {
    let hits = QUESTIONS
        .map(|question| place.json(0, &["search", question, "-c", collection])["hits"].clone());
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

fn piped(place: &Place, args: &[&str], input: &[u8]) -> Ran {
    let mut command = place.command(args);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    std::thread::scope(|scope| {
        // It may end before it has read all.
        scope.spawn(move || to.write_all(input));
        child.wait_with_output().unwrap().into()
    })
}

#[test]
fn a_collection_goes_through_either_file_and_answers_the_same() {
    let place = indexed();
    let expected = answers(&place, ".nigh");
    let articles = place.json(0, &["stats"])["articles"].as_u64().unwrap();
    for extension in ["jsonl", OTHER] {
        let file = &format!("all.{extension}");
        let said = place.json(0, &["export", file]);
        assert_eq!(said["articles"], articles);
        let copy = format!("{file}.copy");
        let report = place.json(0, &["import", file, "-c", &copy]);
        assert_eq!(
            (report["added"].as_u64(), report["failures"].as_u64()),
            (Some(articles), Some(0)),
            "{report}"
        );
        assert_eq!(report["passages"], said["passages"]);
        assert_eq!(answers(&place, &copy), expected, "{file}");
        assert_eq!(place.json(0, &["check", "-c", &copy])["sound"], true);
        // The same to the bit: written again it is the same file.
        place.ok(&["export", "again.jsonl", "-c", &copy]);
        place.ok(&["export", "first.jsonl"]);
        assert!(
            std::fs::read(place.path("again.jsonl")).unwrap()
                == std::fs::read(place.path("first.jsonl")).unwrap()
        );
        // And indexing the sources finds nothing to do.
        let report = place.json(0, &["index", data().to_str().unwrap(), "-c", &copy]);
        assert_eq!(report["unchanged"], articles, "{report}");
        assert_eq!(report["embedded"], 0);
    }
}

#[test]
fn importing_again_changes_nothing_and_a_changed_article_takes_its_place() {
    let place = Place::new();
    place.put("a/one.txt", "The moon pulls the sea. Tides rise.");
    place.put("a/two.txt", "Yeast makes bread rise.");
    place.ok(&["index", "a", "-c", "from"]);
    assert_eq!(place.json(0, &["import", "from", "-c", "to"])["added"], 2);
    assert_eq!(
        place.json(0, &["import", "from", "-c", "to"])["unchanged"],
        2
    );
    place.put("a/two.txt", "Yeast makes bread rise, slowly in the cold.");
    place.put("a/three.txt", "Bees dance.");
    place.ok(&["index", "a", "-c", "from"]);
    let report = place.json(0, &["import", "from", "-c", "to"]);
    assert_eq!(
        (&report["added"], &report["updated"], &report["unchanged"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let found = place.json(0, &["search", "bread", "-c", "to", "-k", "1"]);
    assert_eq!(
        found["hits"][0]["text"],
        "Yeast makes bread rise, slowly in the cold."
    );
    assert_eq!(place.json(0, &["check", "-c", "to"])["sound"], true);
    // Another model's vectors are none for this collection.
    place.ok(&["index", "a", "-c", "static", "--model", "static"]);
    place
        .run(&["import", "static", "-c", "to"])
        .said(2, &["was made with the model", "Make a new collection"]);
}

#[test]
fn a_worker_embeds_what_comes_in_and_gives_what_indexing_would() {
    let place = indexed();
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
    let ran = piped(&place, &["embed"], records.as_bytes());
    ran.said(0, &["3 passages of 3 articles"]);
    let rows: Vec<Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(rows[0]["nigh"]["model"]["dimensions"], 384);
    assert_eq!(rows[1]["passage_id"], "r0#0");
    assert_eq!(rows[3]["metadata"], json!({"part": 2}));
    // A text that comes twice gets its vector twice: nobody keeps the first.
    assert_eq!(rows[1]["vector"], rows[3]["vector"]);
    let norm: f64 = rows[1]["vector"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap().powi(2))
        .sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");

    // Whatever the number of threads, the same bytes; and what is found in it is what indexing
    // finds.
    let (data, one, two) = (data(), format!("one.{OTHER}"), format!("two.{OTHER}"));
    place.ok(&[
        "embed",
        data.to_str().unwrap(),
        "--out",
        &one,
        "--threads",
        "1",
    ]);
    place.ok(&[
        "embed",
        data.to_str().unwrap(),
        "--out",
        &two,
        "--threads",
        "2",
    ]);
    assert!(std::fs::read(place.path(&one)).unwrap() == std::fs::read(place.path(&two)).unwrap());
    place.ok(&["import", &one, "-c", "embedded"]);
    let texts = |collection: &str| {
        answers(&place, collection)
            .into_iter()
            .map(|(_, text, dense)| (text, dense))
    };
    assert!(texts("embedded").eq(texts(".nigh")));

    // Files have the same names either way.
    place.put("docs/tides.txt", "Tides rise twice a day.");
    place.ok(&["index", "docs", "-c", "files"]);
    place.ok(&["embed", "docs", "--out", "docs.jsonl"]);
    let report = place.json(0, &["import", "docs.jsonl", "-c", "files"]);
    assert_eq!(
        (&report["added"], &report["unchanged"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
}

#[test]
fn files_that_are_none_or_broken_are_named() {
    let place = indexed();
    place.ok(&["export", "all.jsonl"]);
    let good = std::fs::read_to_string(place.path("all.jsonl")).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let import = |name: &str, text: &[u8]| {
        place.put(name, text);
        let _ = std::fs::remove_dir_all(place.path("to"));
        place.run(&["import", name, "-c", "to"])
    };
    place
        .run(&["import", "nowhere.jsonl", "-c", "to"])
        .said(2, &["nowhere.jsonl", "No such file"]);
    import("empty.jsonl", b"").said(
        2,
        &["empty.jsonl: no header in its first line", "it is empty"],
    );
    import("other.jsonl", b"{\"text\": \"a\"}\n")
        .said(2, &["other.jsonl: no header", "nigh export"]);
    let newer = lines[0].replace("\"format\":1", "\"format\":9");
    import("newer.jsonl", newer.as_bytes())
        .said(2, &["its format is 9, and this program reads format 1"]);
    assert!(
        !place.path("to").exists(),
        "nothing is made of what is no such file"
    );

    // What is wrong with one article costs that one, and is said once.
    let begins = |at: usize| {
        serde_json::from_str::<Value>(lines[at]).unwrap()["article"]["passages"].as_u64()
    };
    let long = (1..lines.len())
        .find(|&at| begins(at).is_some_and(|passages| passages > 2))
        .unwrap();
    let articles = (1..lines.len()).filter(|&at| begins(at).is_some()).count();
    let with = |at: usize, line: &str| {
        let mut changed = lines.clone();
        changed[at] = line;
        changed.join("\n")
    };
    let vector = |line: &str| {
        let mut row: Value = serde_json::from_str(line).unwrap();
        row["vector"] = json!([1.0, 0.0]);
        row.to_string()
    };
    let zero = |line: &str| {
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
            with(long + 1, "{\"cut"),
            format!("line {}: EOF while parsing", long + 2),
        ),
        (
            with(long + 1, ""),
            format!("line {}: expected passage 1 of", long + 3),
        ),
        (
            with(long + 1, &vector(lines[long + 1])),
            "expected a vector of 384 numbers, found 2".to_owned(),
        ),
        (
            with(long + 1, &zero(lines[long + 1])),
            "a vector of length 0; unit length was expected".to_owned(),
        ),
        (with(long, ""), format!("line {}: ", long + 2)),
        (
            with(
                long + 1,
                &lines[long + 1].replacen("\"start\":", "\"start\":1", 1),
            ),
            "the text of a passage is not its article's".to_owned(),
        ),
        (
            with(
                long + 1,
                &lines[long + 1].replacen("\"fingerprint\":\"", "\"fingerprint\":\"x", 1),
            ),
            "32 hexadecimal digits".to_owned(),
        ),
    ] {
        let ran = import("broken.jsonl", broken.as_bytes());
        ran.said(1, &["skipped", &problem, "1 skipped"]);
        assert_eq!(
            place.json(0, &["stats", "-c", "to"])["articles"],
            articles - 1,
            "{problem}"
        );
        assert_eq!(place.json(0, &["check", "-c", "to"])["sound"], true);
    }
    // A file that ends too soon.
    let cut = lines[..long + 2].join("\n");
    import("cut.jsonl", cut.as_bytes()).said(1, &["passages, found 2"]);
}

#[cfg(feature = "parquet")]
#[test]
fn a_damaged_parquet_file_is_an_error_and_gives_no_altered_article() {
    let place = indexed();
    place.ok(&["export", "all.parquet"]);
    let import = |name: &str, bytes: &[u8]| {
        place.put(name, bytes);
        let _ = std::fs::remove_dir_all(place.path("to"));
        place.run(&["import", name, "-c", "to"])
    };
    let parquet = std::fs::read(place.path("all.parquet")).unwrap();
    import("cut.parquet", &parquet[..parquet.len() / 2]).said(2, &["cut.parquet: "]);
    // Somewhere in the pages: an error, or an article that is not as it was written; never a panic.
    let mut flipped = parquet.clone();
    let middle = flipped.len() / 2;
    flipped[middle..middle + 64]
        .iter_mut()
        .for_each(|byte| *byte ^= 0xff);
    let ran = import("flipped.parquet", &flipped);
    assert!(
        [1, 2].contains(&ran.code) && !ran.err.contains("panicked"),
        "{} {}",
        ran.code,
        ran.err
    );
    if ran.code == 1 {
        let texts = |collection: &str| -> std::collections::BTreeSet<String> {
            let rows = place.ok(&["export", "-c", collection]).out;
            let rows = rows
                .lines()
                .map(|row| serde_json::from_str::<Value>(row).unwrap());
            rows.filter_map(|row| row["text"].as_str().map(str::to_owned))
                .collect()
        };
        assert!(
            texts("to").is_subset(&texts(".nigh")),
            "an article that is not as it was written"
        );
    }
    place
        .run(&["index", "all.parquet", "-c", "x"])
        .said(1, &["embedded already; nigh import"]);
}

#[test]
fn nothing_half_written_is_left_and_output_is_one_thing() {
    let place = indexed();
    place
        .run(&["export", "--json"])
        .said(2, &["name a file for the passages"]);
    place
        .run(&["export", "no/such/folder/x.jsonl"])
        .said(2, &["no/such/folder/x.jsonl: "]);
    place.put("bad.jsonl", "{\"text\": \"good\"}\n{\"cut\n");
    let report = place.json(1, &["embed", "bad.jsonl", "--out", "out.jsonl"]);
    assert_eq!(
        (&report["articles"], &report["failures"]),
        (&json!(1), &json!(1))
    );
    place.put("photo.jpg", [0, 1, 2]);
    place
        .run(&["embed", "photo.jpg", "--out", "photo.jsonl"])
        .said(1, &["no format read here"]);
    place
        .run(&["embed", "-", "bad.jsonl"])
        .said(2, &["read alone"]);
    let left = std::fs::read_dir(place.path(".")).unwrap().flatten();
    assert!(
        left.into_iter()
            .all(|entry| !entry.file_name().to_string_lossy().ends_with(".unfinished"))
    );
    // Whoever reads may stop.
    let mut child = place
        .command(&["export"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}
