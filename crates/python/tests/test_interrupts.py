"""Ctrl-C stops long work, and what was saved is kept."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nigh

STEPS = {
    "index": "print('working', flush=True); nigh.Collection(path, language='english').index(path + '.jsonl')",
    "add": """
collection = nigh.Collection(path, language='english')
def articles():
    for number in range(10**6):
        if number == 300: print('working', flush=True)
        yield {'id': str(number), 'text': f'Article {number} has a text of its own, about number {number}.' * 9}
collection.add(articles())
""",
    "embed": "print('working', flush=True); nigh.Embedder().embed(f'text {n} of many' * 9 for n in range(60000))",
    "build": """
import numpy as np
rows = np.random.default_rng(1).standard_normal((400000, 64)).astype(np.float32)
print('working', flush=True)
nigh.Index.build(rows, normalize=True)
""",
}


@pytest.mark.parametrize("step", STEPS)
def test_ctrl_c_raises_keyboard_interrupt(step: str, tmp_path: Path) -> None:
    path = tmp_path / "c"
    if step == "index":
        lines = [
            f'{{"_id": "{number}", "text": "{f"Article {number} has a text of its own. " * 9}"}}\n'
            for number in range(30_000)
        ]
        path.with_suffix(".jsonl").write_text("".join(lines))
    script = f"""
import sys, nigh
path = sys.argv[1]
try:
    if True:
{chr(10).join("        " + line for line in STEPS[step].splitlines())}
except KeyboardInterrupt:
    print('interrupted', flush=True)
    sys.exit(7)
"""
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"
        time.sleep(1.0)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted\n"
    assert process.returncode == 7
    assert time.monotonic() - started < 20
    collection = nigh.Collection(path)
    if step == "add":
        assert len(collection) > 0, "what came before is kept"
    if collection.exists():
        assert collection.check().sound and len(collection) < 30_000
