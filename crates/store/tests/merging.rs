//! Merging while articles are added: failures are reported, and small changes stay cheap.

use crate::common::faulty_disk::{EIO, Fault, FaultyDisk};
use crate::common::{article, assert_sound, create, go_on, lexical, manifest, open};
use std::sync::Arc;
use store::local::LocalCollection;
use store::{Collection, Error};

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
