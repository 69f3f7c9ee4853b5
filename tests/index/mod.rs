//! Incremental indexing: added, changed and removed articles; formats; configuration.

mod places;
mod reading;
mod settings;
mod updates;

fn counts(report: &serde_json::Value) -> [u64; 4] {
    ["added", "updated", "unchanged", "deleted"].map(|key| report[key].as_u64().unwrap())
}
