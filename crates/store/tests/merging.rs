//! Merging, in the foreground and in the background: what readers see, which segments are merged,
//! and what is reported.

use crate::common::faulty_disk::{EIO, Fault, FaultyDisk};
use crate::common::{article, assert_sound, create, go_on, lexical, manifest, open, texts, vector};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use store::local::LocalCollection;
use store::{Collection, DenseSearch, Error, Step, Writer};

#[test]
fn failed_background_merge_is_reported_once_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let disk = FaultyDisk::default();
    let collection = LocalCollection::create_on(Arc::new(disk.clone()), &path, manifest()).unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..16 {
        writer
            .put(article(&format!("a{number}"), &format!("text {number}\n")))
            .unwrap();
        writer.commit().unwrap();
    }
    // Closing a writer waits for tantivy's own merges, one of which could run into the fault.
    drop(writer);
    let mut writer = collection.writer().unwrap();
    disk.fail_next(Fault::Once(EIO));
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    let mut reported = None;
    for _ in 0..1000 {
        writer.commit().unwrap();
        reported = writer.maintenance().unwrap().merge_in_background(1).err();
        if reported.is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(matches!(reported, Some(Error::Index(_))), "{reported:?}");
    writer.put(article("more", "more text\n")).unwrap();
    writer.commit().unwrap();
    writer
        .maintenance()
        .unwrap()
        .merge_in_background(1)
        .unwrap();
    // The final merge does what the background merge could not.
    writer.merge(1, &go_on).unwrap();
    drop(writer);
    let collection = open(&path);
    assert_eq!(collection.catalog().unwrap().articles.len(), 17);
    assert_eq!(collection.stats().unwrap().segments, 1);
    assert_sound(&*collection);
}

#[test]
fn single_changes_keep_the_number_of_segments_small() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c");
    let collection = create(&path);
    for number in 0..40 {
        let mut writer = collection.writer().unwrap();
        writer
            .put(article(
                &format!("a{}", number % 30),
                &format!("text {number}\n"),
            ))
            .unwrap();
        writer.commit().unwrap();
        writer.maintenance().unwrap().merge_small().unwrap();
        assert!(!writer.delete("none").unwrap());
        drop(writer);
        assert!(open(&path).stats().unwrap().segments < 16);
    }
    let collection = open(&path);
    assert_eq!(collection.catalog().unwrap().articles.len(), 30);
    assert_eq!(lexical(&*collection, "39"), ["a9#0"]);
    assert!(
        lexical(&*collection, "9").is_empty(),
        "the article was replaced"
    );
    let mut writer = collection.writer().unwrap();
    assert!(writer.delete("a9").unwrap() && !writer.delete("a9").unwrap());
    writer.commit().unwrap();
    drop(writer);
    assert_eq!(open(&path).catalog().unwrap().articles.len(), 29);
    assert_sound(&*open(&path));
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
