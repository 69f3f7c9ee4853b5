//! The provenance of a result: versions, machine, collection and parameters that produced it. JSON
//! documents have it as `manifest`.

use crate::Result;
use eval::provenance::Machine;
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};
use store::Collection;

/// Dependencies whose versions can change results.
const REPORTED_PACKAGES: [&str; 5] = ["encoder", "fastembed", "hnsw_rs", "tantivy", "tokenizers"];
const CARGO_LOCK: &str = include_str!("../../../Cargo.lock");

/// The program, its dependencies, the machine and the collection with its location, followed by the
/// entries of `details`.
///
/// # Errors
/// When the collection cannot be read.
pub fn provenance(collection: Option<(&dyn Collection, &str)>, details: Value) -> Result<Value> {
    let mut all = Map::new();
    all.insert(
        "program".to_owned(),
        json!(concat!("nigh ", env!("CARGO_PKG_VERSION"))),
    );
    all.insert("versions".to_owned(), package_versions());
    all.insert("machine".to_owned(), json!(Machine::current()));
    if let Some((collection, location)) = collection {
        let (manifest, stats) = (collection.manifest(), collection.stats()?);
        let of_collection = json!({
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
            "vectors_linked_in": stats.links_added,
        });
        all.extend(of_collection.as_object().cloned().unwrap_or_default());
    }
    let mut all = Value::Object(all);
    extend(&mut all, details);
    Ok(all)
}

/// Adds the entries of the JSON object `more` to `object`. Does nothing if either is not an object.
pub fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}

/// The versions of [`REPORTED_PACKAGES`] in the lock file of this build.
fn package_versions() -> Value {
    let field = |block: &str, name: &str| {
        block.lines().find_map(|line| {
            Some(
                line.strip_prefix(name)?
                    .strip_prefix(" = \"")?
                    .strip_suffix('"')?
                    .to_owned(),
            )
        })
    };
    let packages = CARGO_LOCK
        .split("[[package]]")
        .filter_map(|block| Some((field(block, "name")?, field(block, "version")?)));
    packages
        .filter(|(name, _)| REPORTED_PACKAGES.contains(&name.as_str()))
        .map(|(name, version)| (name, json!(version)))
        .collect()
}

/// Where the provenance of `file` stands: next to it, as `FILE.manifest.json`.
pub fn sidecar(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".manifest.json");
    PathBuf::from(name)
}
