//! Uploads: files of a form, kept on disk until they are indexed. Every part of the form becomes a
//! file to index, or a note that names it and says why not.

use crate::app::App;
use crate::blocking::run_blocking;
use crate::file_name;
use crate::jobs::{JobFolder, JobHandle, sync_folder};
use crate::problem::{Problem, Result};
use crate::served::ServedCollection;
use axum::extract::Multipart;
use axum::extract::multipart::Field;
use axum::http::header::CONTENT_DISPOSITION;
use engine::indexing::{self, Deletions, IndexReport, Scan};
use engine::{Omitted, PathNamer};
use ingest::pipeline::PipelineOptions;
use ingest::read::Limits;
use notes::Code;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::local::COLLECTION_MARKER;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

/// The most folders above a file.
const MAX_DEPTH: usize = 32;
/// The longest name of a file or folder in bytes: no usual file system has longer ones.
const MAX_NAME_BYTES: usize = 255;
/// How many refused files an error names.
const MAX_NAMED: usize = 5;

/// Files that have been received.
pub struct Upload {
    /// Where they are.
    pub folder: JobFolder,
    /// What was not taken, and why.
    pub notes: Vec<String>,
}

/// Receives the files of a form. Fails if none of them can be used.
pub async fn receive(mut form: Multipart, folder: JobFolder) -> Result<Upload> {
    let root = folder.files();
    tokio::fs::create_dir_all(&root).await?;
    let (mut received, mut refused) = (0, Vec::new());
    while let Some(field) = form.next_field().await? {
        let Some(name) = file_name(&field) else {
            let part = field.name().unwrap_or_default();
            refused.push(format!("the part {part:?}: it has no file name"));
            continue;
        };
        let saved = match upload_path(&name) {
            Ok(path) => save(field, &root, &path).await?,
            Err(problem) => Err(problem),
        };
        match saved {
            Ok(()) => received += 1,
            Err(problem) => refused.push(format!("{name}: {problem}")),
        }
    }
    if received == 0 {
        return Err(Problem::bad_request(nothing_received(&refused)));
    }
    run_blocking(move || Ok(sync_tree(&root)?)).await?;
    let notes = refused
        .into_iter()
        .map(|refused| format!("skipped {refused}"));
    Ok(Upload {
        folder,
        notes: notes.collect(),
    })
}

/// Makes the names of the files in a folder, and in those within, durable.
fn sync_tree(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_folder(folder)
}

fn nothing_received(refused: &[String]) -> String {
    if refused.is_empty() {
        return "no files: expected multipart/form-data with one or more of them".to_owned();
    }
    let named = refused[..refused.len().min(MAX_NAMED)].join("; ");
    let more = refused.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 {
        format!("; and {more} more")
    } else {
        String::new()
    };
    format!("no file that can be used: {named}{more}")
}

/// The file name of a part.
fn file_name(field: &Field<'_>) -> Option<String> {
    let disposition = field.headers().get(CONTENT_DISPOSITION);
    let name = disposition.and_then(|header| file_name::of_disposition(header.as_bytes()));
    name.filter(|name| !name.is_empty())
}

/// The relative path for an uploaded file, which stays inside its folder.
fn upload_path(name: &str) -> std::result::Result<PathBuf, &'static str> {
    let is_drive = |part: &str| part.len() == 2 && part.ends_with(':') && part.is_char_boundary(1);
    let mut parts: Vec<&str> = name
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    // The whole path on a client with Windows.
    if parts.len() > 1 && is_drive(parts[0]) {
        parts.remove(0);
    }
    if parts.is_empty() || parts.contains(&"..") || name.contains('\0') {
        return Err("its name is not a valid file name");
    }
    if parts.len() > MAX_DEPTH {
        return Err("it is in more than 32 folders");
    }
    if parts.iter().any(|part| part.len() > MAX_NAME_BYTES) {
        return Err("its name is longer than 255 bytes");
    }
    if cfg!(windows) && parts.iter().any(|part| part.contains(':')) {
        return Err("its name has a colon, which Windows does not allow");
    }
    if parts.iter().any(|part| part.starts_with('.')) {
        return Err("hidden name");
    }
    if parts.contains(&COLLECTION_MARKER) {
        return Err("the name is that of a collection's own file");
    }
    Ok(parts.iter().collect())
}

/// Writes a file durably. The inner error is about its name.
async fn save(
    mut field: Field<'_>,
    root: &Path,
    path: &Path,
) -> Result<std::result::Result<(), &'static str>> {
    let path = root.join(path);
    let opened = match path.parent() {
        Some(parent) => tokio::fs::create_dir_all(parent).await,
        None => Ok(()),
    };
    let opened = match opened {
        Ok(()) => File::create_new(&path).await,
        Err(error) => Err(error),
    };
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => {
            return match error.kind() {
                ErrorKind::AlreadyExists | ErrorKind::NotADirectory | ErrorKind::IsADirectory => {
                    Ok(Err(
                        "another file of this upload has that name, or uses it as a folder; rename one of them",
                    ))
                }
                ErrorKind::InvalidFilename => Ok(Err("its path is too long")),
                ErrorKind::InvalidInput => Ok(Err("its name is not a valid file name")),
                _ => Err(error.into()),
            };
        }
    };
    while let Some(chunk) = field.chunk().await? {
        file.write_all(&chunk).await?;
    }
    file.flush().await?;
    file.sync_data().await?;
    Ok(Ok(()))
}

/// Indexes a folder of uploaded files.
pub fn index(
    app: &App,
    served: &Arc<ServedCollection>,
    folder: &Path,
    handle: &JobHandle,
) -> Result<IndexReport> {
    let mut collection = store::open(served.location())?;
    let root = folder.canonicalize()?;
    // Ids are relative to the folder.
    let names = PathNamer::new(&root.join("collection").into());
    let limits = Limits {
        bytes: app.settings.article_limit,
        ..Limits::DEFAULT
    };
    let mut plan = PipelineOptions::new(collection.manifest().chunking, app.job_threads());
    plan.limits = limits;
    plan.sandbox = app.settings.sandbox.clone();
    let roots = [root];
    let job = indexing::IndexJob {
        roots: &roots,
        format: None,
        plan,
        names: &names,
        builder: None,
        deletions: Deletions::Never,
    };
    let survey = Scan::new(&job);
    if let Some(omitted) = survey.omitted_if_empty(&job) {
        note_omitted(&omitted, handle);
        return Err(Problem::bad_request(format!(
            "no file in a supported format; supported are {}",
            ingest::Format::ALL
        )));
    }
    let embedder = app.models.embedder(&collection.manifest().model.name)?;
    let report = indexing::index(&mut *collection, embedder, &job, &survey, handle);
    served.refresh()?;
    let report = report?;
    note_omitted(&report.omitted, handle);
    Ok(report)
}

/// Notes the files that were not read: the indexer only counts them.
fn note_omitted(omitted: &Omitted, handle: &JobHandle) {
    for note in &omitted.skipped.notes {
        if matches!(note.code, Code::UnsupportedFormat | Code::LeftOut) {
            let reason = note.reason.as_deref().unwrap_or_default();
            handle.add_note(&format!("skipped {note}: {reason}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upload_paths_stay_in_their_folder() {
        for (name, path) in [
            ("a.txt", "a.txt"),
            ("docs//x/./b.md", "docs/x/b.md"),
            ("/etc/passwd", "etc/passwd"),
            ("C:\\notes\\x.txt", "notes/x.txt"),
            ("Meeting 10:30.txt", "Meeting 10:30.txt"),
            ("x:", "x:"),
            ("é:/a", "é:/a"),
        ] {
            if cfg!(unix) || !path.contains(':') {
                assert_eq!(upload_path(name), Ok(PathBuf::from(path)));
            }
        }
        let deep = "a/".repeat(MAX_DEPTH) + "b";
        let long = "潮".repeat(86);
        for name in [
            "",
            "..",
            "a/../../b",
            "..\\b",
            "/",
            "a\0b",
            ".DS_Store",
            "docs/.git/config",
            &deep,
            &long,
        ] {
            assert!(upload_path(name).is_err(), "{name:?}");
        }
    }
}
