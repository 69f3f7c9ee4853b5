//! A disk that fails, at every call of every commit; and the power cut after any of them.
//!
//! A failing call gives an error or does not matter, and the collection then holds what the last commit that came
//! back held, or the one that was under way; nothing else, ever. So after a power cut, whatever the disk had
//! not been told to keep.
#![allow(clippy::print_stdout, reason = "what was measured")]

use crate::common::faulty::{EIO, ENOSPC, Fault, Faulty, Power, Tree, UNSYNCED, lay_out, tree};
use crate::common::{Contents, article, contents, go_on, manifest};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use store::local::LocalCollection;
use store::{Collection, Error, Result, Writer};

/// A step of a collection's life.
type Life = fn(&mut dyn Writer) -> Result<()>;

/// All that writers do: add, update, delete, many commits, merging, compacting.
const LIFE: [Life; 7] = [
    |writer| {
        writer.put(article("tides", "the moon pulls the sea\nthe sea rises\n"))?;
        writer.put(article("kites", "wind holds the kite\n"))?;
        writer.commit()
    },
    |writer| {
        writer.put(article("tides", "the sun pulls a little\n"))?;
        writer.delete("kites")?;
        writer.commit()
    },
    |writer| {
        (0..8).try_for_each(|number| {
            writer.put(article(
                &format!("note{number}"),
                &format!("note {number} says something\nand {number} more\n"),
            ))?;
            writer.commit()
        })
    },
    |writer| writer.merge(1, &go_on),
    |writer| {
        writer.put(article("kites", "the kite is back in the wind\n"))?;
        (0..4).try_for_each(|number| writer.delete(&format!("note{number}")).map(|_| ()))?;
        writer.commit()
    },
    |writer| writer.compact(1, &go_on).map(|_| ()),
    |writer| {
        writer.delete("tides")?;
        writer.commit()
    },
];

/// What the collection holds after each commit of its life, the first of which makes it; in the order of the calls
/// that had been made when it came back.
#[derive(Default)]
struct Lived {
    after: Vec<(usize, Contents)>,
}

/// Lives as far as the disk lets it.
fn live(disk: &Faulty, path: &Path, lived: &mut Lived) -> Result<()> {
    let shared: Arc<dyn disk::Disk> = Arc::new(disk.clone());
    let mut now = Contents::new();
    // Noted before: what is under way may be there when it fails.
    lived.after.push((usize::MAX, now.clone()));
    let mut collection = LocalCollection::create_on(shared, path, manifest())?;
    lived.after[0].0 = disk.count();
    let mut writer = Noted { writer: collection.writer()?, now: &mut now, lived, disk };
    for step in LIFE {
        step(&mut writer)?;
    }
    drop(writer);
    collection.refresh()
}

/// A writer that notes what each commit must hold.
struct Noted<'a> {
    writer: Box<dyn Writer>,
    now: &'a mut Contents,
    lived: &'a mut Lived,
    disk: &'a Faulty,
}

impl Writer for Noted<'_> {
    fn put(&mut self, article: ingest::pipeline::EmbeddedArticle) -> Result<()> {
        let (id, text) = (article.article.id.clone(), article.article.text.clone());
        self.writer.put(article)?;
        self.now.insert(id, text);
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        let was = self.writer.delete(id)?;
        self.now.remove(id);
        Ok(was)
    }

    fn commit(&mut self) -> Result<()> {
        self.lived.after.push((usize::MAX, self.now.clone()));
        self.writer.commit()?;
        self.lived.after.last_mut().unwrap().0 = self.disk.count();
        Ok(())
    }

    fn merge(&mut self, threads: usize, progress: &store::Progress<'_>) -> Result<()> {
        self.writer.merge(threads, progress)
    }

    fn compact(&mut self, threads: usize, progress: &store::Progress<'_>) -> Result<store::CompactReport> {
        self.writer.compact(threads, progress)
    }

    fn forget_salvaged(&mut self) -> Result<()> {
        self.writer.forget_salvaged()
    }

    fn set_chunking(&mut self, _: ingest::Chunking) {}
    fn set_builder(&mut self, _: index::Builder) {}
    fn set_memory_budget(&mut self, _: Option<u64>) {}
    fn set_fusion(&mut self, _: Option<store::Fusion>) {}

    fn pending(&self) -> usize {
        self.writer.pending()
    }

    fn merge_small(&mut self) -> Result<()> {
        self.writer.merge_small()
    }

    fn merge_in_background(&mut self, threads: usize) -> Result<()> {
        self.writer.merge_in_background(threads)
    }
}

impl Lived {
    /// What may be there after so many calls: what the last commit that had come back held, or the next one.
    fn allowed(&self, calls: usize) -> &[(usize, Contents)] {
        let done = self.after.iter().take_while(|(count, _)| *count <= calls).count();
        &self.after[done.saturating_sub(1)..(done + 1).min(self.after.len())]
    }
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// A panic on any thread counts: tantivy has threads of its own.
fn count_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(panic);
    }));
}

/// What is there, if anything is.
fn found(path: &Path) -> Option<Contents> {
    match LocalCollection::open(path) {
        Ok(collection) => Some(contents(&collection).unwrap_or_else(|error| panic!("{error}"))),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// The collection takes more, or can be made where there is none yet.
fn goes_on(path: &Path, expected: Option<Contents>) {
    let collection = match &expected {
        Some(_) => LocalCollection::open(path).unwrap(),
        None => LocalCollection::create(path, manifest()).unwrap(),
    };
    let mut writer = collection.writer().unwrap();
    writer.put(article("tides", "the moon pulls the sea\n")).unwrap();
    writer.put(article("later", "one more\nand another\n")).unwrap();
    writer.commit().unwrap();
    writer.merge(1, &go_on).unwrap();
    drop(writer);
    let mut expected = expected.unwrap_or_default();
    expected.insert("tides".into(), "the moon pulls the sea\n".into());
    expected.insert("later".into(), "one more\nand another\n".into());
    assert_eq!(found(path), Some(expected));
}

const FAULTS: [Fault; 3] = [Fault::Once(EIO), Fault::FromHere(ENOSPC), Fault::Short];

/// Lives with one call failing. Whether there was such a call.
fn survives(at: usize, fault: Fault) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let (disk, mut lived) = (Faulty::failing(at, fault), Lived::default());
    let result = live(&disk, &path, &mut lived);
    if !disk.failed() {
        result.unwrap();
        return false;
    }
    let last = lived.after.len().saturating_sub(if result.is_ok() { 1 } else { 2 });
    let allowed: Vec<&Contents> = lived.after[last..].iter().map(|(_, contents)| contents).collect();
    let now = found(&path);
    match &now {
        Some(now) => assert!(allowed.contains(&now), "call {at} {fault:?}: {now:?}, {allowed:?}"),
        None => assert!(lived.after.len() == 1, "call {at} {fault:?}: nothing is there"),
    }
    goes_on(&path, now);
    true
}

/// Lives with each of the faults that `chosen` says, on all cores.
fn survives_all(chosen: impl Fn(usize, Fault) -> bool + Sync) {
    count_panics();
    // Merges on tantivy's threads make the number of calls vary a little: on until there is no such call.
    let (next, injected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let faults = FAULTS.into_iter().filter(|fault| chosen(at, *fault));
        let counts: Vec<bool> = faults.map(|fault| survives(at, fault)).collect();
        injected.fetch_add(counts.iter().filter(|there| **there).count(), Ordering::Relaxed);
        if counts.contains(&false) {
            break;
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| _ = scope.spawn(work)));
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    let (calls, injected) = (next.into_inner() - cores(), injected.into_inner());
    println!("measured {{\"faults\": {injected}, \"calls\": {calls}}}");
    assert!(calls > 300 && injected > 20, "{injected} faults at {calls} calls");
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[test]
fn a_call_that_fails_loses_nothing() {
    survives_all(|at, fault| at % 24 == 0 && FAULTS[at / 24 % 3] == fault);
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn a_call_that_fails_anywhere_loses_nothing() {
    survives_all(|_, _| true);
}

#[test]
fn the_disk_is_told_of_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let disk = Faulty::default();
    live(&disk, &path, &mut Lived::default()).unwrap();
    let mut power = Power::on(folder.path());
    disk.calls().iter().for_each(|call| power.call(call));
    let (told, there) = (power.whole(), tree(folder.path()));
    assert_eq!(told.keys().collect::<Vec<_>>(), there.keys().collect::<Vec<_>>());
    assert!(told == there, "a file was changed behind the disk's back");
}

/// What a power cut left, and what may be there then.
struct Left<'a> {
    what: String,
    tree: Tree,
    allowed: &'a [(usize, Contents)],
    /// Whether the collection had been made.
    made: bool,
    /// Whether to see that it takes more.
    write: bool,
}

/// Cuts the power after each of the calls that `chosen` says, in every way.
fn outlives_all(chosen: impl Fn(usize) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let (disk, mut lived) = (Faulty::default(), Lived::default());
    live(&disk, &path, &mut lived).unwrap();
    let (mut states, mut cuts) = (HashSet::new(), 0);
    let mut power = Power::on(folder.path());
    let calls = disk.calls();
    let (left, waiting) = mpsc::sync_channel(64);
    let waiting = Arc::new(Mutex::new(waiting));
    let outlive = |waiting: Arc<Mutex<mpsc::Receiver<Left<'_>>>>| {
        let there = tempfile::tempdir().unwrap();
        loop {
            let Ok(Left { what, tree, allowed, made, write }) = waiting.lock().unwrap().recv() else { break };
            lay_out(&tree, folder.path(), there.path());
            let path = there.path().join("collection");
            let now = found(&path);
            match &now {
                Some(now) => assert!(allowed.iter().any(|(_, contents)| contents == now), "{what}: {now:?}"),
                None => assert!(!made, "{what}: nothing is there"),
            }
            if write {
                goes_on(&path, now);
            }
        }
    };
    std::thread::scope(|scope| {
        for waiting in vec![waiting; cores()] {
            scope.spawn(|| outlive(waiting));
        }
        for done in 0..=calls.len() {
            if let Some(call) = done.checked_sub(1) {
                power.call(&calls[call]);
            }
            if !chosen(done) {
                continue;
            }
            let (allowed, made) = (lived.allowed(done), lived.after[0].0 <= done);
            for choice in power.choices() {
                for unsynced in UNSYNCED {
                    cuts += 1;
                    let tree = power.cut(&choice, unsynced);
                    let mut hasher = DefaultHasher::new();
                    (&tree, allowed[0].0, allowed.len()).hash(&mut hasher);
                    if states.insert(hasher.finish()) {
                        let what = format!("after call {done}, {choice:?}, {unsynced:?}");
                        // If nobody takes it, all have failed, and the scope says so.
                        let _ = left.send(Left { what, tree, allowed, made, write: states.len() % 4 == 0 });
                    }
                }
            }
        }
        drop(left);
    });
    println!("measured {{\"power_cuts\": {cuts}, \"disks\": {}}}", states.len());
    assert!(calls.len() > 300 && states.len() > 50, "{} calls, {} states", calls.len(), states.len());
}

#[test]
fn a_power_cut_leaves_a_commit() {
    outlives_all(|done| done % 24 == 0);
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn a_power_cut_after_any_call_leaves_a_commit() {
    outlives_all(|_| true);
}
