"""The examples run, and their types are right."""

import ast
import inspect
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import nigh

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
        # What mypy has learned about other packages serves all checks.
        env={**os.environ, "MYPY_CACHE_DIR": str(FOLDER / ".mypy_cache")},
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


def test_stubs_and_docstrings_are_those_of_the_extension_module() -> None:
    check(FOLDER, ["mypy.stubtest"], "nigh._nigh")
    package = Path(nigh.__file__).parent
    tree = ast.parse((package / "_nigh.pyi").read_text())
    compared = 0
    for kind in (nigh.Embedder, nigh.Index):
        node = next(
            item for item in tree.body if isinstance(item, ast.ClassDef) and item.name == kind.__name__
        )
        assert ast.get_docstring(node) == inspect.getdoc(kind)
        for member in node.body:
            if isinstance(member, ast.FunctionDef) and (stub := ast.get_docstring(member)):
                assert stub == inspect.getdoc(getattr(kind, member.name)), member.name
                compared += 1
    assert compared > 15
