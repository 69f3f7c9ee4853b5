//! What mending read out of damaged files, and what it could not, until the one is put back and the other was said.

use super::layout::Layout;
use super::records::Salvaged;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Write;

/// The file of what waits.
#[derive(Default)]
pub struct Waiting {
    /// Articles to be put back.
    pub articles: Vec<Salvaged>,
    /// What is lost.
    pub lost: Lost,
}

/// What is lost: the first line of the file.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Lost {
    /// Articles, by id.
    pub lost: BTreeSet<String>,
    /// Articles and passages that nothing names.
    pub unnamed: usize,
}

impl Waiting {
    /// Reads the file, as far as it is not damaged itself; empty where there is none.
    pub fn read(layout: &Layout) -> Result<Self> {
        let path = layout.salvaged();
        if !path.exists() {
            return Ok(Self::default());
        }
        let file = disk::Mapped::open(&path, |_| layout.files().sealed)?;
        let (mut waiting, mut at, mut first) = (Self::default(), 0, true);
        for line in file.contents().split_inclusive(|&byte| byte == b'\n') {
            let range = at..at + line.len();
            at = range.end;
            let line = if file.check(range) { line } else { &[][..] };
            if std::mem::take(&mut first) {
                // Without it at least that something is lost is known.
                waiting.lost = serde_json::from_slice(line).unwrap_or(Lost { unnamed: 1, ..Lost::default() });
                continue;
            }
            match serde_json::from_slice(line) {
                Ok(article) => waiting.articles.push(article),
                Err(_) => waiting.lost.unnamed += 1,
            }
        }
        Ok(waiting)
    }

    /// Puts the file in the place of the one that is there.
    pub fn write(&self, layout: &Layout) -> Result<()> {
        let path = layout.salvaged();
        let mut file = disk::Writer::create(&layout.files(), &path)?;
        // Strings and numbers: writing them as JSON cannot fail.
        let first = serde_json::to_vec(&self.lost).unwrap_or_default();
        let articles = self.articles.iter().map(|article| serde_json::to_vec(article).unwrap_or_default());
        for mut line in std::iter::once(first).chain(articles) {
            line.push(b'\n');
            file.write_all(&line).map_err(Error::io(&path))?;
        }
        Ok(file.finish()?)
    }
}
