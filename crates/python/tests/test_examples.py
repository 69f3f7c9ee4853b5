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


def check(folder: Path, checker: list[str], *files: str) -> None:
    """Runs a checker of types, with the package that is installed."""
    options = ["--pythonpath", sys.executable] if checker[0] == "pyright" else []
    result = subprocess.run(
        [sys.executable, "-m", *checker, *options, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("checker", [["mypy", "--strict"], ["pyright", "--warnings"]], ids=["mypy", "pyright"])
def test_types_of_the_examples(checker: list[str], tmp_path: Path) -> None:
    # Away from the sources: the installed package is what is checked.
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ntypeCheckingMode = "strict"\n')
    check(tmp_path, checker, *(example.name for example in EXAMPLES))


def test_types_of_the_package() -> None:
    check(FOLDER, ["mypy", "--strict"], "python/nigh", "tests", "examples")
    check(FOLDER, ["pyright", "--warnings"], "python/nigh", "examples")
