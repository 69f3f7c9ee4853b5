"""Writes the figures of README.md, RELIABILITY.md and deploy/README.md from the newest recorded run of each part, and what the program prints.

    python3 benches/tables.py            writes
    python3 benches/tables.py --check    exits 1 if their figures are not those of the runs
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "deploy"))
import plan as deployment  # noqa: E402
from plan import newest  # noqa: E402

README = ROOT / "README.md"
RELIABILITY = ROOT / "RELIABILITY.md"
DEPLOY = ROOT / "deploy/README.md"
NIGH = ROOT / "target/release/nigh"

# nDCG@10 as others report it: MTEB's results (all-MiniLM-L6-v2), Anserini, bm25s, Qdrant's tuning
# article; the BM25 figures of the other three sets are bm25s on the same files (stems, k1 1.2, b 0.75).
ELSEWHERE = {
    ("scifact", "dense"): ".645 the f32 model (MTEB)",
    ("scifact", "lexical"): ".679 Anserini, .687 bm25s",
    ("scifact", "hybrid"): ".7175 Qdrant's tuned fusion",
    ("squad-dev-v1.1", "lexical"): ".873 bm25s",
    ("cranfield", "lexical"): ".360 bm25s",
    ("medquad", "lexical"): ".505 bm25s",
}


def machine(run):
    made = run["machine"]
    return f"{made['cpu']}, {made['cores']} cores, {', '.join(made['simd'])}"


def embedding_tables():
    embedding, start, memory = map(newest, ["embedding", "start", "memory"])
    rates, pieces = embedding["passages_per_second"], round(embedding["pieces_per_passage"])
    out = [
        f"Embedding: one run on one machine ({machine(embedding)}), all engines in turn, medians of {embedding['rounds']} rounds.",
        "",
        f"| embedding passages of {pieces} word pieces, {embedding['threads']} threads | passages/s | nigh is |",
        "|---|---|---|",
        f"| **nigh**, int8 | **{rates['nigh']:.0f}** | |",
    ]
    out += [f"| {name} | {rate:.0f} | {rates['nigh'] / rate:.2f} × |" for name, rate in rates.items() if name != "nigh"]
    return out + [
        "",
        "| | |",
        "|---|---|",
        f"| start of the process to its first answer, demo articles | {start['median_ms']:.0f} ms |",
        f"| embedding a question, one thread | {embedding['query_ms']:.1f} ms |",
        f"| indexing {memory['passages']:,} passages of {pieces} word pieces | {memory['seconds']:.0f} s, {memory['peak_bytes'] / 1e6:.0f} MB at most |",
    ]


def evaluation_tables():
    run = newest("evaluation")
    out = [
        f"Evaluation ({machine(run)}): whole documents, exact search, `nigh eval`; 95 % bootstrap intervals.",
        "",
        "| set | mode | nDCG@10 | recall@100 | MRR@10 | nDCG@10 elsewhere |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in run["sets"].items():
        label = f"{name}, {found['passages']:,} passages, {found['queries']:,} questions"
        for system in found["systems"]:
            mode, metrics = system["name"], system["metrics"]
            low, high = metrics["nDCG@10"]["ci95"]
            out.append(f"| {label} | {mode} | {metrics['nDCG@10']['mean']:.4f} [{low:.3f}, {high:.3f}] | {metrics['recall@100']['mean']:.3f} "
                       f"| {metrics['MRR@10']['mean']:.3f} | {ELSEWHERE.get((name, mode), '')} |")
            label = ""
    out += ["", "Dense lists are within .01 of what others report for the same list, lexical ones within .01 or above; Qdrant fuses lists of its own (dense .6239, sparse .6886)."]
    causes = ["not indexed", "chunker", "window", "graph", "model", "words", "fusion"]
    out += ["", "Where the judgements that the hybrid search (through the graph) does not have among its first ten were lost:", "",
            f"| set | found | missed | {' | '.join(causes)} |", "|---" * (len(causes) + 3) + "|"]
    for name, found in run["sets"].items():
        losses = found["losses"]["hybrid"]
        counts = " | ".join(str(losses["by_cause"][cause]) for cause in causes)
        out.append(f"| {name} | {losses['found']:,} | {losses['missed']:,} | {counts} |")
    speed, squad = run["speed"], run["sets"]["squad-dev-v1.1"]
    return out + [
        "",
        "| judging | |",
        "|---|---|",
        f"| five metrics over {speed['queries']:,} × 100 results, in memory | {speed['nigh_s'] * 1e3:.0f} ms, pytrec_eval {speed['pytrec_eval_s'] * 1e3:.0f} ms: {speed['ratio']:.0f} × |",
        f"| SQuAD's {squad['queries']:,} questions in three modes, tests and causes included | {squad['timings']['total_s']:.1f} s, "
        f"{squad['times_embedding']:.1f} × the time of embedding the questions |",
    ]


METHODS = {"z-score": "z-score", "min-max": "min-max", "distribution": "distribution", "rrf": "reciprocal ranks, k 60"}


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


def fusion_tables():
    run = newest("fusion")
    if not run:
        return []
    fusion, sets = run["sets"], list(run["sets"])
    out = [
        f"Fusing ({machine(run)}): whole documents, nDCG@10 at equal weights and, behind it, at the weight for meaning that is best on the very set:",
        "",
        f"| fused by | {' | '.join(sets)} | mean |", "|---" * (len(sets) + 2) + "|",
    ]
    for key, words in METHODS.items():
        tried = {name: [t for t in fusion[name]["tried"] if t["method"] == key] for name in sets}
        equal = {name: next(t["mean"] for t in tried[name] if t["dense"] == 0.5) for name in sets}
        best = {name: max(tried[name], key=lambda t: t["mean"]) for name in sets}
        cells = [f"{equal[name]:.4f}; {best[name]['mean']:.4f} at {best[name]['dense']:.2f}" for name in sets]
        shown = f"**{words}** (default)" if key == "z-score" else words
        out.append(f"| {shown} | {' | '.join(cells)} | {sum(equal.values()) / len(sets):.4f} |")
    for weight, words in ((1.0, "meaning alone"), (0.0, "words alone")):
        alone = [next(t["mean"] for t in fusion[name]["tried"] if t["method"] == "z-score" and t["dense"] == weight) for name in sets]
        out.append(f"| {words} | {' | '.join(f'{value:.4f}' for value in alone)} | {sum(alone) / len(sets):.4f} |")
    out += ["", "`nigh tune` on each set's own questions, five parts, each judged by what is best on the others:", "",
            "| set | tuned | default | tuned against the default | tuned against the better list alone |", "|---|---|---|---|---|"]
    for name in sets:
        found = fusion[name]
        systems = {s["name"]: next(iter(s["metrics"].values())) for s in found["systems"]}
        single = max(("dense", "lexical"), key=lambda mode: systems[mode]["mean"])
        out.append(f"| {name} | {mean(systems['tuned'])} | {mean(systems['before'])} | {against(found, 'tuned', 'before')} | {against(found, 'tuned', single)} |")
    out += ["", "`distribution` differs from the z-score by a scale and a shift alone, and orders as it does."]
    return [*out, ""]


def ranking_tables():
    run = newest("ranking")
    if not run:
        return []
    out = [f"The 50 best reranked by late interaction (`--rerank maxsim`; {machine(run)}; of the large sets 500 questions, drawn at random), nDCG@10:", "",
           "| set | hybrid | reranked | difference |", "|---|---|---|---|"]
    for name, found in run["reranked"].items():
        out.append(f"| {name}, {found['queries']:,} questions | {mean(found['systems']['hybrid'])} | {mean(found['systems']['hybrid, maxsim'])} "
                   f"| {against(found, 'hybrid, maxsim', 'hybrid')} |")
    out += ["", "The static model, alone and with its 50 best ranked by MiniLM, beside a collection of MiniLM's own, same questions:", "",
            "| set | static | ranked by MiniLM | MiniLM's own collection | static indexes |", "|---|---|---|---|---|"]
    for name, found in run["static"].items():
        systems = found["systems"]
        rate = f"{found['passages_per_second']:,.0f} documents/s" if "passages_per_second" in found else ""
        out.append(f"| {name} | {mean(systems['hybrid'])} | {mean(systems['hybrid, builtin'])} | {mean(found['full'])} | {rate} |")
    for name, found in run["robust"].items():
        out += ["", f"{name}'s questions worded badly or at length:", "", "| wording | hybrid | dense | lexical |", "|---|---|---|---|"]
        out += [f"| {wording} | {' | '.join(mean(systems[mode]) for mode in ('hybrid', 'dense', 'lexical'))} |" for wording, systems in found.items()]
    return [*out, ""]


def serve_tables():
    run = newest("serve")
    out = [f"Over HTTP among {run['passages']:,} passages, hybrid ({machine(run)}; wrk on the same cores), questions not asked before:", "",
           "| connections | questions/s | p50 | p99 | refused |", "|---|---|---|---|---|"]
    refused = lambda found: sum(count for status, count in found["statuses"].items() if status == "429")
    for name, found in run["load"].items():
        rate = found["requests"] / found["seconds"]
        out.append(f"| {name} | {rate:,.0f} | {found['p50_ms']:.2f} ms | {found['p99_ms']:.2f} ms | {refused(found)} |")
    over = run["overload"]
    answered, memory = over["statuses"]["200"], [held["own"] / 1e6 for held in over["resident_bytes"]]
    mapped = max(held["of_files"] for held in over["resident_bytes"]) / 1e6
    others = sum(count for status, count in over["statuses"].items() if status not in ("200", "429"))
    return out + ["", f"Ten minutes of 256 connections that come again at once: {answered / over['seconds']:,.0f} answers/s, {refused(over):,} requests refused with 429, "
                  f"{others + over['broken']} failed; memory {memory[0]:,.0f} MB before, {memory[len(memory) // 3]:,.0f} MB after a third of the time, {memory[2 * len(memory) // 3]:,.0f} MB after two, "
                  f"{memory[-1]:,.0f} MB at the end (64 MB of it remembered answers), and up to {mapped:,.0f} MB of mapped files; afterwards p50 {run['after']['p50_ms']:.1f} ms.", ""]


def latency_tables():
    run = newest("latency")
    ways = run["ways"]
    first = next(iter(ways.values()))
    out = [f"From the question to its ranked answer among {first['passages']:,} passages of at most 64 word pieces, warm, embedding included ({machine(run)}):", "",
           "| mode | questions | p50 | p90 | p99 |", "|---|---|---|---|---|"]
    return out + [f"| {way} | {found['questions']:,} | {found['p50_ms']:.1f} ms | {found['p90_ms']:.1f} ms | {found['p99_ms']:.1f} ms |" for way, found in ways.items()]


def index_tables():
    run = newest("index")
    sets = run["sets"]
    versions = ", ".join(f"{package} {version}" for package, version in run["versions"].items() if package != "numpy")
    out = [
        f"The index ({machine(run)}; {versions}): one run, engines in turn, M {run['m']}, ef_construction {run['ef_construction']}, "
        f"{run['threads']} threads building, one searching, recall@{run['k']}; peers get all queries in one call.",
        "",
        "| vectors of 384 dimensions | engine | built in | queries/s at recall .95 | at .99 | nigh is, at .95 | at .99 |",
        "|---|---|---|---|---|---|---|",
    ]
    number = lambda value: "–" if value is None else f"{value:,.0f}"
    for name, found in sets.items():
        label = f"{found['n']:,} {name}"
        ours = found["engines"]["nigh"]["qps_at"]
        for engine in sorted(found["engines"], key=lambda e: (e != "nigh", not e.startswith("nigh"), e)):
            at = found["engines"][engine]["qps_at"]
            ratio = lambda r: "" if engine == "nigh" or not at[r] else f"{ours[r] / at[r]:.1f} ×"
            shown = f"**{engine}**" if engine == "nigh" else engine
            out.append(f"| {label} | {shown} | {found['engines'][engine]['build_s']:.1f} s | {number(at['0.95'])} | {number(at['0.99'])} "
                       f"| {ratio('0.95')} | {ratio('0.99')} |")
            label = ""
    out += ["", "The exact answer, one thread: nigh looks at codes, then at the vectors that could be among the ten; faiss at all.", "",
            "| vectors | nigh, one by one | faiss IndexFlatIP | nigh is | nigh, all at once | faiss IndexFlatIP | nigh is |",
            "|---|---|---|---|---|---|---|"]
    for name, found in sets.items():
        out.append(f"| {found['n']:,} {name} | {found['exact_qps']:,.0f}/s | {found['flat_qps']:,.0f}/s | {found['exact_qps'] / found['flat_qps']:.1f} × "
                   f"| {found['exact_batch_qps']:,.0f}/s | {found['flat_batch_qps']:,.0f}/s | {found['exact_batch_qps'] / found['flat_batch_qps']:.1f} × |")
    largest = max(sets.values(), key=lambda found: found["n"])
    filtered = {(f["share"], f["rows"]): f for f in largest["filtered"]}
    shares = sorted({share for share, _ in filtered}, reverse=True)
    places = {"anywhere": "anywhere", "near": "nearest to the query", "far": "farthest from it"}
    out += ["", f"Searching among some of {largest['n']:,} vectors, recall@{run['k']} of the exact answer and queries/s, ef {largest['filtered'][0]['ef']}:", "",
            f"| rows allowed | {' | '.join(f'{share:.1%}' for share in shares)} |", "|---" * (len(shares) + 1) + "|"]
    for place, words in places.items():
        cells = [filtered[share, place] for share in shares]
        shown = " | ".join(f"{f['recall']:.4f}, {f['qps']:,.0f}" for f in cells)
        out.append(f"| {words} | {shown} |")
    lost, n = run["near_copies"]["lost"], run["near_copies"]["n"]
    engines = {engine: count for engine, count in lost.items() if ":" not in engine}
    out += ["", f"20 texts in 500 near-copies each among 10,000 others: vectors of {n:,} that a search for them with 64 candidates does not find:", "",
            f"| {' | '.join(engines)} |", "|---" * len(engines) + "|", f"| {' | '.join(f'{count:,} ({count / n:.2%})' for count in engines.values())} |", "",
            f"Of hnsw_rs's graph {lost['nigh, built by hnsw_rs: unreachable before mending']:,} could not be reached at all before mending, of nigh's own "
            f"{lost['nigh: unreachable before mending']:,}; after it, of both, none."]
    out += ["", "From a thousand to a million made-up vectors (crowds of every width in 40 of 384 dimensions):", "",
            "| vectors | built in | hnswlib | opened in | bytes a vector, of them graph and codes | queries/s at recall .95 | hnswlib | at .99 | hnswlib | exact/s | most memory, building and searching |",
            "|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in run["scaling"]:
        at, theirs = row["qps_at"], row["hnswlib_qps_at"]
        scanned = f"scanned, {max(p['qps'] for p in row['points'] if not p['walked']):,.0f}" if not any(p["walked"] for p in row["points"]) else None
        ours = {r: scanned or number(at[r]) for r in at}
        # For small runs the system reports what Python, the parent, held when it began them.
        memory = f"{row['peak_bytes'] / 1e9:.1f} GB" if row["n"] >= 1_000_000 else "–"
        theirs_built = f"{row['hnswlib_build_s']:.2f} s" if row["hnswlib_build_s"] else "–"
        out.append(f"| {row['n']:,} | {row['build_s']:.2f} s | {theirs_built} | {row['open_ms']:.2f} ms "
                   f"| {row['bytes_per_vector']:,.0f}, {row['graph_bytes_per_vector']:,.0f} | {ours['0.95']} | {number(theirs['0.95'])} "
                   f"| {ours['0.99']} | {number(theirs['0.99'])} | {row['exact_qps']:,.0f} | {memory} |")
    return out


def reliability_table():
    run = newest("reliability")
    killed = ", ".join(f"{count} of {name}" for name, count in run["killed"].items())
    return [
        f"One run on one machine ({machine(run)}). Nothing was lost, and no answer was wrong.",
        "",
        "| | |",
        "|---|---|",
        f"| moments at which the program was killed | {run['kills']} ({killed}), and {run['merge_kills']} while {run['merged_passages']:,} passages were merged into one segment |",
        f"| calls of a collection's life, and faults injected into them | {run['calls']:,}, {run['faults']:,} |",
        f"| power cuts, and different disks that they left | {run['power_cuts']:,}, {run['disks']:,} |",
        f"| damages to files, all noticed | {run['damages']:,} |",
        f"| {run['readers']} readers and a writer, for {run['reader_seconds'] // 60} minutes | {run['commits']:,} commits, looked at {run['looks']:,} times, {run['reader_kills']:,} kills |",
        *(row for part, rows in PARTS.items() if (made := newest(part)) for row in rows(made)),
    ]


def fuzz_rows(run):
    targets = {name: one for name, one in run.items() if name != "machine"}
    minutes = sum(one["seconds"] for one in targets.values()) / 60
    unclean = [name for name, one in targets.items() if not one["clean"]]
    assert not unclean, unclean
    apart = sum(one["broke"] for one in targets.values())
    yield (f"| inputs made by libFuzzer for {len(targets)} targets ({', '.join(targets)}), in {minutes:.0f} minutes | "
           f"{sum(one['inputs'] for one in targets.values()):,}; {apart} broke the parsers of PDF, HTML and Parquet, which cost a file and no more |")


def soak_rows(run):
    most = run["most_in_each_third"]
    done = ", ".join(f"{count:,} {name}" for name, count in run["done"].items())
    megabytes = " MB, ".join(f"{value / 1e6:.0f}" for value in most["own"])
    yield (f"| a server for {run['seconds'] // 60} minutes: {done} | most memory of its own in each third: {megabytes} MB; "
           f"open files: {', '.join(map(str, most['handles']))} |")


def resources_rows(run):
    for budget, one in run["budgets"].items():
        yield (f"| {one['passages']:,} files, a passage each, with `--memory {budget}` | {one['held_bytes']['own'] / 1e9:.2f} GB of its own at most, "
               f"{one['segments']} segment{'s' if one['segments'] > 1 else ''}, {one['seconds'] / 60:.0f} minutes |")
    alone, *beside = run["priority"].items()
    yield (f"| another program's work on all cores, alone {alone[1]:.1f} s | "
           f"{'; '.join(f'{name}: {seconds / alone[1]:.2f} × as long' for name, seconds in beside)} |")


# Rows of RELIABILITY.md's table that are there once their part has been recorded.
PARTS = {"fuzz": fuzz_rows, "soak": soak_rows, "resources": resources_rows}


def cluster_tables():
    run = newest("cluster")
    sizes = run["sizes"]
    args = deployment.arguments([])
    out = [*deployment.table([deployment.plan(passages, args) for passages in args.passages], args), "",
           f"Measured ({machine(run)}; {sizes['server']}, M {sizes['m']}, {sizes['passages']:,} passages): {sizes['memory_bytes_a_passage']:,.0f} bytes of memory and "
           f"{sizes['disk_bytes_a_passage']:,.0f} of disk for a passage with its text, {sizes['imported_a_second']:,.0f} passages taken a second, "
           f"recall@10 of the graph over {sizes['recall_over']:,} {sizes['recall@10']:.4f}, {sizes['search_ms']:.0f} ms from the start of `nigh search` to its answer.", "",
           "Words: nDCG@10 with nigh's BM25 and with Milvus's over the same stems (milvus-lite 3.2.2), whole documents:", "",
           "| set | mode | nigh | Milvus |", "|---|---|---|---|"]
    for name, systems in run["words"].items():
        for system in ["lexical", "hybrid"]:
            ours, theirs = (systems[system][place]["nDCG@10"] for place in ["nigh", "milvus"])
            out.append(f"| {name} | {system} | {ours:.4f} | {theirs:.4f} |")
    return out


def put(text, mark, block):
    return re.sub(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda m: f"{m[1]}{block}\n{m[2]}", text, flags=re.S)


def printed(*args, cwd=None):
    return subprocess.run([NIGH, *args], cwd=cwd, check=True, capture_output=True, text=True).stdout.rstrip()


def main():
    readme = README.read_text()
    new = put(readme, "figures", "\n".join([*embedding_tables(), "", *index_tables(), "", *evaluation_tables(), "", *fusion_tables(), *ranking_tables(), *latency_tables(), "", *serve_tables()]))
    reliability = RELIABILITY.read_text()
    newer = put(reliability, "reliability", "\n".join(reliability_table()))
    deploy = DEPLOY.read_text()
    newest_plan = put(deploy, "plan", "\n".join(cluster_tables()))
    if "--check" in sys.argv:
        files = [(README, readme, new), (RELIABILITY, reliability, newer), (DEPLOY, deploy, newest_plan)]
        stale = [str(path.relative_to(ROOT)) for path, was, now in files if was != now]
        sys.exit(f"{', '.join(stale)}: the figures are not those of the runs; python3 benches/tables.py writes them" if stale else 0)
    RELIABILITY.write_text(newer)
    DEPLOY.write_text(newest_plan)
    new = put(new, "demo", f"```text\n{printed('demo')}\n```")
    with tempfile.TemporaryDirectory() as folder:
        printed("index", ROOT / "data", "-c", ".nigh", cwd=folder)
        command = ["eval", "--qa", "--queries", "data/paraphrases.jsonl", "--metrics", "success@1,nDCG@10,recall@10"]
        verdict = printed(*command[:3], ROOT / command[3], *command[4:], cwd=folder)
    README.write_text(put(new, "verdict", f"```text\n$ nigh {' '.join(command)}\n{verdict}\n```"))


main()
