//! A disk that fails at each call of each commit, and power cuts after each of them.
//!
//! A failing call gives an error or does not matter. Afterwards the collection holds what the last
//! successful commit or the one in progress held, and nothing else. The same is true after a power
//! cut, whatever unsynced data the disk has lost.
#![allow(clippy::print_stdout, reason = "prints measurements")]

use crate::common::faulty_disk::{
    EIO, ENOSPC, Fault, FaultyDisk, PowerCutSimulator, Tree, UNSYNCED, tree, write_tree,
};
use crate::common::{Contents, article, contents, go_on, manifest};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use store::local::LocalCollection;
use store::{Collection, Error, Result, Writer};

/// A step of the workload.
type WorkloadStep = fn(&mut dyn Writer) -> Result<()>;

/// Everything that writers do: add, update, delete, commit often, merge, compact.
const WORKLOAD: [WorkloadStep; 7] = [
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

/// The contents of the collection after each commit of the workload, its creation first, each with
/// the number of calls made when the commit returned; `usize::MAX` if it did not return.
#[derive(Default)]
struct History {
    commits: Vec<(usize, Contents)>,
}

/// Runs the workload as far as the disk allows.
fn run_workload(disk: &FaultyDisk, path: &Path, history: &mut History) -> Result<()> {
    let shared: Arc<dyn disk::FileSystem> = Arc::new(disk.clone());
    let mut now = Contents::new();
    // Recorded first: a commit that fails may still have taken effect.
    history.commits.push((usize::MAX, now.clone()));
    let mut collection = LocalCollection::create_on(shared, path, manifest())?;
    history.commits[0].0 = disk.count();
    let mut writer = RecordingWriter {
        writer: collection.writer()?,
        now: &mut now,
        history,
        disk,
    };
    for step in WORKLOAD {
        step(&mut writer)?;
    }
    drop(writer);
    collection.refresh()
}

/// A writer that records the contents that each commit must have.
struct RecordingWriter<'a> {
    writer: Box<dyn Writer>,
    now: &'a mut Contents,
    history: &'a mut History,
    disk: &'a FaultyDisk,
}

impl Writer for RecordingWriter<'_> {
    fn put(&mut self, article: ingest::pipeline::EmbeddedArticle) -> Result<()> {
        let (id, text) = (article.article.id.clone(), article.article.text.clone());
        self.writer.put(article)?;
        self.now.insert(id, text);
        Ok(())
    }

    fn delete(&mut self, id: &str) -> Result<bool> {
        let existed = self.writer.delete(id)?;
        self.now.remove(id);
        Ok(existed)
    }

    fn commit(&mut self) -> Result<()> {
        self.history.commits.push((usize::MAX, self.now.clone()));
        self.writer.commit()?;
        self.history.commits.last_mut().unwrap().0 = self.disk.count();
        Ok(())
    }

    fn merge(&mut self, threads: usize, progress: &store::Progress<'_>) -> Result<()> {
        self.writer.merge(threads, progress)
    }

    fn compact(
        &mut self,
        threads: usize,
        progress: &store::Progress<'_>,
    ) -> Result<store::CompactReport> {
        self.writer.compact(threads, progress)
    }

    fn set_chunking(&mut self, _: ingest::Chunking) {}
    fn set_fusion(&mut self, _: Option<store::Fusion>) {}
    fn set_model_name(&mut self, _: &str) {}

    fn pending(&self) -> usize {
        self.writer.pending()
    }
}

impl History {
    /// What the collection may hold after so many calls: the last commit that had returned, or the
    /// one in progress.
    fn allowed(&self, calls: usize) -> &[(usize, Contents)] {
        let done = self
            .commits
            .iter()
            .take_while(|(count, _)| *count <= calls)
            .count();
        &self.commits[done.saturating_sub(1)..(done + 1).min(self.commits.len())]
    }
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts panics on all threads, since tantivy has its own.
fn count_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(panic);
    }));
}

/// The contents of the collection at `path`, if there is one.
fn contents_at(path: &Path) -> Option<Contents> {
    match LocalCollection::open(path) {
        Ok(collection) => Some(contents(&collection).unwrap_or_else(|error| panic!("{error}"))),
        Err(Error::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Asserts that the collection can be written to, or created if there is none.
fn assert_writable(path: &Path, expected: Option<Contents>) {
    let collection = match &expected {
        Some(_) => LocalCollection::open(path).unwrap(),
        None => LocalCollection::create(path, manifest()).unwrap(),
    };
    let mut writer = collection.writer().unwrap();
    writer
        .put(article("tides", "the moon pulls the sea\n"))
        .unwrap();
    writer
        .put(article("later", "one more\nand another\n"))
        .unwrap();
    writer.commit().unwrap();
    writer.merge(1, &go_on).unwrap();
    drop(writer);
    let mut expected = expected.unwrap_or_default();
    expected.insert("tides".into(), "the moon pulls the sea\n".into());
    expected.insert("later".into(), "one more\nand another\n".into());
    assert_eq!(contents_at(path), Some(expected));
}

const FAULTS: [Fault; 3] = [Fault::Once(EIO), Fault::FromHere(ENOSPC), Fault::Short];

/// Runs the workload with one failing call and checks the result. Returns whether the call was
/// reached.
fn survives_fault(at: usize, fault: Fault) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let (disk, mut history) = (FaultyDisk::failing(at, fault), History::default());
    let result = run_workload(&disk, &path, &mut history);
    if !disk.failed() {
        result.unwrap();
        return false;
    }
    let last = history
        .commits
        .len()
        .saturating_sub(if result.is_ok() { 1 } else { 2 });
    let allowed: Vec<&Contents> = history.commits[last..]
        .iter()
        .map(|(_, contents)| contents)
        .collect();
    let now = contents_at(&path);
    match &now {
        Some(now) => assert!(
            allowed.contains(&now),
            "call {at} {fault:?}: {now:?}, {allowed:?}"
        ),
        None => assert!(
            history.commits.len() == 1,
            "call {at} {fault:?}: there is no collection"
        ),
    }
    assert_writable(&path, now);
    true
}

/// Runs the workload with each of the `chosen` faults, on all cores.
fn survives_faults(chosen: impl Fn(usize, Fault) -> bool + Sync) {
    count_panics();
    // Merges on tantivy's threads make the number of calls vary a little, so this goes on until a
    // call is not reached.
    let (next, injected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let faults = FAULTS.into_iter().filter(|fault| chosen(at, *fault));
        let reached: Vec<bool> = faults.map(|fault| survives_fault(at, fault)).collect();
        injected.fetch_add(
            reached.iter().filter(|reached| **reached).count(),
            Ordering::Relaxed,
        );
        if reached.contains(&false) {
            break;
        }
    };
    std::thread::scope(|scope| (0..cores()).for_each(|_| _ = scope.spawn(work)));
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
    let (calls, injected) = (next.into_inner() - cores(), injected.into_inner());
    println!("measured {{\"faults\": {injected}, \"calls\": {calls}}}");
    assert!(
        calls > 300 && injected > 20,
        "{injected} faults at {calls} calls"
    );
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[test]
fn failing_call_loses_nothing() {
    survives_faults(|at, fault| at % 24 == 0 && FAULTS[at / 24 % 3] == fault);
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn failing_call_anywhere_loses_nothing() {
    survives_faults(|_, _| true);
}

#[test]
fn all_changes_go_through_the_disk_trait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let disk = FaultyDisk::default();
    run_workload(&disk, &path, &mut History::default()).unwrap();
    let mut power = PowerCutSimulator::on(folder.path());
    disk.calls().iter().for_each(|call| power.apply(call));
    let (recorded, actual) = (power.current(), tree(folder.path()));
    assert_eq!(
        recorded.keys().collect::<Vec<_>>(),
        actual.keys().collect::<Vec<_>>()
    );
    assert!(
        recorded == actual,
        "a file was changed behind the disk's back"
    );
}

/// A state that a power cut left, and what the collection may hold then.
struct CutState<'a> {
    what: String,
    tree: Tree,
    allowed: &'a [(usize, Contents)],
    /// Whether the collection had been created.
    created: bool,
    /// Whether to test writing to it, too.
    write: bool,
}

/// Simulates power cuts after each of the `chosen` calls, in every possible way.
fn survives_power_cuts(chosen: impl Fn(usize) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("collection");
    let (disk, mut history) = (FaultyDisk::default(), History::default());
    run_workload(&disk, &path, &mut history).unwrap();
    let (mut states, mut cuts) = (HashSet::new(), 0);
    let mut power = PowerCutSimulator::on(folder.path());
    let calls = disk.calls();
    let (sender, receiver) = mpsc::sync_channel(64);
    let receiver = Arc::new(Mutex::new(receiver));
    let check = |receiver: Arc<Mutex<mpsc::Receiver<CutState<'_>>>>| {
        let restored = tempfile::tempdir().unwrap();
        loop {
            let Ok(CutState {
                what,
                tree,
                allowed,
                created,
                write,
            }) = receiver.lock().unwrap().recv()
            else {
                break;
            };
            write_tree(&tree, folder.path(), restored.path());
            let path = restored.path().join("collection");
            let now = contents_at(&path);
            match &now {
                Some(now) => assert!(
                    allowed.iter().any(|(_, contents)| contents == now),
                    "{what}: {now:?}"
                ),
                None => assert!(!created, "{what}: there is no collection"),
            }
            if write {
                assert_writable(&path, now);
            }
        }
    };
    std::thread::scope(|scope| {
        for receiver in vec![receiver; cores()] {
            scope.spawn(|| check(receiver));
        }
        for done in 0..=calls.len() {
            if let Some(call) = done.checked_sub(1) {
                power.apply(&calls[call]);
            }
            if !chosen(done) {
                continue;
            }
            let (allowed, created) = (history.allowed(done), history.commits[0].0 <= done);
            for choice in power.choices() {
                for unsynced in UNSYNCED {
                    cuts += 1;
                    let tree = power.cut(&choice, unsynced);
                    let mut hasher = DefaultHasher::new();
                    (&tree, allowed[0].0, allowed.len()).hash(&mut hasher);
                    if states.insert(hasher.finish()) {
                        let what = format!("after call {done}, {choice:?}, {unsynced:?}");
                        // If no thread receives it, all have panicked, and the scope reports that.
                        let _ = sender.send(CutState {
                            what,
                            tree,
                            allowed,
                            created,
                            write: states.len() % 4 == 0,
                        });
                    }
                }
            }
        }
        drop(sender);
    });
    println!(
        "measured {{\"power_cuts\": {cuts}, \"disks\": {}}}",
        states.len()
    );
    assert!(
        calls.len() > 300 && states.len() > 50,
        "{} calls, {} states",
        calls.len(),
        states.len()
    );
}

#[test]
fn power_cut_leaves_a_commit() {
    survives_power_cuts(|done| done % 24 == 0);
}

#[test]
#[ignore = "needs minutes: cargo test -p store --test integration -- --ignored"]
fn power_cut_after_any_call_leaves_a_commit() {
    survives_power_cuts(|_| true);
}
