#!/usr/bin/env python3
"""Tests the kernels of the encoder and the index for aarch64, in an emulator.

    python3 benches/aarch64.py [NAME]

Needs Debian's gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user. With NAME, records the result in
benches/runs/NAME/aarch64.json.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from machine import machine

ROOT = Path(__file__).resolve().parent.parent
TARGET = "aarch64-unknown-linux-gnu"
CRATES = ["encoder", "index"]
LINKER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"


def version(*command):
    """The first line of what a program says about its version."""
    return subprocess.check_output(command, text=True, cwd=ROOT).splitlines()[0]


def main():
    subprocess.run(["rustup", "target", "add", TARGET], cwd=ROOT, check=True)
    variable = TARGET.upper().replace("-", "_")
    environment = os.environ | {f"CARGO_TARGET_{variable}_LINKER": LINKER,
                                f"CARGO_TARGET_{variable}_RUNNER": f"{EMULATOR} -L /usr/aarch64-linux-gnu"}
    packages = [word for crate in CRATES for word in ("-p", crate)]
    command = ["cargo", "test", "--release", "--target", TARGET, "--locked", "--lib", *packages]
    ran = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(ran.stdout)
    if ran.returncode != 0:
        sys.exit(ran.returncode)
    if len(sys.argv) > 1:
        passed = [int(count) for count in re.findall(r"^test result: ok\. (\d+) passed", ran.stdout, flags=re.M)]
        found = {
            "machine": machine(),
            "rustc": version("rustc", "--version"),
            "emulator": version(EMULATOR, "--version"),
            "tests_passed": dict(zip(CRATES, passed, strict=True)),
            "not_tested": re.findall(r"^not tested: ([^,]+),", ran.stdout, flags=re.M),
        }
        out = ROOT / "benches/runs" / sys.argv[1]
        out.mkdir(parents=True, exist_ok=True)
        (out / "aarch64.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
