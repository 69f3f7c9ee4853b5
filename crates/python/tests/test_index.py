"""The vector index by itself."""

import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import unit_vectors
from numpy.typing import NDArray

import nigh

Floats = NDArray[np.float32]


def nearest(vectors: Floats, query: Floats, k: int) -> NDArray[np.int64]:
    """The rows with the largest cosines, by numpy."""
    return np.argsort(-(vectors @ query), kind="stable")[:k]


def test_exact_search_finds_what_numpy_finds(index: nigh.Index, vectors: Floats) -> None:
    queries = unit_vectors(50, 32, 2)
    ids, scores = index.exact(queries, k=10)
    assert ids.shape == scores.shape == (50, 10)
    assert ids.dtype == np.int64 and scores.dtype == np.float32
    for number, query in enumerate(queries):
        assert (ids[number] == nearest(vectors, query, 10)).all()
        assert np.allclose(scores[number], vectors[ids[number]] @ query, atol=1e-5)


def test_graph_search_finds_nearly_all(index: nigh.Index) -> None:
    queries = unit_vectors(200, 32, 3)
    truth, _ = index.exact(queries)
    found, scores = index.search(queries, ef=128)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(truth, found, strict=True)])
    assert recall > 0.95
    assert (np.diff(scores, axis=1) <= 0).all()


def test_one_query_and_one_thread_give_the_same(index: nigh.Index) -> None:
    queries = unit_vectors(70, 32, 4)
    ids, scores = index.search(queries, k=5)
    serial_ids, serial_scores = index.search(queries, k=5, threads=1)
    assert (ids == serial_ids).all() and (scores == serial_scores).all()
    single_ids, single_scores = index.search(queries[7], k=5)
    assert single_ids.shape == (5,)
    assert (single_ids == ids[7]).all() and (single_scores == scores[7]).all()
    exact_ids, _ = index.exact(queries, k=5, threads=2)
    assert (exact_ids == index.exact(queries, k=5, threads=1)[0]).all()


def test_a_mask_restricts_the_search(index: nigh.Index, vectors: Floats) -> None:
    queries = unit_vectors(20, 32, 5)
    for share in [0.5, 0.02, 0.0]:
        mask = np.random.default_rng(6).random(len(index)) < share
        ids, _ = index.search(queries, k=10, allowed=mask)
        assert mask[ids[ids >= 0]].all()
        exact, scores = index.exact(queries, k=10, allowed=mask)
        rows = np.flatnonzero(mask)
        assert ((exact >= 0).sum(axis=1) == min(10, len(rows))).all()
        assert (scores[exact < 0] == -np.inf).all()
        if len(rows):
            expected = rows[nearest(vectors[rows], queries[0], 10)]
            assert (exact[0] == expected).all()


def test_missing_rows_are_filled(vectors: Floats) -> None:
    index = nigh.Index.build(vectors[:3])
    ids, scores = index.search(vectors[0], k=5)
    assert ids[0] == 0 and (ids[3:] == -1).all() and (scores[3:] == -np.inf).all()
    assert scores[0] == pytest.approx(1)


def test_added_rows_are_found_under_their_numbers(vectors: Floats) -> None:
    queries = unit_vectors(30, 32, 7)
    index = nigh.Index.build(vectors[:5000])
    for start in range(5000, 9000, 400):
        index.add(vectors[start : start + 400])
        assert len(index) == start + 400
    parts = index.check()["parts"]
    assert 1 < parts < 6, "parts of similar size are merged"
    assert (index.vectors() == vectors).all()
    whole = nigh.Index.build(vectors)
    truth, scores = whole.exact(queries)
    ids, added_scores = index.exact(queries)
    assert (ids == truth).all() and (added_scores == scores).all()
    mask = np.zeros(9000, dtype=bool)
    mask[4990:5010] = True
    assert (index.search(queries, allowed=mask)[0] >= 4990).all()
    index.compact()
    assert index.check()["parts"] == 1 and (index.exact(queries)[0] == truth).all()


def test_the_same_input_gives_the_same_index(vectors: Floats, tmp_path: Path) -> None:
    for name, threads in [("one", 1), ("two", 2)]:
        nigh.Index.build(vectors[:6000], threads=threads, seed=3).save(tmp_path / name)
    for file in ["0.vec", "0.graph", "index.json"]:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_saved_index_is_mapped_again(index: nigh.Index, tmp_path: Path) -> None:
    queries = unit_vectors(20, 32, 8)
    path = tmp_path / "new folder" / "index"
    index.save(path)
    loaded = nigh.Index.load(path)
    assert len(loaded) == len(index) and loaded.dimensions == 32
    assert (loaded.m, loaded.ef_construction, loaded.seed) == (16, 200, 0)
    assert (loaded.search(queries)[0] == index.search(queries)[0]).all()
    assert loaded.check() == index.check()
    loaded.add(queries)
    ids, _ = loaded.search(queries[3], k=1)
    assert ids[0] == len(index) + 3
    with pytest.raises(nigh.InputError, match="exists; overwrite=True"):
        loaded.save(path)
    loaded.save(path, overwrite=True)
    assert len(nigh.Index.load(path)) == len(index) + 20
    assert [entry.name for entry in path.parent.iterdir()] == ["index"], "nothing is left behind"


def test_damage_is_found(index: nigh.Index, tmp_path: Path) -> None:
    for file in ["0.vec", "0.graph"]:
        path = tmp_path / file.replace(".", "-")
        index.save(path)
        content = bytearray((path / file).read_bytes())
        content[len(content) // 2] ^= 1
        (path / file).write_bytes(content)
        with pytest.raises(nigh.DamagedError, match=file):
            nigh.Index.load(path).check()
    path = tmp_path / "cut"
    index.save(path)
    (path / "0.vec").write_bytes((path / "0.vec").read_bytes()[:-100])
    with pytest.raises(nigh.DamagedError):
        nigh.Index.load(path)
    (path / "index.json").write_text("{}")
    with pytest.raises(nigh.DamagedError, match=r"index\.json"):
        nigh.Index.load(path)


def test_rows_are_scaled_on_request(vectors: Floats) -> None:
    scaled = nigh.Index.build(vectors[:100] * 3, normalize=True)
    assert np.allclose(scaled.vectors(), vectors[:100], atol=1e-6)


def test_progress_of_a_build(vectors: Floats) -> None:
    seen: list[tuple[str, int, int]] = []
    nigh.Index.build(vectors, progress=lambda *stage: seen.append(stage))
    assert seen[-1][0] == "building the graph" and seen[-1][2] == 9000


def test_an_index_is_searched_while_rows_are_added(vectors: Floats) -> None:
    index = nigh.Index.build(vectors[:4500])
    failures: list[BaseException] = []
    done = threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                ids, _ = index.search(vectors[:8], k=1)
                assert (ids[:, 0] == np.arange(8)).all()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(4500, 9000, 900):
        index.add(vectors[start : start + 900])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures and len(index) == 9000
