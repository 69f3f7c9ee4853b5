//! What fuzzers have tried before, tried again: see `tests/fuzz`.

#[path = "fuzz/inputs/mod.rs"]
#[allow(
    clippy::expect_used,
    reason = "an input that cannot be tried fails the test"
)]
mod inputs;

use std::io::Read;
use std::path::Path;

#[test]
fn no_input_that_a_fuzzer_has_kept_breaks_anything() {
    // As the program has it: a parser that breaks does so in a process of its own.
    ingest::read::sandbox::configure(env!("CARGO_BIN_EXE_nigh").into(), "read-apart");
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for target in inputs::TARGETS {
        let packed = std::fs::File::open(corpora.join(format!("{target}.tar.gz"))).unwrap();
        let mut tried = 0;
        for entry in tar::Archive::new(flate2::read::GzDecoder::new(packed))
            .entries()
            .unwrap()
        {
            let (mut entry, mut input) = (entry.unwrap(), Vec::new());
            entry.read_to_end(&mut input).unwrap();
            let taken = std::panic::catch_unwind(|| inputs::take(target, &input));
            assert!(
                taken.is_ok(),
                "{target}, {}: see above",
                entry.path().unwrap().display()
            );
            tried += 1;
        }
        assert!(tried > 0, "{target}");
    }
}
