# `just check` is what CI runs before the tests that need services.

default: check

check:
    cargo fmt --all --check
    cargo clippy --workspace --all-features --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps
    cargo deny check licenses bans sources
    cargo test --workspace --all-features

demo:
    cargo run --release -- demo

# The wheel for Python, installed into venv and tested.
wheel:
    python3 -m venv venv
    venv/bin/pip install -r crates/python/tests/requirements.txt
    venv/bin/maturin build --release --manifest-path crates/python/Cargo.toml --out target/wheels
    venv/bin/pip install --force-reinstall --no-deps target/wheels/nigh-*.whl
    cd crates/python && ../../venv/bin/python -m pytest

# Makes the page's bundle anew after a change; needs Node.
page:
    npm ci --prefix crates/server/page
    npm run build --prefix crates/server/page

# Kills, faults, power cuts and damage at full length: half an hour.
reliability:
    NIGH_KILLS=500 cargo test --test e2e -- crash:: --nocapture
    NIGH_SECONDS=600 cargo test -p store --test integration -- readers:: --nocapture
    cargo test -p store --test integration -- --ignored --nocapture

# An hour of mixed load on a server that is restarted all the time, and 10,000 requests of schemathesis; needs a
# Python with tests/requirements.txt in venv.
serving SECONDS="3600":
    cargo build --release
    venv/bin/python tests/restarts.py target/release/nigh {{SECONDS}}
    NIGH_EXAMPLES=400 PYTHON=venv/bin/python cargo test --workspace --all-features --test e2e -- --ignored page::clients --nocapture

# Criterion benches of the index.
bench:
    cargo bench

# A quarter of an hour of hostile input for each of what takes any: nine hours. Needs a nightly toolchain and cargo-fuzz.
fuzz:
    python3 tests/fuzz/run.py 900

# Miri, the address sanitizer and loom; needs a nightly toolchain.
unsafe:
    .ci/unsafe

# The program, built to be compared byte by byte, and what it is made of.
release:
    .ci/release

# Measures into benches/runs/NAME, on the sets in the folder DATA; see benches/README.md.
record NAME DATA:
    cargo build --release
    venv/bin/python benches/record.py {{NAME}} --data {{DATA}}

# Writes the tables of the documents from the newest recorded run of each part.
tables:
    python3 benches/tables.py

# The kernels of the encoder and the index for aarch64, in an emulator: Debian's gcc-aarch64-linux-gnu and qemu-user.
# With NAME, records the result in benches/runs/NAME.
aarch64 NAME="":
    python3 benches/aarch64.py {{NAME}}
