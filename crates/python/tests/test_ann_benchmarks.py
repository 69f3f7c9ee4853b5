"""The module for ann-benchmarks, called as its harness does."""

import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest

MODULE = Path(__file__).resolve().parents[3] / "benches" / "ann_benchmarks" / "nigh"


def test_single_and_batch_queries_find_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    algorithms = tmp_path / "ann_benchmarks" / "algorithms"
    shutil.copytree(MODULE, algorithms / "nigh")
    (algorithms / "base").mkdir()
    (algorithms / "base" / "module.py").write_text("class BaseANN:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("ann_benchmarks.algorithms.nigh.module")
    rng = np.random.default_rng(1)
    # Neither of unit length nor 32-bit floats, as in the harness' files.
    train, test = rng.standard_normal((6000, 24)) * 3, rng.standard_normal((100, 24)) * 2
    algorithm = module.Nigh("angular", {"M": 16, "efConstruction": 200})
    algorithm.fit(train)
    algorithm.set_query_arguments(200)
    single = [algorithm.query(query, 10) for query in test]
    algorithm.batch_query(test, 10)
    assert (np.array(single) == algorithm.get_batch_results()).all()
    lengths = np.linalg.norm(train, axis=1)
    truth = [np.argsort(-(train @ query) / lengths)[:10] for query in test]
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(single, truth, strict=True)])
    assert recall > 0.97 and "ef 200" in algorithm.name
    with pytest.raises(NotImplementedError):
        module.Nigh("euclidean", {})
