//! A disk that records every call, can fail at one of them, and can simulate what a power cut after
//! any of them would leave.

use disk::{FileSystem, WritableFile};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A recorded call. WriteOptions have numbers, since a name can be changed and reused.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Create(PathBuf, usize),
    Write(usize, u64, Vec<u8>),
    Sync(usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    CreateFolder(PathBuf),
    SyncFolder(PathBuf),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Only this call fails, without any effect.
    Once(i32),
    /// This call and all later ones fail, as on a disk that is full or gone.
    FromHere(i32),
    /// Half of the bytes are written, then the disk is full. Like `Once` for calls that write
    /// nothing.
    Short,
}

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    files: usize,
    /// The number of the call to fail, and how.
    fault: Option<(usize, Fault)>,
    /// Whether the fault has occurred.
    failed: bool,
}

#[derive(Debug, Clone, Default)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    /// A disk whose call number `at`, from 0, fails.
    pub fn failing(at: usize, fault: Fault) -> Self {
        Self(Arc::new(Mutex::new(State {
            fault: Some((at, fault)),
            ..State::default()
        })))
    }

    /// Makes the next call fail.
    pub fn fail_next(&self, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        state.fault = Some((state.calls.len(), fault));
    }

    pub fn calls(&self) -> Vec<Call> {
        self.0.lock().unwrap().calls.clone()
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().calls.len()
    }

    pub fn failed(&self) -> bool {
        self.0.lock().unwrap().failed
    }

    /// Records a call. If it is to fail, returns the error and whether to do half of it first.
    fn record(&self, call: Call) -> Result<(), (io::Error, bool)> {
        let mut state = self.0.lock().unwrap();
        let at = state.calls.len();
        state.calls.push(call);
        let (code, half) = match state.fault {
            Some((first, Fault::Once(code))) if at == first => (code, false),
            Some((first, Fault::FromHere(code))) if at >= first => (code, false),
            Some((first, Fault::Short)) if at == first => (ENOSPC, true),
            _ => return Ok(()),
        };
        state.failed = true;
        Err((io::Error::from_raw_os_error(code), half))
    }

    fn record_whole(&self, call: Call) -> io::Result<()> {
        self.record(call).map_err(|(error, _)| error)
    }
}

impl FileSystem for FaultyDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn WritableFile>> {
        let number = {
            let mut state = self.0.lock().unwrap();
            state.files += 1;
            state.files
        };
        self.record_whole(Call::Create(path.to_owned(), number))?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Box::new(Out {
            disk: self.clone(),
            number,
            file,
            at: 0,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.record_whole(Call::Rename(from.to_owned(), to.to_owned()))?;
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.record_whole(Call::Remove(path.to_owned()))?;
        fs::remove_file(path)
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.record_whole(Call::CreateFolder(path.to_owned()))?;
        fs::create_dir_all(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.record_whole(Call::SyncFolder(path.to_owned()))
    }
}

struct Out {
    disk: FaultyDisk,
    number: usize,
    file: File,
    at: u64,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self
            .disk
            .record(Call::Write(self.number, self.at, bytes.to_vec()));
        if let Err((error, half)) = result {
            if half {
                self.file.write_all(&bytes[..bytes.len() / 2])?;
            }
            return Err(error);
        }
        self.file.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Out {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}

impl WritableFile for Out {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.record_whole(Call::Sync(self.number))
    }
}

/// The files of a folder tree with their contents, and its folders, which have none.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Reads a folder tree except for lock files.
pub fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|extension| extension != "lock") {
                tree.insert(path.clone(), Some(fs::read(path).unwrap()));
            }
        }
    }
    tree
}

/// What a power cut leaves of unsynced writes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unsynced {
    Kept,
    Lost,
    /// The file has its new length, with zeros in place of what was written.
    Zeros,
    /// The first half of the file is there.
    Half,
}

pub const UNSYNCED: [Unsynced; 4] = [
    Unsynced::Kept,
    Unsynced::Lost,
    Unsynced::Zeros,
    Unsynced::Half,
];

#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    /// The ranges written since the last sync.
    written: Vec<(usize, usize)>,
}

impl Inode {
    fn after(&self, unsynced: Unsynced) -> Vec<u8> {
        if self.written.is_empty() || unsynced == Unsynced::Kept {
            return self.now.clone();
        }
        match unsynced {
            Unsynced::Kept | Unsynced::Lost => self.durable.clone(),
            Unsynced::Zeros => {
                let mut zeros = self.now.clone();
                self.written
                    .iter()
                    .for_each(|&(from, to)| zeros[from..to].fill(0));
                zeros
            }
            Unsynced::Half => self.now[..self.now.len() / 2].to_vec(),
        }
    }
}

/// A directory change that is not durable yet.
#[derive(Debug, Clone)]
enum Change {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
    Folder(PathBuf),
}

impl Change {
    fn folder(&self) -> &Path {
        let (Self::Link(path, _)
        | Self::Rename(_, path, _)
        | Self::Unlink(path)
        | Self::Folder(path)) = self;
        path.parent().unwrap()
    }
}

/// The state of a disk after its recorded calls: what is durable, and what a power cut may undo.
#[derive(Debug, Clone)]
pub struct PowerCutSimulator {
    inodes: HashMap<usize, Inode>,
    /// The durable names and their files.
    durable: BTreeMap<PathBuf, usize>,
    folders: HashSet<PathBuf>,
    root: PathBuf,
    now: BTreeMap<PathBuf, usize>,
    pending: Vec<Change>,
}

impl PowerCutSimulator {
    /// A disk whose folder `root` is empty.
    pub fn on(root: &Path) -> Self {
        Self {
            inodes: HashMap::new(),
            durable: BTreeMap::new(),
            folders: HashSet::from([root.to_owned()]),
            root: root.to_owned(),
            now: BTreeMap::new(),
            pending: Vec::new(),
        }
    }

    pub fn apply(&mut self, call: &Call) {
        match call {
            Call::Create(path, number) => {
                self.inodes.insert(*number, Inode::default());
                self.now.insert(path.clone(), *number);
                self.pending.push(Change::Link(path.clone(), *number));
            }
            Call::Write(number, at, bytes) => {
                let inode = self.inodes.get_mut(number).unwrap();
                let (from, to) = (*at as usize, *at as usize + bytes.len());
                inode.now.resize(inode.now.len().max(to), 0);
                inode.now[from..to].copy_from_slice(bytes);
                inode.written.push((from, to));
            }
            Call::Sync(number) => {
                let inode = self.inodes.get_mut(number).unwrap();
                inode.durable = inode.now.clone();
                inode.written.clear();
            }
            Call::Rename(from, to) => {
                if let Some(number) = self.now.remove(from) {
                    self.now.insert(to.clone(), number);
                    self.pending
                        .push(Change::Rename(from.clone(), to.clone(), number));
                }
            }
            Call::Remove(path) => {
                if self.now.remove(path).is_some() {
                    self.pending.push(Change::Unlink(path.clone()));
                }
            }
            Call::CreateFolder(path) => {
                if !self.folders.contains(path) {
                    self.pending.push(Change::Folder(path.clone()));
                }
            }
            Call::SyncFolder(folder) => {
                let (done, left) = self
                    .pending
                    .drain(..)
                    .partition(|change| change.folder() == folder);
                self.pending = left;
                let done: Vec<Change> = done;
                done.iter()
                    .for_each(|change| apply(change, &mut self.durable, &mut self.folders));
            }
        }
    }

    /// Which pending changes may survive a power cut: any subset, since disks make them durable in
    /// any order. All subsets if there are few changes; otherwise each change alone, all but each,
    /// and every prefix.
    pub fn choices(&self) -> Vec<Vec<bool>> {
        let count = self.pending.len();
        if count <= 6 {
            return (0..1u32 << count)
                .map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect())
                .collect();
        }
        let alone = (0..count).map(|one| (0..count).map(|at| at == one).collect());
        let all_but = (0..count).map(|one| (0..count).map(|at| at != one).collect());
        let first = (0..=count).map(|end| (0..count).map(|at| at < end).collect());
        alone.chain(all_but).chain(first).collect()
    }

    /// The files and folders after a power cut that kept the chosen pending changes.
    pub fn cut(&self, choice: &[bool], unsynced: Unsynced) -> Tree {
        let (mut names, mut folders) = (self.durable.clone(), self.folders.clone());
        let kept = self.pending.iter().zip(choice).filter(|(_, kept)| **kept);
        kept.for_each(|(change, _)| apply(change, &mut names, &mut folders));
        let reached = |path: &Path| {
            path.ancestors()
                .skip(1)
                .take_while(|above| *above != self.root)
                .all(|above| folders.contains(above))
        };
        let files = names.iter().filter(|(path, _)| reached(path));
        let files =
            files.map(|(path, number)| (path.clone(), Some(self.inodes[number].after(unsynced))));
        files
            .chain(
                folders
                    .iter()
                    .filter(|folder| reached(folder))
                    .map(|folder| (folder.clone(), None)),
            )
            .collect()
    }

    /// The files without a power cut.
    pub fn current(&self) -> Tree {
        self.now
            .iter()
            .map(|(path, number)| (path.clone(), Some(self.inodes[number].now.clone())))
            .collect()
    }
}

fn apply(change: &Change, names: &mut BTreeMap<PathBuf, usize>, folders: &mut HashSet<PathBuf>) {
    match change {
        Change::Link(path, number) => _ = names.insert(path.clone(), *number),
        Change::Rename(from, to, number) => {
            // Another file may have the old name by now.
            if names.get(from) == Some(number) {
                names.remove(from);
            }
            names.insert(to.clone(), *number);
        }
        Change::Unlink(path) => _ = names.remove(path),
        Change::Folder(path) => _ = folders.insert(path.clone()),
    }
}

/// Replaces the folder `to` by a tree recorded under `from`.
pub fn write_tree(tree: &Tree, from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for (path, contents) in tree {
        let path = to.join(path.strip_prefix(from).unwrap());
        match contents {
            Some(contents) => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, contents).unwrap();
            }
            None => fs::create_dir_all(path).unwrap(),
        }
    }
}
