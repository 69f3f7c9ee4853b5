//! Corruption of every file of a collection at every position. Every request then gives the right
//! answer or an error that names the file; never a wrong answer, never a panic.
#![allow(clippy::print_stdout, reason = "prints measurements")]

use crate::common::{article, contents, go_on, manifest, vector};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use store::local::LocalCollection;
use store::{Collection, DenseSearch, Error, Filter, Listing, Reader, Result, ScoredPassage};

/// Makes a collection of several segments with deleted articles.
fn make(path: &Path, story: &str) {
    let collection = LocalCollection::create(path, manifest()).unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..3 {
        let text = format!(
            "{story} number {number} begins\nand goes on with {story} {number}\nuntil the end\n"
        );
        writer
            .put(article(&format!("{story}{number}"), &text))
            .unwrap();
        writer.commit().unwrap();
    }
    writer.delete(&format!("{story}1")).unwrap();
    writer
        .put(article("last", &format!("the last {story} of all\n")))
        .unwrap();
    writer.commit().unwrap();
}

fn files(path: &Path) -> Vec<PathBuf> {
    let folders = [path.to_owned(), path.join("text"), path.join("vectors")];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.is_file() && path.extension().is_none_or(|kind| kind != "lock"))
        .collect();
    files.sort();
    files
}

/// The answers of a collection to a fixed set of requests.
#[derive(Debug, PartialEq)]
struct Answers {
    dense: Vec<ScoredPassage>,
    approximate: Vec<ScoredPassage>,
    lexical: Vec<ScoredPassage>,
    filtered: Vec<ScoredPassage>,
    passages: Vec<store::StoredPassage>,
    articles: Vec<store::StoredArticle>,
    vectors: Vec<Vec<f32>>,
    facets: Vec<store::Facet>,
    count: usize,
}

/// Each request alone, on a newly opened collection: what one of them verifies, the others may not.
fn answers(path: &Path) -> Vec<Result<Answers>> {
    let none = || Answers {
        dense: Vec::new(),
        approximate: Vec::new(),
        lexical: Vec::new(),
        filtered: Vec::new(),
        passages: Vec::new(),
        articles: Vec::new(),
        vectors: Vec::new(),
        facets: Vec::new(),
        count: 0,
    };
    let query = vector("what is asked");
    let filter: Filter = "id:last OR path:*0*".parse().unwrap();
    let ask = |request: &dyn Fn(&LocalCollection) -> Result<Answers>| {
        request(&LocalCollection::open(path)?)
    };
    let exact = DenseSearch::Exact;
    vec![
        ask(&|c| {
            Ok(Answers {
                dense: c.search_dense(&query, 20, exact, None)?,
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                approximate: c.search_dense(&query, 3, DenseSearch::Graph { ef: 3 }, None)?,
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                lexical: c.search_lexical("the last number begins the end", 20, None)?,
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                filtered: c.search_lexical("number last goes", 20, Some(&filter))?,
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                passages: c.fetch(&c.keys()?)?,
                ..none()
            })
        }),
        ask(&|c| {
            let mut ids: Vec<String> = c.catalog()?.articles.into_keys().collect();
            ids.sort();
            let articles = ids
                .iter()
                .filter_map(|id| c.article(id).transpose())
                .collect::<Result<_>>()?;
            Ok(Answers {
                articles,
                count: ids.len(),
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                vectors: c.vectors(&c.keys()?)?,
                facets: c.facets(5)?,
                ..none()
            })
        }),
        ask(&|c| {
            Ok(Answers {
                count: c.catalog()?.vectors.len(),
                ..none()
            })
        }),
    ]
}

/// A collection to be damaged, and the answers that it gave before.
struct DamageTest {
    folder: tempfile::TempDir,
    expected: Vec<Answers>,
    damages: usize,
    noticed: usize,
}

impl DamageTest {
    fn new(make: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(&folder.path().join("c"));
        let expected = answers(&folder.path().join("c"))
            .into_iter()
            .map(Result::unwrap)
            .collect();
        Self {
            folder,
            expected,
            damages: 0,
            noticed: 0,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("c")
    }

    /// Replaces a file by `bytes`, checks all answers, and restores the file.
    fn with_replaced(&mut self, file: &Path, bytes: Option<&[u8]>, what: &str) {
        let whole = fs::read(file).unwrap();
        if bytes == Some(&whole) {
            return;
        }
        // Files are replaced, never overwritten: another process may have them mapped.
        fs::remove_file(file).unwrap();
        if let Some(bytes) = bytes {
            fs::write(file, bytes).unwrap();
        }
        let what = format!("{what} of {}", file.display());
        let root = self.folder.path().to_string_lossy().into_owned();
        let assert_named =
            |error: &Error| assert!(error.to_string().contains(&root), "{what}: {error}");
        for (found, expected) in answers(&self.path()).iter().zip(&self.expected) {
            match found {
                Ok(found) => assert_eq!(found, expected, "{what}"),
                Err(error) => assert_named(error),
            }
        }
        let noticed = match LocalCollection::open(&self.path())
            .and_then(|collection| collection.check(&go_on))
        {
            Ok(report) => !report.problems.is_empty(),
            Err(error) => {
                assert_named(&error);
                true
            }
        };
        self.damages += 1;
        self.noticed += usize::from(noticed);
        assert!(noticed, "{what}: not noticed");
        fs::remove_file(file).unwrap_or_default();
        fs::write(file, whole).unwrap();
    }

    /// Flips bits, inverts and zeroes bytes, and truncates, at every `step`th byte of every file
    /// from the `first` on.
    fn everywhere(&mut self, first: usize, step: usize) {
        for file in files(&self.path()) {
            let whole = fs::read(&file).unwrap();
            for at in (first..whole.len()).step_by(step) {
                for (what, end, change) in [
                    ("bit", at + 1, &(|byte: u8| byte ^ 1) as &dyn Fn(u8) -> u8),
                    ("byte", at + 1, &|byte: u8| !byte),
                    ("zeros", at + 16, &|_| 0),
                ] {
                    let mut bytes = whole.clone();
                    bytes[at..end.min(whole.len())]
                        .iter_mut()
                        .for_each(|byte| *byte = change(*byte));
                    self.with_replaced(&file, Some(&bytes), &format!("{what} {at}"));
                }
                self.with_replaced(&file, Some(&whole[..at]), &format!("the first {at}"));
            }
            self.with_replaced(&file, Some(&[&whole[..], b"x"].concat()), "more than all");
            self.with_replaced(&file, None, "all");
        }
    }
}

#[test]
fn damaged_byte_gives_the_right_answer_or_an_error() {
    let mut damaged = DamageTest::new(|path| make(path, "story"));
    damaged.everywhere(0, 97);
    println!(
        "measured {{\"damages\": {}, \"noticed\": {}}}",
        damaged.damages, damaged.noticed
    );
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn every_damaged_byte_gives_the_right_answer_or_an_error() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (damages, noticed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for first in 0..cores {
            let (damages, noticed) = (&damages, &noticed);
            scope.spawn(move || {
                let mut damaged = DamageTest::new(|path| make(path, "story"));
                damaged.everywhere(first, cores);
                damages.fetch_add(damaged.damages, Ordering::Relaxed);
                noticed.fetch_add(damaged.noticed, Ordering::Relaxed);
            });
        }
    });
    println!(
        "measured {{\"damages\": {}, \"noticed\": {}}}",
        damages.into_inner(),
        noticed.into_inner()
    );
}

#[test]
fn files_of_another_collection_are_detected() {
    let mut damaged = DamageTest::new(|path| make(path, "story"));
    let other = tempfile::tempdir().unwrap();
    make(&other.path().join("c"), "novel");
    let kind = |path: &Path| path.extension().unwrap_or_default().to_owned();
    for file in files(&damaged.path()) {
        for foreign in files(&other.path().join("c"))
            .iter()
            .chain(&files(&damaged.path()))
        {
            if kind(foreign) == kind(&file) && *foreign != file {
                // Markers are the same in every collection, so exchanging them changes nothing.
                damaged.with_replaced(
                    &file,
                    Some(&fs::read(foreign).unwrap()),
                    &format!("{} in the place", foreign.display()),
                );
            }
        }
    }
}

/// Puts back what a repair left out, as a caller with the model does.
fn put_back(path: &Path) {
    let collection = LocalCollection::open(path).unwrap();
    let salvage = collection.salvage().unwrap();
    let incomplete = salvage.incomplete().unwrap();
    let mut articles: Vec<_> = incomplete
        .iter()
        .map(|id| collection.article(id).unwrap().unwrap().article)
        .collect();
    let existing = collection.catalog().unwrap().articles;
    articles.extend(
        salvage
            .salvaged()
            .unwrap()
            .into_iter()
            .filter(|article| !existing.contains_key(&article.id)),
    );
    let mut writer = collection.writer().unwrap();
    for found in articles {
        let again = article(&found.id, &found.text);
        assert_eq!(again.article, found, "an article is salvaged unchanged");
        writer.put(again).unwrap();
    }
    writer.commit().unwrap();
    writer.maintenance().unwrap().forget_salvaged().unwrap();
    writer.merge(1, &go_on).unwrap();
}

#[test]
fn repair_restores_everything_but_lost_articles() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    let fresh = || {
        let _ = fs::remove_dir_all(&path);
        make(&path, "story");
        contents(&LocalCollection::open(&path).unwrap()).unwrap()
    };
    fresh();
    // The file names of text segments are random, so files are addressed by their rank.
    let (mut full, mut partial) = (0, 0);
    for number in 0..files(&path).len() {
        for gone in [false, true] {
            let before = fresh();
            let file = files(&path)[number].clone();
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x20;
            fs::remove_file(&file).unwrap();
            if !gone {
                fs::write(&file, bytes).unwrap();
            }
            if file.ends_with("meta.json") {
                let error = store::remove_damage(&path.as_path().into())
                    .unwrap_err()
                    .to_string();
                assert!(
                    error.contains("meta.json") || error.contains("no collection"),
                    "{error}"
                );
                continue;
            }
            let problems = store::find_damage(&path.as_path().into()).unwrap();
            assert!(
                problems[0].contains(&*file.to_string_lossy()) || gone,
                "{problems:?}"
            );
            let report = store::remove_damage(&path.as_path().into()).unwrap();
            assert_eq!(report.problems, problems);
            put_back(&path);
            let after = contents(&LocalCollection::open(&path).unwrap()).unwrap();
            let kept = before
                .iter()
                .filter(|(id, _)| !report.lost.contains(id))
                .map(|(id, text)| (id.clone(), text.clone()));
            assert_eq!(
                after,
                kept.collect(),
                "{} {gone} {report:?}",
                file.display()
            );
            assert_eq!(report.unnamed, 0, "{report:?}");
            match file.extension().and_then(|kind| kind.to_str()) {
                Some("store" | "del") => partial += 1,
                _ => {
                    assert!(report.lost.is_empty(), "{} {report:?}", file.display());
                    full += 1;
                }
            }
            assert!(
                store::find_damage(&path.as_path().into())
                    .unwrap()
                    .is_empty()
            );
            assert_eq!(
                store::remove_damage(&path.as_path().into()).unwrap(),
                store::DamageReport::default()
            );
        }
    }
    println!("{full} repaired in full, {partial} except for lost articles");
    assert!(full > 20 && partial > 3, "{full} {partial}");
}

#[test]
fn interrupted_repair_continues() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    make(&path, "story");
    let mut expected = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    // The articles are salvaged, and nobody puts them back.
    let words = files(&path)
        .into_iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "term"));
    for file in words {
        fs::remove_file(file).unwrap();
    }
    let first = store::remove_damage(&path.as_path().into()).unwrap();
    assert!(first.salvaged > 0 && first.lost.is_empty());
    // One of them is indexed again meanwhile, with a new text.
    let newer = article("story0", "story number 0 was written again\n");
    let mut writer = LocalCollection::open(&path).unwrap().writer().unwrap();
    expected.insert("story0".to_owned(), newer.article.text.clone());
    writer.put(newer).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let again = store::remove_damage(&path.as_path().into()).unwrap();
    assert_eq!(
        again,
        store::DamageReport {
            salvaged: first.salvaged,
            ..store::DamageReport::default()
        }
    );
    let salvaged = LocalCollection::open(&path)
        .unwrap()
        .salvage()
        .unwrap()
        .salvaged()
        .unwrap();
    assert_eq!(salvaged.len(), first.salvaged);
    assert!(expected.len() == first.salvaged, "{first:?}");
    // tantivy's list of managed files is right: the next commit removes exactly the obsolete files.
    put_back(&path);
    assert_eq!(
        contents(&LocalCollection::open(&path).unwrap()).unwrap(),
        expected
    );
    assert!(!path.join("salvaged.jsonl").exists() && path.join("text/.managed.json").exists());
}

#[test]
fn repair_restores_the_marker_of_an_earlier_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/format-2");
    for file in files(&fixture) {
        let to = path.join(file.strip_prefix(&fixture).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    let marker = path.join("nigh.collection");
    let original = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, "nonsense").unwrap();
    let report = store::remove_damage(&path.as_path().into()).unwrap();
    assert!(
        report.problems.len() == 1 && report.problems[0].contains("nigh.collection"),
        "{report:?}"
    );
    assert_eq!(fs::read_to_string(&marker).unwrap(), original);
    assert_eq!(
        LocalCollection::open(&path)
            .unwrap()
            .check(&go_on)
            .unwrap()
            .problems,
        Vec::<String>::new()
    );
}

#[test]
fn damaged_page_of_text_loses_only_the_articles_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    let collection = LocalCollection::create(&path, manifest()).unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..400 {
        // Incompressible texts, so that there are many blocks of them.
        let text: String = (0..60)
            .map(|word| format!("{:x} ", number * 7919 + word * 104_729))
            .collect();
        writer
            .put(article(&format!("a{number:03}"), &format!("{text}\n")))
            .unwrap();
    }
    writer.commit().unwrap();
    writer.compact(1, &go_on).unwrap();
    drop(writer);
    let before = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    let store = files(&path)
        .into_iter()
        .find(|file| file.extension().is_some_and(|kind| kind == "store"))
        .unwrap();
    let mut bytes = fs::read(&store).unwrap();
    assert!(bytes.len() > 100_000);
    bytes[20_000] ^= 1;
    fs::remove_file(&store).unwrap();
    fs::write(&store, bytes).unwrap();
    let report = store::remove_damage(&path.as_path().into()).unwrap();
    assert!(
        (1..100).contains(&report.lost.len()),
        "{}",
        report.lost.len()
    );
    assert_eq!(report.salvaged + report.lost.len(), 400);
    // Losses are reported again until the articles are put back.
    assert_eq!(
        store::remove_damage(&path.as_path().into()).unwrap().lost,
        report.lost
    );
    put_back(&path);
    let after = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    assert!(
        after.iter().all(|(id, text)| before.get(id) == Some(text))
            && after.len() == report.salvaged
    );
    assert_eq!(
        store::remove_damage(&path.as_path().into()).unwrap(),
        store::DamageReport::default()
    );
}

#[test]
fn repair_restores_any_damaged_marker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c");
    make(&path, "story");
    let marker = path.join("nigh.collection");
    let original = fs::read(&marker).unwrap();
    for at in 0..original.len() {
        for change in [1, 2, 4, 0x80] {
            let mut bytes = original.clone();
            bytes[at] ^= change;
            fs::write(&marker, bytes).unwrap();
            store::remove_damage(&path.as_path().into()).unwrap();
            let now = fs::read(&marker).unwrap();
            assert!(
                now == original || LocalCollection::open(&path).is_ok(),
                "byte {at} ^ {change}"
            );
        }
    }
    fs::remove_file(&marker).unwrap();
    let error = LocalCollection::create(&path, manifest())
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("nigh.collection") && error.contains("the file is missing"),
        "{error}"
    );
    store::remove_damage(&path.as_path().into()).unwrap();
    assert_eq!(
        contents(&LocalCollection::open(&path).unwrap())
            .unwrap()
            .len(),
        3
    );
}
