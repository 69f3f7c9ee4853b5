"""Writes the README's figures from the newest recorded run, and what the demo prints.

    python3 benches/tables.py            writes
    python3 benches/tables.py --check    exits 1 if the README's figures are not those of the run
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"


def figures(run):
    part = lambda name: json.loads((run / f"{name}.json").read_text())
    embedding, start, memory, scifact = map(part, ["embedding", "start", "memory", "scifact"])
    machine = embedding["machine"]
    rates = embedding["passages_per_second"]
    out = [
        f"One run on one machine ({machine['cpu']}, {machine['cores']} cores, {', '.join(machine['simd'])}), all engines in turn, "
        f"medians of {embedding['rounds']} rounds.",
        "",
        f"| embedding passages of {PIECES(embedding)} word pieces, {embedding['threads']} threads | passages/s | nigh is |",
        "|---|---|---|",
        f"| **nigh**, int8 | **{rates['nigh']:.0f}** | |",
    ]
    for name, rate in rates.items():
        if name != "nigh":
            out.append(f"| {name} | {rate:.0f} | {rates['nigh'] / rate:.2f} × |")
    out += [
        "",
        "| | |",
        "|---|---|",
        f"| start of the process to its first answer, demo articles | {start['median_ms']:.0f} ms |",
        f"| embedding a question, one thread | {embedding['query_ms']:.1f} ms |",
        f"| indexing {memory['passages']:,} passages of {PIECES(embedding)} word pieces | {memory['seconds']:.0f} s, {memory['peak_bytes'] / 1e6:.0f} MB at most |",
        "",
        "| SciFact, whole abstracts, exact | nDCG@10 | R@100 | MRR@10 | elsewhere, nDCG@10 |",
        "|---|---|---|---|---|",
    ]
    elsewhere = {"dense": ".645 published for the f32 model", "lexical": ".679 Anserini, .687 bm25s", "hybrid": ".7175 Qdrant's tuned fusion"}
    for mode, values in scifact["metrics"].items():
        out.append(f"| {mode} | {values['nDCG@10']:.4f} | {values['R@100']:.3f} | {values['RR@10']:.3f} | {elsewhere[mode]} |")
    return "\n".join(out)


def PIECES(embedding):
    return round(embedding["pieces_per_passage"])


def put(text, mark, block):
    return re.sub(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda m: f"{m[1]}{block}\n{m[2]}", text, flags=re.S)


def main():
    run = max((ROOT / "benches/runs").iterdir())
    readme = README.read_text()
    new = put(readme, "figures", figures(run))
    if "--check" in sys.argv:
        sys.exit(f"README.md: its figures are not those of {run.name}; python3 benches/tables.py writes them" if new != readme else 0)
    demo = subprocess.check_output([str(ROOT / "target/release/nigh"), "demo"], text=True).rstrip()
    README.write_text(put(new, "demo", f"```text\n{demo}\n```"))


main()
