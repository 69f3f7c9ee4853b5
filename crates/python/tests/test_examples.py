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


@pytest.mark.parametrize("checker", [["mypy", "--strict"], ["pyright", "--warnings"]], ids=lambda c: c[0])
def test_types_of_examples_and_package(checker: list[str], tmp_path: Path) -> None:
    program = shutil.which(checker[0], path=str(Path(sys.executable).parent)) or shutil.which(checker[0])
    assert program is not None, f"{checker[0]} is not installed"
    # Away from the sources: the installed package is what is checked.
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    (tmp_path / "pyproject.toml").write_text('[tool.pyright]\ntypeCheckingMode = "strict"\n')
    files = [example.name for example in EXAMPLES]
    result = subprocess.run(
        [program, *checker[1:], *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
