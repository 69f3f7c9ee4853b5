"""Embedding texts."""

import threading

import numpy as np
import pytest

import nigh

TEXTS = ["The cat sat on the mat.", "What drives the tides is the Moon.", "Bread needs yeast."] * 40


def test_vectors_are_unit_rows_in_the_order_of_the_texts() -> None:
    embedder = nigh.Embedder()
    vectors = embedder.embed(TEXTS)
    assert vectors.shape == (120, embedder.dimensions) == (120, 384)
    assert vectors.dtype == np.float32 and vectors.flags.c_contiguous
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (vectors[0] == vectors[3]).all() and not (vectors[0] == vectors[1]).all()


def test_a_vector_depends_on_its_text_alone() -> None:
    one, two = nigh.Embedder(threads=1), nigh.Embedder(threads=2)
    assert (one.embed(TEXTS) == two.embed(TEXTS)).all()
    assert (one.embed(TEXTS[:1])[0] == two.embed(TEXTS)[0]).all()
    assert (one.embed(iter(TEXTS[:5])) == one.embed(TEXTS[:5])).all()


def test_no_texts_have_no_vectors() -> None:
    assert nigh.Embedder().embed([]).shape == (0, 384)


def test_the_static_model() -> None:
    embedder = nigh.Embedder("static")
    assert embedder.dimensions == 256 and embedder.embed_queries(TEXTS[:2]).shape == (2, 256)
    assert embedder.model in repr(embedder) and len(embedder.hash) == 32 and embedder.window > 1


def test_progress_counts_texts() -> None:
    seen: list[tuple[str, int, int]] = []
    nigh.Embedder().embed(TEXTS, progress=lambda *stage: seen.append(stage))
    assert seen[-1] == ("embedding", 120, 120)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_an_exception_of_the_callback_is_raised() -> None:
    def fail(stage: str, done: int, total: int) -> None:
        raise RuntimeError(f"{stage} {total}")

    with pytest.raises(RuntimeError, match="embedding 120"):
        nigh.Embedder().embed(TEXTS, progress=fail)


def test_one_embedder_serves_many_threads() -> None:
    embedder = nigh.Embedder(threads=2)
    expected = embedder.embed(TEXTS)
    equal: list[bool] = []

    def work() -> None:
        equal.append(bool((embedder.embed(TEXTS) == expected).all()))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert equal == [True] * 6
