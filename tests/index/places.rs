//! The same articles wherever a collection, its sources or its model are.

use crate::common::TestDir;

/// The ids and shown paths of all articles with a word.
fn found(dir: &TestDir, collection: &str, word: &str) -> Vec<(String, String)> {
    let args = [
        "search", word, "-c", collection, "--copies", "--mode", "lexical",
    ];
    let hits = dir.json(0, &args)["hits"].clone();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let hits = hits.as_array().unwrap().iter();
    hits.map(|hit| (text(&hit["article_id"]), text(&hit["path"])))
        .collect()
}

#[cfg(unix)]
#[test]
fn a_collection_is_the_same_however_it_is_reached() {
    let dir = TestDir::new();
    dir.put("docs/a.txt", "Bread rises in a warm kitchen.\n");
    dir.put("docs/b.txt", "Bread cools on a rack.\n");
    dir.put("store/keep", "");
    dir.ok(&["index", "docs", "-c", "store/col"]);
    std::os::unix::fs::symlink("store/col", dir.path("link")).unwrap();
    std::os::unix::fs::symlink("docs", dir.path("texts")).unwrap();
    let first = found(&dir, "store/col", "bread");
    for (root, collection) in [
        ("docs", "link"),
        ("./store/../docs", "store/col"),
        ("texts", "./store/./col"),
    ] {
        let report = dir.json(0, &["index", root, "-c", collection]);
        let changes = ["added", "updated", "deleted"].map(|key| report[key].as_u64().unwrap());
        assert_eq!(changes, [0, 0, 0], "{root} {collection}: {report}");
        assert_eq!(
            found(&dir, collection, "bread"),
            first,
            "{root} {collection}"
        );
    }
}

#[test]
fn a_collection_that_is_moved_keeps_its_articles() {
    let dir = TestDir::new();
    dir.put("here/docs/a.txt", "Violins are tuned in fifths.\n");
    dir.put("here/docs/b.txt", "Violins are made of spruce.\n");
    dir.put("elsewhere/keep", "");
    dir.ok(&["index", "here/docs", "-c", "here/col"]);
    // Alone: its files are where they were.
    std::fs::rename(dir.path("here/col"), dir.path("elsewhere/col")).unwrap();
    let files = |dir: &TestDir, collection: &str| -> Vec<String> {
        let hits = found(dir, collection, "violins").into_iter();
        hits.map(|(id, path)| {
            assert!(dir.path(&path).exists(), "{path}");
            id
        })
        .collect()
    };
    let ids = ["docs/b.txt", "docs/a.txt"];
    assert_eq!(
        files(&dir, "elsewhere/col"),
        ids,
        "before it is indexed again"
    );
    for _ in 0..2 {
        let report = dir.json(0, &["index", "here/docs", "-c", "elsewhere/col"]);
        assert_eq!(
            (&report["added"], &report["unchanged"]),
            (&0.into(), &2.into())
        );
        assert_eq!(files(&dir, "elsewhere/col"), ids);
    }
    // Together with its files: these are beside it again.
    std::fs::rename(dir.path("elsewhere/col"), dir.path("here/col")).unwrap();
    std::fs::rename(dir.path("here"), dir.path("there")).unwrap();
    let report = dir.json(0, &["index", "there/docs", "-c", "there/col"]);
    assert_eq!(
        (&report["added"], &report["unchanged"]),
        (&0.into(), &2.into())
    );
    assert_eq!(files(&dir, "there/col"), ids);
    // A copy has its own files, though those of the original are still there.
    dir.put("copy/docs/a.txt", "Violins are tuned in fifths.\n");
    dir.put("copy/docs/b.txt", "Violins are made of spruce.\n");
    copy_folder(&dir.path("there/col"), &dir.path("copy/col"));
    let report = dir.json(0, &["index", "copy/docs", "-c", "copy/col"]);
    assert_eq!(
        (&report["added"], &report["deleted"]),
        (&0.into(), &0.into())
    );
    let paths = found(&dir, "copy/col", "violins");
    assert!(
        paths.iter().all(|(_, path)| path.starts_with("copy")),
        "{paths:?}"
    );
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_model_in_a_folder_is_found_from_everywhere_and_after_a_move() {
    let dir = TestDir::new();
    let source = crate::common::data().join("../models/minilm-l6-v2-static");
    copy_folder(&source, &dir.path("m1"));
    dir.put("a.txt", "Bread rises in a warm kitchen.\n");
    dir.put("sub/nigh.toml", "");
    dir.ok(&["index", "a.txt", "--model", "./m1"]);
    let mut command = dir.command(&["search", "-c", "../.nigh", "bread"]);
    let from_below = command.current_dir(dir.path("sub")).output().unwrap();
    assert!(from_below.status.success(), "{from_below:?}");
    std::fs::rename(dir.path("m1"), dir.path("m2")).unwrap();
    // Nothing is said to be unchanged while the model is gone.
    let said = ["m1", "index PATH --model FOLDER"];
    dir.run(&["index", "a.txt"]).assert_exit(2, &said);
    dir.run(&["search", "bread"]).assert_exit(2, &said);
    let report = dir.json(0, &["index", "a.txt", "--model", "m2"]);
    assert_eq!(report["unchanged"], 1);
    dir.ok(&["search", "bread"]);
    dir.ok(&["index", "a.txt"]);
    // Another model in its place is told from it.
    let tokenizer = std::fs::read_to_string(dir.path("m2/tokenizer.json")).unwrap();
    dir.put("m2/tokenizer.json", tokenizer + "\n");
    for args in [&["index", "a.txt"][..], &["search", "bread"]] {
        dir.run(args).assert_exit(2, &["m2"]);
    }
}
