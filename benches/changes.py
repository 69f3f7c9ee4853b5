#!/usr/bin/env python3
"""Measures a server while a collection is searched and changed one article at a time.

  python3 benches/changes.py PROGRAM COLLECTION [--changes N] > benches/runs/NAME/changes.json

COLLECTION is modified, so pass a copy. The questions are the first words of its own passages; none is repeated, and
reranking is off.
"""
import argparse, http.client, json, pathlib, re, subprocess, threading, time, urllib.parse


def percentile(values, share):
    values = sorted(values)
    return round(values[min(len(values) - 1, int(share * len(values)))], 1)


class Server:
    def __init__(self, program, collection):
        command = [program, "serve", "-c", collection, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = re.search(r"http://([^/\s]+)", self.process.stdout.readline()).group(1)
        self.name = json.loads(self.ask(self.connection(), "GET", "/v1/collections")[1])["collections"][0]["name"]

    def connection(self):
        return http.client.HTTPConnection(self.address)

    def ask(self, connection, method, path, body=None):
        """Sends a request; returns the milliseconds taken and the body."""
        started = time.perf_counter()
        connection.request(method, path, body, {"content-type": "application/json"} if body else {})
        reply = connection.getresponse()
        text = reply.read()
        if reply.status >= 400:
            raise RuntimeError(f"{method} {path}: {reply.status} {text[:200]}")
        return (time.perf_counter() - started) * 1e3, text

    def megabytes(self):
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4 // 1024


def measure_search(server, questions, askers):
    waiting, took, lock = iter(questions), [], threading.Lock()

    def work():
        connection = server.connection()
        while True:
            with lock:
                question = next(waiting, None)
            if question is None:
                return
            path = f"/v1/collections/{server.name}/search?k=10&rerank=none&q={urllib.parse.quote(question)}"
            milliseconds = server.ask(connection, "GET", path)[0]
            with lock:
                took.append(milliseconds)

    started = time.time()
    threads = [threading.Thread(target=work) for _ in range(askers)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return {"askers": askers, "p50_ms": percentile(took, 0.5), "p99_ms": percentile(took, 0.99), "per_second": round(len(took) / (time.time() - started))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("collection")
    parser.add_argument("--changes", type=int, default=40)
    arguments = parser.parse_args()
    export = subprocess.run([arguments.program, "export", "-c", arguments.collection], capture_output=True, text=True, check=True)
    texts = (json.loads(line).get("text") for line in export.stdout.splitlines()[:1000])
    beginnings = [" ".join(text.split()[:8]) for text in texts if text]
    server = Server(arguments.program, arguments.collection)
    try:
        connection, articles = server.connection(), f"/v1/collections/{server.name}/articles"
        measure_search(server, beginnings[900:], 1)
        found = {"search": [measure_search(server, beginnings[300 * n:300 * (n + 1)], askers) for n, askers in enumerate((1, 4, 16))]}
        memory, mark = server.megabytes(), int(time.time())
        put = [
            server.ask(connection, "PUT", f"{articles}/t{mark}-{n}", json.dumps({"text": f"Article {n} of {mark}: {beginnings[n]}"}))[0]
            for n in range(arguments.changes)
        ]
        delete = [server.ask(connection, "DELETE", f"{articles}/t{mark}-{n}")[0] for n in range(arguments.changes)]
        metrics = [server.ask(connection, "GET", "/metrics")[0] for _ in range(20)]
        found |= {
            "changes": arguments.changes,
            "put_p50_ms": percentile(put, 0.5),
            "put_p99_ms": percentile(put, 0.99),
            "delete_p50_ms": percentile(delete, 0.5),
            "metrics_p50_ms": percentile(metrics, 0.5),
            "megabytes": {"before_changes": memory, "after": server.megabytes()},
        }
        print(json.dumps(found, indent=2))
    finally:
        server.process.terminate()
        server.process.wait()


if __name__ == "__main__":
    main()
