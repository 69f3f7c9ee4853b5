//! Replays the fuzzers' corpora without a fuzzer: see `tests/fuzz`.

#[path = "fuzz/inputs/mod.rs"]
#[allow(
    clippy::expect_used,
    reason = "an input that cannot be set up fails the test"
)]
mod inputs;

use ingest::read::sandbox::Sandbox;
use std::io::Read;
use std::path::Path;

#[test]
fn fuzz_corpora_cause_no_panics() {
    // As in the program: parsers that may crash run in a worker process.
    inputs::SANDBOX
        .get_or_init(|| Sandbox::new(env!("CARGO_BIN_EXE_nigh").into(), ["read-apart".into()]));
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for target in inputs::TARGETS {
        let packed = std::fs::File::open(corpora.join(format!("{target}.tar.gz"))).unwrap();
        let mut replayed = 0;
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(packed))
            .entries()
            .unwrap()
        {
            let (mut entry, mut input) = (entry.unwrap(), Vec::new());
            entry.read_to_end(&mut input).unwrap();
            let outcome = std::panic::catch_unwind(|| inputs::run_target(target, &input));
            assert!(
                outcome.is_ok(),
                "{target}, {}: see above",
                entry.path().unwrap().display()
            );
            replayed += 1;
        }
        assert!(replayed > 0, "{target}");
    }
}
