"""Gives every target input made by libFuzzer for so many seconds, and keeps what reached something new.

    python3 tests/fuzz/run.py SECONDS [--at-once N] [--out FILE] [TARGET...]

Needs a nightly toolchain and cargo-fuzz (cargo install cargo-fuzz). An input that breaks something is left in
tests/fuzz/artifacts/ and put into the corpus, and the exit code is 1. PDF, HTML and Parquet are read by other people's parsers, in a process of
its own that may die: there, input that makes it die is kept in the corpus like all other, and counted.
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
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.rs"))
# Read apart, or where a panic is caught: what kills the reader there is no news.
APART = {"embedded_parquet", "html", "parquet", "pdf"}
LONGEST = {"files": 24_000}
# Its threads come and go: what one of them still holds between two inputs is no leak.
SERVES = {"http"}
TRIPLE = "x86_64-unknown-linux-gnu"


def built():
    subprocess.run(["cargo", "+nightly", "fuzz", "build", "--fuzz-dir", HERE, "--release"], cwd=ROOT, check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target")) / TRIPLE / "release"


def unpack(target, folder):
    folder.mkdir()
    with tarfile.open(HERE / f"corpus/{target}.tar.gz") as corpus:
        corpus.extractall(folder, filter="data")


def pack(target, inputs):
    """The same inputs make the same file."""
    corpus = io.BytesIO()
    with tarfile.open(fileobj=corpus, mode="w") as tar:
        for content in sorted(set(inputs)):
            entry = tarfile.TarInfo(hashlib.blake2s(content, digest_size=8).hexdigest())
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    (HERE / f"corpus/{target}.tar.gz").write_bytes(gzip.compress(corpus.getvalue(), mtime=0))


def fuzz(programs, target, seconds):
    artifacts = HERE / "artifacts" / target
    shutil.rmtree(artifacts, ignore_errors=True)
    artifacts.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder:
        grown, least, log = Path(folder, "grown"), Path(folder, "least"), Path(folder, "log")
        unpack(target, grown)
        least.mkdir()
        options = ["-timeout=10", "-rss_limit_mb=2048", f"-max_len={LONGEST.get(target, 4096)}", "-print_final_stats=1"]
        if target in SERVES:
            options.append("-detect_leaks=0")
        if target in APART:
            options += ["-fork=1", "-ignore_crashes=1", "-ignore_ooms=1", "-ignore_timeouts=1"]
        begun = time.monotonic()
        command = [programs / target, grown, *options, f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/"]
        with log.open("w") as out:
            code = subprocess.run(command, stdout=out, stderr=out, cwd=folder).returncode
        lasted, said = time.monotonic() - begun, log.read_text(errors="replace")
        runs = [int(n) for n in re.findall(r"stat::number_of_executed_units: (\d+)", said) or re.findall(r"^#(\d+):", said, re.M)]
        broke = [path for path in artifacts.iterdir() if path.is_file()]
        # A parser of other people's may break; what is then made of the input is ours.
        clean = not re.search(r"panicked at \S*inputs/", said) if target in APART else code == 0
        if not clean:
            print(f"{target}: {artifacts}\n{said[-4000:]}", file=sys.stderr)
        # The fewest inputs that reach all that was reached.
        subprocess.run([programs / target, "-set_cover_merge=1", *options[:3], least, grown], capture_output=True, cwd=folder, check=True)
        kept = [path.read_bytes() for path in [*least.iterdir(), *broke]]
        if not any(least.iterdir()):
            sys.exit(f"{target}: nothing is left of its corpus")
        pack(target, kept)
        if target in APART and clean:
            shutil.rmtree(artifacts)
        return target, {"seconds": round(lasted), "inputs": max(runs, default=0), "kept": len(kept), "broke": len(broke), "clean": clean}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seconds", type=int)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=TARGETS, help=", ".join(TARGETS))
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--out", type=Path, help="a JSON file, in which what is said of other targets stays")
    args = parser.parse_args()
    programs = built()
    known = json.loads(args.out.read_text()) if args.out and args.out.exists() else {}
    clean = True
    with ThreadPoolExecutor(args.at_once) as pool:
        for done in as_completed([pool.submit(fuzz, programs, target, args.seconds) for target in args.targets]):
            target, found = done.result()
            print(target, json.dumps(found), flush=True)
            clean &= found["clean"]
            known[target] = found
            if args.out:
                # After each: whoever stops this keeps what is done.
                args.out.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    sys.exit(not clean)


main()
