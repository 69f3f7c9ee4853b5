//! The files of a local model.

use super::profile;
use crate::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A folder with a model.
pub(super) struct Folder<'a> {
    pub path: &'a Path,
}

impl<'a> Folder<'a> {
    pub fn new(path: &'a Path) -> Self {
        Self { path }
    }

    pub fn name(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    pub fn wrong(&self, reason: String) -> Error {
        Error::Model {
            name: self.name(),
            reason,
        }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.file(name)).map_err(|error| self.wrong(format!("{name}: {error}")))
    }

    /// A JSON file; null if it is missing or invalid.
    pub fn json(&self, name: &str) -> Value {
        self.settings(name).ok().flatten().unwrap_or(Value::Null)
    }

    /// A JSON file with an object or a list, if there is one.
    pub fn settings(&self, name: &str) -> Result<Option<Value>> {
        if !self.file(name).exists() {
            return Ok(None);
        }
        let value: Value = serde_json::from_slice(&self.bytes(name)?)
            .map_err(|error| self.wrong(format!("{name}: {error}")))?;
        match value.is_object() || value.is_array() {
            true => Ok(Some(value)),
            false => Err(self.wrong(format!("{name}: expected an object, found {value}"))),
        }
    }

    /// The prompts for queries and for passages: what the files state, else those of the model
    /// family that the folder's name tells.
    pub fn prefixes(&self) -> (String, String) {
        let prompts = &self.json("config_sentence_transformers.json")["prompts"];
        let stated = |names: &[&str]| {
            names
                .iter()
                .find_map(|n| prompts[n].as_str())
                .map(str::to_owned)
        };
        let name = self
            .path
            .canonicalize()
            .unwrap_or_else(|_| self.path.to_owned());
        let known = profile::of(&name.file_name().unwrap_or_default().to_string_lossy());
        (
            stated(&["query"]).unwrap_or_else(|| known.query_prefix.to_owned()),
            stated(&["document", "passage"]).unwrap_or_else(|| known.passage_prefix.to_owned()),
        )
    }
}
