//! Work on segments and files: implements [`Maintenance`].

use super::LocalWriter;
use super::merge::{self, BackgroundMerge};
use crate::Result;
use crate::collection::Maintenance;
use crate::local::snapshot::{commit_id, load_metas};
use disk::PathError;
use ingest::Fingerprint;
use std::io::ErrorKind;

impl Maintenance for LocalWriter {
    fn forget_salvaged(&mut self) -> Result<()> {
        let path = self.layout.salvaged();
        match self.layout.disk().remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(PathError::at(path)(error).into())
            }
            _ => Ok(()),
        }
    }

    fn set_base(&mut self, base: &str) {
        self.has_changes |= self.manifest.base.as_deref() != Some(base);
        self.manifest.base = Some(base.to_owned());
    }

    fn set_builder(&mut self, builder: index::Builder) {
        self.has_changes |= self.manifest.graph.builder != builder;
        self.manifest.graph.builder = builder;
    }

    fn set_memory_budget(&mut self, bytes: Option<u64>) {
        let bytes_per_row = index::graph::estimate_build_memory(
            1,
            self.manifest.model.dimensions,
            self.manifest.graph,
        );
        self.max_segment_rows = bytes.map_or(usize::MAX, |bytes| (bytes / bytes_per_row) as usize);
    }

    fn write_cache(&mut self, make: &mut dyn FnMut(Fingerprint) -> Vec<u8>) -> Result<()> {
        let index = self.text()?.index().clone();
        let metas = load_metas(&self.layout, &index)?;
        // With a checksum footer in every format: an unreadable cache is just recomputed.
        let files = disk::WriteOptions {
            sealed: true,
            ..self.layout.files()
        };
        Ok(disk::atomic_write(
            &files,
            &self.layout.cache(),
            &make(commit_id(&metas)),
        )?)
    }

    fn merge_in_background(&mut self, threads: usize) -> Result<()> {
        if let Some(error) = self.merge_error.take() {
            self.merges_in_background = false;
            return Err(error);
        }
        if self.merges_in_background && self.background_merge.is_none() {
            self.background_merge = BackgroundMerge::start(self, threads)?;
        }
        Ok(())
    }

    fn merge_small(&mut self) -> Result<()> {
        merge::merge_small_segments(self)
    }
}
