"""Chunks, embeds and loads a Parquet corpus on a Spark cluster: `nigh embed | nigh import` for each partition.

    spark-submit deploy/spark/load.py --nigh target/release/nigh --into milvus://milvus.example:19530/books articles/*.parquet

A row is an article: the columns `id` and `text`, an optional `title`, and all other columns as metadata. Spark repeats
the partition of a lost executor; writes are idempotent, because keys are hashes of the content. Rows that cannot be used
are skipped and counted. The exit code is 0 on success, 1 if rows were skipped, and 2 if the job failed.

Options for `nigh embed` come last, after --: -- --chunk-tokens 200 --model static
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pyspark import SparkFiles
from pyspark.sql import SparkSession
from pyspark.sql.functions import struct, to_json

DONE = ("added", "updated", "unchanged")
REPORTED = ("articles", *DONE, "failures", "passages")


class Failed(Exception):
    pass


def arguments():
    words, options = sys.argv[1:], []
    if "--" in words:
        at = words.index("--")
        words, options = words[:at], words[at + 1:]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", nargs="+", metavar="PARQUET", help="files or folders that Spark can read")
    parser.add_argument("--into", required=True, metavar="milvus://HOST/COLLECTION", help="created if it does not exist")
    parser.add_argument("--nigh", default="nigh", help="the program: a local file, which Spark copies to its executors, or a name on their PATH [nigh]")
    parser.add_argument("--partitions", type=int, help="the number of partitions of the corpus [8 per core]")
    args = parser.parse_args(words)
    if not args.into.startswith("milvus://"):
        parser.error(f"--into: expected milvus://HOST/COLLECTION, reachable by all executors, found {args.into}")
    return args, options


def run_pipeline(nigh, into, options, rows, environment):
    """Pipes rows (JSON objects) through `nigh embed` into `nigh import`; returns the report of the import."""
    environment = os.environ | environment
    with tempfile.TemporaryFile() as log:
        embedding = subprocess.Popen([nigh, "embed", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment)
        importing = subprocess.Popen([nigh, "import", "-", "-c", into, "--json"], stdin=embedding.stdout, stdout=subprocess.PIPE, stderr=log, env=environment)
        embedding.stdout.close()
        given = 0
        try:
            for row in rows:
                embedding.stdin.write(row.encode() + b"\n")
                given += 1
            embedding.stdin.close()
        except BrokenPipeError:
            pass  # The cause is reported below.
        except BaseException:
            # Spark cancelled this task.
            embedding.kill()
            importing.kill()
            raise
        report = importing.stdout.read()
        codes = embedding.wait(), importing.wait()
        log.seek(0)
        words = log.read().decode(errors="replace")
    report = json.loads(report) if report else {"error": "no report"}
    # Exit code 1 means that rows were skipped, or that the import was aborted: then the report is an error.
    if max(codes) > 1 or min(codes) < 0 or "error" in report:
        raise Failed(f"nigh embed | nigh import ended with {codes[0]} | {codes[1]}: {words[-2000:].strip()}")
    if report["interrupted"]:
        raise Failed("nigh import was interrupted")
    # Rows that `nigh embed` skipped are not in the report of the import.
    report |= {"articles": given, "failures": given - sum(report[name] for name in DONE)}
    if report["failures"]:
        print(words, file=sys.stderr)
    return {name: report[name] for name in REPORTED}


def main():
    args, options = arguments()
    # Executors need these too: they configure the access to the collection.
    environment = {name: value for name, value in os.environ.items() if name.startswith("NIGH_")}
    spark = SparkSession.builder.appName("nigh").getOrCreate()
    context = spark.sparkContext
    shipped = Path(args.nigh).name if os.sep in args.nigh else None
    # The path of the certificate does not exist on executors, so the file is shipped to them.
    certificate = environment.pop("NIGH_MILVUS_CA", None)
    for file in filter(None, [shipped and args.nigh, certificate]):
        context.addFile(file)
    corpus = spark.read.parquet(*args.corpus)
    if missing := {"id", "text"} - set(corpus.columns):
        raise Failed(f"{args.corpus[0]}: expected columns id and text, found {', '.join(corpus.columns)}: no {' and no '.join(sorted(missing))}")
    cores = context.getConf().get("spark.task.cpus", "1")
    options = ["--threads", cores, *options]
    # Creates the collection before the executors use it, and detects wrong options or addresses early.
    run_pipeline(args.nigh, args.into, options, (), {})
    into = args.into

    def load(rows):
        nigh = SparkFiles.get(shipped) if shipped else args.nigh
        if shipped:
            os.chmod(nigh, 0o755)
        yield run_pipeline(nigh, into, options, (row[0] for row in rows), access())

    def access():
        return environment | ({"NIGH_MILVUS_CA": SparkFiles.get(Path(certificate).name)} if certificate else {})

    # Deterministic partitions: a repeated task gets the same articles.
    parts = corpus.repartition(args.partitions or 8 * context.defaultParallelism, "id").sortWithinPartitions("id")
    reports = parts.select(to_json(struct("*"))).rdd.mapPartitions(load).collect()
    spark.stop()
    total = {name: sum(report[name] for report in reports) for name in REPORTED}
    print(json.dumps(total | {"collection": into, "partitions": len(reports)}))
    sys.exit(1 if total["failures"] else 0)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
