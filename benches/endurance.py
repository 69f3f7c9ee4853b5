"""Endurance: memory budgets, the effect of indexing on other programs, and half an hour of mixed load on one server."""

import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NIGH = ROOT / "target/release/nigh"
WORDS = sorted({word.strip(".,;:?!()\"'").lower() for path in (ROOT / "data/sample").glob("*.txt")
                for word in path.read_text(encoding="utf-8").split() if word.isascii() and len(word) > 3})


def memory(pid):
    """Resident bytes of a process and its children: private memory, and mapped files."""
    own = files = 0
    children = Path(f"/proc/{pid}/task").glob("*/children")
    try:
        pids = [pid, *(child for path in children for child in path.read_text().split())]
        for pid in pids:
            lines = (line.split() for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            sizes = {line[0]: int(line[1]) * 1024 for line in lines if line[0] in ("RssAnon:", "RssFile:")}
            own, files = own + sizes.get("RssAnon:", 0), files + sizes.get("RssFile:", 0)
    except (FileNotFoundError, ProcessLookupError):
        pass
    return {"own": own, "of_files": files}


def run_watched(*args):
    """Runs nigh; returns its report, the seconds taken, and the peak of its memory, sampled ten times per second."""
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen([NIGH, *map(str, args), "--json"], stdout=out, stderr=subprocess.DEVNULL)
        most = memory(process.pid)
        while process.poll() is None:
            most = {name: max(most[name], held) for name, held in memory(process.pid).items()}
            time.sleep(0.1)
        if process.returncode != 0:
            sys.exit(f"nigh {' '.join(map(str, args))} failed")
        out.seek(0)
        return json.load(out), time.perf_counter() - started, most


def notes(folder, count):
    """Writes `count` tiny, distinct files."""
    generator = random.Random(1)
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:03}").mkdir(parents=True)
        text = f"Note {number}: {' '.join(generator.choices(WORDS, k=6))}.\n"
        (folder / f"{number // 1000:03}/{number}.txt").write_text(text)


def budgets(folder):
    """Indexes a million files of one passage each within memory budgets."""
    notes(folder / "notes", 1_000_000)
    found = {}
    for budget, most in (("4GB", 4e9), ("1GB", 1e9)):
        collection = folder / f"within-{budget}"
        report, seconds, held = run_watched("index", folder / "notes", "-c", collection, "--model", "static", "--memory", budget)
        check, *_ = run_watched("check", "-c", collection)
        stats, *_ = run_watched("stats", "-c", collection)
        found[budget] = {"passages": report["passages"], "failures": report["failures"], "seconds": seconds, "held_bytes": held,
                         "segments": stats["segments"], "sound": check["sound"]}
        if held["own"] > most or not check["sound"]:
            sys.exit(f"within {budget}: {found[budget]}")
    return found


def priority(folder):
    """Seconds of a workload that keeps every core busy: alone, during indexing, and during indexing at low priority."""
    texts = folder / "texts.jsonl"
    generator = random.Random(2)
    with texts.open("w") as out:
        for number in range(200_000):
            out.write(json.dumps({"_id": str(number), "text": " ".join(generator.choices(WORDS, k=80))}) + "\n")
    work = [sys.executable, "-c", "sum(i * i for i in range(15_000_000))"]

    def seconds():
        started = time.perf_counter()
        for process in [subprocess.Popen(work) for _ in range(os.cpu_count())]:
            process.wait()
        return time.perf_counter() - started

    alone, found = [seconds() for _ in range(5)], {"alone": None}
    for name, more in (("beside indexing", []), ("beside indexing at low priority", ["--low-priority"])):
        indexing = subprocess.Popen([NIGH, "index", texts, "-c", folder / name.replace(" ", "-"), *more], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(5)
        found[name] = statistics.median(seconds() for _ in range(5))
        if indexing.poll() is not None:
            sys.exit("indexing ended before it was measured")
        indexing.kill()
        indexing.wait()
        # Measured before and after, because the load of other guests on the machine varies.
        alone += [seconds() for _ in range(5)]
    found["alone"] = statistics.median(alone)
    return found


# The number of articles that are put and replaced.
ARTICLES = 300
# More answers than fit in the server's cache of 64 MB.
CACHE_FILLING_QUERIES = 20_000
# Another client is writing, or the queue is full.
BUSY = (409, 429)
# The growth allowed from the second to the last third of the time. Merges make file sizes go up and down.
ALLOWED_GROWTH = {"own": 1.1, "of_files": 1.25, "handles": 1.1, "disk": 1.25}


class Client:
    """Sends random requests to a server."""

    def __init__(self, address, seed):
        self.address, self.random, self.counts = address, random.Random(seed), {}
        self.connection = http.client.HTTPConnection(*address, timeout=120)

    def request(self, method, path, body=None, kind="application/json"):
        payload = json.dumps(body) if kind == "application/json" and body is not None else body
        self.connection.request(method, path, payload, {"content-type": kind} if body is not None else {})
        response = self.connection.getresponse()
        return response.status, response.read(), response.headers

    def ask(self, name, method, path, body=None, kind="application/json", fine=()):
        """Sends a request and waits for its job, if it starts one. Statuses in `fine` are ignored."""
        status, reply, headers = self.request(method, f"/v1/collections/notes{path}", body, kind)
        if status in fine:
            return
        job = json.loads(reply) if status == 202 else {"phase": "done"}
        while job["phase"] in ("queued", "running"):
            time.sleep(0.05)
            job = json.loads(self.request("GET", headers["location"])[1])
        if status not in (200, 201, 202, 204) or job["phase"] != "done":
            sys.exit(f"{method} {path}: {status} {reply.decode(errors='replace')} {job}")
        self.counts[name] = self.counts.get(name, 0) + 1

    def text(self, words):
        return " ".join(self.random.choices(WORDS, k=words))

    def article(self):
        return f"/articles/note-{self.random.randrange(ARTICLES)}"

    def put(self, article):
        new = {"text": self.text(60), "title": self.text(3), "metadata": {"part": str(self.random.randrange(9))}}
        self.ask("articles put", "PUT", article, new, fine=BUSY)

    def fill(self):
        """Puts every article once and sends queries until the server's cache of answers is full."""
        for number in range(ARTICLES):
            self.put(f"/articles/note-{number}")
        for _ in range(CACHE_FILLING_QUERIES):
            self.ask("searches", "POST", "/search", {"q": self.text(5), "mode": "lexical"})
        self.counts.clear()

    def step(self):
        match self.random.choices(range(8), weights=[50, 10, 12, 4, 2, 4, 1, 0.2])[0]:
            case 0:
                mode = self.random.choice(["dense", "lexical", "hybrid"])
                self.ask("searches", "POST", "/search", {"q": self.text(5), "mode": mode, "rerank": self.random.choice(["none", "none", "maxsim"])})
            case 1:
                self.ask("searches with a filter", "POST", "/search", {"q": self.text(5), "filter": f"part:{self.random.randrange(9)}", "rerank": "none"})
            case 2:
                self.put(self.article())
            case 3:
                self.ask("articles deleted", "DELETE", self.article(), fine=(404, *BUSY))
            case 4:
                parts = "".join(f'--b\r\nContent-Disposition: form-data; name="file"; filename="up-{self.random.randrange(40)}.html"\r\n\r\n'
                                f"<title>{self.text(3)}</title><p>{self.text(80)}\r\n" for _ in range(5))
                self.ask("uploads", "POST", "/articles", (parts + "--b--\r\n").encode(), "multipart/form-data; boundary=b", fine=BUSY)
            case 5:
                self.ask("articles read", "GET", self.article(), fine=(404,))
            case 6:
                self.ask("checks", "POST", "/check")
            case 7:
                self.ask("compactions", "POST", "/compact", fine=BUSY)


def soak(folder, seconds=1800):
    """Mixed load on one server; samples its memory, open files and disk usage every ten seconds."""
    root = folder / "served"
    root.mkdir()
    command = [NIGH, "serve", "--root", root, "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    address = server.stdout.readline().split(" ")[0].removeprefix("http://").rstrip("/").rsplit(":", 1)
    address = (address[0], int(address[1]))
    connection = http.client.HTTPConnection(*address)
    connection.request("POST", "/v1/collections", json.dumps({"name": "notes", "model": "static"}), {"content-type": "application/json"})
    assert connection.getresponse().status == 201
    clients = [Client(address, seed) for seed in range(4)]
    clients[0].fill()
    end, failed = time.monotonic() + seconds, []

    def go(client):
        try:
            while time.monotonic() < end:
                client.step()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=go, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    samples = []
    while time.monotonic() < end and not failed:
        time.sleep(10)
        disk = 0
        for path in root.rglob("*"):
            try:
                disk += path.stat().st_size
            except FileNotFoundError:
                pass
        samples.append(memory(server.pid) | {"handles": len(os.listdir(f"/proc/{server.pid}/fd")), "disk": disk})
    for thread in threads:
        thread.join()
    server.terminate()
    server.wait()
    if failed:
        sys.exit(f"a client failed: {failed[0]}")
    check, *_ = run_watched("check", "-c", root / "notes")
    third = len(samples) // 3
    most = {name: [max(sample[name] for sample in samples[at * third:(at + 1) * third]) for at in range(3)] for name in samples[0]}
    counts = {}
    for client in clients:
        for name, count in client.counts.items():
            counts[name] = counts.get(name, 0) + count
    found = {"seconds": seconds, "done": counts, "most_in_each_third": most, "sound": check["sound"], "samples": samples}
    grew = [name for name, (_, second, last) in most.items() if last > ALLOWED_GROWTH[name] * second]
    if grew or not check["sound"]:
        sys.exit(f"{', '.join(grew)} grew: {json.dumps(most)}, sound: {check['sound']}")
    return found
