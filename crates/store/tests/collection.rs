//! The life of a collection: create, add, update, delete, reopen, merge, compact; and what readers
//! see when.

use crate::common::{article, assert_sound, create, go_on, lexical, model, open, vector};
use ingest::pipeline::EmbeddedArticle;
use ingest::{Chunking, MetaValue};
use std::ops::ControlFlow;
use std::path::Path;
use store::{Collection, DenseSearch, Error, Language, Step, Writer};

fn texts(collection: &dyn Collection, query: &str, k: usize) -> Vec<String> {
    let found = collection
        .search_dense(&vector(query), k, DenseSearch::Exact, None)
        .unwrap();
    let keys: Vec<_> = found.iter().map(|c| c.key).collect();
    collection
        .fetch(&keys)
        .unwrap()
        .into_iter()
        .map(|p| p.text)
        .collect()
}

#[test]
fn article_is_found_fetched_updated_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let mut collection = create(&path);
    let mut writer = collection.writer().unwrap();
    writer
        .put(article(
            "a",
            "tides follow the moon\nwaves follow the wind\n",
        ))
        .unwrap();
    writer
        .put(article("b", "bread follows the yeast\n"))
        .unwrap();
    assert_eq!(writer.pending(), 3);
    writer.commit().unwrap();
    assert!(
        texts(&*collection, "x", 9).is_empty(),
        "a snapshot does not refresh by itself"
    );
    collection.refresh().unwrap();
    assert_eq!(
        texts(&*collection, "waves follow the wind", 1),
        ["waves follow the wind"]
    );
    assert_eq!(lexical(&*collection, "What makes WAVES? (wind)"), ["a#1"]);
    assert_eq!(
        lexical(&*collection, "following"),
        ["a#0", "a#1", "b#0"],
        "stems match; ties keep their order"
    );
    assert!(
        lexical(&*collection, "quixotic xylophones").is_empty()
            && lexical(&*collection, "").is_empty()
    );
    let stored = collection.article("a").unwrap().unwrap();
    assert_eq!(
        stored.article,
        article("a", "tides follow the moon\nwaves follow the wind\n").article
    );
    assert_eq!(stored.passages.len(), 2);
    let hit = &collection
        .fetch(&[collection.search_lexical("wind", 1, None).unwrap()[0].key])
        .unwrap()[0];
    assert_eq!(
        (hit.line, hit.path.as_str(), hit.title.as_str()),
        (2, "a.txt", "Title of a")
    );

    let all = collection.catalog().unwrap().articles;
    assert_eq!(all.len(), 2);
    assert_eq!(collection.article_meta(&["a", "b", "c"]).unwrap(), all);
    assert_eq!(
        collection
            .article_meta(&["b", "c"])
            .unwrap()
            .into_keys()
            .collect::<Vec<_>>(),
        ["b"]
    );

    writer
        .put(article("a", "currents follow the salt\n"))
        .unwrap();
    assert!(!writer.delete("nothing").unwrap());
    assert!(writer.delete("b").unwrap());
    writer.commit().unwrap();
    collection.refresh().unwrap();
    assert_eq!(texts(&*collection, "x", 9), ["currents follow the salt"]);
    assert!(collection.article("b").unwrap().is_none());
    let stats = collection.stats().unwrap();
    assert_eq!(
        (stats.articles, stats.passages, stats.dead_vectors),
        (1, 1, 3)
    );
    assert_sound(&*collection);
    drop(writer);

    let report = collection.writer().unwrap().compact(1, &go_on).unwrap();
    assert_eq!((report.dropped, report.segments_after), (3, 1));
    collection.refresh().unwrap();
    assert_eq!(texts(&*collection, "x", 9), ["currents follow the salt"]);
    assert_eq!(collection.stats().unwrap().dead_vectors, 0);
    assert_sound(&*collection);
}

#[test]
fn stopped_merge_and_compaction_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    for i in 0..3 {
        writer
            .put(article(&format!("a{i}"), &format!("rust and iron {i}\n")))
            .unwrap();
        writer.commit().unwrap();
    }
    let stop = |_: Step, _: usize, _: usize| ControlFlow::Break(());
    assert!(matches!(writer.compact(1, &stop), Err(Error::Stopped)));
    assert!(matches!(writer.merge(1, &stop), Err(Error::Stopped)));
    collection.refresh().unwrap();
    assert!(matches!(collection.check(&stop), Err(Error::Stopped)));
    assert_eq!(collection.stats().unwrap().segments, 3);
    assert_sound(&*collection);
    assert_eq!(writer.compact(1, &go_on).unwrap().segments_after, 1);
    collection.refresh().unwrap();
    assert_eq!(lexical(&*collection, "rust"), ["a0#0", "a1#0", "a2#0"]);
    assert_sound(&*collection);
}

#[test]
fn explaining_or_requesting_zero_passages_gives_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    writer.put(article("a", "rust and iron\n")).unwrap();
    writer.commit().unwrap();
    collection.refresh().unwrap();
    assert!(collection.explain_lexical("rust", &[]).unwrap().is_empty());
    assert!(
        collection
            .search_lexical("rust", 0, None)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn facets_count_live_passages_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    for (id, source) in [
        ("a", "reuters"),
        ("b", "reuters"),
        ("c", "herald"),
        ("d", "dawn"),
    ] {
        let mut one = article(id, "first line\nsecond line\n");
        one.article
            .metadata
            .insert("source".into(), MetaValue::String(source.into()));
        writer.put(one).unwrap();
    }
    writer.commit().unwrap();
    collection.refresh().unwrap();
    let source = |collection: &dyn Collection, limit| {
        let facet = collection
            .facets(limit)
            .unwrap()
            .into_iter()
            .find(|facet| facet.field == "source")
            .unwrap();
        let values = facet
            .values
            .into_iter()
            .map(|value| (value.value, value.passages))
            .collect::<Vec<_>>();
        (values, facet.more)
    };
    let all = [("reuters", 4), ("dawn", 2), ("herald", 2)]
        .map(|(value, count)| (value.to_owned(), count));
    assert_eq!(source(&*collection, 9), (all.to_vec(), 0));
    assert_eq!(source(&*collection, 1), (all[..1].to_vec(), 2));
    writer.delete("a").unwrap();
    writer.delete("d").unwrap();
    writer.commit().unwrap();
    collection.refresh().unwrap();
    assert_eq!(
        source(&*collection, 9).0,
        [("herald".to_owned(), 2), ("reuters".to_owned(), 2)]
    );
}

#[test]
fn collection_replaced_by_another_is_not_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (dir.path().join("one"), dir.path().join("other"));
    for (path, text) in [(&one, "rust"), (&other, "iron")] {
        let collection = create(path);
        let mut writer = collection.writer().unwrap();
        writer.put(article("a", text)).unwrap();
        writer.commit().unwrap();
    }
    let collection = open(&one);
    assert!(collection.is_newest().unwrap());
    std::fs::rename(&one, dir.path().join("gone")).unwrap();
    std::fs::rename(&other, &one).unwrap();
    assert!(!collection.is_newest().unwrap());
}

#[test]
fn merge_rewrites_mostly_dead_segments() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    for i in 0..10 {
        writer
            .put(article(&format!("a{i}"), &format!("rust and iron {i}\n")))
            .unwrap();
    }
    writer.commit().unwrap();
    for i in 0..6 {
        writer.delete(&format!("a{i}")).unwrap();
    }
    writer.merge(1, &go_on).unwrap();
    collection.refresh().unwrap();
    assert_eq!(
        collection.stats().unwrap().dead_vectors,
        0,
        "a segment that is mostly dead is written again"
    );
    assert_eq!(
        lexical(&*collection, "rust"),
        ["a6#0", "a7#0", "a8#0", "a9#0"]
    );
    assert_sound(&*collection);
}

#[test]
fn scans_visit_all_passages_in_insertion_order() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let mut collection = create(&path);
    for texts in ["one\ntwo", "three"] {
        let mut writer = collection.writer().unwrap();
        writer.put(article(texts, texts)).unwrap();
        writer.commit().unwrap();
    }
    collection.refresh().unwrap();
    let fingerprint = collection.corpus_fingerprint().unwrap();
    let keys = collection.keys().unwrap();
    let names: Vec<String> = collection
        .identify(&keys)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(names, ["one\ntwo#0", "one\ntwo#1", "three#0"]);
    let mut seen = Vec::new();
    collection
        .for_each_vector(&mut |key, found| {
            seen.push((key, found.to_vec()));
            Ok(())
        })
        .unwrap();
    let expected: Vec<_> = keys
        .iter()
        .copied()
        .zip(["one", "two", "three"].map(vector))
        .collect();
    assert_eq!(seen, expected);
    // The corpus fingerprint does not depend on the order of articles, but on their contents.
    let mut other = create(&dir.path().join("other"));
    let mut writer = other.writer().unwrap();
    writer.put(article("three", "three")).unwrap();
    writer.put(article("one\ntwo", "one\ntwo")).unwrap();
    writer.commit().unwrap();
    other.refresh().unwrap();
    assert_eq!(other.corpus_fingerprint().unwrap(), fingerprint);
    writer.put(article("three", "three and more")).unwrap();
    writer.commit().unwrap();
    other.refresh().unwrap();
    assert_ne!(other.corpus_fingerprint().unwrap(), fingerprint);
    assert_eq!(other.keys().unwrap().len(), 3, "the old version is gone");
    let mut vectors = 0;
    other
        .for_each_vector(&mut |_, _| {
            vectors += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(vectors, 3);
}

#[test]
fn uncommitted_changes_are_discarded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    let mut writer = collection.writer().unwrap();
    writer.put(article("a", "one\n")).unwrap();
    writer.commit().unwrap();
    writer.put(article("a", "two\n")).unwrap();
    writer.put(article("b", "three\n")).unwrap();
    drop(writer);
    let collection = open(&path);
    assert_eq!(texts(&*collection, "x", 9), ["one"]);
    assert_eq!(collection.catalog().unwrap().articles.len(), 1);
    assert_sound(&*collection);
}

#[test]
fn reader_keeps_its_snapshot_while_segments_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    let mut writer = collection.writer().unwrap();
    for i in 0..6 {
        writer
            .put(article(&format!("a{i}"), &format!("text number {i}\n")))
            .unwrap();
        writer.commit().unwrap();
    }
    let mut old = open(&path);
    assert_eq!(old.stats().unwrap().segments, 6);
    writer.delete("a3").unwrap();
    writer.merge(1, &go_on).unwrap();
    assert_eq!(texts(&*old, "text number 3", 1), ["text number 3"]);
    assert_eq!(
        old.search_dense(&vector("x"), 9, DenseSearch::Exact, None)
            .unwrap()
            .len(),
        6
    );
    old.refresh().unwrap();
    assert_eq!(old.stats().unwrap().segments, 1);
    assert_eq!(
        old.search_dense(&vector("x"), 9, DenseSearch::Exact, None)
            .unwrap()
            .len(),
        5
    );
    assert_sound(&*old);
}

#[test]
fn second_writer_gets_an_error_naming_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    let writer = collection.writer().unwrap();
    let error = open(&path).writer().err().unwrap();
    assert!(
        matches!(&error, Error::Locked { holder, .. } if *holder == std::process::id().to_string()),
        "{error}"
    );
    drop(writer);
    open(&path).writer().unwrap();
}

#[test]
fn passage_without_vector_reuses_that_of_the_same_text() {
    let dir = tempfile::tempdir().unwrap();
    let collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    let without = |mut article: EmbeddedArticle| {
        article.passages.iter_mut().for_each(|p| p.vector = None);
        article
    };
    let error = writer.put(without(article("b", "same\n"))).unwrap_err();
    assert!(matches!(error, Error::MissingVector { ordinal: 0, .. }));
    let mut twice = article("a", "same\nsame\n");
    twice.passages[1].vector = None;
    writer.put(twice).unwrap();
    writer.put(without(article("b", "same\n"))).unwrap();
    writer.commit().unwrap();
    writer.put(without(article("c", "same\n"))).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let collection = open(&dir.path().join("c"));
    let found = collection
        .search_dense(&vector("same"), 9, DenseSearch::Exact, None)
        .unwrap();
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(|c| (c.score - 1.0).abs() < 1e-6));
    assert!(
        found.windows(2).all(|pair| pair[0].key < pair[1].key),
        "ties in the order they were added"
    );
}

#[test]
fn invalid_vectors_are_rejected_without_effect() {
    let dir = tempfile::tempdir().unwrap();
    let collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    for bad in [vec![0.0; 4], vec![f32::NAN; 4], vec![1.0; 3]] {
        let mut broken = article("a", "one\ntwo\n");
        broken.passages[1].vector = Some(bad);
        assert!(matches!(writer.put(broken), Err(Error::Index(_))));
    }
    assert_eq!(writer.pending(), 0);
    let collection = open(&dir.path().join("c"));
    assert!(matches!(
        collection.search_dense(&[0.0; 4], 1, DenseSearch::Exact, None),
        Err(Error::Index(_))
    ));
}

#[test]
fn creating_a_collection_in_an_occupied_folder_fails() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("diary.txt"), "mine").unwrap();
    let error = store::create(
        &dir.path().into(),
        model(),
        Chunking::default(),
        index::Params::default(),
        Language::English,
    )
    .err()
    .unwrap();
    assert!(matches!(error, Error::Occupied { .. }));
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing was added"
    );
    let error = store::open(&dir.path().into()).err().unwrap();
    assert!(
        error.to_string().starts_with("no collection at "),
        "{error}"
    );
}

#[test]
fn swapped_or_damaged_file_is_named_in_the_error() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    for (path, text) in [(&one, "first\n"), (&two, "other\n")] {
        let collection = create(path);
        let mut writer = collection.writer().unwrap();
        writer.put(article("a", text)).unwrap();
        writer.commit().unwrap();
    }
    let file = |path: &Path| path.join("vectors/00000000.vec");
    let whole = std::fs::read(file(&one)).unwrap();
    std::fs::copy(file(&two), file(&one)).unwrap();
    let error = store::open(&one.as_path().into())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("00000000.vec") && error.contains("expected") && error.contains("found"),
        "{error}"
    );

    let mut bytes = whole.clone();
    bytes[330] ^= 1;
    std::fs::write(file(&one), bytes).unwrap();
    let error = store::open(&one.as_path().into())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("00000000.vec: damaged: bytes 0 to 464"),
        "{error}"
    );

    std::fs::write(file(&one), whole).unwrap();
    std::fs::write(one.join("nigh.collection"), "nigh collection, format 9\n").unwrap();
    assert!(matches!(
        store::open(&one.as_path().into()),
        Err(Error::NewerFormat {
            found: 9,
            known: 4,
            ..
        })
    ));
}

#[test]
fn large_segment_gets_a_graph_with_high_recall() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    for i in 0..50 {
        let text: String = (0..100).map(|j| format!("line {j} of {i}\n")).collect();
        writer.put(article(&format!("a{i}"), &text)).unwrap();
        if i % 20 == 0 {
            writer.commit().unwrap();
        }
    }
    writer.merge(2, &go_on).unwrap();
    collection.refresh().unwrap();
    let stats = collection.stats().unwrap();
    assert_eq!((stats.graphs, stats.segments), (1, 1));
    let mut same = 0;
    for i in 0..50 {
        let query = vector(&format!("question {i}"));
        let exact = collection
            .search_dense(&query, 10, DenseSearch::Exact, None)
            .unwrap();
        let graph = collection
            .search_dense(&query, 10, DenseSearch::Graph { ef: 64 }, None)
            .unwrap();
        same += graph.iter().filter(|c| exact.contains(c)).count();
    }
    assert!(same >= 490, "{same} of 500");
    writer.put(article("late", "one more\n")).unwrap();
    writer.merge(2, &go_on).unwrap();
    collection.refresh().unwrap();
    assert_eq!(
        collection.stats().unwrap().segments,
        2,
        "a small addition does not rewrite the large segment"
    );
    assert_sound(&*collection);
}

/// The number of vector files, finished or not.
fn vector_files(path: &Path) -> usize {
    std::fs::read_dir(path.join("vectors")).unwrap().count()
}

/// Makes twenty segments of 300 rows.
fn twenty_commits(writer: &mut dyn Writer) {
    for i in 0..20 {
        let text: String = (0..300).map(|j| format!("line {j} of {i}\n")).collect();
        writer.put(article(&format!("a{i}"), &text)).unwrap();
        writer.commit().unwrap();
    }
}

/// Commits until a background merge has been adopted, which shows by its graph.
fn commit_until_merged(collection: &mut dyn Collection, writer: &mut dyn Writer) {
    let start = std::time::Instant::now();
    while collection.stats().unwrap().graphs == 0 {
        assert!(start.elapsed().as_secs() < 60, "{:?}", collection.stats());
        std::thread::sleep(std::time::Duration::from_millis(50));
        writer.put(article("more", "more\n")).unwrap();
        writer.commit().unwrap();
        collection.refresh().unwrap();
    }
}

#[test]
fn background_merge_runs_while_articles_are_added_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let mut collection = create(&path);
    let mut writer = collection.writer().unwrap();
    twenty_commits(&mut *writer);
    collection.refresh().unwrap();
    let reader = open(&path);
    assert_eq!(reader.stats().unwrap().segments, 20);
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    // During the merge and after it: one article deleted, one changed, one added.
    writer.delete("a3").unwrap();
    writer.put(article("a4", "changed meanwhile\n")).unwrap();
    writer.put(article("late", "added meanwhile\n")).unwrap();
    writer.commit().unwrap();
    let expect = |collection: &dyn Collection| {
        assert_eq!(collection.stats().unwrap().passages, 18 * 300 + 2);
        assert_eq!(
            texts(collection, "changed meanwhile", 1),
            ["changed meanwhile"]
        );
        assert_eq!(texts(collection, "added meanwhile", 1), ["added meanwhile"]);
        assert_ne!(texts(collection, "line 5 of 3", 1), ["line 5 of 3"]);
        assert_sound(collection);
    };
    collection.refresh().unwrap();
    expect(&*collection);
    // The first commit after the merge has finished adopts it.
    commit_until_merged(&mut *collection, &mut *writer);
    writer.delete("more").unwrap();
    writer.commit().unwrap();
    collection.refresh().unwrap();
    expect(&*collection);
    // A reader of the old segments still has them.
    assert_eq!(
        (
            reader.stats().unwrap().segments,
            reader.stats().unwrap().passages
        ),
        (20, 6000)
    );
    assert_eq!(texts(&*reader, "line 5 of 3", 1), ["line 5 of 3"]);
    drop(writer);
    assert_eq!(
        vector_files(&path),
        collection.stats().unwrap().segments + 1,
        "files that no commit names are gone"
    );
}

#[test]
fn merges_respect_the_memory_budget_of_graph_builds() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    twenty_commits(&mut *writer);
    collection.refresh().unwrap();
    let manifest = collection.manifest();
    let memory =
        index::graph::estimate_build_memory(2_000, manifest.model.dimensions, manifest.graph);
    writer
        .maintenance()
        .unwrap()
        .set_memory_budget(Some(memory));
    writer.merge(1, &go_on).unwrap();
    collection.refresh().unwrap();
    let rows = |collection: &dyn Collection| {
        collection
            .manifest()
            .segments
            .iter()
            .map(|s| s.rows)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        rows(&*collection).iter().max(),
        Some(&1_800),
        "{:?}",
        rows(&*collection)
    );
    assert_eq!(rows(&*collection).iter().sum::<usize>(), 6_000);
    assert!(rows(&*collection).len() <= 6, "{:?}", rows(&*collection));
    assert_sound(&*collection);
    writer.maintenance().unwrap().set_memory_budget(None);
    writer.merge(1, &go_on).unwrap();
    collection.refresh().unwrap();
    assert_eq!(rows(&*collection), [6_000]);
}

#[test]
fn background_merge_keeps_vectors_of_deleted_texts() {
    let dir = tempfile::tempdir().unwrap();
    let mut collection = create(&dir.path().join("c"));
    let mut writer = collection.writer().unwrap();
    writer.put(article("z", "moved elsewhere\n")).unwrap();
    writer.commit().unwrap();
    writer.put(article("z", "something else\n")).unwrap();
    twenty_commits(&mut *writer);
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    commit_until_merged(&mut *collection, &mut *writer);
    // The catalog says that the text has a vector, so it comes without one.
    let mut back = article("y", "moved elsewhere\n");
    back.passages[0].vector = None;
    writer.put(back).unwrap();
    writer.commit().unwrap();
    collection.refresh().unwrap();
    assert_eq!(
        texts(&*collection, "moved elsewhere", 1),
        ["moved elsewhere"]
    );
    assert_sound(&*collection);
}

#[test]
fn canceled_merge_leaves_the_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    let mut writer = collection.writer().unwrap();
    twenty_commits(&mut *writer);
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    // Stop waiting for the merge: it is canceled, and can be done later.
    assert!(matches!(
        writer.merge(1, &|_, _, _| ControlFlow::Break(())),
        Err(Error::Stopped)
    ));
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    drop(writer);
    let mut again = open(&path);
    assert_eq!(
        (
            again.stats().unwrap().segments,
            again.stats().unwrap().passages
        ),
        (20, 6000)
    );
    assert_sound(&*again);
    again.writer().unwrap().merge(2, &go_on).unwrap();
    again.refresh().unwrap();
    assert_eq!(again.stats().unwrap().segments, 1);
    assert_eq!(vector_files(&path), 2);
    assert_sound(&*again);
}

#[test]
fn interrupted_creation_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    drop(create(&path));
    std::fs::remove_file(path.join("nigh.collection")).unwrap();
    assert_sound(&*create(&path));
}

#[test]
fn leftovers_of_a_killed_writer_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    for stray in ["00000007.vec", "00000003.unfinished"] {
        std::fs::write(path.join("vectors").join(stray), "half").unwrap();
    }
    let mut writer: Box<dyn Writer> = collection.writer().unwrap();
    assert_eq!(std::fs::read_dir(path.join("vectors")).unwrap().count(), 0);
    writer.put(article("a", "one\n")).unwrap();
    writer.commit().unwrap();
    assert_sound(&*open(&path));
}

#[test]
fn creating_a_collection_never_deletes_foreign_files() {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["text", "vectors"] {
        let path = dir.path().join(folder).join("corpus");
        std::fs::create_dir_all(path.join(folder)).unwrap();
        let file = path.join(folder).join("a.txt");
        std::fs::write(&file, "mine").unwrap();
        let created = store::create(
            &path.as_path().into(),
            model(),
            Chunking::default(),
            index::Params::default(),
            Language::English,
        );
        assert!(matches!(created, Err(Error::Occupied { .. })), "{folder}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    }
}
