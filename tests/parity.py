"""Compares `nigh eval` with ir_measures, pytrec_eval and scipy.

    python parity.py NIGH [--data FOLDER] [--runs 500] [--seed 1]
    python parity.py NIGH --speed [--data FOLDER] [--out FILE]

NIGH is the program. FOLDER holds scifact, cranfield, squad-dev-v1.1 and medquad (BEIR qrels.tsv),
which are checked in addition to three synthetic sets.
Metrics: random runs with many ties, scores that are equal only as 32-bit floats, few results, and
missing or unknown queries; every value and every mean must agree to 1e-6.
Significance: t-test, randomization test, bootstrap intervals and Holm correction, recomputed with
scipy from nigh's CSV.
--speed instead measures the time for 10,570 queries x 100 documents.
The exit code is 0 if everything agrees, else 1, and the first 10 differences are printed.
Needs numpy, scipy >= 1.15, ir_measures, pytrec_eval-terrier.
"""
import argparse, csv, itertools, json, math, random, statistics, subprocess, sys, tempfile, time
from collections import defaultdict
from pathlib import Path
import ir_measures, numpy as np, pytrec_eval
from ir_measures import AP, RR, Judged, P, R, Success, nDCG
from scipy import stats

TREC = {"nDCG@10": nDCG @ 10, "nDCG@100": nDCG @ 100, "recall@5": R @ 5, "recall@100": R @ 100,
        "precision@10": P @ 10, "MAP@10": AP @ 10, "success@1": Success @ 1, "success@5": Success @ 5,
        "nDCG": nDCG, "MAP": AP, "MRR": RR}
# ir_measures computes these two in Python rather than in trec_eval: it breaks ties by ascending
# document id and compares 64-bit scores. It therefore gets the run re-scored in trec_eval's order,
# without ties.
RANKED = {"MRR@10": RR @ 10, "judged@10": Judged @ 10}
NAMES = {measure: name for name, measure in {**TREC, **RANKED}.items()}
# File formats: header, line. Only the scores of a run matter: lines are unordered, and every rank is 1.
TREC_QRELS, BEIR_QRELS = ("", "{} 0 {} {}\n"), ("query-id\tcorpus-id\tscore\n", "{}\t{}\t{}\n")
RUN = "", "{} Q0 {} 1 {!r} check\n"
differences, counts = [], defaultdict(int)  # (data set, run, query, metric, expected, found)

def expect(ok, *row):
    counts["checks"] += 1
    if not ok:
        differences.append(row)

def save(path, form, data):
    lines = [form[1].format(q, d, value) for q, docs in data.items() for d, value in docs.items()]
    path.write_text(form[0] + "".join(lines), encoding="utf-8")
    return path

def read_qrels(folder):
    qrels = defaultdict(dict)
    for line in (Path(folder) / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        q, d, grade = line.split("\t")
        qrels[q][d] = int(grade)
    return dict(qrels), sorted({d for docs in qrels.values() for d in docs})

def nigh_eval(args, qrels_files, run_files, metrics, per_query=None):
    command = [args.nigh, "eval", "--metrics", ",".join(metrics), "--seed", str(args.seed), "--json"]
    for option, paths in [("--qrels", qrels_files), ("--run", run_files), ("--per-query", [per_query])]:
        command += [part for path in paths if path for part in (option, str(path))]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[:8])} ...: exit code {done.returncode}\n{done.stderr[-2000:]}")
    values = {}
    for row in csv.DictReader(open(per_query, encoding="utf-8", newline="")) if per_query else []:
        key = row["system"], row["query"], row["metric"]
        expect(key not in values, "CSV", *key, "one row", "two rows")
        values[key] = float(row["value"])
    return json.loads(done.stdout), values

def synthetic(rng, kind):
    pool, qrels = [f"D{i}-é" if i % 2 else f"d{i}" for i in range(600)], {}
    grades = {"binary": [0, 1], "graded": [-1, 0, 0, 1, 2, 3, 4], "norel": [0, 1, 2]}[kind]
    for i in range(40):
        none = kind == "norel" and i % 4 == 0  # a query without a relevant document
        docs = rng.sample(pool, rng.randint(1, 150 if kind == "graded" else 30))
        qrels[f"q{i}"] = {d: rng.choice([-1, 0] if none else grades) for d in docs} | {"must": 1 - none}
    return f"synthetic-{kind}", qrels, pool

SCORES = {
    "tied": lambda rng: rng.randint(1, 9) / 10,
    "equal": lambda rng: 0.5,
    # 0.5 + 2^-25 is midway between two floats: it becomes 0.5 if parsed as 64 bits and then rounded
    # to 32, as trec_eval does
    "near": lambda rng: 0.5 + rng.choice([rng.randint(-9, 9) * 1e-9, 2.0**-25, rng.randint(-2, 2) * 1e-6]),
    "large": lambda rng: 16777216.0 + rng.randint(0, 9),
    "negative": lambda rng: round(rng.uniform(-2, 2), 1),
    "fine": lambda rng: rng.random()}

def random_run(rng, qrels, pool):
    kinds, missing = rng.sample(sorted(SCORES), 2) + ["tied"], rng.choice([0, 0, 0.2, 0.5])
    least, most = rng.choice([(1, 9), (5, 120), (5, 120)])
    run = {next(iter(qrels)): {pool[0]: 1.0}}
    for q in [*qrels, "unknown-query"]:
        if rng.random() >= missing:
            size, judged, kind = rng.randint(least, most), list(qrels.get(q, {})), rng.choice(kinds)
            some = rng.sample(judged, min(size, rng.randint(0, len(judged))))
            docs = list(dict.fromkeys(some + rng.sample(pool, size)))[:size]
            run[q] = {d: SCORES[kind](rng) for d in rng.sample(docs, size)}
    return run

def reference(evaluators, run):
    """{(query, metric): value} for every judged query: 0 where the run has nothing for it."""
    order = lambda docs: sorted(docs, key=lambda d: (np.float32(docs[d]), d.encode()), reverse=True)
    rescored = {q: {d: -float(i) for i, d in enumerate(order(docs))} for q, docs in run.items()}
    return {(v.query_id, NAMES[v.measure]): v.value for v in itertools.chain(
        evaluators[0].iter_calc(run), evaluators[1].iter_calc(rescored))}

def check_metrics(args, name, qrels, pool, runs, rng, folder):
    # ir_measures counts a query without a relevant document as 0 in the mean; nigh leaves it out, and
    # so does the mean computed here. Its rows may be missing from the CSV; if present, they are
    # compared.
    answerable = [q for q, docs in qrels.items() if max(docs.values()) >= 1]
    evaluators = (ir_measures.pytrec_eval.evaluator(list(TREC.values()), qrels),
                  ir_measures.evaluator(list(RANKED.values()), qrels))
    for start in range(0, runs, 50):
        systems = {f"run{i}": random_run(rng, qrels, pool) for i in range(start, min(start + 50, runs))}
        files = [save(folder / f"{system}.trec", RUN, run) for system, run in systems.items()]
        parts = list(qrels.items())
        cut = [len(parts), 0, len(parts) // 2][counts["batches"] % 3]  # all TREC, all BEIR, half of each
        judged = [save(folder / f"{len(form[0])}.qrels", form, dict(part))
                  for form, part in [(TREC_QRELS, parts[:cut]), (BEIR_QRELS, parts[cut:])] if part]
        output, found = nigh_eval(args, judged, files, NAMES.values(), folder / "values.csv")
        means = {s["name"]: s["metrics"] for s in output["systems"]}
        for system, run in systems.items():
            expected = reference(evaluators, run)
            for (q, metric), value in expected.items():
                got = found.pop((system, q, metric), None)
                if got is not None or q in answerable:
                    expect(got is not None and abs(got - value) <= 1e-6, name, system, q, metric, value, got)
            for metric in NAMES.values():
                value = statistics.fmean(expected[q, metric] for q in answerable)
                got = means.get(system, {}).get(metric, {}).get("mean", math.nan)
                expect(abs(got - value) <= 1e-6, name, system, "(mean)", metric, value, got)
        expect(not found, name, "", "", "", "no further rows", list(found)[:3])
        check_comparisons(name, list(systems), NAMES.values(), output["comparisons"])
        counts["runs"] += len(systems)
        counts["batches"] += 1

def holm(p):
    adjusted, highest = [0.0] * len(p), 0.0
    for i, j in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        adjusted[j] = highest = max(highest, min(1.0, (len(p) - i) * p[j]))
    return adjusted

def check_comparisons(name, systems, metrics, comparisons):
    pairs = [sorted(p) for p in itertools.combinations(systems, 2) if len(systems) <= 6 or systems[0] in p]
    for metric, test in itertools.product(metrics, ["paired t-test", "paired randomization"]):
        group = [c for c in comparisons if (c["metric"], c["test"]) == (metric, test)]
        got = sorted(sorted((c["a"], c["b"])) for c in group)
        expect(got == sorted(pairs), name, test, "(pairs)", metric, pairs[:3], got[:3])
        for c, value in zip(group, holm([c["p_value"] for c in group])):
            pair, p = f"{c['a']}/{c['b']}", c["p_holm"]
            expect(abs(p - value) <= 1e-12, name, pair, f"(Holm, {test})", metric, value, p)

def check_interval(row, values, found, rng, lowest):
    """Ends within 0.12 widths of scipy's. Means of few discrete values jump in steps larger than
    that, so ends between scipy's 1 % and 4.5 % (95.5 % and 99 %) quantiles are right as well. If all
    values are equal, the share of Clopper and Pearson that was not seen may be `lowest` or 1."""
    if np.ptp(values) < 1e-9:
        unseen = stats.binomtest(0, len(values)).proportion_ci(0.95, "exact").high
        ends = values[0] - unseen * (values[0] - lowest), values[0] + unseen * (1 - values[0])
        return expect(max(abs(end - value) for end, value in zip(ends, found)) < 1e-9, *row, ends, found)
    boot = stats.bootstrap((values,), np.mean, n_resamples=9999, method="percentile", rng=rng)
    ends, q = boot.confidence_interval, np.quantile(boot.bootstrap_distribution, [0.01, 0.045, 0.955, 0.99])
    for end, value, low, high in zip(ends, found, q[::2], q[1::2]):
        ok = abs(value - end) <= 0.12 * (ends[1] - ends[0]) or low - 1e-9 <= value <= high + 1e-9
        expect(ok, *row, tuple(map(float, ends)), found)

def check_test(row, a, b, test, p, rng):
    d = (a - b)[a != b]  # queries without a difference change no sum: exact where at most 16 differ
    if test == "paired t-test":
        value = float(stats.ttest_rel(a, b).pvalue) if len(d) else 1.0
        return expect(abs(p - value) <= 1e-9 * value, *row, value, p)
    exact = len(d) <= 16
    value = 1.0 if len(d) < 2 else float(stats.permutation_test(
        (d,), lambda x, axis: abs(np.mean(x, axis=axis)), permutation_type="samples", vectorized=True,
        n_resamples=2**16 if exact else 10_000, alternative="greater", rng=rng, batch=2000).pvalue)
    error = math.sqrt(2 * max(p, value) * (1 - min(max(p, value), 1)) / 10_000)
    expect(abs(p - value) <= (1e-9 if exact else 5 * error + 1e-9), *row, value, p)
    counts["exact tests" if exact else "sampled tests"] += 1

def check_significance(args, queries, rng, folder):
    name, metrics = f"significance-{queries}", ["nDCG@10", "recall@5", "success@1", "MAP@10"]
    qrels = {f"q{i}": {f"d{j}": rng.randint(1, 2) for j in rng.sample(range(30), rng.choice([3, 7, 10]))}
             for i in range(queries)}
    systems = {system: {q: {f"d{j}": round(quality * docs.get(f"d{j}", 0) + rng.random(), 2) for j in range(30)}
                        for q, docs in qrels.items()}
               for system, quality in [("plain", 0.2), ("better", 0.3), ("best", 0.9)]}
    systems["copy"] = systems["plain"]  # all differences zero
    files = [save(folder / f"{system}.trec", RUN, run) for system, run in systems.items()]
    call = args, [save(folder / "q.tsv", BEIR_QRELS, qrels)], files, metrics, folder / "values.csv"
    output, found = nigh_eval(*call)
    expect(output["comparisons"] == nigh_eval(*call)[0]["comparisons"], name, "", "", "same seed", "same", "not")
    check_comparisons(name, list(systems), metrics, output["comparisons"])
    generator = np.random.default_rng(args.seed)
    values = {(s, m): np.array([found[s, q, m] for q in qrels]) for s in systems for m in metrics}
    for s, m in itertools.product(output["systems"], metrics):
        check_interval((name, s["name"], "(interval)", m), values[s["name"], m], s["metrics"][m]["ci95"], generator, 0.0)
    for c in output["comparisons"]:
        a, b = (values[c[side], c["metric"]] for side in "ab")
        row = lambda what: (name, f"{c['a']}/{c['b']}", f"({what})", c["metric"])
        expect(abs(c["difference"] - np.mean(a - b)) < 1e-12, *row("difference"), np.mean(a - b), c["difference"])
        check_interval(row("interval"), a - b, c["ci95"], generator, -1.0)
        check_test(row(c["test"]), a, b, c["test"], c["p_value"], generator)

def speed(args, rng, folder):
    pool, run = [f"p{i}" for i in range(2067)], {}
    qrels = {f"q{i}": {rng.choice(pool): 1} for i in range(10_570)}
    if args.data:
        qrels, pool = read_qrels(Path(args.data) / "squad-dev-v1.1")
    for q, judged in qrels.items():  # the relevant document is among the hundred 4 times in 5
        docs = rng.sample(pool, 100)
        if not judged.keys() & set(docs) and rng.random() < 0.8:
            docs[int(100 * rng.random() ** 3)] = next(iter(judged))
        run[q] = {d: 1 - i / 100 + rng.random() / 1000 for i, d in enumerate(docs)}
    files = [save(folder / "q.tsv", BEIR_QRELS, qrels)], [save(folder / "run.trec", RUN, run)]
    theirs = {"nDCG@10": "ndcg_cut_10", "recall@100": "recall_100", "MRR@10": "recip_rank",
              "MAP@100": "map_cut_100", "success@1": "success_1"}
    times = {"nigh_s": [], "pytrec_eval_s": []}
    for _ in range(3):
        start = time.perf_counter()
        result = pytrec_eval.RelevanceEvaluator(qrels, set(theirs.values())).evaluate(run)
        times["pytrec_eval_s"].append(time.perf_counter() - start)
        output = nigh_eval(args, *files, theirs)[0]
        times["nigh_s"].append(output["timings"]["judge_s"])
    for metric, measure in theirs.items():  # recip_rank knows no cutoff: cut off here
        value = statistics.fmean(r[measure] * (metric != "MRR@10" or r[measure] > 0.0999) for r in result.values())
        got = output["systems"][0]["metrics"][metric]["mean"]
        expect(abs(value - got) <= 1e-6, "speed", "run", "(mean)", metric, value, got)
    report = {"queries": len(run), "results": sum(map(len, run.values())),
              **{key: statistics.median(seconds) for key, seconds in times.items()}}
    report["ratio"] = report["pytrec_eval_s"] / report["nigh_s"]  # above 1: nigh is faster
    print(json.dumps(report))
    if args.out:
        Path(args.out).write_text(json.dumps(report) + "\n")

def check(args, rng, folder):
    sets = [synthetic(rng, kind) for kind in ["binary", "graded", "norel"]]
    for name in ["scifact", "cranfield", "squad-dev-v1.1", "medquad"] if args.data else []:
        qrels, pool = read_qrels(Path(args.data) / name)
        sets.append((name, {q: qrels[q] for q in rng.sample(sorted(qrels), 40)}, pool))
    for i, data in enumerate(sets):
        check_metrics(args, *data, args.runs // len(sets) + (i < args.runs % len(sets)), rng, folder)
    for queries in (8, 14, 40, 225):
        check_significance(args, queries, rng, folder)
    print(", ".join(f"{key} {n}" for key, n in counts.items()))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in [("nigh", None), ("--data", None), ("--out", None), ("--runs", 500), ("--seed", 1)]:
        parser.add_argument(name, default=default, type=type(default) if default else str)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        (speed if args.speed else check)(args, random.Random(args.seed), Path(folder))
    for row in differences[:10]:
        print("DIFFERS  data set {}, run {}, query {}, metric {}: expected {}, found {}".format(*row))
    print(f"{len(differences)} differences" if differences else "everything agrees")
    sys.exit(1 if differences else 0)

if __name__ == "__main__": main()
