//! A disk that does what it is told, writes down every call, fails at one of them, and can say what would be left
//! of it if the power went after any of them.

use disk::{Disk, Output};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a disk was asked to do. Files are named by number: a name can change, and be given again.
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
    /// This one alone, and nothing of it is done.
    Once(i32),
    /// This one and all after it, as on a disk that is full or gone.
    FromHere(i32),
    /// Half of what is to be written is, then the disk is full. As `Once` for calls that write nothing.
    Short,
}

pub const EIO: i32 = 5;
pub const ENOSPC: i32 = 28;

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    files: usize,
    /// Which call fails, and how.
    fault: Option<(usize, Fault)>,
    /// Whether it has.
    failed: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Faulty(Arc<Mutex<State>>);

impl Faulty {
    /// One whose call of that number, from 0, fails.
    pub fn failing(at: usize, fault: Fault) -> Self {
        Self(Arc::new(Mutex::new(State { fault: Some((at, fault)), ..State::default() })))
    }

    /// Has the next call fail.
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

    /// Writes a call down. The error, if it is to fail; whether half of it is to be done first.
    fn call(&self, call: Call) -> Result<(), (io::Error, bool)> {
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

    fn plain(&self, call: Call) -> io::Result<()> {
        self.call(call).map_err(|(error, _)| error)
    }
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Output>> {
        let number = {
            let mut state = self.0.lock().unwrap();
            state.files += 1;
            state.files
        };
        self.plain(Call::Create(path.to_owned(), number))?;
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Box::new(Out { disk: self.clone(), number, file, at: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.plain(Call::Rename(from.to_owned(), to.to_owned()))?;
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.plain(Call::Remove(path.to_owned()))?;
        fs::remove_file(path)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.plain(Call::CreateFolder(path.to_owned()))?;
        fs::create_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.plain(Call::SyncFolder(path.to_owned()))
    }
}

struct Out {
    disk: Faulty,
    number: usize,
    file: File,
    at: u64,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.disk.call(Call::Write(self.number, self.at, bytes.to_vec()));
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

impl Output for Out {
    fn sync(&mut self) -> io::Result<()> {
        self.disk.plain(Call::Sync(self.number))
    }
}

/// Every file of a folder tree and what it holds, and the folders, which hold nothing.
pub type Tree = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// Reads a folder tree, but for what only locks.
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

/// What a power cut leaves of what was written to a file and not synced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Unsynced {
    Kept,
    Lost,
    /// The file is as long as it was to be, and holds zeros where it was written.
    Zeros,
    /// The first half of it is there.
    Half,
}

pub const UNSYNCED: [Unsynced; 4] = [Unsynced::Kept, Unsynced::Lost, Unsynced::Zeros, Unsynced::Half];

#[derive(Debug, Clone, Default)]
struct Inode {
    durable: Vec<u8>,
    now: Vec<u8>,
    /// Where it was written since it was synced.
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
                self.written.iter().for_each(|&(from, to)| zeros[from..to].fill(0));
                zeros
            }
            Unsynced::Half => self.now[..self.now.len() / 2].to_vec(),
        }
    }
}

/// A change of names that is not durable yet.
#[derive(Debug, Clone)]
enum Change {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf, usize),
    Unlink(PathBuf),
    Folder(PathBuf),
}

impl Change {
    fn folder(&self) -> &Path {
        let (Self::Link(path, _) | Self::Rename(_, path, _) | Self::Unlink(path) | Self::Folder(path)) = self;
        path.parent().unwrap()
    }
}

/// A disk as its calls left it: what is durable, and what a power cut may undo.
#[derive(Debug, Clone)]
pub struct Power {
    inodes: HashMap<usize, Inode>,
    /// The durable names, and which file each is.
    durable: BTreeMap<PathBuf, usize>,
    folders: HashSet<PathBuf>,
    root: PathBuf,
    now: BTreeMap<PathBuf, usize>,
    pending: Vec<Change>,
}

impl Power {
    /// A disk with nothing in the folder `root`.
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

    pub fn call(&mut self, call: &Call) {
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
                    self.pending.push(Change::Rename(from.clone(), to.clone(), number));
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
                let (done, left) = self.pending.drain(..).partition(|change| change.folder() == folder);
                self.pending = left;
                let done: Vec<Change> = done;
                done.iter().for_each(|change| apply(change, &mut self.durable, &mut self.folders));
            }
        }
    }

    /// Which of the pending changes may be there after a power cut: any of them, in whatever order the disk made
    /// them durable. All choices where there are few; each alone, all but each, and the first so many otherwise.
    pub fn choices(&self) -> Vec<Vec<bool>> {
        let count = self.pending.len();
        if count <= 6 {
            return (0..1u32 << count).map(|bits| (0..count).map(|at| bits >> at & 1 == 1).collect()).collect();
        }
        let alone = (0..count).map(|one| (0..count).map(|at| at == one).collect());
        let all_but = (0..count).map(|one| (0..count).map(|at| at != one).collect());
        let first = (0..=count).map(|most| (0..count).map(|at| at < most).collect());
        alone.chain(all_but).chain(first).collect()
    }

    /// What is there after a power cut.
    pub fn cut(&self, choice: &[bool], unsynced: Unsynced) -> Tree {
        let (mut names, mut folders) = (self.durable.clone(), self.folders.clone());
        let kept = self.pending.iter().zip(choice).filter(|(_, kept)| **kept);
        kept.for_each(|(change, _)| apply(change, &mut names, &mut folders));
        let reached = |path: &Path| {
            path.ancestors().skip(1).take_while(|above| *above != self.root).all(|above| folders.contains(above))
        };
        let files = names.iter().filter(|(path, _)| reached(path));
        let files = files.map(|(path, number)| (path.clone(), Some(self.inodes[number].after(unsynced))));
        files.chain(folders.iter().filter(|folder| reached(folder)).map(|folder| (folder.clone(), None))).collect()
    }

    /// What is there if nothing happens.
    pub fn whole(&self) -> Tree {
        self.now.iter().map(|(path, number)| (path.clone(), Some(self.inodes[number].now.clone()))).collect()
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

/// Puts a tree on the disk, in the place of what is there.
pub fn lay_out(tree: &Tree, from: &Path, to: &Path) {
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
