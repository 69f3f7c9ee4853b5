"""Collections on Milvus: memory and disk per passage, speed of import and search, and the quality of its BM25.

The servers are installed by tests/milvus/server.sh beforehand, because the full one must run where there is only loopback:

    for kind in lite full; do tests/milvus/server.sh $kind install SERVERS/$kind; done
    sudo ip netns add bench; sudo ip netns exec bench ip link set lo up
    sudo ip netns exec bench venv/bin/python benches/record.py NAME --data FOLDER --only cluster --servers SERVERS
"""

import contextlib
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

import endurance

ROOT = Path(__file__).resolve().parent.parent
PORT = 19530
URI = f"milvus://127.0.0.1:{PORT}"
# How often the articles are stored, under different ids: their memory must exceed the server's own.
COPIES = 4
QUESTIONS = 100


def server(what, kind, folder):
    subprocess.run([ROOT / "tests/milvus/server.sh", kind, what, folder, str(PORT)], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def running(kind, folder):
    server("start", kind, folder)
    try:
        yield
    finally:
        server("stop", kind, folder)


def held(folder):
    """Bytes of private memory of the server with this data folder, once they have not changed for a while."""
    pid = subprocess.check_output(["pgrep", "-f", f"{folder}/data/bin/milvus run"], text=True).split()[0]
    last, since = None, time.monotonic()
    while time.monotonic() - since < 300:
        size = endurance.memory(pid)["own"]
        if last and abs(size - last) < 0.01 * last:
            return size
        last = size
        time.sleep(15)
    return last


def on_disk(folder):
    """Bytes that a cluster would keep in object storage; the standalone server writes further logs of its own."""
    kept = [folder / "data/data" / name for name in ["insert_log", "delta_log", "stats_log", "index_files"]]
    return sum(path.stat().st_size for part in kept for path in part.rglob("*") if path.is_file())


def words(nigh, folder, data, servers):
    """nDCG@10 with nigh's and with Milvus's BM25 over the same stems, alone and fused with the same dense hits."""
    found = {}
    with running("lite", servers / "lite"):
        for name in ["scifact", "cranfield"]:
            source, here, there = data / name, folder / f"{name}-here", f"{URI}/{name.replace('-', '_')}_{time.time_ns()}"
            nigh("index", source, "-c", here, "--chunk", "whole", allowed=(0, 1))
            nigh("import", here, "-c", there)
            of = ["--queries", source / "queries.jsonl", "--qrels", source / "qrels.tsv", "--exact", "--metrics", "nDCG@10,recall@100"]
            for place, collection in {"nigh": here, "milvus": there}.items():
                verdict, _, _ = nigh("eval", "-c", collection, *of, allowed=(0, 1))
                for system in verdict["systems"]:
                    means = {metric: value["mean"] for metric, value in system["metrics"].items()}
                    found.setdefault(name, {}).setdefault(system["name"], {})[place] = means
    return found


def sizes(nigh, folder, data, servers):
    """Memory and disk per passage on the full server, recall of its graph, and speed of import and search."""
    here, there, files = folder / "here", f"{URI}/sizes_{time.time_ns()}", folder / "copies"
    corpora = [data / name / "corpus.jsonl" for name in ["scifact", "squad-dev-v1.1", "cranfield"]]
    nigh("index", *corpora, "-c", here, allowed=(0, 1))
    nigh("export", folder / "one.jsonl", "-c", here)
    files.mkdir()
    header, *rows = (folder / "one.jsonl").read_text(encoding="utf-8").splitlines()
    for copy in range(1, COPIES):
        with (files / f"{copy}.jsonl").open("w", encoding="utf-8") as out:
            print(header, file=out)
            for row in map(json.loads, rows):
                row["article_id"], row["passage_id"] = f"{copy}/{row['article_id']}", f"{copy}/{row['passage_id']}"
                print(json.dumps(row), file=out)
    questions = [json.loads(line) for line in (data / "scifact/queries.jsonl").read_text(encoding="utf-8").splitlines()][:QUESTIONS]
    home = servers / "full"
    os.environ |= {"NIGH_MILVUS_TOKEN": "root:Milvus", "NIGH_MILVUS_TLS": "1", "NIGH_MILVUS_CA": str(home / "tls/ca.pem")}
    with running("full", home):
        server("restart", "full", home)
        idle, disk = held(home), on_disk(home)
        report, seconds, _ = nigh("import", here, "-c", there)
        held(home)
        common, times = 0, []
        for question in questions:
            exact, _, _ = nigh("search", question["text"], "--mode", "dense", "--exact", "-c", here)
            near, took, _ = nigh("search", question["text"], "--mode", "dense", "-c", there)
            names = {hit["passage_id"] for hit in exact["hits"]}
            common += sum(hit["passage_id"] in names for hit in near["hits"])
            times.append(1e3 * took)
        for copy in sorted(files.iterdir()):
            more, took, _ = nigh("import", copy, "-c", there)
            report["passages"] += more["passages"]
            seconds += took
        held(home)
        # Restarted, so that memory used by the import does not count.
        server("restart", "full", home)
        # For a while after a start, the server reports that nothing is loaded.
        for _ in range(10):
            document, _, _ = nigh("stats", "-c", there, allowed=(0, 2))
            if "error" not in document:
                break
        nigh("search", "anything", "--mode", "dense", "-c", there)
        full, filled = held(home), on_disk(home)
    passages = report["passages"]
    return {
        "server": "Milvus 2.3.5",
        "passages": passages,
        "dimensions": 384,
        "m": 16,
        "imported_a_second": passages / seconds,
        "idle_bytes": idle,
        "memory_bytes_a_passage": (full - idle) / passages,
        "disk_bytes_a_passage": (filled - disk) / passages,
        "recall@10": common / (10 * len(questions)),
        "recall_over": passages // COPIES,
        "search_ms": statistics.median(times),
    }


def cluster(nigh, folder, data, servers):
    found = {}
    for part in [words, sizes]:
        found[part.__name__] = part(nigh, folder, data, servers)
        # Printed right away, so that a failure of the next part does not lose this one.
        print(json.dumps({part.__name__: found[part.__name__]}), flush=True)
    return found
