"""Cuts, embeds and loads a corpus of Parquet on a Spark cluster: `nigh embed | nigh import` for each partition.

    spark-submit deploy/spark/load.py --nigh target/release/nigh --into milvus://milvus.example:19530/books articles/*.parquet

A row is an article: its `id` and `text`, its `title` if there is one, and all other columns as metadata. A partition
whose executor is lost is done again by Spark; what is written twice is there once, for its key is a hash of what it
is. A row that cannot be used is skipped and counted, and the exit code is then 1; it is 2 where the job failed.

Options of `nigh embed` come last, after --: -- --chunk-tokens 200 --model static
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
    parser.add_argument("corpus", nargs="+", metavar="PARQUET", help="files or folders, anywhere that Spark reads from")
    parser.add_argument("--into", required=True, metavar="milvus://HOST/COLLECTION", help="made if it is not there")
    parser.add_argument("--nigh", default="nigh", help="the program: a file here, which Spark takes to its executors, or a name on their PATH [nigh]")
    parser.add_argument("--partitions", type=int, help="how many parts the corpus is cut into [8 for each core]")
    args = parser.parse_args(words)
    if not args.into.startswith("milvus://"):
        parser.error(f"--into: expected milvus://HOST/COLLECTION, which all executors can reach, found {args.into}")
    return args, options


def piped(nigh, into, options, rows, environment):
    """Gives rows, JSON objects, to a worker and what it makes of them to a collection; what was imported."""
    environment = os.environ | environment
    with tempfile.TemporaryFile() as said:
        embedding = subprocess.Popen([nigh, "embed", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, env=environment)
        importing = subprocess.Popen([nigh, "import", "-", "-c", into, "--json"], stdin=embedding.stdout, stdout=subprocess.PIPE, stderr=said, env=environment)
        embedding.stdout.close()
        given = 0
        try:
            for row in rows:
                embedding.stdin.write(row.encode() + b"\n")
                given += 1
            embedding.stdin.close()
        except BrokenPipeError:
            pass  # Why it went is said below.
        except BaseException:
            # Spark wants this task no more.
            embedding.kill()
            importing.kill()
            raise
        report = importing.stdout.read()
        codes = embedding.wait(), importing.wait()
        said.seek(0)
        words = said.read().decode(errors="replace")
    report = json.loads(report) if report else {"error": "no report"}
    # 1 is something skipped, or broken off: then there is an error in the place of a report.
    if max(codes) > 1 or min(codes) < 0 or "error" in report:
        raise Failed(f"nigh embed | nigh import ended with {codes[0]} | {codes[1]}: {words[-2000:].strip()}")
    if report["interrupted"]:
        raise Failed("nigh import was told to stop")
    # What a worker could not read did not come as far as the report.
    report |= {"articles": given, "failures": given - sum(report[name] for name in DONE)}
    if report["failures"]:
        print(words, file=sys.stderr)
    return {name: report[name] for name in REPORTED}


def main():
    args, options = arguments()
    # Also where the collection is: access to it.
    environment = {name: value for name, value in os.environ.items() if name.startswith("NIGH_")}
    spark = SparkSession.builder.appName("nigh").getOrCreate()
    context = spark.sparkContext
    shipped = Path(args.nigh).name if os.sep in args.nigh else None
    # What executors have no file of by that name.
    certificate = environment.pop("NIGH_MILVUS_CA", None)
    for file in filter(None, [shipped and args.nigh, certificate]):
        context.addFile(file)
    corpus = spark.read.parquet(*args.corpus)
    if missing := {"id", "text"} - set(corpus.columns):
        raise Failed(f"{args.corpus[0]}: expected columns id and text, found {', '.join(corpus.columns)}: no {' and no '.join(sorted(missing))}")
    cores = context.getConf().get("spark.task.cpus", "1")
    options = ["--threads", cores, *options]
    # Made here, so that the executors find it; a wrong option or address is seen before anything begins.
    piped(args.nigh, args.into, options, (), {})
    into = args.into

    def load(rows):
        nigh = SparkFiles.get(shipped) if shipped else args.nigh
        if shipped:
            os.chmod(nigh, 0o755)
        yield piped(nigh, into, options, (row[0] for row in rows), access())

    def access():
        return environment | ({"NIGH_MILVUS_CA": SparkFiles.get(Path(certificate).name)} if certificate else {})

    # The same articles in the same parts, whenever and wherever a part is done.
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
