"""Recall, precision and speed of main-text extraction from HTML pages.

    python3 -m venv venv && venv/bin/pip install trafilatura lxml_html_clean
    venv/bin/python benches/html_pages.py corpus DIR                       # downloads Debian's packages, samples pages
    venv/bin/python benches/html_pages.py score DIR --program nigh="benches/extract.py target/release/nigh html"

A program reads paths of pages on standard input and writes a JSON line for each: path, title, text, and the seconds of
the extraction. `corpus` needs Debian's apt-get and dpkg-deb; it samples the same number of pages of each layout, with a
fixed seed. Web pages are scored too with --gold DIR (a copy of github.com/scrapinghub/article-extraction-benchmark: news
pages with hand-marked article bodies) and --views DIR (test/test-pages of github.com/mozilla/readability: the text of its
reader view).

There are two references: a hand-written selector of the main text for each layout, and trafilatura's main text (defaults,
with tables, without comments). Words are lower-cased runs of letters and digits; recall and precision compare multisets of
words and are averaged over the pages of a layout. A word is glued if it is not in the text of any element (reading through
inline elements only), but is two adjacent words joined.
"""

import argparse
import collections
import gzip
import json
import random
import re
import statistics
import subprocess
import sys
from pathlib import Path

SEED = 20260101
PAGES = 30

# Layout: package, pattern of its pages, XPaths of the main text, XPaths of parts in it to exclude.
CLASS = "contains(concat(' ',normalize-space(@class),' '),' {} ')"


def has(name, tag="*"):
    return f"//{tag}[{CLASS.format(name)}]"


LAYOUTS = {
    "sphinx": (
        "python3.11-doc",
        r"/html/(library|howto|tutorial|reference|c-api|faq|whatsnew|using)/[^/]*\.html$",
        ["//*[@role='main']"],
        [has("headerlink")],
    ),
    "docbook": ("postgresql-doc-15", r"/html/[^/]*\.html$", ["//body"], [has("navheader"), has("navfooter")]),
    "asciidoc": ("git-doc", r"/git-doc/.*\.html$", ["//body"], ["//*[@id='footer']", "//*[@id='toc']"]),
    "publican": (
        "debian-handbook",
        r"/html/(en-US|fr-FR|de-DE|es-ES)/[^/]*\.html$",
        ["//body"],
        [has("docnav"), "//*[@id='banner']", "//p[@id='title']"],
    ),
    "sqlite": (
        "sqlite3-doc",
        r"/sqlite3/([^/]*|c3ref/[^/]*|releaselog/[^/]*|session/[^/]*)\.html$",
        ["//body"],
        [has("nosearch"), "//form"],
    ),
    "apache": (
        "apache2-doc",
        r"/manual/(en|fr|de|es)/.*\.html$",
        ["//*[@id='page-content']"],
        [
            has("toplang"),
            has("bottomlang"),
            has("permalink"),
            "//*[@id='quickview']",
            "//*[@id='comments_section']",
            "//*[@id='toc']",
            has("top"),
        ],
    ),
    "texinfo": (
        "octave-doc",
        r"/octave.html/[^/]*\.html$",
        ["//body"],
        [has("header"), has("nav-panel"), has("copiable-anchor"), has("copiable-link")],
    ),
    "javadoc": ("libcommons-lang3-java-doc", r"/api/org/.*\.html$", ["//main"], []),
    "gtk-doc": ("libglib2.0-doc", r"/gtk-doc/html/.*\.html$", ["//body"], [has("navigation"), has("footer")]),
    "doxygen": (
        "libeigen3-doc",
        r"/html/[^/]*\.html$",
        [has("contents"), has("header", "div")],
        [has("ttc"), has("lineno"), "//div[@id='top']", has("summary"), has("ingroups")],
    ),
    "rustdoc": (
        "rust-doc",
        r"/html/(std|core|alloc)/.*\.html$",
        ["//main"],
        [has("sub"), has("srclink"), has("anchor"), has("out-of-band"), "//button"],
    ),
    "mdbook": (
        "rust-doc",
        r"/html/(book|reference|nomicon|edition-guide|rust-by-example|embedded-book|rustc)/.*\.html$",
        ["//main"],
        ["//body/footer"],
    ),
    "erlang": ("erlang-doc", r"/doc/html/[^/]*\.html$", ["//*[@id='content']"], [has("footer"), has("title_link")]),
    "quickbook": (
        "libboost1.74-doc",
        r"/doc/html/boost/.*\.html$",
        ["//body"],
        [has("spirit-nav"), "//body/table[1]", has("copyright-footer")],
    ),
    "fpdoc": ("fp-docs-3.2.2", r"/(rtl|fcl|ref|prog)/.*\.html$", ["//body"], [has("bar", "table"), has("crosslinks")]),
}

INLINE = set(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark nobr q "
    "s samp small span strike strong sub sup time tt u var wbr".split()
)
NO_TEXT = set("script style template noscript head svg iframe textarea title object video audio canvas".split())
WORD = re.compile(r"\w+")


def words(text):
    text = text.replace("\u00ad", "").replace("\u200b", "").replace("\ufeff", "")
    return [word.strip("_") for word in WORD.findall(text.lower()) if word.strip("_")]


def packages(folder):
    debs = folder / "deb"
    debs.mkdir(parents=True, exist_ok=True)
    (folder / "x").mkdir(exist_ok=True)
    for package in sorted({layout[0] for layout in LAYOUTS.values()}):
        out = folder / "x" / package
        if out.exists():
            continue
        subprocess.run(["apt-get", "download", "-q", package], cwd=debs, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["dpkg-deb", "-x", str(next(debs.glob(f"{package}_*.deb"))), str(out)], check=True)


def sample(folder):
    pages = {}
    for layout, (package, pattern, _, _) in LAYOUTS.items():
        root = folder / "x" / package
        found = sorted(str(p.relative_to(folder)) for p in root.rglob("*.html") if p.is_file() and not p.is_symlink())
        found = [name for name in found if re.search(pattern, name) and 1500 < (folder / name).stat().st_size < 600_000]
        random.Random(SEED).shuffle(found)
        pages[layout] = found[:PAGES]
        print(f"{layout}: {len(pages[layout])} of {len(found)}", file=sys.stderr)
    (folder / "pages.json").write_text(json.dumps(pages, indent=1))


def web(folder, gold, views):
    """Web pages to score in addition to the sample: maps a layout to a list of (path, main text or None)."""
    out = {}
    if gold:
        truth = json.loads((Path(gold) / "ground-truth.json").read_text())
        rows = []
        for key, facts in sorted(truth.items()):
            path = folder / "gold" / f"{key}.html"
            path.parent.mkdir(exist_ok=True)
            if not path.exists():
                path.write_bytes(gzip.decompress((Path(gold) / "html" / f"{key}.html.gz").read_bytes()))
            rows.append((str(path), facts["articleBody"]))
        out["news"] = rows
    if views:
        rows = []
        for case in sorted(Path(views).iterdir()):
            tree = parse((case / "expected.html").read_text(encoding="utf-8", errors="replace"))
            rows.append((str(case / "source.html"), block_text(tree.getroot())))
        out["views"] = rows
    return out


def parse(html):
    from lxml import html as lxml_html

    parser = lxml_html.HTMLParser(encoding="utf-8", huge_tree=True)
    return lxml_html.document_fromstring(html.encode("utf-8", "replace"), parser=parser).getroottree()


def block_text(root, skipped=()):
    """The text below `root`, with a space at the start and end of every element that is not known to be inline."""
    out, open_ = [], [(root, False)]
    while open_:
        node, closing = open_.pop()
        inline = isinstance(node.tag, str) and node.tag in INLINE and "display" not in (node.get("style") or "")
        comment = not isinstance(node.tag, str)
        if closing:
            if not inline and not comment:
                out.append(" ")
            if node is not root and node.tail:
                out.append(node.tail)
            continue
        open_.append((node, True))
        if comment or node.tag in NO_TEXT or node in skipped:
            continue
        if not inline or node.tag == "sup":
            out.append(" ")
        out.append(node.text or "")
        open_.extend((child, False) for child in reversed(node))
    return "".join(out)


def selected(tree, layout):
    _, _, holds, without = LAYOUTS[layout]
    skipped = {node for path in without for node in tree.xpath(path)}
    roots = [node for path in holds for node in tree.xpath(path)] or tree.xpath("//body")
    return "\n".join(block_text(node, skipped) for node in roots)


def extras(tree):
    """Words that count neither for nor against precision: those of the title and of image descriptions, and list numbers."""
    found = set(words(" ".join(tree.xpath("//title//text()"))))
    for alt in tree.xpath("//img/@alt"):
        found.update(words(alt))
    longest = max((len(ol.xpath(".//li")) for ol in tree.xpath("//ol")), default=0)
    return found, {str(number) for number in range(1, longest + 1)}


def glued(tree, text, known):
    """The words of `text` that occur in no element, but are two adjacent words of the page joined."""
    joined = words(block_text(tree.getroot()))
    known = known | set(joined)
    # Superscripts and subscripts may be read as part of the adjacent word.
    for node in tree.xpath("//sub|//sup"):
        known.update(words("".join(node.itertext())))
    pairs = set()
    for parts in joined, words(" ".join(tree.getroot().itertext())):
        pairs.update(before + after for before, after in zip(parts, parts[1:]))
    return [word for word in words(text) if word not in known and word in pairs]


def overlap(found, wanted, free, numbers):
    """Recall and precision of the extracted words."""
    found, want = collections.Counter(found), collections.Counter(wanted)
    common = sum((found & want).values())
    extra = found - want
    wrong = sum(count for word, count in extra.items() if word not in free and word not in numbers)
    return (common / sum(want.values()) if want else 1.0), (common / (common + wrong) if common + wrong else 1.0)


def run(command, paths):
    done = subprocess.run(
        command, input="\n".join(paths) + "\n", capture_output=True, text=True, check=True, shell=True
    )
    return {row["path"]: row for row in map(json.loads, done.stdout.splitlines())}


def main_text(html):
    import trafilatura

    return trafilatura.extract(html, include_tables=True, include_comments=False) or ""


def score(folder, programs, extra, show, with_peer):
    pages = {
        layout: [(str(folder / name), None) for name in names]
        for layout, names in json.loads((folder / "pages.json").read_text()).items()
    }
    pages.update(extra)
    if show:
        pages = {layout: rows for layout, rows in pages.items() if layout in show.split(",")}
    paths = [path for rows in pages.values() for path, _ in rows]
    outputs, speed = {}, {}
    for name, command in programs.items():
        runs = [run(command, paths) for _ in range(1 if show else 3)]
        outputs[name] = runs[0]
        speed[name] = len(paths) / sum(min(r[path]["seconds"] for r in runs) for path in paths)
    cache = folder / "trafilatura.json"
    peer = json.loads(cache.read_text()) if cache.exists() else {}
    rows = {}
    for layout, entries in pages.items():
        for path, gold in entries:
            html = Path(path).read_bytes().decode("utf-8", "replace")
            tree = parse(html)
            free, numbers = extras(tree)
            if with_peer and path not in peer:
                peer[path] = main_text(html)
            references = {"selector": words(gold if gold is not None else selected(tree, layout))}
            if with_peer:
                references["trafilatura"] = words(peer[path])
            for name in programs:
                page = outputs[name][path]
                got = words(page["text"])
                missing = set(words(page["title"])) - set(got)
                row = rows.setdefault((layout, name), collections.defaultdict(list))
                for kind, wanted in references.items():
                    # Words that the program reports as the title are not missing.
                    recall, precision = overlap(got, [w for w in wanted if w not in missing], free, numbers)
                    row[kind + " recall"].append(recall)
                    row[kind + " precision"].append(precision)
                stuck = glued(tree, page["text"], free | numbers)
                row["glued"].append(len(stuck))
                if show:
                    r, p = row["selector recall"][-1], row["selector precision"][-1]
                    print(f"{name} {r:.3f} {p:.3f} {len(stuck)} {path} {stuck[:5]}")
            if with_peer and "peer" not in programs:
                row = rows.setdefault((layout, "trafilatura"), collections.defaultdict(list))
                recall, precision = overlap(references["trafilatura"], references["selector"], free, numbers)
                row["selector recall"].append(recall)
                row["selector precision"].append(precision)
    if with_peer:
        cache.write_text(json.dumps(peer))
    table = {}
    for (layout, name), row in rows.items():
        table.setdefault(name, {})[layout] = {
            kind: sum(values) if kind == "glued" else round(statistics.mean(values), 4) for kind, values in row.items()
        } | {"pages": len(next(iter(row.values())))}
    return {
        "seed": SEED,
        "pages": len(paths),
        "pages a second": {n: round(s, 1) for n, s in speed.items()},
        "layouts": table,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["corpus", "score"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--program", action="append", default=[], help="NAME=COMMAND")
    parser.add_argument("--gold")
    parser.add_argument("--views")
    parser.add_argument("--show", help="score only these layouts and print a line for each page")
    parser.add_argument("--no-peer", action="store_true", help="do not compare with trafilatura")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    folder = args.folder.resolve()
    if args.what == "corpus":
        packages(folder)
        sample(folder)
        return
    programs = dict(program.split("=", 1) for program in args.program)
    result = score(folder, programs, web(folder, args.gold, args.views), args.show, not args.no_peer)
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    if not args.show:
        print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
