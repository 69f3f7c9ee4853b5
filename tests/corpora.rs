//! What fuzzers have tried before, tried again: see `tests/fuzz`.

#[path = "fuzz/inputs/mod.rs"]
#[allow(clippy::expect_used, reason = "an input that cannot be tried fails the test")]
mod inputs;

use std::path::Path;

#[test]
fn no_input_that_a_fuzzer_has_kept_breaks_anything() {
    // As the program has it: a parser that breaks does so in a process of its own.
    ingest::read::apart::with(env!("CARGO_BIN_EXE_nigh").into(), "read-apart");
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for target in inputs::TARGETS {
        let mut inputs: Vec<_> =
            std::fs::read_dir(corpora.join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
        inputs.sort();
        assert!(!inputs.is_empty(), "{target}");
        for path in inputs {
            let input = std::fs::read(&path).unwrap();
            let taken = std::panic::catch_unwind(|| inputs::take(target, &input));
            assert!(taken.is_ok(), "{}: see above", path.display());
        }
    }
}
