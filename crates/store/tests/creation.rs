//! Creating a collection where there is something already.

use crate::common::{article, assert_sound, create, model, open};
use ingest::Chunking;
use store::{Error, Language, Writer};

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
