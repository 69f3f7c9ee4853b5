//! Every file of a collection damaged everywhere: whatever is asked then gives the right answer or an error that
//! names the file. Never a wrong answer, never a panic.
#![allow(clippy::print_stdout, reason = "what was measured")]

use crate::common::{article, contents, go_on, manifest, vector};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use store::local::LocalCollection;
use store::{Candidate, Collection, DenseSearch, Error, Filter, Result};

/// A collection in several segments, some of it deleted.
fn make(path: &Path, story: &str) {
    let collection = LocalCollection::create(path, manifest()).unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..3 {
        let text = format!("{story} number {number} begins\nand goes on with {story} {number}\nuntil the end\n");
        writer.put(article(&format!("{story}{number}"), &text)).unwrap();
        writer.commit().unwrap();
    }
    writer.delete(&format!("{story}1")).unwrap();
    writer.put(article("last", &format!("the last {story} of all\n"))).unwrap();
    writer.commit().unwrap();
}

fn files(path: &Path) -> Vec<PathBuf> {
    let folders = [path.to_owned(), path.join("text"), path.join("vectors")];
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.is_file() && path.extension().is_none_or(|kind| kind != "lock")).collect();
    files.sort();
    files
}

/// What is asked of a collection, and what it says.
#[derive(Debug, PartialEq)]
struct Answers {
    dense: Vec<Candidate>,
    walked: Vec<Candidate>,
    lexical: Vec<Candidate>,
    filtered: Vec<Candidate>,
    passages: Vec<store::StoredPassage>,
    articles: Vec<store::StoredArticle>,
    vectors: Vec<Vec<f32>>,
    facets: Vec<store::Facet>,
    known: usize,
}

/// Each question alone, on a collection opened for it: what one of them looks at the others may not.
fn answers(path: &Path) -> Vec<Result<Answers>> {
    let none = || Answers {
        dense: Vec::new(),
        walked: Vec::new(),
        lexical: Vec::new(),
        filtered: Vec::new(),
        passages: Vec::new(),
        articles: Vec::new(),
        vectors: Vec::new(),
        facets: Vec::new(),
        known: 0,
    };
    let query = vector("what is asked");
    let filter: Filter = "id:last OR path:*0*".parse().unwrap();
    let ask = |question: &dyn Fn(&LocalCollection) -> Result<Answers>| question(&LocalCollection::open(path)?);
    let exact = DenseSearch::Exact;
    vec![
        ask(&|c| Ok(Answers { dense: c.search_dense(&query, 20, exact, None)?, ..none() })),
        ask(&|c| Ok(Answers { walked: c.search_dense(&query, 3, DenseSearch::Graph { ef: 3 }, None)?, ..none() })),
        ask(&|c| Ok(Answers { lexical: c.search_lexical("the last number begins the end", 20, None)?, ..none() })),
        ask(&|c| Ok(Answers { filtered: c.search_lexical("number last goes", 20, Some(&filter))?, ..none() })),
        ask(&|c| Ok(Answers { passages: c.fetch(&c.keys()?)?, ..none() })),
        ask(&|c| {
            let mut ids: Vec<String> = c.catalog()?.articles.into_keys().collect();
            ids.sort();
            let articles = ids.iter().filter_map(|id| c.article(id).transpose()).collect::<Result<_>>()?;
            Ok(Answers { articles, known: ids.len(), ..none() })
        }),
        ask(&|c| Ok(Answers { vectors: c.vectors(&c.keys()?)?, facets: c.facets(5)?, ..none() })),
        ask(&|c| Ok(Answers { known: c.catalog()?.vectors.len(), ..none() })),
    ]
}

struct Damaged {
    there: tempfile::TempDir,
    right: Vec<Answers>,
    tried: usize,
    noticed: usize,
}

impl Damaged {
    fn new(make: impl Fn(&Path)) -> Self {
        let there = tempfile::tempdir().unwrap();
        make(&there.path().join("c"));
        let right = answers(&there.path().join("c")).into_iter().map(Result::unwrap).collect();
        Self { there, right, tried: 0, noticed: 0 }
    }

    fn path(&self) -> PathBuf {
        self.there.path().join("c")
    }

    /// Puts `bytes` in the place of a file, asks, and puts the file back.
    fn with(&mut self, file: &Path, bytes: Option<&[u8]>, what: &str) {
        let whole = fs::read(file).unwrap();
        if bytes == Some(&whole) {
            return;
        }
        // A file is never written over where it lies: somebody may have mapped it.
        fs::remove_file(file).unwrap();
        if let Some(bytes) = bytes {
            fs::write(file, bytes).unwrap();
        }
        let what = format!("{what} of {}", file.display());
        let root = self.there.path().to_string_lossy().into_owned();
        let named = |error: &Error| assert!(error.to_string().contains(&root), "{what}: {error}");
        for (found, right) in answers(&self.path()).iter().zip(&self.right) {
            match found {
                Ok(found) => assert_eq!(found, right, "{what}"),
                Err(error) => named(error),
            }
        }
        let noticed = match LocalCollection::open(&self.path()).and_then(|collection| collection.check(&go_on)) {
            Ok(report) => !report.problems.is_empty(),
            Err(error) => {
                named(&error);
                true
            }
        };
        self.tried += 1;
        self.noticed += usize::from(noticed);
        assert!(noticed, "{what}: not noticed");
        fs::remove_file(file).unwrap_or_default();
        fs::write(file, whole).unwrap();
    }

    /// Flips bits, zeroes and cuts off at every `step`th byte of every file, from the `first` on.
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
                    bytes[at..end.min(whole.len())].iter_mut().for_each(|byte| *byte = change(*byte));
                    self.with(&file, Some(&bytes), &format!("{what} {at}"));
                }
                self.with(&file, Some(&whole[..at]), &format!("the first {at}"));
            }
            self.with(&file, Some(&[&whole[..], b"x"].concat()), "more than all");
            self.with(&file, None, "all");
        }
    }
}

#[test]
fn a_damaged_byte_gives_the_right_answer_or_an_error() {
    let mut damaged = Damaged::new(|path| make(path, "story"));
    damaged.everywhere(0, 97);
    println!("measured {{\"damages\": {}, \"noticed\": {}}}", damaged.tried, damaged.noticed);
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn every_damaged_byte_gives_the_right_answer_or_an_error() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (tried, noticed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for first in 0..cores {
            let (tried, noticed) = (&tried, &noticed);
            scope.spawn(move || {
                let mut damaged = Damaged::new(|path| make(path, "story"));
                damaged.everywhere(first, cores);
                tried.fetch_add(damaged.tried, Ordering::Relaxed);
                noticed.fetch_add(damaged.noticed, Ordering::Relaxed);
            });
        }
    });
    println!("measured {{\"damages\": {}, \"noticed\": {}}}", tried.into_inner(), noticed.into_inner());
}

#[test]
fn files_of_others_are_told_apart() {
    let mut damaged = Damaged::new(|path| make(path, "story"));
    let other = tempfile::tempdir().unwrap();
    make(&other.path().join("c"), "novel");
    let kind = |path: &Path| path.extension().unwrap_or_default().to_owned();
    for file in files(&damaged.path()) {
        for foreign in files(&other.path().join("c")).iter().chain(&files(&damaged.path())) {
            if kind(foreign) == kind(&file) && *foreign != file {
                // Markers say the same in every collection, and are told apart by nobody.
                damaged.with(&file, Some(&fs::read(foreign).unwrap()), &format!("{} in the place", foreign.display()));
            }
        }
    }
}

/// Puts back what mending left to be put back, as whoever has the model does.
fn put_back(path: &Path) {
    let collection = LocalCollection::open(path).unwrap();
    let incomplete = collection.incomplete().unwrap();
    let mut articles: Vec<_> = incomplete.iter().map(|id| collection.article(id).unwrap().unwrap().article).collect();
    let there = collection.catalog().unwrap().articles;
    articles.extend(collection.salvaged().unwrap().into_iter().filter(|article| !there.contains_key(&article.id)));
    let mut writer = collection.writer().unwrap();
    for found in articles {
        let again = article(&found.id, &found.text);
        assert_eq!(again.article, found, "an article is read out as it was");
        writer.put(again).unwrap();
    }
    writer.commit().unwrap();
    writer.forget_salvaged().unwrap();
    writer.merge(1, &go_on).unwrap();
}

#[test]
fn what_is_damaged_is_mended_from_what_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c");
    let fresh = || {
        let _ = fs::remove_dir_all(&path);
        make(&path, "story");
        contents(&LocalCollection::open(&path).unwrap()).unwrap()
    };
    fresh();
    // Names of text segments differ from one making to the next.
    let (mut whole, mut partly) = (0, 0);
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
                let error = store::mend(path.to_str().unwrap()).unwrap_err().to_string();
                assert!(error.contains("meta.json") || error.contains("no collection"), "{error}");
                continue;
            }
            let problems = store::survey(path.to_str().unwrap()).unwrap();
            assert!(problems[0].contains(&*file.to_string_lossy()) || gone, "{problems:?}");
            let mended = store::mend(path.to_str().unwrap()).unwrap();
            assert_eq!(mended.problems, problems);
            put_back(&path);
            let after = contents(&LocalCollection::open(&path).unwrap()).unwrap();
            let kept =
                before.iter().filter(|(id, _)| !mended.lost.contains(id)).map(|(id, text)| (id.clone(), text.clone()));
            assert_eq!(after, kept.collect(), "{} {gone} {mended:?}", file.display());
            assert_eq!(mended.unnamed, 0, "{mended:?}");
            match file.extension().and_then(|kind| kind.to_str()) {
                Some("store" | "del") => partly += 1,
                _ => {
                    assert!(mended.lost.is_empty(), "{} {mended:?}", file.display());
                    whole += 1;
                }
            }
            assert!(store::survey(path.to_str().unwrap()).unwrap().is_empty());
            assert_eq!(store::mend(path.to_str().unwrap()).unwrap(), store::RepairReport::default());
        }
    }
    println!("{whole} mended whole, {partly} but for articles named");
    assert!(whole > 20 && partly > 3, "{whole} {partly}");
}

#[test]
fn mending_that_was_stopped_goes_on() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c");
    make(&path, "story");
    let mut expected = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    // Articles are read out, and nobody puts them back.
    let words = files(&path).into_iter().filter(|file| file.extension().is_some_and(|kind| kind == "term"));
    for file in words {
        fs::remove_file(file).unwrap();
    }
    let first = store::mend(path.to_str().unwrap()).unwrap();
    assert!(first.salvaged > 0 && first.lost.is_empty());
    // One of them comes from its source meanwhile, changed.
    let newer = article("story0", "story number 0 was written again\n");
    let mut writer = LocalCollection::open(&path).unwrap().writer().unwrap();
    expected.insert("story0".to_owned(), newer.article.text.clone());
    writer.put(newer).unwrap();
    writer.commit().unwrap();
    drop(writer);
    let again = store::mend(path.to_str().unwrap()).unwrap();
    assert_eq!(again, store::RepairReport { salvaged: first.salvaged, ..store::RepairReport::default() });
    let waiting = LocalCollection::open(&path).unwrap().salvaged().unwrap();
    assert_eq!(waiting.len(), first.salvaged);
    assert!(expected.len() == first.salvaged, "{first:?}");
    // Whatever tantivy keeps of its files is right: the next commit removes what is left over, and nothing else.
    put_back(&path);
    assert_eq!(contents(&LocalCollection::open(&path).unwrap()).unwrap(), expected);
    assert!(!path.join("salvaged.jsonl").exists() && path.join("text/.managed.json").exists());
}

#[test]
fn a_marker_of_an_earlier_format_comes_back_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c");
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/format-2");
    for file in files(&fixture) {
        let to = path.join(file.strip_prefix(&fixture).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    let marker = path.join("nigh.collection");
    let was = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, "nonsense").unwrap();
    let mended = store::mend(path.to_str().unwrap()).unwrap();
    assert!(mended.problems.len() == 1 && mended.problems[0].contains("nigh.collection"), "{mended:?}");
    assert_eq!(fs::read_to_string(&marker).unwrap(), was);
    assert_eq!(LocalCollection::open(&path).unwrap().check(&go_on).unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_damaged_page_of_texts_costs_the_articles_in_it_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c");
    let collection = LocalCollection::create(&path, manifest()).unwrap();
    let mut writer = collection.writer().unwrap();
    for number in 0..400 {
        // Texts that do not compress, so that there are many blocks of them.
        let text: String = (0..60).map(|word| format!("{:x} ", number * 7919 + word * 104_729)).collect();
        writer.put(article(&format!("a{number:03}"), &format!("{text}\n"))).unwrap();
    }
    writer.commit().unwrap();
    writer.compact(1, &go_on).unwrap();
    drop(writer);
    let before = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    let store = files(&path).into_iter().find(|file| file.extension().is_some_and(|kind| kind == "store")).unwrap();
    let mut bytes = fs::read(&store).unwrap();
    assert!(bytes.len() > 100_000);
    bytes[20_000] ^= 1;
    fs::remove_file(&store).unwrap();
    fs::write(&store, bytes).unwrap();
    let mended = store::mend(path.to_str().unwrap()).unwrap();
    assert!((1..100).contains(&mended.lost.len()), "{}", mended.lost.len());
    assert_eq!(mended.salvaged + mended.lost.len(), 400);
    // Said again, until it is put back.
    assert_eq!(store::mend(path.to_str().unwrap()).unwrap().lost, mended.lost);
    put_back(&path);
    let after = contents(&LocalCollection::open(&path).unwrap()).unwrap();
    assert!(after.iter().all(|(id, text)| before.get(id) == Some(text)) && after.len() == mended.salvaged);
    assert_eq!(store::mend(path.to_str().unwrap()).unwrap(), store::RepairReport::default());
}

#[test]
fn whatever_the_marker_says_it_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("c");
    make(&path, "story");
    let marker = path.join("nigh.collection");
    let was = fs::read(&marker).unwrap();
    for at in 0..was.len() {
        for change in [1, 2, 4, 0x80] {
            let mut bytes = was.clone();
            bytes[at] ^= change;
            fs::write(&marker, bytes).unwrap();
            store::mend(path.to_str().unwrap()).unwrap();
            let now = fs::read(&marker).unwrap();
            assert!(now == was || LocalCollection::open(&path).is_ok(), "byte {at} ^ {change}");
        }
    }
    fs::remove_file(&marker).unwrap();
    let error = LocalCollection::create(&path, manifest()).err().unwrap().to_string();
    assert!(error.contains("nigh.collection") && error.contains("--repair"), "{error}");
    store::mend(path.to_str().unwrap()).unwrap();
    assert_eq!(contents(&LocalCollection::open(&path).unwrap()).unwrap().len(), 3);
}
