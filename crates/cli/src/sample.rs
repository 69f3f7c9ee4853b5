//! The articles of `data/`, compiled in, with their questions and paraphrases.

use eval::Query;
use include_dir::{Dir, include_dir};
use std::path::Path;

static DATA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../data");

/// Writes all of `data/` to `folder`.
pub fn unpack(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    DATA.extract(folder)
}

/// All paraphrases of questions that the articles ask; those of the provided article come first.
pub fn paraphrases() -> anyhow::Result<Vec<Query>> {
    let mut all = Vec::new();
    for file in ["paraphrases.jsonl", "sample/paraphrases.jsonl"] {
        let text = DATA
            .get_file(file)
            .and_then(|file| file.contents_utf8())
            .unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            all.push(serde_json::from_str(line)?);
        }
    }
    Ok(all)
}

/// The answers and summaries of all articles, one text per line: input for benchmarks.
pub fn texts() -> Vec<String> {
    let folders = [
        DATA.files().collect::<Vec<_>>(),
        DATA.get_dir("sample")
            .map(|dir| dir.files().collect())
            .unwrap_or_default(),
    ];
    let articles = folders
        .into_iter()
        .flatten()
        .filter(|file| file.path().extension().is_some_and(|e| e == "txt"));
    articles
        .filter_map(|file| file.contents_utf8())
        .flat_map(|text| {
            text.lines()
                .filter(|line| !line.ends_with('?') && !line.trim().is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}
