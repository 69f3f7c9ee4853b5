"""The examples run, and their types are right."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((FOLDER / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.parametrize("checker", [["mypy", "--strict"], ["pyright", "--warnings"]], ids=["mypy", "pyright"])
def test_types_of_the_examples(checker: list[str], tmp_path: Path) -> None:
    options = ["--pythonpath", sys.executable] if checker[0] == "pyright" else []
    # Away from the sources: the installed package is what is checked.
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ntypeCheckingMode = "strict"\n')
    files = [example.name for example in EXAMPLES]
    result = subprocess.run(
        [sys.executable, "-m", *checker, *options, *files],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
