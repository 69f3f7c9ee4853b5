//! What was read of which files, kept beside a collection, so that files that have not changed are not read again.
//!
//! A file is taken as unchanged if its size, times and identity are those it had before it was read, and the collection
//! still holds just the articles that were read from it. All this is only a shortcut: where it is not there, or other
//! readers or another way to cut made it, every file is read.

use ingest::Fingerprint;
use ingest::pipeline::{Digest, ReadSource};
use ingest::walk::{Entry, Stat};
use notes::Note;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// Every file that was read to its end without a failure.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    /// What else decides what is read from a file.
    reading: String,
    /// The commit after which the roots were all read.
    commit: Option<Fingerprint>,
    /// The roots that were read to their end at that commit, those of each run by themselves.
    complete: Vec<Vec<String>>,
    /// By their names in the collection.
    files: HashMap<String, Known>,
    /// When the walk began: what was changed just before that is not known.
    begun: Option<SystemTime>,
}

/// A file as it was read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub stat: Stat,
    pub articles: Digest,
    pub extra: Extra,
}

/// What few files have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Extra {
    /// What was said of it.
    pub notes: Vec<Note>,
    /// What kind of file it is, if it is in no format read here.
    pub unsupported: Option<String>,
}

/// What stands before the files.
#[derive(Serialize, Deserialize)]
struct Header {
    reading: String,
    commit: Option<Fingerprint>,
    complete: Vec<Vec<String>>,
    files: usize,
    extras: BTreeMap<usize, Extra>,
}

/// The bytes of a file but for its name: eight numbers, the last one the length of the name.
const RECORD: usize = 64;

impl Sources {
    /// Of files that are read in this way, from what was kept; nothing is known if that was of another way.
    pub fn new(reading: &str, kept: Option<&[u8]>) -> Self {
        let kept = kept.and_then(Self::decode).filter(|kept| kept.reading == reading).unwrap_or_default();
        Self { reading: reading.to_owned(), begun: None, ..kept }
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What is known of a file, if it has not changed since.
    pub fn unchanged(&self, name: &str, entry: &Entry) -> Option<&Known> {
        self.files.get(name).filter(|known| known.stat == entry.stat)
    }

    /// Whether all files under the roots were read to their end at this commit, and are just these.
    pub fn are_complete<'a>(
        &self,
        commit: Fingerprint,
        roots: &[String],
        under_roots: impl Fn(&str) -> bool,
        mut files: impl Iterator<Item = (&'a str, &'a Entry)>,
    ) -> bool {
        let mut there = 0;
        self.commit == Some(commit)
            && self.complete.iter().any(|complete| complete == roots)
            && files.all(|(name, entry)| {
                there += 1;
                self.unchanged(name, entry).is_some()
            })
            && there == self.files.keys().filter(|name| under_roots(name)).count()
    }

    /// A walk begins, of whose files the outcome will be told.
    pub fn begin(&mut self, now: SystemTime) {
        self.begun = Some(now);
    }

    /// A file was read.
    pub fn read(&mut self, read: ReadSource) {
        let extra = Extra { notes: read.notes, unsupported: None };
        self.remember(read.name, Known { stat: read.stat, articles: read.articles, extra });
    }

    /// A file is in no format read here.
    pub fn unsupported(&mut self, name: &str, stat: Stat, kind: &str) {
        let extra = Extra { notes: Vec::new(), unsupported: Some(kind.to_owned()) };
        self.remember(name.to_owned(), Known { stat, articles: Digest::default(), extra });
    }

    fn remember(&mut self, name: String, known: Known) {
        if self.begun.is_some_and(|begun| known.stat.is_recent(begun)) {
            // Another change could have left no trace.
            self.files.remove(&name);
        } else {
            self.files.insert(name, known);
        }
    }

    /// Forgets the files for which `keep` does not say that they are there.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.files.retain(|name, _| keep(name));
    }

    /// The roots were read to their end, or not; what is known is of this commit.
    pub fn end(&mut self, commit: Fingerprint, roots: Option<Vec<String>>) {
        if self.commit.replace(commit) != Some(commit) {
            self.complete.clear();
        }
        if let Some(roots) = roots.filter(|roots| !self.complete.contains(roots)) {
            self.complete.push(roots);
        }
    }

    /// As bytes to be kept.
    pub fn encode(&self) -> Vec<u8> {
        let mut names: Vec<&String> = self.files.keys().collect();
        names.sort_unstable();
        let extra = |(at, name): (usize, &&String)| {
            let extra = &self.files[*name].extra;
            (*extra != Extra::default()).then(|| (at, extra.clone()))
        };
        let header = Header {
            reading: self.reading.clone(),
            commit: self.commit,
            complete: self.complete.clone(),
            files: names.len(),
            extras: names.iter().enumerate().filter_map(extra).collect(),
        };
        // Strings and numbers: writing them as JSON cannot fail.
        let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
        bytes.push(b'\n');
        for name in names {
            let Known { stat, articles, .. } = &self.files[name];
            let numbers = [
                stat.bytes,
                stat.modified.cast_unsigned(),
                stat.changed.cast_unsigned(),
                stat.inode,
                articles.count,
                articles.sum as u64,
                (articles.sum >> 64) as u64,
                name.len() as u64,
            ];
            numbers.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
            bytes.extend(name.as_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
        let (mut rest, mut extras) = (&bytes[end + 1..], header.extras);
        // Each has a record: a count beyond the bytes is caught by the first that is not there.
        let mut files = HashMap::with_capacity(header.files.min(rest.len() / RECORD));
        for at in 0..header.files {
            let (record, after) = rest.split_at_checked(RECORD)?;
            let (numbers, _) = record.as_chunks::<8>();
            let number = |at: usize| u64::from_le_bytes(numbers[at]);
            let (name, after) = after.split_at_checked(usize::try_from(number(7)).ok()?)?;
            let stat = Stat {
                bytes: number(0),
                modified: number(1).cast_signed(),
                changed: number(2).cast_signed(),
                inode: number(3),
            };
            let articles = Digest { count: number(4), sum: u128::from(number(5)) | u128::from(number(6)) << 64 };
            let extra = extras.remove(&at).unwrap_or_default();
            files.insert(std::str::from_utf8(name).ok()?.to_owned(), Known { stat, articles, extra });
            rest = after;
        }
        let Header { reading, commit, complete, .. } = header;
        Some(Self { reading, commit, complete, files, begun: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notes::Code;
    use std::time::Duration;

    fn entry(bytes: u64) -> Entry {
        Entry { path: "/r/a".into(), stat: Stat { bytes, modified: 5, changed: 6, inode: 7 }, is_named: false }
    }

    fn sources() -> Sources {
        let mut sources = Sources::new("v1", None);
        sources.begin(SystemTime::now());
        let articles = Digest { count: 3, sum: u128::MAX - 9 };
        let notes = vec![Note::new(Code::EncodingGuessed, "guessed").at("a", Some(2))];
        sources.read(ReadSource { name: "a".to_owned(), stat: entry(1).stat, articles, notes });
        sources.unsupported("b", entry(2).stat, "image");
        sources
    }

    #[test]
    fn what_is_kept_reads_as_itself() {
        let mut sources = sources();
        sources.end(Fingerprint([7; 16]), Some(vec!["".to_owned()]));
        let bytes = sources.encode();
        let again = Sources::new("v1", Some(&bytes));
        assert_eq!((&again.files, again.commit, &again.complete), (&sources.files, sources.commit, &sources.complete));
        assert!(Sources::new("v2", Some(&bytes)).files.is_empty(), "another way to read");
        for end in 0..bytes.len() {
            assert!(Sources::decode(&bytes[..end]).is_none(), "cut after {end} bytes");
        }
    }

    #[test]
    fn complete_are_the_same_files_at_the_same_commit() {
        let (commit, roots) = (Fingerprint([7; 16]), vec!["docs".to_owned()]);
        let mut sources = sources();
        sources.end(commit, Some(roots.clone()));
        let (a, b) = (entry(1), entry(2));
        let complete = |sources: &Sources, commit, roots: &[String], files: &[(&str, &Entry)]| {
            sources.are_complete(commit, roots, |_| true, files.iter().copied())
        };
        assert!(complete(&sources, commit, &roots, &[("a", &a), ("b", &b)]));
        assert!(!complete(&sources, Fingerprint([8; 16]), &roots, &[("a", &a), ("b", &b)]), "another commit");
        assert!(!complete(&sources, commit, &["other".to_owned()], &[("a", &a), ("b", &b)]), "other roots");
        assert!(!complete(&sources, commit, &roots, &[("a", &a)]), "one is gone");
        assert!(!complete(&sources, commit, &roots, &[("a", &a), ("b", &b), ("c", &b)]), "one is new");
        assert!(!complete(&sources, commit, &roots, &[("a", &b), ("b", &b)]), "one has changed");
        sources.end(commit, None);
        assert!(complete(&sources, commit, &roots, &[("a", &a), ("b", &b)]));
        sources.end(Fingerprint([8; 16]), None);
        assert!(!complete(&sources, Fingerprint([8; 16]), &roots, &[("a", &a), ("b", &b)]), "a run was cut short");
    }

    #[test]
    fn what_was_changed_just_before_is_read_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut sources = sources();
        sources.begin(now);
        let mut fresh = entry(1).stat;
        fresh.modified = 999_000_000_000;
        sources.unsupported("a", fresh, "image");
        assert!(!sources.files.contains_key("a"));
    }
}
