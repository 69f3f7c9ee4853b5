//! Creates a collection in a folder.

use super::{commit, sync, text_writer};
use crate::local::checksummed_directory::ChecksummedDirectory;
use crate::local::layout::Layout;
use crate::local::lock::WriterLock;
use crate::local::records;
use crate::local::snapshot::{MANAGED, META};
use crate::manifest::FORMAT;
use crate::{Error, Manifest, Result};
use disk::PathError;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tantivy::{Index, IndexSettings};

/// Creates an empty collection. The marker, which makes the folder a collection, is written last.
pub fn create(layout: &Layout, manifest: &Manifest) -> Result<()> {
    let (root, disk) = (layout.root(), layout.disk());
    let created = root
        .ancestors()
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists());
    let created: Vec<PathBuf> = created.map(Path::to_owned).collect();
    disk.create_dir_all(root).map_err(PathError::at(root))?;
    created
        .iter()
        .try_for_each(|folder| sync(disk, folder.parent()))?;
    // Checked before the lock file is created, so that nothing is put into a folder that holds
    // something else.
    ensure_unoccupied(layout)?;
    // Checked again under the lock, so that no two processes create the collection at once.
    let _lock = WriterLock::acquire(layout)?;
    ensure_unoccupied(layout)?;
    for folder in [layout.text(), layout.vectors()] {
        disk.create_dir_all(&folder)
            .map_err(PathError::at(&folder))?;
        for path in files_in(&folder)? {
            disk.remove_file(&path).map_err(PathError::at(path))?;
        }
    }
    let text = || Error::text(root);
    let directory = ChecksummedDirectory::new(layout.text(), layout.files());
    let index = Index::create(
        directory,
        records::schema(FORMAT).0,
        IndexSettings::default(),
    )
    .map_err(text())?;
    records::register_tokenizers(&index, manifest.language, FORMAT);
    commit(layout, &mut text_writer(layout, &index)?, manifest)?;
    // The marker must not become durable before the collection does.
    sync(disk, Some(root))?;
    layout.write_marker()
}

/// Fails unless a collection can be created here: nothing may be there but the remains of an
/// interrupted creation.
fn ensure_unoccupied(layout: &Layout) -> Result<()> {
    layout.ensure_no_unmarked_data()?;
    let root = layout.root();
    let ours = [
        layout.text(),
        layout.vectors(),
        layout.lock(),
        layout.marker().with_extension("unfinished"),
    ];
    let text = [META, MANAGED, ".tantivy-writer.lock", ".tantivy-meta.lock"]
        .map(|name| layout.text().join(name));
    let unfinished = text.clone().map(|path| path.with_extension("unfinished"));
    let known =
        |path: &PathBuf| ours.contains(path) || text.contains(path) || unfinished.contains(path);
    let folders = [root, &layout.text(), &layout.vectors()].map(files_in);
    for paths in folders {
        if !paths?.iter().all(known) {
            return Err(Error::Occupied {
                location: root.display().to_string(),
            });
        }
    }
    Ok(())
}

/// The paths in a folder; none if the folder does not exist.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(PathError::at(folder))?,
    };
    entries
        .map(|entry| Ok(entry.map_err(PathError::at(folder))?.path()))
        .collect()
}
