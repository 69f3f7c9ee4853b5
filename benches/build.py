#!/usr/bin/env python3
"""Measures a clean build of this project, and the size of the program.

  python3 benches/build.py [--tests] > benches/runs/NAME/build.json

Builds into an empty target directory; dependencies are downloaded beforehand. --tests also builds the tests.
"""
import argparse, json, os, pathlib, resource, subprocess, tempfile, time, tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def measure_build(*arguments):
    """Runs cargo with an empty target directory: wall-clock and processor seconds, and the size of the program."""
    with tempfile.TemporaryDirectory() as target:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.time()
        subprocess.run(["cargo", *arguments, "--locked", "--target-dir", target], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        programs = [path for path in pathlib.Path(target).glob("*/nigh")]
        return {
            "command": "cargo " + " ".join(arguments),
            "seconds": round(time.time() - started),
            "processor_seconds": round(spent),
            "program_bytes": programs[0].stat().st_size if programs else None,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="also build the tests")
    arguments = parser.parse_args()
    subprocess.run(["cargo", "fetch", "--locked"], cwd=ROOT, check=True)
    builds = [measure_build("build", "--release")]
    if arguments.tests:
        builds.append(measure_build("test", "--workspace", "--all-features", "--no-run"))
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    cpu = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True).stdout.strip()
    print(json.dumps({
        "commit": commit,
        "processor": cpu[0] if cpu else None,
        "cores": os.cpu_count(),
        "rustc": rustc,
        "packages_in_lock": len(lock["package"]),
        "builds": builds,
    }, indent=2))


if __name__ == "__main__":
    main()
