"""Compares the vector index with hnswlib, faiss and usearch: recall and speed, construction, near-duplicates, scaling.

Called by record.py. The other engines get all queries in one call on one thread, which is the fastest
way to use them; nigh gets one query at a time on one thread, by `nigh bench recall`. Engines take turns.
"""

import json
import struct
import time
from pathlib import Path

import numpy as np

DIM = 384
M, EF_CONSTRUCTION, K = 16, 200, 10
EFS = [10, 12, 16, 20, 25, 30, 40, 50, 60, 80, 100, 120, 160, 240]
ROUNDS = 2
SHARES = "0.5,0.1,0.01,0.001"


def vectors(collection):
    """The vectors of a collection, in the order in which they were added."""
    keys, rows = [], []
    for path in (Path(collection) / "vectors").glob("*.vec"):
        raw = path.read_bytes()
        dimensions, count = struct.unpack_from("<2Q", raw, 24)
        at, keys_at = (struct.unpack_from("<Q", raw, 128 + 64 * section)[0] for section in (0, 1))
        rows.append(np.frombuffer(raw, np.float32, count * dimensions, at).reshape(count, dimensions))
        keys.append(np.frombuffer(raw, np.uint64, count, keys_at))
    return np.concatenate(rows)[np.argsort(np.concatenate(keys))]


def glosses(folder, out):
    """Writes the distinct glosses of WordNet (Debian's wordnet-base) as JSON lines; returns their number."""
    seen = set()
    with open(out, "w", encoding="utf-8") as lines:
        for part in ("noun", "verb", "adj", "adv"):
            for line in open(Path(folder) / f"data.{part}", encoding="latin-1"):
                gloss = line.partition("|")[2].strip()
                if gloss and not line.startswith(" ") and gloss not in seen:
                    seen.add(gloss)
                    lines.write(json.dumps({"_id": f"{part}{line[:8]}", "text": gloss}) + "\n")
    return len(seen)


def clusters(count, seed):
    """Unit vectors distributed like those of sentences: clusters of varied width in 40 of 384 dimensions."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(np.random.default_rng(7).standard_normal((DIM, 40)))[0].T.astype(np.float32)
    centres = np.random.default_rng(8).standard_normal((4000, 40)).astype(np.float32)
    out = np.empty((count, DIM), np.float32)
    for at in range(0, count, 50_000):
        size = min(50_000, count - at)
        which = random.integers(len(centres), size=size)
        width = random.uniform(0.2, 1.0, (size, 1)).astype(np.float32)
        latent = centres[which] + width * random.standard_normal((size, 40), dtype=np.float32)
        rows = latent @ turn + 0.05 * random.standard_normal((size, DIM), dtype=np.float32)
        out[at : at + size] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return out


def recall(found, truth):
    """The share of the exact neighbours that was found."""
    return float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found, truth)]))


def peers(base, queries, threads):
    """Builds every other engine; yields its name, build seconds, and a function from ef to the rows found."""
    import faiss
    import hnswlib
    from usearch.index import Index

    def timed(build):
        started = time.perf_counter()
        build()
        return time.perf_counter() - started

    h = hnswlib.Index("ip", DIM)
    h.init_index(len(base), M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
    seconds = timed(lambda: h.add_items(base, num_threads=threads))

    def search_hnswlib(ef):
        h.set_ef(ef)
        return h.knn_query(queries, K, num_threads=1)[0]

    yield "hnswlib", seconds, search_hnswlib

    f = faiss.IndexHNSWFlat(DIM, M, faiss.METRIC_INNER_PRODUCT)
    f.hnsw.efConstruction = EF_CONSTRUCTION
    faiss.omp_set_num_threads(threads)
    seconds = timed(lambda: f.add(base))

    def search_faiss(ef):
        faiss.omp_set_num_threads(1)
        f.hnsw.efSearch = ef
        return f.search(queries, K)[1]

    yield "faiss HNSW", seconds, search_faiss

    for kind in ("f32", "i8"):
        u = Index(ndim=DIM, metric="cos", dtype=kind, connectivity=M, expansion_add=EF_CONSTRUCTION)
        seconds = timed(lambda u=u: u.add(np.arange(len(base)), base, threads=threads))

        def search_usearch(ef, u=u):
            u.expansion_search = ef
            return u.search(queries, K, threads=1).keys

        yield f"usearch {kind}", seconds, search_usearch


def flat(base, queries):
    """The exact scan of faiss on one thread: the exact neighbours, and queries per second one by one and in one call."""
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(DIM)
    index.add(base)
    some = queries[:200]
    started = time.perf_counter()
    for query in some:
        index.search(query[None], K)
    single = len(some) / (time.perf_counter() - started)
    started = time.perf_counter()
    truth = index.search(queries, K)[1]
    return truth, single, len(queries) / (time.perf_counter() - started)


def at_recall(points, wanted):
    """Queries per second at a given recall, interpolated between the two nearest points; None if it is not reached."""
    best = [(r, q) for r, q in sorted(points) if not any(r2 >= r and q2 > q for r2, q2 in points)]
    for (r0, q0), (r1, q1) in zip(best, best[1:]):
        if r0 <= wanted <= r1:
            part = (wanted - r0) / (r1 - r0) if r1 > r0 else 0
            return float(np.exp(np.log(q0) * (1 - part) + np.log(q1) * part))
    return float(best[0][1]) if best and best[0][0] > wanted else None


def compare(name, base, queries, folder, nigh, threads, rounds=ROUNDS):
    """Compares all engines on one data set: each is built once and queried in `rounds` rounds; the fastest round counts."""
    base, queries = np.ascontiguousarray(base), np.ascontiguousarray(queries)
    base.tofile(folder / "base.f32")
    queries.tofile(folder / "queries.f32")
    raw = ["--base", folder / "base.f32", "--queries", folder / "queries.f32", "--dim", DIM, "--ef", ",".join(map(str, EFS)),
           "--m", M, "--ef-construction", EF_CONSTRUCTION, "-k", K, "--threads", threads]
    truth, single, batch = flat(base, queries)
    engines, searches = {}, []
    for engine, seconds, search in peers(base, queries, threads):
        engines[engine] = {"build_s": seconds, "points": {}}
        searches.append((engine, search))
        print(name, engine, f"{seconds:.1f} s", flush=True)
    ours = {"nigh": [], "nigh, binary first pass": ["--first-pass", "binary"], "nigh, built by hnsw_rs": ["--builder", "hnsw_rs"]}
    extra = {}
    for turn in range(rounds):
        for engine, args in ours.items():
            if turn > 0 and "hnsw_rs" in engine:
                continue
            more = ["--allow", SHARES] if turn == 0 and engine == "nigh" else []
            measured, _, _ = nigh("bench", "recall", *raw, *args, *more)
            kept = engines.setdefault(engine, {"build_s": measured["build_s"], "points": {}})
            kept["build_s"] = min(kept["build_s"], measured["build_s"])
            for point in measured["points"]:
                keep(kept, point["ef"], point["recall"], point["qps"])
            if engine == "nigh":
                if more:
                    extra = {key: measured[key] for key in ("health", "unreachable", "open_ms", "bytes_per_vector", "graph_bytes_per_vector", "filtered")}
                for key in ("exact_qps", "exact_batch_qps"):
                    extra[key] = max(extra.get(key, 0), measured[key])
                extra["qps_all"] = {p["ef"]: p["qps_all"] for p in measured["points"]}
        for engine, search in searches:
            for ef in EFS:
                started = time.perf_counter()
                found = search(ef)
                keep(engines[engine], ef, recall(found.astype(np.int64), truth), len(queries) / (time.perf_counter() - started))
        _, again, batch_again = flat(base, queries)
        single, batch = max(single, again), max(batch, batch_again)
    for engine in engines.values():
        points = [(r, q) for r, q in engine["points"].values()]
        engine["qps_at"] = {str(r): at_recall(points, r) for r in (0.95, 0.99)}
        engine["points"] = [{"ef": ef, "recall": r, "qps": q} for ef, (r, q) in engine["points"].items()]
    print(name, {e: (round(v["build_s"], 1), v["qps_at"]) for e, v in engines.items()}, flush=True)
    return {"n": len(base), "queries": len(queries), "engines": engines, "flat_qps": single, "flat_batch_qps": batch, **extra}


def keep(engine, ef, found, qps):
    before = engine["points"].get(ef, (found, 0.0))
    engine["points"][ef] = (found, max(qps, before[1]))


def copies(base, folder, nigh, threads):
    """20 vectors in 500 near-duplicates each among 10,000 others: the number of vectors that a search for
    themselves does not find, at ef 64."""
    random = np.random.default_rng(3)
    noise = 0.01 * random.standard_normal((20, 500, DIM)).astype(np.float32)
    rows = np.concatenate([(base[:20, None] + noise).reshape(-1, DIM), base[20:10_020]])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows[random.permutation(len(rows))].astype(np.float32)
    lost = {}
    for engine, _, search in peers(rows, rows, threads):
        found = search(64).astype(np.int64)
        lost[engine] = int(sum(own not in answer for own, answer in zip(range(len(rows)), found)))
    rows.tofile(folder / "copies.f32")
    for engine, args in {"nigh": [], "nigh, built by hnsw_rs": ["--builder", "hnsw_rs"]}.items():
        measured, _, _ = nigh("bench", "recall", "--base", folder / "copies.f32", "--queries", folder / "copies.f32", "--dim", DIM,
                              "--ef", 64, "-k", 1, "--threads", threads, *args)
        lost[engine] = round((1 - measured["points"][0]["recall"]) * len(rows))
        lost[f"{engine}: unreachable before mending"] = measured["health"]["unreachable"]
        lost[f"{engine}: unreachable"] = measured["unreachable"]
    print("near-copies", lost, flush=True)
    return {"n": len(rows), "lost": lost}


def scaling(folder, nigh, threads):
    """Vectors of one distribution, from a thousand to a million; hnswlib for comparison."""
    import hnswlib

    queries = clusters(2000, 1)
    queries.tofile(folder / "queries.f32")
    rows = []
    for count in (1_000, 10_000, 100_000, 1_000_000):
        base = clusters(count, 2)
        base.tofile(folder / "base.f32")
        measured, seconds, peak = nigh("bench", "recall", "--base", folder / "base.f32", "--queries", folder / "queries.f32",
                                       "--dim", DIM, "--ef", "20,40,60,80,120,160,240,320", "--threads", threads)
        row = {key: measured[key] for key in ("n", "build_s", "open_ms", "unreachable", "health", "bytes_per_vector",
                                              "graph_bytes_per_vector", "exact_qps", "points")}
        points = [(p["recall"], p["qps"]) for p in measured["points"] if p["walked"]]
        row |= {"hnswlib_build_s": None, "hnswlib_qps_at": {"0.95": None, "0.99": None}}
        row |= {"peak_bytes": peak, "seconds": seconds, "qps_at": {str(r): at_recall(points, r) for r in (0.95, 0.99)}}
        rows.append(row)
        print("scaling", {k: v for k, v in row.items() if k != "points"}, flush=True)
        if count > 100_000:
            continue  # hnswlib takes minutes
        h = hnswlib.Index("ip", DIM)
        h.init_index(count, M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
        started = time.perf_counter()
        h.add_items(base, num_threads=threads)
        row["hnswlib_build_s"] = time.perf_counter() - started
        truth, _, _ = flat(base, queries[:500])
        points = []
        for ef in (20, 40, 60, 80, 120, 160, 240, 320):
            h.set_ef(ef)
            started = time.perf_counter()
            found = h.knn_query(queries[:500], K, num_threads=1)[0]
            points.append((recall(found.astype(np.int64), truth), 500 / (time.perf_counter() - started)))
        row["hnswlib_qps_at"] = {str(r): at_recall(points, r) for r in (0.95, 0.99)}
    return rows


def measure(folder, data, wordnet, nigh, threads):
    """All measurements of this file."""
    sets = {}
    glosses(wordnet, folder / "glosses.jsonl")
    nigh("index", folder / "glosses.jsonl", "-c", folder / "wordnet", "--chunk", "whole")
    rows = vectors(folder / "wordnet")
    rows = rows[np.random.default_rng(1).permutation(len(rows))]
    sets["wordnet glosses"] = compare("wordnet", rows[2000:], rows[:2000], folder, nigh, threads)
    near_copies = copies(rows, folder, nigh, threads)
    for name in ("scifact", "squad-dev-v1.1"):
        source = data / name
        for part in ("corpus", "queries"):
            nigh("index", source / f"{part}.jsonl", "-c", folder / f"{name}-{part}", "--chunk", "whole", "--format", "jsonl", allowed=(0, 1))
        queries = vectors(folder / f"{name}-queries")[:2000]
        sets[name] = compare(name, vectors(folder / f"{name}-corpus"), queries, folder, nigh, threads)
    versions = {package: __import__("importlib.metadata").metadata.version(package) for package in ("hnswlib", "faiss-cpu", "usearch", "numpy")}
    return {"threads": threads, "m": M, "ef_construction": EF_CONSTRUCTION, "k": K, "versions": versions, "sets": sets,
            "near_copies": near_copies, "scaling": scaling(folder, nigh, threads)}
