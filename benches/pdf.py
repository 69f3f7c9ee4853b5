#!/usr/bin/env python3
"""Scores PDF text extraction against poppler's pdftotext, on PDFs from Debian packages.

Needs Debian's apt-get, dpkg and poppler-utils. Everything is stored in --work.

    pdf.py --work DIR --program name='command {}' [--program ...] [--count 320] [--seed 1] [--out result.json]

A program gets a file, writes its text with a form feed after each page (as pdftotext does), and exits with 0 on success.
Only the first --pages pages of a file are compared.

Figures for each program, over the files in which the reference finds words:
  refused    files for which the program failed, timed out, or found no words
  recall     share of the reference's words that were found (multisets; NFKC and case folding; both sides dehyphenated);
             precision is the converse; both are means over files, without running headers and footers
  order      share of the reference's pairs of adjacent words that are adjacent in the program's text
  glued      words per 10,000 that are not in the reference, but are two or three adjacent words of it joined
  torn       pairs of adjacent words per 10,000 that together form one word of the reference, and are not words of it
  pages_s    pages per second of one process, over the files it read
"""
import argparse, collections, concurrent.futures, json, os, random, re, statistics, subprocess, sys, time
import unicodedata
from pathlib import Path

PACKAGES = """
developers-reference texlive-latex-base-doc texlive-latex-recommended-doc texlive-science-doc texlive-humanities-doc
texlive-fonts-recommended-doc texlive-metapost-doc texlive-publishers-doc texlive-pictures-doc texlive-luatex
debian-handbook maint-guide apt-doc libboost1.74-doc r-doc-pdf octave-doc maxima-doc lilypond-doc-pdf ghostscript-doc
asymptote-doc fop-doc groff gnuplot-doc debmake-doc debian-policy gretl-doc gretl-data auctex libitpp-doc abinit-doc
ngspice-doc openmpi-doc gnumeric-doc wireshark-doc gap-doc pari-doc lyx dblatex-doc docbook-xsl-doc-pdf ddd-doc
fonts-linuxlibertine biber netpbm mgp installation-guide-amd64 libhdf5-doc xmds2-doc kicad-doc-en kicad-doc-ja
kicad-doc-zh opendnssec-doc bird-doc bird2-doc slurm-wlm-doc hplip-doc xfig-doc crossfire-doc stella doxygen-doc
swig-doc postgis-doc mm3d python-reportlab-doc aspell-doc hol88-doc shishi-doc gnutls-doc grass-doc paraview-doc
""".split()

# The program that created a file, from pdfinfo's Producer and Creator; the first match counts.
FAMILIES = [
    ("XeTeX", r"xdvipdfmx|xetex|dvipdfm"), ("LuaTeX", r"luatex|luahbtex"), ("pdfTeX", r"pdftex|mikTeX"),
    ("FOP", r"apache fop"), ("LibreOffice", r"libreoffice|openoffice"), ("Word", r"microsoft|acrobat pdfmaker|\bword\b"),
    ("Distiller", r"distiller|adobe pdf library|acrobat"), ("Qt", r"\bqt\b|wkhtmltopdf"), ("Prince", r"prince"),
    ("WeasyPrint", r"weasyprint|pydyf"), ("Cairo", r"cairo"), ("groff", r"groff"), ("ReportLab", r"reportlab"),
    ("Quartz", r"quartz|mac os"), ("Skia", r"skia"), ("Ghostscript", r"ghostscript"),
]


def packages(work, names):
    """Downloads and unpacks the PDFs of packages; each package is downloaded once."""
    debs, trees = work / "debs", work / "trees"
    for folder in (debs, trees):
        folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        tree = trees / name
        if tree.exists():
            continue
        got = subprocess.run(["apt-get", "download", name], cwd=debs, capture_output=True, text=True)
        deb = next(iter(sorted(debs.glob(f"{name}_*.deb"))), None)
        if got.returncode or not deb:
            print(f"{name}: download failed", file=sys.stderr)
            continue
        part = trees / f".{name}"
        subprocess.run(["rm", "-rf", part])
        part.mkdir()
        # Only PDFs are unpacked, because some packages have 1 GB.
        listing = f"dpkg-deb --fsys-tarfile '{deb}' | tar -x -C '{part}' --wildcards '*.pdf' '*.pdf.gz' '*.PDF'"
        subprocess.run(listing, shell=True, capture_output=True)
        for packed in list(part.rglob("*.pdf.gz")):
            subprocess.run(["gunzip", "-f", packed], capture_output=True)
        part.rename(tree)
        deb.unlink()
    return trees


def info(file):
    """The family and the number of pages of a file; None if pdfinfo cannot read it."""
    try:
        got = subprocess.run(["pdfinfo", file], capture_output=True, timeout=20)
    except subprocess.TimeoutExpired:
        return None
    fields = dict(l.split(":", 1) for l in got.stdout.decode("utf-8", "replace").splitlines() if ":" in l)
    if "Pages" not in fields:
        return None
    program = fields.get("Producer", "") + " " + fields.get("Creator", "")
    family = next((f for f, p in FAMILIES if re.search(p, program, re.I)), "other")
    return family, int(fields["Pages"])


def sample(trees, count, seed, longest, always):
    """Samples files round-robin over families, and within a family over packages, in an order set by the seed."""
    kept = trees.parent / "info.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    files = sorted(f for f in trees.rglob("*") if f.suffix.lower() == ".pdf" and f.is_file() and not f.is_symlink())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        new = [f for f in files if str(f.relative_to(trees)) not in known]
        for f, i in zip(new, pool.map(info, new)):
            known[str(f.relative_to(trees))] = i
    kept.write_text(json.dumps(known))
    dice = random.Random(seed)
    families = collections.defaultdict(lambda: collections.defaultdict(list))
    chosen = []
    for f in files:
        name = str(f.relative_to(trees))
        if known[name] is None:
            continue
        family, pages = known[name]
        if f.name in always:
            chosen.append((name, family, pages))
        elif 0 < pages <= longest:
            families[family][name.split("/")[0]].append((name, family, pages))
    queues = {}
    for family, by in sorted(families.items()):
        lists = [by[p] for p in sorted(by)]
        for l in lists:
            dice.shuffle(l)
        queue = []
        while any(lists):
            queue += [l.pop() for l in lists if l]
        queues[family] = queue[::-1]
    while len(chosen) < count and any(queues.values()):
        for family in sorted(queues):
            if queues[family] and len(chosen) < count:
                chosen.append(queues[family].pop())
    return chosen


JOINED = re.compile(r"(?<=\w)[-\u2010\u00ad]\s*\n\s*(?=[^\W\d_])")
# In scripts without spaces, every character counts as a word.
CJK = r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff"
WORD = re.compile(rf"[{CJK}]|(?:(?![{CJK}])[^\W_])+(?:['\u2019](?:(?![{CJK}])[^\W_])+)*")


def without_running(text):
    """Removes running headers and footers, which a program may omit."""
    pages = [page.split("\n") for page in text.split("\f")]
    masked = lambda line: re.sub(r"\d+|\b[ivxl]+\b", "#", " ".join(line.split()).casefold())
    edges = []
    for lines in pages:
        full = [i for i, line in enumerate(lines) if line.strip()]
        edges.append(set(full[:3] + full[-3:]))
    seen = collections.Counter(m for lines, at in zip(pages, edges) for m in {masked(lines[i]) for i in at})
    kept = lambda lines, at: [line for i, line in enumerate(lines) if i not in at or seen[masked(line)] < 3]
    return "\f".join("\n".join(kept(lines, at)) for lines, at in zip(pages, edges))


def words(text):
    """Splits into folded words; hyphens between letters and at line ends are removed."""
    text = unicodedata.normalize("NFKC", text.replace("\u00ad\n", "").replace("\f", "\n\n"))
    text = JOINED.sub("", text).replace("\u00ad", "")
    text = re.sub(r"(?<=[^\W\d_])[-\u2010\u2011](?=[^\W\d_])", "", text)
    return WORD.findall(text.casefold())


def run(command, file, seconds):
    started = time.monotonic()
    try:
        line = [part.replace("{}", str(file)) for part in command.split()]
        got = subprocess.run(line, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, seconds, "too slow"
    took = time.monotonic() - started
    if got.returncode:
        return None, took, got.stderr.decode("utf-8", "replace").strip()[-200:]
    return got.stdout.decode("utf-8", "replace"), took, ""


def compare(ours, theirs):
    o, t = words(without_running(ours)), words(without_running(theirs))
    a, b = collections.Counter(o), collections.Counter(t)
    both = sum((a & b).values())
    pairs_o, pairs_t = collections.Counter(zip(o, o[1:])), collections.Counter(zip(t, t[1:]))
    run_together = {x + y for x, y in zip(t, t[1:])} | {x + y + z for x, y, z in zip(t, t[1:], t[2:])}
    glued = sum(n for w, n in (a - b).items() if w not in b and w in run_together)
    torn = sum(1 for x, y in zip(o, o[1:]) if x + y in b and not (x in b and y in b))
    return {
        "words": len(t), "recall": both / max(1, len(t)), "precision": both / max(1, len(o)),
        "order": sum((pairs_o & pairs_t).values()) / max(1, sum(pairs_t.values())),
        "glued": 1e4 * glued / max(1, len(o)), "torn": 1e4 * torn / max(1, len(o)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a folder for packages and texts")
    parser.add_argument("--program", action="append", default=[], help="name='command {}'")
    parser.add_argument("--package", action="append", help="a package to use instead of the list in this file")
    parser.add_argument("--always", action="append", default=["developers-reference.pdf", "pspicture.pdf"])
    parser.add_argument("--count", type=int, default=320)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pages", type=int, default=40, help="the number of pages of each file to compare")
    parser.add_argument("--longest", type=int, default=120, help="skip files with more pages")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--fetch-only", action="store_true")
    args = parser.parse_args()
    work = args.work.resolve()
    trees = packages(work, args.package or PACKAGES)
    chosen = sample(trees, args.count, args.seed, args.longest, set(args.always))
    families = collections.Counter(f for _, f, _ in chosen)
    print(len(chosen), "files,", sum(p for *_, p in chosen), "pages,", dict(families), file=sys.stderr)
    if args.fetch_only:
        return
    texts = work / "texts"
    texts.mkdir(exist_ok=True)
    reference = {}
    for name, _, pages in chosen:
        kept = texts / (name.replace("/", "+")[-200:] + ".txt")
        if not kept.exists():
            text, _, _ = run("pdftotext {} -", trees / name, args.seconds)
            kept.write_text(text or "")
        reference[name] = "\f".join(kept.read_text().split("\f")[: args.pages])
    result = {"files": len(chosen), "pages": sum(p for *_, p in chosen), "families": families, "seed": args.seed}
    result["programs"] = {}
    for program in args.program:
        label, command = program.split("=", 1)
        each, refused, seconds, read = {}, {}, 0.0, 0
        for name, family, pages in chosen:
            if len(words(reference[name])) < 20:
                continue
            text, took, error = run(command, trees / name, args.seconds)
            if text is None or not words(text):
                refused[name] = error or "no words"
                continue
            seconds, read = seconds + took, read + pages
            each[name] = compare("\f".join(text.split("\f")[: args.pages]), reference[name]) | {"family": family}
            each[name]["seconds"] = round(took, 3)
        mean = lambda key, of: round(statistics.fmean(e[key] for e in of), 4) if of else None
        figures = ("recall", "precision", "order", "glued", "torn")
        result["programs"][label] = {
            "read": len(each), "refused": refused, "pages_s": round(read / max(seconds, 1e-9), 1),
            **{k: mean(k, list(each.values())) for k in figures},
            "families": {
                f: {"files": sum(e["family"] == f for e in each.values()),
                    **{k: mean(k, [e for e in each.values() if e["family"] == f]) for k in figures}}
                for f in sorted(families)
            },
            "worst": sorted(((round(e["order"], 3), round(e["recall"], 3), n) for n, e in each.items()))[:25],
            "each": each,
        }
    text = json.dumps(result, indent=1, ensure_ascii=False)
    if args.out:
        args.out.write_text(text)
        for label, p in result["programs"].items():
            print(label, {k: v for k, v in p.items() if k not in ("families", "each", "worst")})
    else:
        print(text)


if __name__ == "__main__":
    main()
