#!/usr/bin/env python3
"""Measures what it takes to compile this project from nothing, and what comes of it.

  python3 benches/build.py [--tests] > benches/runs/NAME/build.json

Compiles into an empty folder of its own; the registry is used as it is. With --tests, the tests too.
"""
import argparse, json, os, pathlib, resource, subprocess, tempfile, time, tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def compiled(*arguments):
    """Seconds on the wall and of all processors to run cargo in an empty folder, and the size of the program."""
    with tempfile.TemporaryDirectory() as target:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begun = time.time()
        subprocess.run(["cargo", *arguments, "--locked", "--target-dir", target], cwd=ROOT, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        programs = [path for path in pathlib.Path(target).glob("*/nigh")]
        return {
            "command": "cargo " + " ".join(arguments),
            "seconds": round(time.time() - begun),
            "processor_seconds": round(spent),
            "program_bytes": programs[0].stat().st_size if programs else None,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", action="store_true", help="compile the tests too")
    arguments = parser.parse_args()
    subprocess.run(["cargo", "fetch", "--locked"], cwd=ROOT, check=True)
    builds = [compiled("build", "--release")]
    if arguments.tests:
        builds.append(compiled("test", "--workspace", "--all-features", "--no-run"))
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
