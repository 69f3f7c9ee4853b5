#!/usr/bin/env python3
"""Extracts the text of files with nigh, for benches/html_pages.py and benches/pdf.py.

  benches/extract.py PROGRAM html < PATHS      prints a JSON line for each page: path, title, text, seconds
  benches/extract.py PROGRAM pdf FILE          prints the text without page breaks; use benches/pdf.py --pages 10000

The program's sandboxed worker process reads the files, so the seconds include communication with it.
"""
import json, subprocess, sys, time

LIMITS = {"bytes": 64 << 20, "seconds": 60, "memory": 2 << 30}


class Reader:
    def __init__(self, program):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([program, "read-apart"], **pipes)
        self.process.stdout.readline()

    def read(self, path, kind):
        """Reads a file; returns its articles."""
        request = {"path": list(path.encode()), "name": path, "format": kind, "limits": LIMITS}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        articles = []
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer == "end":
                return articles
            if "article" in answer:
                articles.append(answer["article"])
            elif "failure" in answer:
                print(f"{path}: {answer['failure']['problem']}", file=sys.stderr)
        raise SystemExit(f"{path}: the worker process ended")


def main():
    program, kind, *files = sys.argv[1:]
    reader = Reader(program)
    if kind == "pdf":
        articles = reader.read(files[0], "pdf")
        print("\n\n".join(article["text"] for article in articles))
        return 0 if articles else 1
    for path in map(str.strip, sys.stdin):
        started = time.monotonic()
        articles = reader.read(path, "html")
        row = {"path": path, "title": "", "text": "", "seconds": time.monotonic() - started}
        if articles:
            row.update(title=articles[0]["title"], text=articles[0]["text"])
        print(json.dumps(row))
    return 0


if __name__ == "__main__":
    sys.exit(main())
