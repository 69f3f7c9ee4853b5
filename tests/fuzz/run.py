"""Runs libFuzzer on every target for SECONDS and adds inputs that reach new code to the corpus.

    python3 tests/fuzz/run.py SECONDS [--at-once N] [--out FILE] [TARGET...]

Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz). `documents` has all formats; `documents:Docx` is
one of them, and `documents:all` each by itself. An input that causes a failure
is left in tests/fuzz/artifacts/ and added to the corpus, and the exit code is 1. PDF, HTML and Parquet are
read by third-party parsers in a worker process that may die: inputs that kill it are added to the corpus
and counted, but are no failure.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.rs"))
# Read in a worker process, or where a panic is caught: crashes of the parser are expected here.
SANDBOXED = {"embedded_parquet", "html", "parquet", "pdf"}
LONGEST = {"files": 24_000, "model": 16_000}
# Server threads may hold memory between two inputs, which the leak detector would report.
WITH_THREADS = {"http"}
# The formats of `documents`. The first byte of an input is the number of its format.
FORMATS = re.findall(r"Self::(\w+)", re.search(r"const ALL: \[Self; \d+\] = \[(.*?)\];", (ROOT / "crates/formats/src/detect.rs").read_text(), re.S)[1])
PACKING = threading.Lock()
TRIPLE = "x86_64-unknown-linux-gnu"


def build():
    subprocess.run(["cargo", "+nightly", "fuzz", "build", "--fuzz-dir", HERE, "--release"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")) / TRIPLE / "release"


def corpus(target):
    """The inputs of a target, by their names."""
    with tarfile.open(HERE / f"corpus/{target}.tar.gz") as inputs:
        return {entry.name: inputs.extractfile(entry).read() for entry in inputs}


def pack(target, inputs):
    """Packs the corpus reproducibly: the same inputs give the same file."""
    corpus = io.BytesIO()
    with tarfile.open(fileobj=corpus, mode="w") as tar:
        for content in sorted(set(inputs)):
            entry = tarfile.TarInfo(hashlib.blake2s(content, digest_size=8).hexdigest())
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    (HERE / f"corpus/{target}.tar.gz").write_bytes(gzip.compress(corpus.getvalue(), mtime=0))


def fuzz(programs, name, seconds):
    target, _, of = name.partition(":")
    number = FORMATS.index(of) if of else None
    # Inputs of other formats stay as they are.
    is_own = lambda content: number is None or (content and content[0] % len(FORMATS) == number)
    environment = {**os.environ, **({} if number is None else {"FUZZ_FORMAT": str(number)})}
    artifacts = HERE / "artifacts" / name.replace(":", "-")
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        grown, minimal, log = Path(folder, "grown"), Path(folder, "minimal"), Path(folder, "log")
        minimal.mkdir()
        grown.mkdir()
        for entry, content in corpus(target).items():
            if is_own(content):
                (grown / entry).write_bytes(content)
        options = ["-timeout=10", "-rss_limit_mb=2048", f"-max_len={LONGEST.get(target, 4096)}", "-print_final_stats=1"]
        if target in WITH_THREADS:
            options.append("-detect_leaks=0")
        if target in SANDBOXED:
            options += ["-fork=1", "-ignore_crashes=1", "-ignore_ooms=1", "-ignore_timeouts=1"]
        started = time.monotonic()
        command = [programs / target, grown, *options, f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/"]
        with log.open("w") as out:
            code = subprocess.run(command, stdout=out, stderr=out, cwd=folder, env=environment).returncode
        seconds_taken, output = time.monotonic() - started, log.read_text(errors="replace")
        runs = [int(n) for n in re.findall(r"stat::number_of_executed_units: (\d+)", output) or re.findall(r"^#(\d+):", output, re.M)]
        failing = [path for path in artifacts.iterdir() if path.is_file()]
        # Third-party parsers may fail, but our checks on what they return may not.
        clean = not re.search(r"panicked at \S*inputs/", output) if target in SANDBOXED else code == 0
        if not clean:
            print(f"{name}: {artifacts}\n{output[-4000:]}", file=sys.stderr)
        # Minimises the corpus: the fewest inputs that reach the same code.
        subprocess.run([programs / target, "-set_cover_merge=1", *options[:3], minimal, grown], capture_output=True, cwd=folder, env=environment, check=True)
        kept = [path.read_bytes() for path in [*minimal.iterdir(), *failing]]
        if not any(minimal.iterdir()):
            sys.exit(f"{name}: the minimised corpus is empty")
        if number is not None:
            kept = [bytes([number]) + content[1:] for content in kept if content]
        with PACKING:
            others = [content for content in corpus(target).values() if not is_own(content)]
            pack(target, others + kept)
        if target in SANDBOXED and clean:
            shutil.rmtree(artifacts)
        return name, {"seconds": round(seconds_taken), "inputs": max(runs, default=0), "kept": len(kept), "broke": len(failing), "clean": clean}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=[*TARGETS, "documents:all"], help=", ".join(TARGETS))
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file to update; entries of other targets are kept")
    args = parser.parse_args()
    names = [name for target in args.targets for name in ([f"documents:{of}" for of in FORMATS] if target == "documents:all" else [target])]
    programs = build()
    known = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    clean = True
    with ThreadPoolExecutor(args.at_once) as pool:
        for done in as_completed([pool.submit(fuzz, programs, target, args.seconds) for target in names]):
            target, found = done.result()
            print(target, json.dumps(found), flush=True)
            clean &= found["clean"]
            known[target] = found
            if args.out:
                # Written after each target, so that an interrupted run keeps its results.
                args.out.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    sys.exit(not clean)


main()
