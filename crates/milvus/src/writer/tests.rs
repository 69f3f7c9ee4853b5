use super::*;
use crate::collection::MilvusCollection;
use crate::location::CollectionUrl;
use crate::rows::tests::embedded;
use crate::{Access, Backend};
use store::{Collection, Language, Listing, Reader, Step};

fn ignore_progress(_: Step, _: usize, _: usize) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

fn writer_of(collection: &MilvusCollection) -> MilvusWriter {
    MilvusWriter::new(
        collection.reader.client.clone(),
        collection.manifest_row.clone(),
    )
}

fn locate(url: &str) -> store::Location {
    Backend::default().locate(url).unwrap()
}

fn connect(url: &str) -> Client {
    Client::open(&CollectionUrl::parse(url).unwrap(), &Access::default()).unwrap()
}

fn create(url: &str) {
    let model = ingest::ModelInfo {
        name: "two".into(),
        hash: "two".into(),
        dimensions: 2,
        window: 9,
        query_prefix: String::new(),
        passage_prefix: String::new(),
    };
    store::create(
        &locate(url),
        model,
        Chunking::default(),
        index::Params::default(),
        Language::English,
    )
    .unwrap();
}

/// Creates a collection. Returns its URL, and a function that opens it.
fn new_collection(name: &str) -> (String, impl Fn() -> MilvusCollection) {
    let server = std::env::var("MILVUS_URI").unwrap();
    let url = format!("{server}/{name}_{}", std::process::id());
    create(&url);
    let opened = url.clone();
    let open = move || MilvusCollection::open(Arc::new(connect(&opened))).unwrap();
    (url, open)
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn check_reports_and_compact_removes_what_an_interrupted_writer_left() {
    let (url, open) = new_collection("stopped");
    let mut writer = writer_of(&open());
    writer.put(embedded("old")).unwrap();
    writer.commit().unwrap();
    // The first was stopped before it deleted the old version, the second before it wrote its
    // first page.
    let mut writer = writer_of(&open());
    writer.put(embedded("new")).unwrap();
    writer.write_passages().unwrap();
    writer.write_pages().unwrap();
    writer.write_manifest().unwrap();
    let mut writer = writer_of(&open());
    writer.put(embedded(&"newest ".repeat(30_000))).unwrap();
    writer.write_passages().unwrap();
    assert_eq!(writer.pages.pop().map(|row| row.page), Some(0));
    writer.write_pages().unwrap();
    writer.write_manifest().unwrap();

    let collection = open();
    let report = collection.check(&ignore_progress).unwrap();
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
    assert!(
        report.problems[0].contains("older version")
            && report.problems[1].contains("2 passages belong to no article")
    );
    assert_eq!(
        collection.article("a").unwrap().unwrap().article.text,
        "new"
    );
    let known = collection.article_meta(&["a"]).unwrap();
    assert_ne!(
        known["a"].fingerprint,
        embedded("new").fingerprint,
        "it has to be put again"
    );

    let mut writer = writer_of(&collection);
    assert_eq!(writer.compact(1, &ignore_progress).unwrap().dropped, 2);
    let collection = open();
    assert_eq!(
        collection.check(&ignore_progress).unwrap().problems,
        Vec::<String>::new()
    );
    assert_eq!(
        collection.article_meta(&["a"]).unwrap()["a"].fingerprint,
        embedded("new").fingerprint
    );
    let (articles, mut left) = (collection.reader.client.location().articles_collection(), 0);
    let mut count = |columns: &crate::columns::Columns| {
        left += columns.longs(KEY).len();
        Ok(())
    };
    collection
        .reader
        .for_each_page(&articles, "key > 0", &[KEY], SCAN_ROWS, &mut count)
        .unwrap();
    assert_eq!(left, 1);
    crate::remove(&url, &Access::default()).unwrap();
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn concurrent_writers_of_two_versions_leave_a_complete_one() {
    let (url, open) = new_collection("versions");
    let mut first = writer_of(&open());
    first.put(embedded("older")).unwrap();
    first.commit().unwrap();
    // With a clock that is years behind.
    first.put(embedded("old")).unwrap();
    first.pages[0].written = 5;
    first.commit().unwrap();
    assert_eq!(open().article("a").unwrap().unwrap().article.text, "old");
    // `other` commits while `one` is in the middle of its commit.
    let (mut one, mut other) = (writer_of(&open()), writer_of(&open()));
    one.put(embedded("one")).unwrap();
    let replaced = one.replaced_versions().unwrap();
    one.write_passages().unwrap();
    other.put(embedded("other")).unwrap();
    other.commit().unwrap();
    one.write_pages().unwrap();
    one.delete_where(&replaced).unwrap();
    one.write_manifest().unwrap();

    let collection = open();
    let meant = collection.article("a").unwrap().unwrap().article.text;
    assert_eq!(meant, "other", "it was put last");
    assert_eq!(
        collection.keys().unwrap().len(),
        2,
        "passages of both, none of the old"
    );
    // Put again, it is written, and exists once.
    assert_ne!(
        collection.article_meta(&["a"]).unwrap()["a"].fingerprint,
        embedded(&meant).fingerprint
    );
    let mut writer = writer_of(&collection);
    writer.put(embedded(&meant)).unwrap();
    writer.commit().unwrap();
    let collection = open();
    assert_eq!(
        collection.check(&ignore_progress).unwrap().problems,
        Vec::<String>::new()
    );
    assert_eq!(
        (
            collection.article("a").unwrap().unwrap().article.text,
            collection.keys().unwrap().len()
        ),
        (meant, 1)
    );
    crate::remove(&url, &Access::default()).unwrap();
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn an_interrupted_deletion_can_be_completed_or_overwritten() {
    let (url, open) = new_collection("deletion");
    let mut writer = writer_of(&open());
    writer.put(embedded("text")).unwrap();
    writer.commit().unwrap();
    let stopped = || {
        let mut writer = writer_of(&open());
        let versions = writer.mark_being_deleted(&["a"]).unwrap();
        writer
            .delete_rows(
                &writer.collections_in_delete_order()[0],
                versions.join(" or "),
            )
            .unwrap();
    };
    stopped();
    // Deleting it again finds it, and putting it again finds it changed.
    let mut writer = writer_of(&open());
    assert!(writer.delete("a").unwrap());
    writer.commit().unwrap();
    assert!(open().article("a").unwrap().is_none() && open().keys().unwrap().is_empty());
    writer.put(embedded("text")).unwrap();
    writer.commit().unwrap();
    stopped();
    assert!(
        open().check(&ignore_progress).unwrap().problems[0].contains("deletion was interrupted")
    );
    assert_ne!(
        open().article_meta(&["a"]).unwrap()["a"].fingerprint,
        embedded("text").fingerprint
    );
    let mut writer = writer_of(&open());
    writer.put(embedded("text")).unwrap();
    writer.commit().unwrap();
    assert_eq!(
        open().check(&ignore_progress).unwrap().problems,
        Vec::<String>::new()
    );
    assert_eq!(
        (
            open().article_meta(&["a"]).unwrap().len(),
            open().keys().unwrap().len()
        ),
        (1, 1)
    );
    crate::remove(&url, &Access::default()).unwrap();
}

#[test]
#[ignore = "needs Milvus: milvus-lite server --port 19530, then MILVUS_URI=milvus://127.0.0.1:19530"]
fn an_interrupted_creation_can_be_repeated() {
    let (url, open) = new_collection("creation");
    let client = connect(&url);
    // Without a manifest, and then without the collection of passages, too.
    let parts = [
        client.location().collection.clone(),
        client.location().articles_collection(),
    ];
    for dropped in [0, 1] {
        let mut writer = writer_of(&open());
        writer
            .delete_rows(&parts[1], format!("{KEY} == {MANIFEST_KEY}"))
            .unwrap();
        for part in &parts[..dropped] {
            client
                .write(crate::proto::DropCollection {
                    collection_name: part.clone(),
                })
                .unwrap();
        }
        assert!(!store::exists(&locate(&url)).unwrap(), "{dropped}");
        let client = connect(&url);
        assert!(
            matches!(
                MilvusCollection::open(Arc::new(client)),
                Err(Error::NotFound { .. })
            ),
            "{dropped}"
        );
        create(&url);
        assert!(
            store::exists(&locate(&url)).unwrap() && open().keys().unwrap().is_empty(),
            "{dropped}"
        );
    }
    crate::remove(&url, &Access::default()).unwrap();
}
