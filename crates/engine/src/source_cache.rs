//! A cache of what was read from which files, stored with a collection, so that unchanged files are
//! not read again.
//!
//! A file is unchanged if its size, times and identity are the same as before it was read, and the
//! collection still holds exactly the articles that were read from it. The cache is only an
//! optimization: if it is missing, or was written by another version of the readers or with other
//! chunking options, all files are read.

use ingest::Fingerprint;
use ingest::pipeline::{ArticleSetDigest, CompletedSource};
use ingest::walk::{Stat, WalkEntry};
use notes::Note;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

/// All files that were read to the end without a failure.
#[derive(Debug, Default)]
pub(crate) struct SourceCache {
    /// Identifies everything besides a file that determines what is read from it.
    reader_id: String,
    /// The commit that the cache describes.
    commit: Option<Fingerprint>,
    /// The sets of roots, one per run, that were read completely at that commit.
    complete_roots: Vec<Vec<String>>,
    /// Files by their names in the collection.
    files: HashMap<String, CachedFile>,
    /// When the current walk started. A file changed just before it may change again without a
    /// trace.
    walk_started: Option<SystemTime>,
}

/// A file as it was last read.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CachedFile {
    pub stat: Stat,
    pub articles: ArticleSetDigest,
    pub remarks: Remarks,
}

/// What is file of only a few files, and therefore stored apart.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Remarks {
    /// The notes made while reader_id it.
    pub notes: Vec<Note>,
    /// The kind of file, if its format is not supported.
    pub unsupported: Option<String>,
}

/// The first line of the encoded cache, as JSON.
#[derive(Serialize, Deserialize)]
struct Header {
    #[serde(rename = "reading")]
    reader_id: String,
    commit: Option<Fingerprint>,
    #[serde(rename = "complete")]
    complete_roots: Vec<Vec<String>>,
    files: usize,
    #[serde(rename = "extras")]
    remarks: BTreeMap<usize, Remarks>,
}

/// The bytes of a file's record, without its name: eight little-endian numbers, the last one the
/// length of the name.
const RECORD_BYTES: usize = 64;

impl SourceCache {
    /// Decodes `bytes`. The cache is empty if they cannot be decoded, or have another `reader_id`.
    pub fn new(reader_id: &str, bytes: Option<&[u8]>) -> Self {
        let decoded = bytes
            .and_then(Self::decode)
            .filter(|decoded| decoded.reader_id == reader_id)
            .unwrap_or_default();
        Self {
            reader_id: reader_id.to_owned(),
            walk_started: None,
            ..decoded
        }
    }

    /// Whether no file is file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The cached entry of a file, unless the file has changed since.
    pub fn unchanged(&self, name: &str, entry: &WalkEntry) -> Option<&CachedFile> {
        self.files.get(name).filter(|file| file.stat == entry.stat)
    }

    /// Whether the files under these roots were all read at this commit, and are exactly `files`,
    /// unchanged.
    pub fn is_complete<'a>(
        &self,
        commit: Fingerprint,
        roots: &[String],
        under_roots: impl Fn(&str) -> bool,
        mut files: impl Iterator<Item = (&'a str, &'a WalkEntry)>,
    ) -> bool {
        let mut count = 0;
        self.commit == Some(commit)
            && self.complete_roots.iter().any(|complete| complete == roots)
            && files.all(|(name, entry)| {
                count += 1;
                self.unchanged(name, entry).is_some()
            })
            && count == self.files.keys().filter(|name| under_roots(name)).count()
    }

    /// Starts an update from a walk that began at `walk_started`.
    pub fn start_update(&mut self, walk_started: SystemTime) {
        self.walk_started = Some(walk_started);
    }

    /// Adds a file that was read.
    pub fn add_read(&mut self, read: CompletedSource) {
        let remarks = Remarks {
            notes: read.notes,
            unsupported: None,
        };
        self.insert(
            read.name,
            CachedFile {
                stat: read.stat,
                articles: read.articles,
                remarks,
            },
        );
    }

    /// Adds a file whose format is not supported.
    pub fn add_unsupported(&mut self, name: &str, stat: Stat, kind: &str) {
        let remarks = Remarks {
            notes: Vec::new(),
            unsupported: Some(kind.to_owned()),
        };
        self.insert(
            name.to_owned(),
            CachedFile {
                stat,
                articles: ArticleSetDigest::default(),
                remarks,
            },
        );
    }

    fn insert(&mut self, name: String, file: CachedFile) {
        if self
            .walk_started
            .is_some_and(|walk_started| file.stat.is_recent(walk_started))
        {
            // Another change within the resolution of the clock would go unnoticed.
            self.files.remove(&name);
        } else {
            self.files.insert(name, file);
        }
    }

    /// Removes the files whose names fail the test `keep`.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.files.retain(|name, _| keep(name));
    }

    /// Ends an update. `commit` is the commit that the cache now describes; `roots` are those read
    /// completely, if they were.
    pub fn finish_update(&mut self, commit: Fingerprint, roots: Option<Vec<String>>) {
        if self.commit.replace(commit) != Some(commit) {
            self.complete_roots.clear();
        }
        if let Some(roots) = roots.filter(|roots| !self.complete_roots.contains(roots)) {
            self.complete_roots.push(roots);
        }
    }

    /// Encodes the cache: a header line, then a fixed-size record and the name of each file, in the
    /// order of names.
    pub fn encode(&self) -> Vec<u8> {
        let mut names: Vec<&String> = self.files.keys().collect();
        names.sort_unstable();
        let remarks = |(at, name): (usize, &&String)| {
            let remarks = &self.files[*name].remarks;
            (*remarks != Remarks::default()).then(|| (at, remarks.clone()))
        };
        let header = Header {
            reader_id: self.reader_id.clone(),
            commit: self.commit,
            complete_roots: self.complete_roots.clone(),
            files: names.len(),
            remarks: names.iter().enumerate().filter_map(remarks).collect(),
        };
        // Writing strings and numbers as JSON cannot fail.
        let mut bytes = serde_json::to_vec(&header).unwrap_or_default();
        bytes.push(b'\n');
        for name in names {
            let CachedFile { stat, articles, .. } = &self.files[name];
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
            numbers
                .iter()
                .for_each(|number| bytes.extend(number.to_le_bytes()));
            bytes.extend(name.as_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|&byte| byte == b'\n')?;
        let header: Header = serde_json::from_slice(&bytes[..end]).ok()?;
        let (mut rest, mut remarks) = (&bytes[end + 1..], header.remarks);
        // Every file has a record: if the count is too high, the first missing record is found
        // below.
        let mut files = HashMap::with_capacity(header.files.min(rest.len() / RECORD_BYTES));
        for at in 0..header.files {
            let (record, after) = rest.split_at_checked(RECORD_BYTES)?;
            let (numbers, _) = record.as_chunks::<8>();
            let number = |at: usize| u64::from_le_bytes(numbers[at]);
            let (name, after) = after.split_at_checked(usize::try_from(number(7)).ok()?)?;
            let stat = Stat {
                bytes: number(0),
                modified: number(1).cast_signed(),
                changed: number(2).cast_signed(),
                inode: number(3),
            };
            let articles = ArticleSetDigest {
                count: number(4),
                sum: u128::from(number(5)) | u128::from(number(6)) << 64,
            };
            let remarks = remarks.remove(&at).unwrap_or_default();
            files.insert(
                std::str::from_utf8(name).ok()?.to_owned(),
                CachedFile {
                    stat,
                    articles,
                    remarks,
                },
            );
            rest = after;
        }
        let Header {
            reader_id,
            commit,
            complete_roots,
            ..
        } = header;
        Some(Self {
            reader_id,
            commit,
            complete_roots,
            files,
            walk_started: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notes::Code;
    use std::time::Duration;

    fn entry(bytes: u64) -> WalkEntry {
        WalkEntry {
            path: "/r/a".into(),
            stat: Stat {
                bytes,
                modified: 5,
                changed: 6,
                inode: 7,
            },
            is_explicit: false,
        }
    }

    fn cache() -> SourceCache {
        let mut cache = SourceCache::new("v1", None);
        cache.start_update(SystemTime::now());
        let articles = ArticleSetDigest {
            count: 3,
            sum: u128::MAX - 9,
        };
        let notes = vec![Note::new(Code::EncodingGuessed, "guessed").at("a", Some(2))];
        cache.add_read(CompletedSource {
            name: "a".to_owned(),
            stat: entry(1).stat,
            articles,
            notes,
        });
        cache.add_unsupported("b", entry(2).stat, "image");
        cache
    }

    #[test]
    fn encoded_cache_decodes_to_itself_and_truncation_is_detected() {
        let mut cache = cache();
        cache.finish_update(Fingerprint([7; 16]), Some(vec!["".to_owned()]));
        let bytes = cache.encode();
        let again = SourceCache::new("v1", Some(&bytes));
        assert_eq!(
            (&again.files, again.commit, &again.complete_roots),
            (&cache.files, cache.commit, &cache.complete_roots)
        );
        assert!(
            SourceCache::new("v2", Some(&bytes)).files.is_empty(),
            "another reader"
        );
        for end in 0..bytes.len() {
            assert!(
                SourceCache::decode(&bytes[..end]).is_none(),
                "truncated after {end} bytes"
            );
        }
    }

    #[test]
    fn cache_is_complete_only_for_the_same_files_roots_and_commit() {
        let (commit, roots) = (Fingerprint([7; 16]), vec!["docs".to_owned()]);
        let mut cache = cache();
        cache.finish_update(commit, Some(roots.clone()));
        let (a, b) = (entry(1), entry(2));
        let complete =
            |cache: &SourceCache, commit, roots: &[String], files: &[(&str, &WalkEntry)]| {
                cache.is_complete(commit, roots, |_| true, files.iter().copied())
            };
        assert!(complete(&cache, commit, &roots, &[("a", &a), ("b", &b)]));
        assert!(
            !complete(
                &cache,
                Fingerprint([8; 16]),
                &roots,
                &[("a", &a), ("b", &b)]
            ),
            "another commit"
        );
        assert!(
            !complete(
                &cache,
                commit,
                &["other".to_owned()],
                &[("a", &a), ("b", &b)]
            ),
            "other roots"
        );
        assert!(
            !complete(&cache, commit, &roots, &[("a", &a)]),
            "one file is gone"
        );
        assert!(
            !complete(&cache, commit, &roots, &[("a", &a), ("b", &b), ("c", &b)]),
            "one file is new"
        );
        assert!(
            !complete(&cache, commit, &roots, &[("a", &b), ("b", &b)]),
            "one file has changed"
        );
        cache.finish_update(commit, None);
        assert!(complete(&cache, commit, &roots, &[("a", &a), ("b", &b)]));
        cache.finish_update(Fingerprint([8; 16]), None);
        assert!(
            !complete(
                &cache,
                Fingerprint([8; 16]),
                &roots,
                &[("a", &a), ("b", &b)]
            ),
            "an interrupted run"
        );
    }

    #[test]
    fn file_changed_just_before_the_walk_is_not_cached() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut cache = cache();
        cache.start_update(now);
        let mut fresh = entry(1).stat;
        fresh.modified = 999_000_000_000;
        cache.add_unsupported("a", fresh, "image");
        assert!(!cache.files.contains_key("a"));
    }
}
