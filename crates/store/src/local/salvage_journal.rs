//! The salvage journal: articles that a repair read out of damaged files, until they are put back,
//! and what it lost, until that is reported.

use super::layout::Layout;
use super::records::Salvaged;
use crate::Result;
use disk::PathError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Write;

/// The contents of the journal.
#[derive(Default)]
pub struct SalvageJournal {
    /// Articles to be put back.
    pub articles: Vec<Salvaged>,
    /// What could not be read.
    pub losses: Losses,
}

/// What a repair could not read: the first line of the file.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Losses {
    /// The ids of lost articles. Deleted articles may be among them.
    #[serde(rename = "lost")]
    pub articles: BTreeSet<String>,
    /// The number of lost articles and passages whose ids could not be read either.
    pub unnamed: usize,
}

impl SalvageJournal {
    /// Reads the journal, skipping damaged lines. Empty if there is no file.
    pub fn read(layout: &Layout) -> Result<Self> {
        let path = layout.salvaged();
        if !path.exists() {
            return Ok(Self::default());
        }
        let file = disk::MappedFile::open(&path, |_| layout.files().sealed)?;
        let (mut journal, mut at, mut first) = (Self::default(), 0, true);
        for line in file.contents().split_inclusive(|&byte| byte == b'\n') {
            let range = at..at + line.len();
            at = range.end;
            let line = if file.verify_range(range) {
                line
            } else {
                &[][..]
            };
            if std::mem::take(&mut first) {
                // If this line is damaged, it is at least known that something was lost.
                journal.losses = serde_json::from_slice(line).unwrap_or(Losses {
                    unnamed: 1,
                    ..Losses::default()
                });
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(article) => journal.articles.push(article),
                Err(_) => journal.losses.unnamed += 1,
            }
        }
        Ok(journal)
    }

    /// Replaces the file.
    pub fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.salvaged();
        let mut file = disk::Writer::create(&layout.files(), &path)?;
        // Strings and numbers: writing them as JSON cannot fail.
        let first = serde_json::to_vec(&self.losses).unwrap_or_default();
        let articles = self
            .articles
            .iter()
            .map(|article| serde_json::to_vec(article).unwrap_or_default());
        for mut line in std::iter::once(first).chain(articles) {
            line.push(b'\n');
            file.write_all(&line).map_err(PathError::at(&path))?;
        }
        Ok(file.finish()?)
    }
}
