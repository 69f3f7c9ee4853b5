//! The life of a collection: add, update, delete, reopen; and what readers see when.

use crate::common::{article, assert_sound, create, go_on, lexical, open, texts, vector};
use ingest::MetaValue;
use ingest::pipeline::EmbeddedArticle;
use std::path::Path;
use store::{Collection, DenseSearch, Error};

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
