"""Reads and rewrites nigh's Parquet files and JSON lines with the engines that people have.

Called by tests/engines.rs as `engines.py NIGH` in a folder with the collection `.nigh`.
"""

import glob
import json
import os
import subprocess
import sys
from datetime import date, datetime, timedelta
from decimal import Decimal

import datasets
import duckdb
import pandas
import polars
import pyarrow
import pyarrow.parquet
import pyspark.sql

NIGH = sys.argv[1]


def nigh(*args):
    """The JSON document of a run, which has to succeed."""
    ran = subprocess.run([NIGH, *args, "--json"], capture_output=True, text=True)
    assert ran.returncode == 0, (args, ran.stdout, ran.stderr)
    return json.loads(ran.stdout)


def rows(collection):
    """The rows of a collection without vectors, by passage."""
    ran = subprocess.run([NIGH, "export", "-c", collection], capture_output=True, text=True, check=True)
    all_rows = [json.loads(line) for line in ran.stdout.splitlines()[1:]]
    for row in all_rows:
        row.pop("vector")
    return sorted(all_rows, key=lambda row: row["passage_id"])


def check_import(name, file):
    """Imports a rewritten file: all articles, none changed."""
    report = nigh("import", file, "-c", name)
    assert report["failures"] == 0 and report["added"] == len(EXPECTED_IDS), (name, report)
    assert rows(name) == EXPECTED, name
    print("import", name)


EXPECTED = rows(".nigh")
EXPECTED_IDS = {row["article_id"] for row in EXPECTED}
nigh("export", "all.parquet")
nigh("export", "all.jsonl")
with open("all.jsonl") as lines:
    next(lines)
    with open("rows.jsonl", "w") as out:
        out.writelines(lines)

# Parquet, written anew.
duckdb.sql("COPY (SELECT * FROM 'all.parquet' ORDER BY text) TO 'duckdb.parquet' (COMPRESSION gzip)")
check_import("duckdb", "duckdb.parquet")
pandas.read_parquet("all.parquet").sort_values("text").to_parquet("pandas.parquet", compression="brotli")
check_import("pandas", "pandas.parquet")
polars.read_parquet("all.parquet").sort("text").write_parquet("polars.parquet", compression="lz4")
check_import("polars", "polars.parquet")
pyarrow.parquet.write_table(
    pyarrow.parquet.read_table("all.parquet").replace_schema_metadata(None), "arrow.parquet", compression="zstd"
)
check_import("arrow", "arrow.parquet")

# Its cache goes into this folder, and its progress bars nowhere.
datasets.disable_progress_bars()
datasets.Dataset.from_parquet("all.parquet", cache_dir=os.path.abspath("cache")).to_parquet("datasets.parquet")
check_import("datasets", "datasets.parquet")
spark = pyspark.sql.SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
spark.read.parquet("all.parquet").orderBy("text").coalesce(1).write.parquet("from-spark", compression="lz4")
check_import("spark", glob.glob("from-spark/*.parquet")[0])
spark.createDataFrame(
    [("a", bytearray(b"Harbor cranes lift crates."), Decimal("1.5"), {"k": [1]}), ("b", bytearray(b"Violins are tuned."), None, None)],
    "_id string, text binary, price decimal(20, 4), nested map<string, array<int>>",
).coalesce(1).write.parquet("odd-from-spark", compression="gzip")
os.rename(glob.glob("odd-from-spark/*.parquet")[0], "odd-spark.parquet")
spark.stop()

# JSON lines, written anew.
duckdb.sql(
    "COPY (SELECT * FROM read_json('rows.jsonl', format = 'newline_delimited', sample_size = -1)) TO 'duckdb.jsonl'"
)
check_import("duckdb-jsonl", "duckdb.jsonl")
polars.read_ndjson("rows.jsonl", infer_schema_length=None).write_ndjson("polars.jsonl")
check_import("polars-jsonl", "polars.jsonl")

# Corpora with odd values, in the engines' own types.
ARTICLES = {"_id": ["a", "b"], "text": ["Harbor cranes lift crates.", "Violins are tuned in fifths."]}
odd = pandas.DataFrame(
    ARTICLES
    | {
        "price": [Decimal("1.50"), None],
        "day": [date(2025, 6, 30), None],
        "instant": [datetime(2025, 6, 30, 12), None],
        "took": [timedelta(days=1), None],
        "share": [float("inf"), float("nan")],
        "tags": [["sea", None], []],
        "nested": [{"deep": {"er": [1, 2]}}, None],
    }
)
odd["text"] = odd["text"].str.encode("utf-8")
for compression in ("snappy", "gzip", "brotli", "lz4", "zstd", None):
    odd.to_parquet(f"odd-pandas-{compression}.parquet", compression=compression)
polars.DataFrame(
    ARTICLES
    | {"kind": polars.Series(["x", "y"], dtype=polars.Categorical), "took": [timedelta(hours=1), None], "blob": [b"\xff", b"ok"]}
).write_parquet("odd-polars.parquet")
duckdb.sql(
    """COPY (SELECT * FROM (VALUES
        ('a', 'Harbor cranes lift crates.', INTERVAL 3 DAY, DATE 'infinity', TIMESTAMP '-infinity', uuid(), 170141183460469231731687303715884105727::HUGEINT,
            MAP {'k': 1}, TIME '12:00', {'x': [{'y': 1}]}, true),
        ('b', 'Violins are tuned in fifths.', INTERVAL 1 MONTH, NULL, NULL, uuid(), 1, NULL, NULL, NULL, NULL))
    AS t(_id, text, span, day, instant, key, huge, pairs, clock, nested, flag)) TO 'odd-duckdb.parquet'"""
)
for file in [f"odd-pandas-{c}.parquet" for c in ("snappy", "gzip", "brotli", "lz4", "zstd", None)] + [
    "odd-polars.parquet",
    "odd-spark.parquet",
    "odd-duckdb.parquet",
]:
    report = nigh("index", file, "-c", file.removesuffix(".parquet"))
    assert (report["articles"], report["failures"]) == (2, 0), (file, report)
    hits = nigh("search", "violins", "-c", file.removesuffix(".parquet"), "--mode", "lexical")["hits"]
    assert [hit["article_id"] for hit in hits] == ["b"], (file, hits)
    print("index", file)
