"""Mixed load on a server that is restarted all the time: every acknowledged write is there at the end.

restarts.py NIGH [SECONDS]: writers put, delete and upload articles, readers search; every few seconds the server is
ended, by SIGTERM and SIGKILL in turn, and started again. Fails if what was acknowledged is not there afterwards."""

import http.client
import json
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

NIGH, SECONDS = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 3600
WORDS = "river otter burrow tide moon bread yeast comet ledger harbour lantern meadow copper violin saddle".split()
GONE = None


class Load:
    """The writers and readers, and what they know to be acknowledged."""

    def __init__(self, port):
        self.port, self.stop = port, threading.Event()
        self.lock = threading.Lock()
        # The texts that an article may have: one, or several while it is not known which write came through.
        self.expected = {}
        self.counts = dict.fromkeys(["put", "deleted", "uploaded", "searched", "unanswered", "refused", "notes"], 0)
        self.wrong, self.jobs = [], {}

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] += by

    def ask(self, method, path, body=None, headers=None):
        """Status and JSON; None if there was no answer, so that nothing is known."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request(method, path, body, headers or {"content-type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            connection.close()
        except (OSError, http.client.HTTPException):
            self.count("unanswered")
            return None, None
        if response.status >= 500 and response.status != 503:
            self.wrong.append(f"{method} {path}: {response.status} {text[:200]}")
        return response.status, json.loads(text) if text else None

    def write(self, name, random_):
        """Puts and deletes articles of its own, over and over."""
        while not self.stop.is_set():
            article = f"{name}-{random_.randrange(200)}"
            path = "/v1/collections/load/articles/" + urllib.parse.quote(article, safe="")
            before = self.expected.get(article, {GONE})
            if random_.random() < 0.2:
                after, (status, _) = {GONE}, self.ask("DELETE", path)
                done, what = status in (204, 404), "deleted"
            else:
                text = " ".join(random_.choices(WORDS, k=12)) + "."
                after, (status, _) = {text}, self.ask("PUT", path, json.dumps({"text": text}))
                done, what = status in (200, 201), "put"
            with self.lock:
                # A refusal changes nothing; without an answer it may have been done or not.
                self.expected[article] = after if done else before | after if status is None else before
            self.count(what if done else "refused" if status else "unanswered")
            if not done:
                time.sleep(0.2)

    def upload(self, random_):
        """Uploads files with names of their own: whole after 202, all or nothing known without an answer."""
        number = 0
        while not self.stop.is_set():
            number += 1
            records = {f"up-{number}-{n}": " ".join(random_.choices(WORDS, k=15)) + "." for n in range(random_.choice([5, 50, 500]))}
            lines = "\n".join(json.dumps({"_id": i, "text": text}) for i, text in records.items())
            part = '--edge\r\nContent-Disposition: form-data; name="file"; filename="{}"\r\n\r\n{}\r\n'
            body = part.format(f"{number}.jsonl", lines) + part.format(f"empty-{number}.txt", "") + "--edge--\r\n"
            headers = {"content-type": "multipart/form-data; boundary=edge"}
            status, job = self.ask("POST", "/v1/collections/load/articles", body.encode(), headers)
            with self.lock:
                if status == 202:
                    if job["id"] in self.jobs:
                        self.wrong.append(f"the id of job {job['id']} was given again")
                    self.jobs[job["id"]] = f"empty-{number}.txt"
                if status in (202, None):
                    self.expected |= {i: {text} if status == 202 else {text, GONE} for i, text in records.items()}
            if status == 202:
                self.count("uploaded", len(records))
            time.sleep(random_.uniform(0.2, 1.5))

    def search(self, random_):
        while not self.stop.is_set():
            question = urllib.parse.quote(" ".join(random_.choices(WORDS, k=3)))
            status, _ = self.ask("GET", f"/v1/collections/load/search?q={question}&k=5")
            if status == 200:
                self.count("searched")
            else:
                time.sleep(0.2)

    def check(self):
        """Compares every article with what was acknowledged, and waits for the jobs before."""
        for job, empty in self.jobs.items():
            status, state = self.ask("GET", f"/v1/jobs/{job}")
            while status == 200 and state["ended"] is None:
                time.sleep(0.2)
                status, state = self.ask("GET", f"/v1/jobs/{job}")
            # Old jobs are forgotten.
            if status == 200 and state["phase"] != "done":
                self.wrong.append(f"job {job}: {state['phase']} {state['error']}")
            elif status == 200 and not any(empty in note for note in state["notes"]):
                self.wrong.append(f"job {job} says nothing of {empty}: {state['notes']}")
        while any(job["ended"] is None for job in self.ask("GET", "/v1/jobs")[1]["jobs"]):
            time.sleep(0.2)
        for article, texts in self.expected.items():
            status, found = self.ask("POST", "/v1/collections/load/article", json.dumps({"id": article}))
            text = found["text"] if status == 200 else GONE
            if text not in texts:
                self.wrong.append(f"{article}: expected one of {texts}, found {text!r}")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start(root, port):
    command = [NIGH, "serve", "--root", root, "--listen", f"127.0.0.1:{port}", "--log", "error"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    if "is up" not in process.stdout.readline():
        sys.exit("the server did not start")
    return process


def main():
    with tempfile.TemporaryDirectory() as root:
        load = Load(free_port())
        process = start(root, load.port)
        load.ask("POST", "/v1/collections", json.dumps({"name": "load", "model": "static"}))
        work = [(load.write, "a"), (load.write, "b"), (load.upload,), (load.search,), (load.search,)]
        threads = [threading.Thread(target=run, args=(*args, random.Random(seed))) for seed, (run, *args) in enumerate(work)]
        for thread in threads:
            thread.start()
        ended, restarts, random_ = time.time() + SECONDS, 0, random.Random(99)
        while time.time() < ended:
            time.sleep(random_.uniform(2, 12))
            process.send_signal(signal.SIGKILL if restarts % 3 == 2 else signal.SIGTERM)
            process.wait(60)
            process = start(root, load.port)
            restarts += 1
        load.stop.set()
        for thread in threads:
            thread.join()
        load.check()
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        checked = subprocess.run([NIGH, "check", "-c", f"{root}/load"], capture_output=True, text=True)
        if checked.returncode != 0:
            load.wrong.append(f"nigh check: {checked.stdout}{checked.stderr}")
    known = sum(len(texts) == 1 for texts in load.expected.values())
    print(json.dumps({"restarts": restarts, "articles": len(load.expected), "known": known, **load.counts, "wrong": len(load.wrong)}))
    for wrong in load.wrong[:20]:
        print(wrong)
    sys.exit(bool(load.wrong))


main()
