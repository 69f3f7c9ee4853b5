#!/usr/bin/env python3
"""Measures the README's two commands in a fresh clone, and the size of the program.

    python3 benches/build.py NAME [--dist] [--ci]

Writes benches/runs/NAME/build.json. Clones the last commit into a temporary folder and starts with an empty target folder
and with nothing of the registry but its index, so downloads count. --dist also builds the program with the `dist` profile.
--ci also runs .ci/run, in another clone. Leave the machine alone meanwhile: 25 minutes, with --dist and --ci 80.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
CARGO = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
DEMO = ["cargo", "run", "--release", "--", "demo"]
TESTS = ["cargo", "test", "--workspace", "--all-features"]
DIST = ["cargo", "build", "--profile", "dist"]


class Clone:
    """A clone of the last commit, and the home of a cargo that has downloaded nothing but the registry's index."""

    def __init__(self, folder):
        self.project, home = folder / "nigh", folder / "cargo"
        subprocess.run(["git", "clone", "--quiet", ROOT, self.project], check=True)
        home.mkdir()
        if (CARGO / "registry/index").exists():
            shutil.copytree(CARGO / "registry/index", home / "registry/index")
        if (CARGO / "config.toml").exists():
            shutil.copy(CARGO / "config.toml", home)
        kept = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "RUSTFLAGS")}
        self.environment = {**kept, "CARGO_HOME": str(home), "CARGO_TERM_COLOR": "never"}

    def run(self, command, **environment):
        """Runs a command; returns what it printed, and the wall-clock and processor seconds it took."""
        print(" ".join(command), file=sys.stderr, flush=True)
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        ran = subprocess.run(command, cwd=self.project, env=self.environment | environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        seconds, after = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
        if ran.returncode != 0:
            sys.exit(f"{ran.stdout[-20_000:]}\n{' '.join(command)}: exit code {ran.returncode}")
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        took = {"command": " ".join(command), "seconds": round(seconds), "processor_seconds": round(spent)}
        print(json.dumps(took), file=sys.stderr, flush=True)
        return ran.stdout, took


def compiled(printed):
    """The number of packages that cargo compiled."""
    return len(set(re.findall(r"^ +Compiling (\S+ v\S+)", printed, flags=re.M)))


def tests(printed):
    """The tests of each test binary, with their number and time; the slowest binary first."""
    found = []
    for name, result in re.findall(r"^ +(?:Running|Doc-tests) (.+?)$.*?^test result: (.+?)$", printed, flags=re.M | re.S):
        count = {kind: int(re.search(rf"(\d+) {kind}", result)[1]) for kind in ["passed", "ignored"]}
        found.append({"binary": name.split("/")[-1].rstrip(")").rsplit("-", 1)[0], **count,
                      "seconds": float(re.search(r"finished in ([\d.]+)s", result)[1])})
    return sorted(found, key=lambda one: -one["seconds"])


def size(program):
    """The bytes of the program, and of its sections of at least a megabyte."""
    listed = subprocess.run(["readelf", "--section-headers", "--wide", program], check=True, capture_output=True, text=True).stdout
    sections = {}
    for name, length in re.findall(r"\] (\.\S+) +\w+ +[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+)", listed):
        if int(length, 16) >= 1_000_000:
            sections[name] = int(length, 16)
    return {"bytes": program.stat().st_size, "sections": sections}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--dist", action="store_true", help="also build the program with the dist profile")
    parser.add_argument("--ci", action="store_true", help="also run .ci/run")
    args = parser.parse_args()
    changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], cwd=ROOT, capture_output=True, text=True).stdout
    if changed:
        print(f"not measured, because not committed:\n{changed}", file=sys.stderr)
    found = {
        "machine": machine(),
        "rustc": subprocess.check_output(["rustc", "--version"], cwd=ROOT, text=True).strip(),
        "commit": subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True).strip(),
        "packages_in_lock": len(tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]),
        "model_bytes": sum(path.stat().st_size for path in (ROOT / "models").glob("*/model.safetensors")),
    }
    out = ROOT / "benches/runs" / args.name / "build.json"
    out.parent.mkdir(parents=True, exist_ok=True)

    def record():
        """Writes what is measured so far: a later step may fail."""
        out.write_text(json.dumps(found, indent=1) + "\n")

    with tempfile.TemporaryDirectory() as folder:
        clone = Clone(Path(folder))
        printed, took = clone.run(DEMO)
        found["demo"] = {**took, "packages": compiled(printed)}
        found["release"] = size(clone.project / "target/release/nigh")
        printed, took = clone.run([*TESTS, "--no-run"])
        found["compile_tests"] = {**took, "packages": compiled(printed)}
        printed, took = clone.run(TESTS)
        found["run_tests"] = {**took, "binaries": tests(printed)}
        record()
        if args.dist:
            _, found["build_dist"] = clone.run(DIST)
            found["dist"] = size(clone.project / "target/dist/nigh")
            record()
    if args.ci:
        with tempfile.TemporaryDirectory() as folder:
            printed, took = Clone(Path(folder)).run(["bash", ".ci/run"], CI="true")
            steps = re.findall(r"^== (.+) \(after (\d+) s\)$", printed, flags=re.M)
            found["ci"] = {**took, "steps_from_second": {name: int(second) for name, second in steps}}
    record()


if __name__ == "__main__":
    main()
