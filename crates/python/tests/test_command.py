"""The command that the wheel installs."""

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from pathlib import Path

from conftest import DATA

import nigh

COMMAND = Path(sysconfig.get_path("scripts")) / "nigh"


def run(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, cwd=cwd, check=False)


def test_version_help_and_exit_codes(tmp_path: Path) -> None:
    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"nigh {nigh.__version__}\n")
    assert run("--help").stdout.startswith("Search your own documents")
    wrong = run("search", "--json", "--no-such-option")
    assert wrong.returncode == 2 and "no-such-option" in json.loads(wrong.stdout)["error"]
    missing = run("search", "a question", cwd=tmp_path)
    assert missing.returncode == 2 and "no collection at .nigh" in missing.stderr
    module = subprocess.run(
        [sys.executable, "-m", "nigh", "--version"], capture_output=True, text=True, check=True
    )
    assert module.stdout == version.stdout


def test_collections_are_those_of_python(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><body><p>The lynx has tufts on its ears.</p></body></html>")
    collection = tmp_path / "c"
    indexed = run("index", DATA / "sample", page, "-c", collection, "--json")
    assert indexed.returncode == 0 and json.loads(indexed.stdout)["failures"] == 0
    found = run("search", "-c", collection, "--json", "-k", "3", "tufts on the ears of a lynx")
    document = json.loads(found.stdout)
    hits = nigh.Collection(collection).search("tufts on the ears of a lynx", k=3)
    assert [hit["passage_id"] for hit in document["hits"]] == [hit.passage_id for hit in hits]
    assert hits[0].path.endswith("page.html")


def test_output_goes_into_a_closed_pipe(tmp_path: Path) -> None:
    command = f"'{COMMAND}' --help | head -n 1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert result.stderr == "" and result.stdout.count("\n") == 1


def test_ctrl_c_ends_the_command(tmp_path: Path) -> None:
    lines = [f'{{"_id": "{n}", "text": "{f"Article {n} has words. " * 20}"}}\n' for n in range(20_000)]
    (tmp_path / "many.jsonl").write_text("".join(lines))
    command = [str(COMMAND), "index", "many.jsonl", "--language", "english"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not (tmp_path / ".nigh").exists():
            time.sleep(0.01)
        time.sleep(1.0)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 1 and b"interrupted" in output
    assert nigh.Collection(tmp_path / ".nigh").check().sound
    waiting = [str(COMMAND), "search", "-c", str(tmp_path / ".nigh"), "-"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as search:
        assert search.stdin is not None and search.stdout is not None
        search.stdin.write("what has words\n")
        search.stdin.flush()
        assert "what has words" in search.stdout.readline()
        search.send_signal(signal.SIGINT)
        assert search.wait(timeout=10) == -signal.SIGINT


def test_the_server_starts_and_stops(tmp_path: Path) -> None:
    nigh.Collection(tmp_path / "c", model="static").add({"id": "a", "text": "The sea is deep."})
    command = [str(COMMAND), "serve", "-c", str(tmp_path / "c"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = re.search(r"http://[\d.:]+", process.stdout.readline())
        assert address is not None
        with urllib.request.urlopen(f"{address[0]}/v1/collections") as answer:
            assert json.load(answer)["collections"][0]["stats"]["articles"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def test_importing_does_not_load_numpy_or_take_long(tmp_path: Path) -> None:
    script = "import sys, nigh; assert 'numpy' not in sys.modules and 'pandas' not in sys.modules"
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=tmp_path)
