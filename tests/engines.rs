//! Parquet files and JSON lines as pandas, polars, DuckDB and Arrow write them.

use crate::common::{TestDir, data};
use std::process::Command;

#[test]
#[ignore = "needs Python with tests/requirements.txt: PYTHON set to it"]
fn files_of_engines_are_read_and_rewritten_exports_imported() {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let dir = TestDir::new();
    dir.ok(&["index", data().to_str().unwrap()]);
    let script = data().join("../tests/engines.py");
    let ran = Command::new(python)
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_nigh"))
        .current_dir(dir.path("."))
        .env_remove("NIGH_COLLECTION")
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
}
