"""Writes the generated tables and transcripts of the documents.

    python3 benches/tables.py            writes all of them; the transcripts need target/release/nigh
    python3 benches/tables.py --check    exits 1 if a table differs from the recorded runs

The newest recorded run of each part is used (benches/runs, by name). A generated block is enclosed in `<!-- NAME -->` and
`<!-- /NAME -->`:

    README.md                figures; demo and verdict, both shortened
    benches/RESULTS.md       a block for each table
    docs/guide/evaluate.md   verdict
    RELIABILITY.md           reliability
    deploy/README.md         plan
"""

import json
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "deploy"))
import plan as deployment  # noqa: E402
from plan import newest  # noqa: E402

README = ROOT / "README.md"
RESULTS = ROOT / "benches/RESULTS.md"
EVALUATE = ROOT / "docs/guide/evaluate.md"
RELIABILITY = ROOT / "RELIABILITY.md"
DEPLOY = ROOT / "deploy/README.md"
NIGH = ROOT / "target/release/nigh"

# nDCG@10 as published: MTEB (all-MiniLM-L6-v2), Anserini, bm25s, Qdrant's article on tuning. The BM25 figures of the other
# three sets are bm25s on the same files (stems, k1 1.2, b 0.75).
PUBLISHED = {
    ("scifact", "dense"): ".645 f32 model (MTEB)",
    ("scifact", "lexical"): ".679 Anserini, .687 bm25s",
    ("scifact", "hybrid"): ".7175 Qdrant, tuned fusion of its own lists",
    ("squad-dev-v1.1", "lexical"): ".873 bm25s",
    ("cranfield", "lexical"): ".360 bm25s",
    ("medquad", "lexical"): ".505 bm25s",
}


def machine(run):
    made = run["machine"]
    return f"{made['cpu']}, {made['cores']} cores, {', '.join(made['simd'])}"


def recorded(part, run):
    """Where a run was recorded, and on which machine."""
    name = sorted((ROOT / "benches/runs").glob(f"*/{part}.json"))[-1].parent.name
    return f"Run `{name}`; {machine(run)}."


def number(value):
    return "–" if value is None else f"{value:,.0f}"


def head(*columns):
    """The head of a table."""
    return [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]


def embedding_table():
    run = newest("embedding")
    rates = run["passages_per_second"]
    out = [f"{recorded('embedding', run)} {run['threads']} threads, medians of {run['rounds']} rounds.", "",
           *head("engine", "passages/s", "speedup of nigh"), f"| **nigh**, int8 | **{rates['nigh']:.0f}** | |"]
    return out + [f"| {name} | {rate:.0f} | {rates['nigh'] / rate:.2f} × |" for name, rate in rates.items() if name != "nigh"]


def lengths_table():
    run = newest("lengths")
    if run is None:
        return ["No run is recorded yet."]
    out = [f"{recorded('lengths', run)} Passages/s, medians of {run['rounds']} rounds."]
    for threads in sorted({cell["threads"] for cell in run["cells"]}):
        cells = [cell for cell in run["cells"] if cell["threads"] == threads]
        # The fastest batch size depends on the length.
        engine = lambda name: name.split(", batch ")[0]
        rates = [{engine(name): rate for name, rate in cell["passages_per_second"].items()} for cell in cells]
        out += ["", *head(f"engine, {threads} thread{'s' * (threads > 1)}", *(f"{cell['tokens']} tokens" for cell in cells))]
        for name in rates[0]:
            shown = "**nigh**, int8" if name == "nigh" else name
            values = [f"{rate[name]:,.0f}" + ("" if name == "nigh" else f" ({rate['nigh'] / rate[name]:.2f} ×)") for rate in rates]
            out.append(f"| {shown} | {' | '.join(values)} |")
    return out


def resource_table():
    embedding, start, memory = map(newest, ["embedding", "start", "memory"])
    tokens = round(embedding["pieces_per_passage"])
    return [
        f"Query: {recorded('embedding', embedding)} Start: {recorded('start', start)} Indexing: {recorded('memory', memory)}",
        "",
        *head("measured", "result"),
        f"| process start to first answer, demo articles | {start['median_ms']:.0f} ms |",
        f"| embedding one query, one thread | {embedding['query_ms']:.1f} ms |",
        f"| indexing {memory['passages']:,} passages of {tokens} tokens | {memory['seconds']:.0f} s, {memory['peak_bytes'] / 1e6:.0f} MB peak memory |",
    ]


def quality_table():
    run = newest("evaluation")
    out = [recorded("evaluation", run), "", *head("set", "mode", "nDCG@10", "recall@100", "MRR@10", "published nDCG@10")]
    for name, found in run["sets"].items():
        label = f"{name}, {found['passages']:,} documents, {found['queries']:,} queries"
        for system in found["systems"]:
            mode, metrics = system["name"], system["metrics"]
            low, high = metrics["nDCG@10"]["ci95"]
            out.append(f"| {label} | {mode} | {metrics['nDCG@10']['mean']:.4f} [{low:.3f}, {high:.3f}] | {metrics['recall@100']['mean']:.3f} "
                       f"| {metrics['MRR@10']['mean']:.3f} | {PUBLISHED.get((name, mode), '')} |")
            label = ""
    return out


def miss_table():
    run = newest("evaluation")
    causes = ["not indexed", "chunker", "window", "graph", "model", "words", "fusion"]
    out = head("set", "found", "missed", *causes)
    for name, found in run["sets"].items():
        losses = found["losses"]["hybrid"]
        counts = " | ".join(f"{losses['by_cause'][cause]:,}" for cause in causes)
        out.append(f"| {name} | {losses['found']:,} | {losses['missed']:,} | {counts} |")
    return out


def judging_table():
    run = newest("evaluation")
    speed, squad = run["speed"], run["sets"]["squad-dev-v1.1"]
    return [
        *head("measured", "result"),
        f"| five metrics over {speed['queries']:,} × 100 results, in memory | {speed['nigh_s'] * 1e3:.0f} ms; pytrec_eval {speed['pytrec_eval_s'] * 1e3:.0f} ms, {speed['ratio']:.0f} times as long |",
        f"| SQuAD's {squad['queries']:,} queries in three modes, with tests and causes of misses | {squad['timings']['total_s']:.1f} s, "
        f"{squad['times_embedding']:.1f} × the time to embed the queries |",
    ]


METHODS = {"z-score": "z-score", "min-max": "min-max", "distribution": "distribution", "rrf": "reciprocal rank, k = 60"}


def mean(system):
    low, high = system["ci95"]
    return f"{system['mean']:.4f} [{low:.3f}, {high:.3f}]"


def against(found, a, b):
    """The tested difference of a and b, as `+.0123, p .0100`."""
    for c in found["comparisons"]:
        if {c["a"], c["b"]} == {a, b} and c["test"] == "paired randomization":
            sign = 1 if c["a"] == a else -1
            return f"{sign * c['difference']:+.4f}, p {c['p_value']:.4f}"
    return ""


def fusion_table():
    run = newest("fusion")
    fusion, sets = run["sets"], list(run["sets"])
    out = [recorded("fusion", run), "", *head("fused by", *sets, "mean at equal weights")]
    for key, words in METHODS.items():
        tried = {name: [t for t in fusion[name]["tried"] if t["method"] == key] for name in sets}
        equal = {name: next(t["mean"] for t in tried[name] if t["dense"] == 0.5) for name in sets}
        best = {name: max(tried[name], key=lambda t: t["mean"]) for name in sets}
        cells = [f"{equal[name]:.4f}; {best[name]['mean']:.4f} at {best[name]['dense']:.2f}" for name in sets]
        shown = f"**{words}** (default)" if key == "z-score" else words
        out.append(f"| {shown} | {' | '.join(cells)} | {sum(equal.values()) / len(sets):.4f} |")
    for weight, words in ((1.0, "dense alone"), (0.0, "lexical alone")):
        alone = [next(t["mean"] for t in fusion[name]["tried"] if t["method"] == "z-score" and t["dense"] == weight) for name in sets]
        out.append(f"| {words} | {' | '.join(f'{value:.4f}' for value in alone)} | {sum(alone) / len(sets):.4f} |")
    return out


def tuning_table():
    run = newest("fusion")
    out = head("set", "tuned", "default", "tuned − default", "tuned − better list alone")
    for name, found in run["sets"].items():
        systems = {s["name"]: next(iter(s["metrics"].values())) for s in found["systems"]}
        single = max(("dense", "lexical"), key=lambda mode: systems[mode]["mean"])
        out.append(f"| {name} | {mean(systems['tuned'])} | {mean(systems['before'])} | {against(found, 'tuned', 'before')} | {against(found, 'tuned', single)} |")
    return out


def reranking_table():
    run = newest("ranking")
    out = [recorded("ranking", run), "", *head("set", "hybrid", "reranked", "difference")]
    for name, found in run["reranked"].items():
        out.append(f"| {name}, {found['queries']:,} queries | {mean(found['systems']['hybrid'])} | {mean(found['systems']['hybrid, maxsim'])} "
                   f"| {against(found, 'hybrid, maxsim', 'hybrid')} |")
    return out


def static_table():
    run = newest("ranking")
    out = head("set", "static model", "static, reranked by MiniLM", "MiniLM", "indexing with the static model")
    for name, found in run["static"].items():
        systems = found["systems"]
        rate = f"{found['passages_per_second']:,.0f} documents/s" if "passages_per_second" in found else ""
        out.append(f"| {name} | {mean(systems['hybrid'])} | {mean(systems['hybrid, builtin'])} | {mean(found['full'])} | {rate} |")
    return out


WORDINGS = {"a slip in every fourth word": "a typo in every fourth word", "in a paragraph": "inside a paragraph of chat"}


def wording_tables():
    out = []
    for name, found in newest("ranking")["robust"].items():
        out += [*([""] if out else []), f"{name}:", "", *head("wording", "hybrid", "dense", "lexical")]
        out += [f"| {WORDINGS.get(wording, wording)} | {' | '.join(mean(systems[mode]) for mode in ('hybrid', 'dense', 'lexical'))} |" for wording, systems in found.items()]
    return out


def load_table():
    run = newest("serve")
    out = [recorded("serve", run), "", *head("connections", "queries/s", "p50", "p99", "refused")]
    refused = lambda found: sum(count for status, count in found["statuses"].items() if status == "429")
    for name, found in run["load"].items():
        rate = found["requests"] / found["seconds"]
        label = name.replace(" at once", "").replace("remembered", "answers cached")
        out.append(f"| {label} | {rate:,.0f} | {found['p50_ms']:.2f} ms | {found['p99_ms']:.2f} ms | {refused(found)} |")
    over = run["overload"]
    answered, memory = over["statuses"]["200"], [held["own"] / 1e6 for held in over["resident_bytes"]]
    mapped = max(held["of_files"] for held in over["resident_bytes"]) / 1e6
    others = sum(count for status, count in over["statuses"].items() if status not in ("200", "429"))
    return out + ["", "Overload: ten minutes of 256 connections that retry at once.", "",
                  *head("measured", "result"),
                  f"| answers | {answered / over['seconds']:,.0f}/s |",
                  f"| requests refused with 429 | {refused(over):,} |",
                  f"| requests failed | {others + over['broken']} |",
                  f"| private memory before; after one third, two thirds, all of the time | {memory[0]:,.0f}; {memory[len(memory) // 3]:,.0f}, {memory[2 * len(memory) // 3]:,.0f}, {memory[-1]:,.0f} MB |",
                  f"| mapped files, peak | {mapped:,.0f} MB |",
                  f"| p50 of one connection afterwards | {run['after']['p50_ms']:.1f} ms |"]


def latency_table():
    run = newest("latency")
    passages = next(iter(run["ways"].values()))["passages"]
    out = [f"{recorded('latency', run)} {passages:,} passages.", "", *head("mode", "queries", "p50", "p90", "p99")]
    return out + [f"| {way} | {found['questions']:,} | {found['p50_ms']:.1f} ms | {found['p90_ms']:.1f} ms | {found['p99_ms']:.1f} ms |"
                  for way, found in run["ways"].items()]


def index_table():
    run = newest("index")
    versions = ", ".join(f"{package} {version}" for package, version in run["versions"].items() if package != "numpy")
    out = [f"{recorded('index', run)} {versions}. M {run['m']}, ef_construction {run['ef_construction']}, recall@{run['k']}; {run['threads']} threads build, one searches.", "",
           *head("vectors of 384 dimensions", "engine", "build", "queries/s at recall .95", "at .99", "speedup of nigh at .95", "at .99")]
    for name, found in run["sets"].items():
        label = f"{found['n']:,} {name}"
        ours = found["engines"]["nigh"]["qps_at"]
        for engine in sorted(found["engines"], key=lambda e: (e != "nigh", not e.startswith("nigh"), e)):
            at = found["engines"][engine]["qps_at"]
            ratio = lambda r: "" if engine == "nigh" or not at[r] else f"{ours[r] / at[r]:.1f} ×"
            shown = f"**{engine}**" if engine == "nigh" else engine
            out.append(f"| {label} | {shown} | {found['engines'][engine]['build_s']:.1f} s | {number(at['0.95'])} | {number(at['0.99'])} "
                       f"| {ratio('0.95')} | {ratio('0.99')} |")
            label = ""
    return out


def exact_table():
    out = head("vectors", "nigh, one query at a time", "faiss IndexFlatIP", "speedup of nigh", "nigh, all queries in one call", "faiss IndexFlatIP", "speedup of nigh")
    for name, found in newest("index")["sets"].items():
        out.append(f"| {found['n']:,} {name} | {found['exact_qps']:,.0f}/s | {found['flat_qps']:,.0f}/s | {found['exact_qps'] / found['flat_qps']:.1f} × "
                   f"| {found['exact_batch_qps']:,.0f}/s | {found['flat_batch_qps']:,.0f}/s | {found['exact_batch_qps'] / found['flat_batch_qps']:.1f} × |")
    return out


def filtered_table():
    run = newest("index")
    largest = max(run["sets"].values(), key=lambda found: found["n"])
    filtered = {(f["share"], f["rows"]): f for f in largest["filtered"]}
    shares = sorted({share for share, _ in filtered}, reverse=True)
    places = {"anywhere": "drawn at random", "near": "nearest to the query", "far": "farthest from the query"}
    out = [f"{largest['n']:,} vectors, ef {largest['filtered'][0]['ef']}; recall@{run['k']}, queries/s.", "",
           *head("allowed rows", *(f"{share:.1%}" for share in shares))]
    for place, words in places.items():
        cells = [filtered[share, place] for share in shares]
        shown = " | ".join(f"{f['recall']:.4f}, {f['qps']:,.0f}" for f in cells)
        out.append(f"| {words} | {shown} |")
    return out


def near_copies_table():
    run = newest("index")
    lost, n = run["near_copies"]["lost"], run["near_copies"]["n"]
    engines = {engine: count for engine, count in lost.items() if ":" not in engine}
    out = [*head("engine", f"vectors of {n:,} not found by their own vector", "unreachable before repair", "after")]
    for engine, count in engines.items():
        before, after = (lost.get(f"{engine}: {state}") for state in ("unreachable before mending", "unreachable"))
        out.append(f"| {engine} | {count:,} ({count / n:.2%}) | {number(before)} | {number(after)} |")
    return out


def scaling_table():
    out = head("vectors", "build", "hnswlib", "open", "bytes per vector", "of them graph and codes", "queries/s at recall .95", "hnswlib", "at .99", "hnswlib", "exact scan/s", "peak memory")
    for row in newest("index")["scaling"]:
        at, theirs = row["qps_at"], row["hnswlib_qps_at"]
        scanned = f"{max(p['qps'] for p in row['points'] if not p['walked']):,.0f} (scan)" if not any(p["walked"] for p in row["points"]) else None
        ours = {r: scanned or number(at[r]) for r in at}
        # For small runs, the system reports the memory of the parent process, Python, instead.
        memory = f"{row['peak_bytes'] / 1e9:.1f} GB" if row["n"] >= 1_000_000 else "–"
        theirs_built = f"{row['hnswlib_build_s']:.2f} s" if row["hnswlib_build_s"] else "–"
        out.append(f"| {row['n']:,} | {row['build_s']:.2f} s | {theirs_built} | {row['open_ms']:.2f} ms "
                   f"| {row['bytes_per_vector']:,.0f} | {row['graph_bytes_per_vector']:,.0f} | {ours['0.95']} | {number(theirs['0.95'])} "
                   f"| {ours['0.99']} | {number(theirs['0.99'])} | {row['exact_qps']:,.0f} | {memory} |")
    return out


def html_table():
    run = newest("html")
    yield recorded("html", run)
    yield f"{run['pages']} pages; nigh reads {run['pages a second']['nigh']:.0f} pages/s in one process."
    yield ""
    yield from head("layout", "pages", "recall", "precision", "trafilatura: recall", "precision", "glued words")
    ours, theirs = run["layouts"]["nigh"], run["layouts"]["trafilatura"]
    for layout, one in ours.items():
        other = theirs[layout]
        yield (f"| {layout} | {one['pages']} | {one['selector recall']:.4f} | {one['selector precision']:.4f} | "
               f"{other['selector recall']:.4f} | {other['selector precision']:.4f} | {one['glued']} |")


def pdf_table():
    run = newest("pdf")
    yield recorded("pdf", run)
    yield f"{run['files']} files, {run['pages']:,} pages, from {len(run['families'])} families of producers."
    yield ""
    yield from head("", "files refused", "recall", "precision", "order", "glued per 10,000", "torn per 10,000", "pages/s")
    for name, one in run["programs"].items():
        yield (f"| {name} | {one['refused']} | {one['recall']:.4f} | {one['precision']:.4f} | {one['order']:.4f} | "
               f"{one['glued']:.1f} | {one['torn']:.1f} | {one['pages_s']:.0f} |")
    yield ""
    yield from head("producer", "files", "nigh: recall", "precision", "order", "glued per 10,000")
    for family, one in run["programs"]["nigh"]["families"].items():
        yield f"| {family} | {one['files']} | {one['recall']:.4f} | {one['precision']:.4f} | {one['order']:.4f} | {one['glued']:.1f} |"


def summary_table():
    """README's table: the key figures, compared with other engines."""
    embedding, index, evaluation, latency = map(newest, ["embedding", "index", "evaluation", "latency"])
    rates = embedding["passages_per_second"]
    fastest = lambda peer: max(rate for name, rate in rates.items() if name.startswith(peer))
    rivals = ", ".join(f"{peer} {fastest(peer):.0f}" for peer in ("OpenVINO int8", "OpenVINO bf16", "torch bf16", "torch f32"))
    largest = max(index["sets"].values(), key=lambda found: found["n"])
    engines = {"hnswlib": "hnswlib", "faiss HNSW": "faiss", "usearch f32": "usearch"}
    of_engines = lambda value: ", ".join(f"{shown} {value(largest['engines'][engine])}" for engine, shown in engines.items())
    qps = lambda found: number(found["qps_at"]["0.95"])
    built = lambda found: f"{found['build_s']:.1f}"
    scifact = {system["name"]: system["metrics"]["nDCG@10"]["mean"] for system in evaluation["sets"]["scifact"]["systems"]}
    hybrid = latency["ways"]["hybrid"]
    out = [
        *head("measured", "nigh", "others"),
        f"| embedding, passages/s, {embedding['threads']} threads | **{rates['nigh']:.0f}** | {rivals} |",
        f"| HNSW search, queries/s at recall@{index['k']} .95 | **{qps(largest['engines']['nigh'])}** | {of_engines(qps)} |",
        f"| HNSW build, seconds | **{built(largest['engines']['nigh'])}** | {of_engines(built)} |",
        f"| exact search, queries/s | **{largest['exact_qps']:,.0f}** | faiss IndexFlatIP {largest['flat_qps']:,.0f} |",
    ]
    out += [f"| SciFact nDCG@10, {mode} | **{scifact[mode]:.3f}** | published: {PUBLISHED['scifact', mode]} |" for mode in ("hybrid", "dense", "lexical")]
    out.append(f"| hybrid query among {hybrid['passages']:,} passages, end to end | **p50 {hybrid['p50_ms']:.1f} ms, p99 {hybrid['p99_ms']:.1f} ms** | |")
    of = lambda run: f"{run['machine']['cpu']}, {run['machine']['cores']} cores"
    others = {of(run) for run in (index, evaluation, latency)}
    assert len(others) == 1, others
    amx = " with AMX" if "amx_int8" in embedding["machine"]["simd"] else " without AMX"
    caption = (f"All engines of a row ran on one machine in one run: {of(embedding)},{amx}, for embedding; {others.pop()}, for everything else. "
            f"Embedded passages have {round(embedding['pieces_per_passage'])} tokens. The index rows use {largest['n']:,} vectors of 384 "
            f"dimensions; {index['threads']} threads build, one searches. Published figures are quoted from their authors.")
    return out + ["", *textwrap.wrap(caption, 100)]


def build_table():
    """The README's two commands in a fresh clone, and the size of the program."""
    run = newest("build")
    if run is None:
        return ["Not recorded yet."]
    took = lambda part: f"{run[part]['seconds'] / 60:.1f} minutes ({run[part]['processor_seconds'] / 60:.0f} of processor time)"
    count = lambda kind: sum(one[kind] for one in run["run_tests"]["binaries"])
    megabytes = lambda part: f"{run[part]['bytes'] / 1e6:.1f} MB"
    slowest = run["run_tests"]["binaries"][0]
    out = [
        f"{recorded('build', run)} {run['rustc']}.", "", *head("measured", "result"),
        f"| `{run['demo']['command']}`: {run['demo']['packages']} packages to compile | {took('demo')} |",
        f"| `{run['run_tests']['command']}`, compiling: {run['compile_tests']['packages']} packages | {took('compile_tests')} |",
        f"| the same, running {count('passed'):,} tests, {slowest['binary']} alone {slowest['seconds'] / 60:.1f} minutes | {took('run_tests')} |",
        f"| tests that need a service, and are run by name | {count('ignored')} |",
        f"| packages in Cargo.lock, those of all features and tests included | {run['packages_in_lock']} |",
        f"| the program, {run['model_bytes'] / 1e6:.1f} MB of it the two models | {megabytes('release')} |",
    ]
    if "dist" in run:
        out.append(f"| the same with the profile `dist`, compiled in {run['build_dist']['seconds'] / 60:.1f} minutes | {megabytes('dist')} |")
    if "ci" in run:
        out.append(f"| all checks of `.ci/run` | {took('ci')} |")
    return out


# Every block of RESULTS.md.
BLOCKS = {
    "embedding": embedding_table,
    "lengths": lengths_table,
    "resources": resource_table,
    "index": index_table,
    "exact": exact_table,
    "filtered": filtered_table,
    "near-copies": near_copies_table,
    "scaling": scaling_table,
    "quality": quality_table,
    "misses": miss_table,
    "judging": judging_table,
    "fusion": fusion_table,
    "tuning": tuning_table,
    "reranking": reranking_table,
    "static": static_table,
    "wording": wording_tables,
    "latency": latency_table,
    "load": load_table,
    "html": html_table,
    "pdf": pdf_table,
    "build": build_table,
}


def reliability_table():
    run = newest("reliability")
    killed = ", ".join(f"{count} during {name}" for name, count in run["killed"].items())
    return [
        f"One run on one machine ({machine(run)}).",
        "Nothing was lost, and no answer was wrong.",
        "",
        *head("test", "result"),
        f"| the program killed at random moments | {run['kills']} times ({killed}), and {run['merge_kills']} times while {run['merged_passages']:,} passages were merged into one segment |",
        f"| faults injected into the {run['calls']:,} file-system calls in the life of a collection | {run['faults']:,} |",
        f"| power cuts simulated | {run['power_cuts']:,}, which left {run['disks']:,} different disk contents |",
        f"| files damaged | {run['damages']:,} times, all detected |",
        f"| {run['readers']} reading processes and one writing, for {run['reader_seconds'] // 60} minutes | {run['commits']:,} commits, checked by readers {run['looks']:,} times; {run['reader_kills']:,} kills |",
        *(row for part, rows in PARTS.items() if (made := newest(part)) for row in rows(made)),
    ]


def fuzz_rows(run):
    targets = {name: one for name, one in run.items() if name != "machine"}
    minutes = sum(one["seconds"] for one in targets.values()) / 60
    unclean = [name for name, one in targets.items() if not one["clean"]]
    assert not unclean, unclean
    apart = sum(one["broke"] for one in targets.values())
    yield (f"| libFuzzer on {len(targets)} targets ({', '.join(targets)}), for {minutes:.0f} minutes | "
           f"{sum(one['inputs'] for one in targets.values()):,} inputs; {apart} broke a parser of PDF, HTML or Parquet, which loses only the file |")


def soak_rows(run):
    most = run["most_in_each_third"]
    done = ", ".join(f"{count:,} {name}" for name, count in run["done"].items())
    megabytes = " MB, ".join(f"{value / 1e6:.0f}" for value in most["own"])
    yield (f"| a server under mixed load for {run['seconds'] // 60} minutes: {done} | peaks in each third of the time: private memory {megabytes} MB; "
           f"open files {', '.join(map(str, most['handles']))} |")


def resources_rows(run):
    for budget, one in run["budgets"].items():
        yield (f"| indexing {one['passages']:,} files of one passage each with `--memory {budget}` | private memory {one['held_bytes']['own'] / 1e9:.2f} GB at its peak, "
               f"{one['segments']} segment{'s' if one['segments'] > 1 else ''}, {one['seconds'] / 60:.0f} minutes |")
    alone, *beside = run["priority"].items()
    yield (f"| time of another program that uses all cores, {alone[1]:.1f} s when it runs alone | "
           f"{'; '.join(f'{name}: {seconds / alone[1]:.2f} × that' for name, seconds in beside)} |")


def aarch64_rows(run):
    passed = ", ".join(f"{count} of {crate}" for crate, count in run["tests_passed"].items())
    yield f"| unit tests on aarch64 with NEON, in {run['emulator']} | passed: {passed} |"


# Rows of RELIABILITY.md's table that appear once their part has been recorded.
PARTS = {"aarch64": aarch64_rows, "fuzz": fuzz_rows, "soak": soak_rows, "resources": resources_rows}


def cluster_tables():
    run = newest("cluster")
    sizes = run["sizes"]
    args = deployment.arguments([])
    out = [*deployment.table([deployment.plan(passages, args) for passages in args.passages], args), "",
           f"Measured on {sizes['server']} with {sizes['passages']:,} passages, M {sizes['m']}. {recorded('cluster', run)}", "",
           *head("measured", "result"),
           f"| memory per passage, text included | {sizes['memory_bytes_a_passage']:,.0f} bytes |",
           f"| disk per passage, text included | {sizes['disk_bytes_a_passage']:,.0f} bytes |",
           f"| import | {sizes['imported_a_second']:,.0f} passages/s |",
           f"| recall@10 of the graph over {sizes['recall_over']:,} passages | {sizes['recall@10']:.4f} |",
           f"| start of `nigh search` to its answer | {sizes['search_ms']:.0f} ms |", "",
           "nDCG@10 of whole documents, with nigh's BM25 and with Milvus's BM25 over the same stems (milvus-lite 3.2.2):", "",
           *head("set", "mode", "nigh", "Milvus")]
    for name, systems in run["words"].items():
        for system in ["lexical", "hybrid"]:
            ours, theirs = (systems[system][place]["nDCG@10"] for place in ["nigh", "milvus"])
            out.append(f"| {name} | {system} | {ours:.4f} | {theirs:.4f} |")
    return out


def put(text, mark, block):
    new, count = re.subn(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda m: f"{m[1]}{block}\n{m[2]}", text, flags=re.S)
    assert count == 1, f"{mark}: {count} blocks of that name"
    return new


def between(text, mark):
    return re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", text, flags=re.S)[1]


def shortened_demo(printed):
    """Two of the demo's answers, and the figures of paraphrased questions."""
    blocks = printed.split("\n\n")
    answers = [block for block in blocks if block.startswith("? ")]
    figures = next(block for block in blocks if block.startswith("questions of the")).split("\n")
    kept = [figures[0], *(line for line in figures if "paraphrased" in line)]
    return "\n\n".join([f"$ nigh demo\n{blocks[0]}", answers[0], answers[2], "[…]", "\n".join(kept)])


def shortened_verdict(printed):
    """The figures of a verdict and their tested differences."""
    figures, differences, *_ = printed.split("\n\n")
    return f"{figures}\n\n{differences}\n\n[…]"


def fenced(text):
    return f"```text\n{text}\n```"


def unfenced(block):
    return block.removeprefix("```text\n").removesuffix("\n```")


def printed(*args, cwd=None):
    return subprocess.run([NIGH, *args], cwd=cwd, check=True, capture_output=True, text=True).stdout.rstrip()


def transcripts():
    """The output of the demo and of an evaluation of the articles in data/."""
    demo = printed("demo")
    command = ["eval", "--qa", "--queries", "data/paraphrases.jsonl", "--metrics", "success@1,nDCG@10,recall@10"]
    with tempfile.TemporaryDirectory() as folder:
        printed("index", ROOT / "data", "-c", ".nigh", cwd=folder)
        verdict = printed(*command[:3], ROOT / command[3], *command[4:], cwd=folder)
    return demo, f"$ nigh {' '.join(command)}\n{verdict}"


def main():
    check = "--check" in sys.argv
    was = {path: path.read_text() for path in (README, RESULTS, EVALUATE, RELIABILITY, DEPLOY)}
    now = dict(was)
    if check:
        verdict = unfenced(between(was[EVALUATE], "verdict"))
    else:
        demo, verdict = transcripts()
        now[README] = put(now[README], "demo", fenced(shortened_demo(demo)))
        now[EVALUATE] = put(now[EVALUATE], "verdict", fenced(verdict))
    now[README] = put(now[README], "verdict", fenced(shortened_verdict(verdict)))
    now[README] = put(now[README], "figures", "\n".join(summary_table()))
    for mark, table in BLOCKS.items():
        now[RESULTS] = put(now[RESULTS], mark, "\n".join(table()))
    now[RELIABILITY] = put(now[RELIABILITY], "reliability", "\n".join(reliability_table()))
    now[DEPLOY] = put(now[DEPLOY], "plan", "\n".join(cluster_tables()))
    stale = [path for path in was if was[path] != now[path]]
    if check:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"{names}: differs from the recorded runs; run python3 benches/tables.py to update" if stale else 0)
    for path in stale:
        path.write_text(now[path])


main()
