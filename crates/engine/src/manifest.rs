//! What a figure was made with, beside the figure.

use crate::{Error, Result};
use eval::manifest::Machine;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use store::Collection;

/// The packages whose versions change results.
const PACKAGES: [&str; 5] = ["encoder", "fastembed", "hnsw_rs", "tantivy", "tokenizers"];
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The program, its versions, the machine and the collection, followed by `particulars`.
///
/// # Errors
/// When the collection cannot be read.
pub fn manifest(collection: Option<(&dyn Collection, &str)>, particulars: Value) -> Result<Value> {
    let mut all = Map::new();
    all.insert("program".to_owned(), json!(concat!("nigh ", env!("CARGO_PKG_VERSION"))));
    all.insert("versions".to_owned(), versions());
    all.insert("machine".to_owned(), json!(Machine::this()));
    if let Some((collection, location)) = collection {
        let (manifest, stats) = (collection.manifest(), collection.stats()?);
        let parts = json!({
            "collection": location,
            "corpus": {
                "articles": stats.articles,
                "passages": stats.passages,
                "fingerprint": collection.corpus_fingerprint()?.to_string(),
            },
            "model": manifest.model,
            "chunking": manifest.chunking,
            "graph": manifest.graph,
            "language": manifest.language,
            "tuned": manifest.fusion,
            "segments": stats.segments,
            "vectors_linked_in": stats.linked_in,
        });
        all.extend(parts.as_object().cloned().unwrap_or_default());
    }
    let mut all = Value::Object(all);
    extend(&mut all, particulars);
    Ok(all)
}

/// Adds the entries of one object to another.
pub fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// What this program was built with.
fn versions() -> Value {
    let blocks = LOCK.split("[[package]]");
    let field = |block: &str, name: &str| {
        block
            .lines()
            .find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned()))
    };
    let found = blocks.filter_map(|block| Some((field(block, "name")?, field(block, "version")?)));
    found.filter(|(name, _)| PACKAGES.contains(&name.as_str())).map(|(name, version)| (name, json!(version))).collect()
}

/// Writes it beside the file that it is about, as `FILE.manifest.json`. Gives its path.
///
/// # Errors
/// When it cannot be written.
pub fn write_beside(file: &Path, manifest: &Value) -> Result<PathBuf> {
    let mut name = file.as_os_str().to_owned();
    name.push(".manifest.json");
    let path = PathBuf::from(name);
    std::fs::write(&path, format!("{manifest:#}\n")).map_err(Error::io(&path))?;
    Ok(path)
}
