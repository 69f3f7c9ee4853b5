"""Measures nigh and comparable tools on one machine in one run, and records the results.

    python3 -m venv venv && venv/bin/pip install -r benches/requirements.txt
    cargo build --release
    venv/bin/python benches/record.py NAME --data FOLDER

NAME becomes benches/runs/NAME/; FOLDER holds the data sets scifact, squad-dev-v1.1, cranfield
and medquad in BEIR's layout. --only PART measures a single part. --keep DIR creates the collections in DIR and reuses
them in the next run. benches/README.md describes what is measured and how.
"""

import argparse
import contextlib
import itertools
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

import cluster
import embed
import endurance
from machine import machine

ROOT = Path(__file__).resolve().parent.parent
NIGH = ROOT / "target/release/nigh"
MODEL = ROOT / "models/minilm-l6-v2-int8"
TOKENS = 128
PASSAGES = 400
ROUNDS = 5
PARTS = ["embedding", "lengths", "start", "memory", "evaluation", "latency", "serve", "fusion", "ranking", "index", "reliability", "resources", "soak"]
# Parts that need servers and run only if named by --only.
EXPLICIT_PARTS = ["cluster"]


def lines():
    """The answers and summaries of the articles in data/."""
    for path in [ROOT / "data/provided-article.txt", *sorted((ROOT / "data/sample").glob("*.txt"))]:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip() and not line.endswith("?"):
                yield line


def passages(count, seed, tokens=TOKENS):
    """`count` distinct passages of exactly `tokens` tokens, special tokens included."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    words = [word for line in lines() for word in line.split()]
    cost = {word: len(tokenizer.encode(word, add_special_tokens=False).ids) for word in set(words)}
    generator = random.Random(seed)
    for _ in range(count):
        at, used, chosen = 0, 0, []
        while used < tokens - 2:
            # Jump to another position after every dozen words, so that passages differ.
            if len(chosen) % 12 == 0:
                at = generator.randrange(len(words))
            word = words[at % len(words)]
            at += 1
            if used + cost[word] <= tokens - 2:
                chosen.append(word)
                used += cost[word]
        yield " ".join(chosen)


def nigh(*args, cwd=None, allowed=(0,)):
    """Runs nigh with --json; returns its document, the seconds taken, and the peak resident memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen([str(NIGH), *map(str, args), "--json"], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        sys.exit(f"nigh {args}: exit code {process.returncode}")
    return json.loads(out), time.perf_counter() - started, usage.ru_maxrss * 1024


def embedding_rates(folder, texts, threads):
    """Passages per second of every engine in ROUNDS rounds, in which they take turns on the same texts, each with its
    fastest batch size; and what nigh measured in each."""
    (folder / "texts.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    engines = embed.best(embed.engines(texts, threads), texts)
    rates = {name: [] for name in ["nigh", *engines]}
    nigh_runs = []
    for _ in range(ROUNDS):
        measured, _, _ = nigh("bench", "embed", "--texts", folder / "texts.txt", "--threads", threads)
        nigh_runs.append(measured)
        rates["nigh"].append(measured["passages_per_second"])
        for name, run in engines.items():
            started = time.perf_counter()
            run()
            rates[name].append(len(texts) / (time.perf_counter() - started))
    return rates, nigh_runs


def embedding(folder, threads):
    """Passages per second: medians of the rounds."""
    rates, nigh_runs = embedding_rates(folder, list(passages(PASSAGES, 1)), threads)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    return {
        "pieces_per_passage": nigh_runs[0]["pieces_per_passage"],
        "threads": threads,
        "rounds": ROUNDS,
        "passages_per_second": middle,
        "all": rates,
        "query_ms": statistics.median(run["query_ms"] for run in nigh_runs),
        "first_vector_ms": statistics.median(run["first_vector_ms"] for run in nigh_runs),
    }


# The lengths of texts to embed, in tokens, and how many of each: about the same work.
LENGTHS = {16: 800, 64: 400, 128: 200, 256: 100}


def lengths(folder):
    """Passages per second by their length, on one thread and on all cores: medians of the rounds."""
    cells = []
    for threads in sorted({1, os.cpu_count()}):
        for tokens, count in LENGTHS.items():
            rates, _ = embedding_rates(folder, list(passages(count, tokens, tokens)), threads)
            middle = {name: statistics.median(values) for name, values in rates.items()}
            cells.append({"threads": threads, "tokens": tokens, "passages": count, "passages_per_second": middle, "all": rates})
            print(threads, tokens, middle, flush=True)
    return {"rounds": ROUNDS, "cells": cells}


def start_to_answer(folder):
    """Milliseconds from the start of a search process to its end, on the articles of data/."""
    nigh("index", ROOT / "data", "-c", folder / "demo")
    questions = ["why is one high tide a day bigger", "how did Moscow react to the visit", "what makes a sourdough rise"]
    times = []
    for turn in range(31):
        _, seconds, _ = nigh("search", questions[turn % 3], "-c", folder / "demo")
        times.append(seconds * 1e3)
    return {"median_ms": statistics.median(times), "slowest_ms": max(times), "times": len(times)}


def memory(folder):
    """Peak resident memory of indexing 20,000 passages of distinct text."""
    corpus = folder / "corpus.jsonl"
    with corpus.open("w", encoding="utf-8") as out:
        for number, text in enumerate(passages(20_000, 2)):
            out.write(json.dumps({"_id": f"d{number}", "text": text}) + "\n")
    report, seconds, peak = nigh("index", corpus, "-c", folder / "twenty", "--chunk", "whole")
    check, _, _ = nigh("check", "-c", folder / "twenty")
    return {"passages": report["passages"], "seconds": seconds, "passages_per_second": report["passages_per_second"],
            "peak_bytes": peak, "reachable": check["reachable"], "sound": check["sound"]}


SETS = ["scifact", "squad-dev-v1.1", "cranfield", "medquad"]
METRICS = "nDCG@10,recall@100,MRR@10,MAP@100,success@1"


def evaluation(folder, data):
    """Quality of every mode on every data set, as in published figures: whole documents, exact search. Also
    compares the speed of computing metrics with pytrec_eval."""
    sets = {}
    for name in SETS:
        source = data / name
        whole = folder / f"{name}-whole"
        nigh("index", source, "-c", whole, "--chunk", "whole", allowed=(0, 1))
        verdict, _, _ = nigh("eval", "-c", whole, "--queries", source / "queries.jsonl", "--qrels", source / "qrels.tsv",
                             "--exact", "--metrics", METRICS, allowed=(0, 1))
        approximate, _, _ = nigh("eval", "-c", whole, "--queries", source / "queries.jsonl", "--qrels", source / "qrels.tsv",
                            "--metrics", METRICS, allowed=(0, 1))
        primary = [c for c in verdict["comparisons"] if c["metric"] == "nDCG@10"]
        sets[name] = {
            "passages": verdict["manifest"]["corpus"]["passages"], "queries": verdict["queries"], "judgements": verdict["judgements"],
            "notes": verdict["notes"], "systems": verdict["systems"], "comparisons": primary,
            "losses": {s["system"]: s for s in approximate["losses"]["systems"]}, "timings": verdict["timings"],
            "times_embedding": verdict["timings"]["total_s"] / verdict["timings"]["embed_s"],
        }
        print(name, sets[name]["times_embedding"], verdict["timings"])
    speed = folder / "speed.json"
    subprocess.run([sys.executable, ROOT / "tests/parity.py", NIGH, "--speed", "--data", data, "--out", speed], check=True)
    return {"sets": sets, "speed": json.loads(speed.read_text())}


# The number of queries to sample from large data sets where a query takes tens of milliseconds.
SAMPLE = 500


def sampled(folder, source, queries, seed=1):
    """Writes at most SAMPLE of the queries to a file; returns its path."""
    if len(queries) > SAMPLE:
        queries = random.Random(seed).sample(queries, SAMPLE)
    path = folder / f"{source.name}-sample.jsonl"
    path.write_text("".join(json.dumps(query) + "\n" for query in queries), encoding="utf-8")
    return path


def evaluate(collection, queries, source, *more):
    """nDCG@10 of each system, and the significance tests of the differences."""
    verdict, seconds, _ = nigh("eval", "-c", collection, "--queries", queries, "--qrels", source / "qrels.tsv", "--metrics", "nDCG@10",
                               *more, allowed=(0, 1))
    return {"queries": verdict["queries"], "seconds": seconds, "comparisons": verdict["comparisons"],
            "systems": {s["name"]: s["metrics"]["nDCG@10"] for s in verdict["systems"]}}


COMMON = set("a an and are as at be by can did do does for from had has have how if in is it its of on or that the their to was were "
             "what when where which who why will with would you your".split())


def with_typo(word, generator):
    """A typo: two neighbouring letters exchanged, one left out, or one doubled."""
    at = generator.randrange(1, len(word) - 1)
    return generator.choice([word[:at] + word[at + 1] + word[at] + word[at + 2 :], word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:]])


def wordings(text, seed):
    """A question in several wordings: with typos, in keywords, negated, inside a paragraph."""
    generator = random.Random(seed)
    words = text.split()
    long = [i for i, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    slipped = set(generator.sample(long, min(len(long), max(1, len(words) // 4)))) if long else set()
    kept = [word for word in words if word.strip(".,?!").lower() not in COMMON]
    chat = ("I have been reading about this all week and cannot find it again, although I am sure that it was somewhere in these articles, "
            "perhaps near the beginning. ")
    return {
        "as asked": text,
        "ALL CAPS": text.upper(),
        "keywords only": " ".join(kept),
        "a slip in every fourth word": " ".join(with_typo(word, generator) if i in slipped else word for i, word in enumerate(words)),
        "negated": "Is it not true, or was it never said, that " + text[:1].lower() + text[1:],
        "in a paragraph": chat + text + " Whoever knows where that stands would do me a great favour, for I have to give a talk about it on Friday.",
    }


def whole(folder, data, name):
    """Indexes a data set with one passage per article; returns the collection and the folder of the data set."""
    collection = folder / f"{name}-whole"
    nigh("index", data / name, "-c", collection, "--chunk", "whole", allowed=(0, 1))
    return collection, data / name


def fusion(folder, data):
    """Every fusion method, and the cross-validated gain of tuning it."""
    sets = {}
    for name in SETS:
        collection, source = whole(folder, data, name)
        tuned, seconds, _ = nigh("tune", "-c", collection, "--queries", source / "queries.jsonl", "--qrels", source / "qrels.tsv",
                                 "--dry-run", allowed=(0, 1))
        sets[name] = {key: tuned[key] for key in ("queries", "tried", "best", "systems", "comparisons")} | {"seconds": seconds}
    return {"sets": sets}


def latency(folder, data):
    """End-to-end latency of a query over more than 100,000 passages, in milliseconds."""
    large = folder / "passages-100k"
    for name in ("medquad", "scifact"):
        nigh("index", data / name, "-c", large, "--chunk-tokens", "64", "--overlap", "0", allowed=(0, 1))
    queries = data / "medquad" / "queries.jsonl"
    ways = {"hybrid": [], "dense": ["--mode", "dense"], "lexical": ["--mode", "lexical"],
            "hybrid, maxsim": ["--rerank", "maxsim", "--limit", "50"]}
    found = {way: nigh("bench", "search", "-c", large, "--queries", queries, *flags)[0] for way, flags in ways.items()}
    for way in found.values():
        way.pop("manifest")
    return {"ways": found}


def serve(folder, data):
    """Hybrid queries per second over HTTP on more than 100,000 passages, and ten minutes of overload.

    wrk (apt-get install wrk) generates the load, on the same cores as the server.
    """
    large = folder / "passages-100k"
    for name in ("medquad", "scifact"):
        nigh("index", data / name, "-c", large, "--chunk-tokens", "64", "--overlap", "0", allowed=(0, 1))
    texts = [json.loads(line)["text"] for line in (data / "medquad" / "queries.jsonl").read_text().splitlines()]
    random.Random(0).shuffle(texts)
    questions = folder / "questions.txt"
    questions.write_text("".join(urllib.parse.quote(text) + "\n" for text in texts))
    server = subprocess.Popen([NIGH, "serve", "-c", large, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
    try:
        base = server.stdout.readline().split(" ")[0]
        runs = itertools.count(1)

        def load(connections, seconds, remembered=False):
            env = {"QUESTIONS": str(questions), "SEARCH": "/v1/collections/passages-100k/search", "RUN": str(next(runs))}
            env = os.environ | env | ({"REMEMBERED": "1"} if remembered else {})
            command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", ROOT / "benches/serve.lua", base]
            out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
            return json.loads(out.splitlines()[-1])

        load(2, 5)
        found = {f"{connections} at once": load(connections, 30) for connections in (1, 4, 16)}
        found["1 at once, remembered"] = load(1, 5, remembered=True)
        memory = [endurance.memory(server.pid)]
        stop = threading.Event()

        def sample_memory():
            while not stop.wait(30):
                memory.append(endurance.memory(server.pid))

        sampler = threading.Thread(target=sample_memory)
        sampler.start()
        overload = load(256, 600)
        stop.set()
        sampler.join()
        after = load(1, 10)
        return {"load": found, "overload": overload | {"resident_bytes": memory}, "after": after,
                "passages": nigh("stats", "-c", large)[0]["passages"]}
    finally:
        server.terminate()
        server.wait()


def ranking(folder, data):
    """Quality of reranking, of the static model, and on badly worded questions."""
    reranked, static, robust = {}, {}, {}
    for name in SETS:
        collection, source = whole(folder, data, name)
        answerable = {line.split("\t")[0] for line in (source / "qrels.tsv").read_text().splitlines()[1:]}
        queries = [json.loads(line) for line in (source / "queries.jsonl").read_text().splitlines()]
        sample = sampled(folder, source, [query for query in queries if query["_id"] in answerable])
        reranked[name] = evaluate(collection, sample, source, "--mode", "hybrid", "--rerank", "maxsim")
        fixed = folder / f"{name}-static"
        again = fixed.exists()
        report, _, _ = nigh("index", source, "-c", fixed, "--chunk", "whole", "--model", "static", allowed=(0, 1))
        static[name] = evaluate(fixed, sample, source, "--mode", "hybrid") | {"full": reranked[name]["systems"]["hybrid"]}
        if not again:
            static[name]["passages_per_second"] = report["passages_per_second"]
        if name in ("scifact", "squad-dev-v1.1"):
            originals = [json.loads(line) for line in sample.read_text().splitlines()]
            robust[name] = {}
            for wording in wordings("any words", 0):
                path = folder / "wording.jsonl"
                worded = [{**query, "text": wordings(query["text"], query["_id"])[wording]} for query in originals]
                path.write_text("".join(json.dumps(query) + "\n" for query in worded), encoding="utf-8")
                robust[name][wording] = evaluate(collection, path, source, "--mode", "hybrid,dense,lexical")["systems"]
    return {"reranked": reranked, "static": static, "robust": robust}


def index(folder, data, wordnet):
    """The vector index compared with other engines: see ann.py."""
    import ann

    return ann.measure(folder, data, wordnet, nigh, os.cpu_count())


# The long tests of RELIABILITY.md: modules of the test targets, and how long they run.
STORE = ["-p", "store", "--test", "integration"]
LONG_TESTS = [
    ("crash", ["--test", "e2e"], {"NIGH_KILLS": "500"}, []),
    ("damage", STORE, {}, ["--ignored"]),
    ("faults", STORE, {}, ["--ignored"]),
    ("readers", STORE, {"NIGH_SECONDS": "600"}, []),
]


def reliability(folder):
    """Runs the tests of kills, I/O faults, power cuts and damage at full length. They fail if anything is lost."""
    found = {}
    for module, target, environment, more in LONG_TESTS:
        command = ["cargo", "test", *target, "--", f"{module}::", "--nocapture", *more]
        started = time.perf_counter()
        result = subprocess.run(command, cwd=ROOT, env=os.environ | environment, text=True, stdout=subprocess.PIPE)
        if result.returncode != 0:
            sys.exit(f"{' '.join(command)} failed:\n{result.stdout}")
        for line in result.stdout.splitlines():
            if line.startswith("measured "):
                found |= json.loads(line.removeprefix("measured "))
        found[f"{module}_seconds"] = round(time.perf_counter() - started)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--wordnet", type=Path, default="/usr/share/wordnet", help="the folder of WordNet's data files (Debian: wordnet-base)")
    parser.add_argument("--only", choices=PARTS + EXPLICIT_PARTS)
    parser.add_argument("--keep", type=Path, help="a folder for the collections, reused by the next run")
    parser.add_argument("--servers", type=Path, help="for --only cluster: see benches/cluster.py")
    args = parser.parse_args()
    out = ROOT / "benches/runs" / args.name
    out.mkdir(parents=True, exist_ok=True)
    if args.only is None:
        # Each part runs in its own process, because the peak memory that the system reports for a child
        # starts at that of its parent.
        for part in PARTS:
            subprocess.run([sys.executable, *sys.argv, "--only", part], check=True)
        return
    measure = {
        "embedding": lambda folder: embedding(folder, os.cpu_count()),
        "lengths": lengths,
        "start": start_to_answer,
        "memory": memory,
        "evaluation": lambda folder: evaluation(folder, args.data.resolve()),
        "fusion": lambda folder: fusion(folder, args.data.resolve()),
        "latency": lambda folder: latency(folder, args.data.resolve()),
        "serve": lambda folder: serve(folder, args.data.resolve()),
        "ranking": lambda folder: ranking(folder, args.data.resolve()),
        "reliability": reliability,
        "resources": lambda folder: {"budgets": endurance.budgets(folder), "priority": endurance.priority(folder)},
        "soak": endurance.soak,
        "cluster": lambda folder: cluster.cluster(nigh, folder, args.data.resolve(), args.servers.resolve()),
        "index": lambda folder: index(folder, args.data.resolve(), args.wordnet),
    }[args.only]
    with contextlib.nullcontext(args.keep.resolve()) if args.keep else tempfile.TemporaryDirectory() as folder:
        version = subprocess.check_output([str(NIGH), "--version"], text=True).strip()
        result = {"machine": machine(), "nigh": version, **measure(Path(folder))}
    (out / f"{args.only}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(args.only, json.dumps({k: v for k, v in result.items() if k not in ("all", "machine", "sets", "scaling", "samples", "cells")}))


main()
