# `just check` is what CI runs before the tests that need services.

default: check

check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
    cargo deny check licenses bans sources
    cargo test --workspace

demo:
    cargo run --release -- demo

# Criterion benches of the index.
bench:
    cargo bench

# Measures against sentence-transformers and onnxruntime; see benches/README.md.
record:
    cargo build --release
    python3 benches/record.py

# Writes the tables of the README from the newest recorded run.
tables:
    python3 benches/tables.py
