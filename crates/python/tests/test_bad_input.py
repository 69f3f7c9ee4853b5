"""What cannot be used is refused with an exception that says what was expected and found."""

import contextlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ARTICLES, unit_vectors

import nigh

ROWS = unit_vectors(20, 8, 1)


def with_value(value: float) -> Any:
    """Rows of which one has this value."""
    rows = ROWS.copy()
    rows[3, 5] = value
    return rows


BAD_VECTORS: list[tuple[Any, type[nigh.Error], str]] = [
    (ROWS.astype(np.float64), nigh.InputTypeError, r"float32, found float64; vectors\.astype"),
    (ROWS.astype(np.float16), nigh.InputTypeError, "float32, found float16"),
    (ROWS.astype(">f4"), nigh.InputTypeError, "float32, found >f4"),
    (ROWS.astype(object), nigh.InputTypeError, "float32, found object"),
    (ROWS.tolist(), nigh.InputTypeError, "numpy array of float32 of shape .*, found list"),
    (None, nigh.InputTypeError, "found NoneType"),
    (ROWS[0], nigh.InputError, r"expected shape \(n, d\), found \(8,\)"),
    (ROWS[None], nigh.InputError, r"found \(1, 20, 8\)"),
    (np.float32(1), nigh.InputTypeError, "found float32"),
    (np.zeros((), np.float32), nigh.InputError, r"found \(\)"),
    (np.zeros((4, 0), np.float32), nigh.InputError, r"found \(4, 0\)"),
    (np.zeros((0, 8), np.float32), nigh.InputError, "one row or more, found none"),
    (ROWS[:, ::2], nigh.InputError, r"contiguous .* found strides .*ascontiguousarray"),
    (np.asfortranarray(ROWS), nigh.InputError, "contiguous"),
    (ROWS[::-1], nigh.InputError, "contiguous"),
    (with_value(float("nan")), nigh.InputError, r"vectors\[3\]: a vector whose value 5 is NaN"),
    (with_value(float("inf")), nigh.InputError, r"vectors\[3\]: .* value 5 is inf"),
    (ROWS * 2, nigh.InputError, r"vectors\[0\]: a vector of length 2.*normalize=True"),
    (np.zeros_like(ROWS), nigh.InputError, "length 0"),
    (np.zeros((1, 20_000), np.float32), nigh.InputError, "length 0"),
]


@pytest.mark.parametrize(("vectors", "error", "message"), BAD_VECTORS)
def test_vectors_that_cannot_be_indexed(
    vectors: Any, error: type[nigh.Error], message: str
) -> None:
    with pytest.raises(error, match=message):
        nigh.Index.build(vectors)


def test_vectors_that_cannot_be_scaled() -> None:
    for rows in [np.zeros_like(ROWS), with_value(float("nan")), with_value(float("inf"))]:
        with pytest.raises(nigh.InputError, match=r"vectors\[\d\]: .* cannot be scaled"):
            nigh.Index.build(rows, normalize=True)


def test_parameters_out_of_range() -> None:
    build: Any = nigh.Index.build
    for name, value in [("m", 1), ("m", 129), ("ef_construction", 0), ("threads", 0), ("threads", 999)]:
        with pytest.raises(nigh.InputError, match=rf"{name} = {value}: expected \d"):
            build(ROWS, **{name: value})
    for name in ["m", "seed", "threads"]:
        with pytest.raises(OverflowError):
            build(ROWS, **{name: -1})
    with pytest.raises(TypeError):
        build(ROWS, m="many")
    wide = np.full((1, 20_000), 1, np.float32)
    with pytest.raises(nigh.InputError, match="dimensions = 20000; expected 1 to 16,384"):
        build(wide, normalize=True)


def test_queries_that_do_not_fit() -> None:
    index = nigh.Index.build(ROWS)
    search: Any = index.search
    cases: list[tuple[Any, dict[str, Any], type[nigh.Error], str]] = [
        (ROWS[:, :4].copy(), {}, nigh.InputError, r"\(n, 8\) or \(8,\), found \(20, 4\)"),
        (ROWS[0, :4], {}, nigh.InputError, r"found \(4,\)"),
        (ROWS.astype(np.float64), {}, nigh.InputTypeError, "found float64"),
        (with_value(float("nan")), {}, nigh.InputError, r"queries\[3\]: .*NaN"),
        (ROWS * 2, {}, nigh.InputError, r"queries\[0\]: .* divide queries by their norms"),
        (ROWS, {"k": 0}, nigh.InputError, "k = 0: expected 1 to 10000"),
        (ROWS, {"k": 20_000}, nigh.InputError, "k = 20000"),
        (ROWS, {"ef": 0}, nigh.InputError, "ef = 0"),
        (ROWS, {"allowed": np.ones(20, np.int8)}, nigh.InputTypeError, "bool, found int8"),
        (ROWS, {"allowed": np.ones(19, bool)}, nigh.InputError, r"\(20,\).* found \(19,\)"),
        (ROWS, {"allowed": np.ones(40, bool)[::2]}, nigh.InputError, "contiguous"),
        (ROWS, {"allowed": [True] * 20}, nigh.InputTypeError, "found list"),
    ]
    for queries, options, error, message in cases:
        with pytest.raises(error, match=message):
            search(queries, **options)
    with pytest.raises(nigh.InputError, match=r"expected shape \(n, 8\), found \(20, 4\)"):
        index.add(np.ascontiguousarray(ROWS[:, :4]))
    assert index.search(np.zeros((0, 8), np.float32))[0].shape == (0, 10)
    assert len(index) == 20


def test_paths_without_an_index(tmp_path: Path) -> None:
    with pytest.raises(nigh.NotFoundError, match=f"no index at {tmp_path}"):
        nigh.Index.load(tmp_path)
    index = nigh.Index.build(ROWS)
    (tmp_path / "file").write_text("something else")
    with pytest.raises(nigh.InputError, match="expected an index, or nothing"):
        index.save(tmp_path / "file", overwrite=True)
    assert (tmp_path / "file").read_text() == "something else"
    with pytest.raises(nigh.StorageError, match="file"):
        index.save(tmp_path / "file" / "below")


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        ("one text", nigh.InputTypeError, "texts: expected a list of strings, found str"),
        (7, nigh.InputTypeError, "found int"),
        (["a", None], nigh.InputTypeError, r"texts\[1\]: expected a string, found NoneType"),
        (["a", b"b"], nigh.InputTypeError, r"texts\[1\]: expected a string, found bytes"),
        (["\ud800"], nigh.InputError, r"texts\[0\]: .*surrogates"),
    ],
)
def test_texts_that_cannot_be_embedded(texts: Any, error: type[nigh.Error], message: str) -> None:
    with pytest.raises(error, match=message):
        nigh.Embedder().embed(texts)


def test_models_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(nigh.ModelError, match="no such model"):
        nigh.Embedder("no such model")
    with pytest.raises(nigh.ModelError):
        nigh.Embedder(str(tmp_path))
    collection = nigh.Collection(tmp_path / "c", model="no such model")
    with pytest.raises(nigh.ModelError, match="no such model"):
        collection.add(ARTICLES)
    assert not collection.exists()


def test_another_model(small: nigh.Collection) -> None:
    with pytest.raises(nigh.ModelMismatchError, match=r"minilm.*|static.*"):
        nigh.Collection(small.path, model="static")
    assert len(nigh.Collection(small.path, model="builtin")) == 3
    assert len(nigh.Collection(small.path, model="minilm-l6-v2-int8")) == 3


def test_collections_that_do_not_exist(tmp_path: Path) -> None:
    collection = nigh.Collection(tmp_path / "none")
    assert not collection.exists() and len(collection) == 0 and "x" not in collection
    for work in [
        lambda: collection.search("a question"),
        lambda: collection.search_many(["a question"]),
        lambda: collection.delete("x"),
        collection.vectors,
        collection.check,
        collection.compact,
        collection.stats,
    ]:
        with pytest.raises(nigh.NotFoundError, match="no collection at"):
            work()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("something else")
    with pytest.raises(nigh.InputError, match="exists and is not a collection"):
        nigh.Collection(tmp_path / "other").add(ARTICLES)
    with pytest.raises(nigh.InputError, match="path: .*empty"):
        nigh.Collection("")
    with pytest.raises(nigh.InputError, match="milvus:// address"):
        nigh.Collection("milvus://host/name")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chunk": "pages"}, "unknown variant `pages`, expected one of"),
        ({"chunk_tokens": 1}, "chunk_tokens = 1: expected"),
        ({"language": "klingon"}, "language: expected one of arabic"),
        ({"threads": 0}, "threads = 0"),
        ({"threads": 1.5}, "invalid type"),
    ],
)
def test_options_of_collections(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(nigh.InputError, match=message):
        nigh.Collection(tmp_path / "c", **options)


@pytest.mark.parametrize(
    ("article", "error", "message"),
    [
        ("text", nigh.InputTypeError, r"articles\[0\]: expected a dict .* found str"),
        ({"text": "a"}, nigh.InputError, r'articles\[0\]: expected "id"'),
        ({"id": "a"}, nigh.InputError, r'articles\[0\]: expected "text"'),
        ({"id": 1, "text": "a"}, nigh.InputTypeError, r'\["id"\]: expected a string, found int'),
        ({"id": " ", "text": "a"}, nigh.InputError, "the id is blank"),
        ({"id": "a", "text": " \n"}, nigh.InputError, 'the text of "a" is blank'),
        ({"id": "a", "text": "b", "body": "c"}, nigh.InputError, 'found "body"'),
        ({"id": "a", "text": "b", "metadata": [1]}, nigh.InputTypeError, "expected a dict"),
        (
            {"id": "a", "text": "b", "metadata": {"x": float("nan")}},
            nigh.InputError,
            r'\["x"\]: expected a finite number, found NaN',
        ),
        ({"id": "a", "text": "b", "metadata": {"x": 1 << 70}}, nigh.InputError, "64 bits"),
        ({"id": "a", "text": "b", "metadata": {"x": object()}}, nigh.InputTypeError, "found object"),
        ({"id": "a", "text": "b", "metadata": {1: 2}}, nigh.InputTypeError, "expected a string"),
    ],
)
def test_articles_that_cannot_be_added(
    tmp_path: Path, article: Any, error: type[nigh.Error], message: str
) -> None:
    with pytest.raises(error, match=message):
        nigh.Collection(tmp_path / "c", model="static").add([article])


def test_values_nested_in_themselves(tmp_path: Path) -> None:
    nested: list[Any] = []
    nested.append(nested)
    with pytest.raises(nigh.InputError, match="nested more than"):
        nigh.Collection(tmp_path / "c").add({"id": "a", "text": "b", "metadata": {"x": nested}})


def test_articles_that_are_no_iterable(small: nigh.Collection) -> None:
    add: Any = small.add
    for articles in [5, None, "text"]:
        with pytest.raises(TypeError):
            add(articles)


@pytest.mark.parametrize(
    ("question", "options", "message"),
    [
        ("", {}, "the question is empty"),
        (" \n", {}, "the question is empty"),
        ("a", {"k": 0}, "k = 0: expected 1 to 10000"),
        ("a", {"k": 10, "offset": 10_000}, r"k \+ offset = 10010"),
        ("a", {"mode": "semantic"}, "unknown variant `semantic`, expected one of"),
        ("a", {"filter": "topic:"}, "filter, column"),
        ("a", {"filter": "nofield:x"}, 'no article has a field "nofield"; known fields: .*topic'),
        ("a", {"diverse": 1.5}, "diverse = 1.5: expected a number from 0 to 1"),
        ("a", {"dense_weight": -1}, "dense_weight = -1"),
        ("a", {"around": 101}, "around = 101"),
        ("a", {"rerank_top": 0}, "rerank_top = 0"),
        ("a", {"rerank_seconds": float("nan")}, "finite"),
        ("a", {"fusion": "sum"}, "unknown variant `sum`"),
    ],
)
def test_questions_that_cannot_be_asked(
    small: nigh.Collection, question: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(nigh.InputError, match=message):
        small.search(question, **options)


def test_questions_of_another_type(small: nigh.Collection) -> None:
    search: Any = small.search
    with pytest.raises(nigh.InputTypeError, match="question: expected a string, found int"):
        search(5)
    with pytest.raises(nigh.InputError, match=r"questions\[1\]: the question is empty"):
        small.search_many(["a", " "])
    with pytest.raises(nigh.ModelError, match="no such"):
        small.search("a", rerank="no such model")


@pytest.mark.parametrize(
    ("queries", "qrels", "message"),
    [
        (None, {"q": {"bread": 1}}, "which questions"),
        ({"q": "a"}, (), "no relevance judgements"),
        ({"q": " "}, {"q": {"bread": 1}}, r"^queries\.jsonl:1: .*empty"),
        ([{"text": "a"}], {"q": {"bread": 1}}, r"^queries\.jsonl:1: expected .*_id"),
        ({"q": "a"}, {"q": {"bread": "best"}}, r"qrels\.tsv:2"),
        ({"q": "a"}, {"q\t": {"bread": 1}}, "a tab or a line break"),
        ("no such file", {"q": {"bread": 1}}, "no such file"),
    ],
)
def test_evaluations_that_cannot_be_made(
    small: nigh.Collection, queries: Any, qrels: Any, message: str
) -> None:
    with pytest.raises(nigh.Error, match=message):
        small.evaluate(queries, qrels)


def test_metrics_that_do_not_exist(small: nigh.Collection) -> None:
    with pytest.raises(nigh.InputError, match="goodness"):
        small.evaluate({"q": "a"}, {"q": {"bread": 1}}, metrics=["goodness@10"])


@contextlib.contextmanager
def writer(path: Path) -> Iterator[None]:
    """Another process that writes to a collection until the end."""
    script = """
import sys, nigh
def articles():
    yield {"id": "first", "text": "The first article."}
    yield {"id": "second", "text": "The second article."}
    print("writing", flush=True)
    sys.stdin.read()
nigh.Collection(sys.argv[1]).add(articles())
"""
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "writing\n"
        # It holds the lock once it has read two articles.
        while (path / "writer.lock").read_text().strip() != str(process.pid):
            time.sleep(0.01)
        yield
        process.stdin.close()
    assert process.returncode == 0


def test_a_collection_that_another_process_writes(small: nigh.Collection) -> None:
    with writer(small.path):
        works: list[Callable[[], object]] = [
            lambda: small.add({"id": "sun", "text": "The sun."}),
            lambda: small.delete("bread"),
            small.compact,
        ]
        for work in works:
            with pytest.raises(nigh.LockedError, match=r"is being written by process \d+"):
                work()
        assert small.search("yeast")[0].article_id == "bread", "reading goes on"
    assert len(small) == 5


def test_a_newer_format(small: nigh.Collection, tmp_path: Path) -> None:
    nigh.Index.build(ROWS).save(tmp_path / "index")
    description = tmp_path / "index" / "index.json"
    description.write_text(description.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(nigh.NewerFormatError, match="99"):
        nigh.Index.load(tmp_path / "index")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_is_refused(small: nigh.Collection) -> None:
    small.search("the sea")
    context = multiprocessing.get_context("fork")
    answers: multiprocessing.SimpleQueue[str] = context.SimpleQueue()

    def search() -> None:
        try:
            small.search("the sea")
        except nigh.Error as error:
            answers.put(str(error))

    process = context.Process(target=search)
    process.start()
    assert "forked" in answers.get()
    process.join()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_may_fork_after_it_has_opened_a_collection(small: nigh.Collection) -> None:
    script = """
import multiprocessing, sys, nigh
collection, embedder = nigh.Collection(sys.argv[1]), nigh.Embedder("static")
def work(answers): answers.put((collection.search("the sea")[0].article_id, embedder.embed(["a"]).shape))
context = multiprocessing.get_context("fork")
answers = context.SimpleQueue()
processes = [context.Process(target=work, args=(answers,)) for _ in range(2)]
for process in processes: process.start()
assert [answers.get() for _ in processes] == [("tides", (1, 256))] * 2
"""
    subprocess.run([sys.executable, "-c", script, small.path], check=True, timeout=60)


def test_a_spawned_process_opens_the_collection_again(small: nigh.Collection) -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        hits = pool.apply(small.search, ("the sea",))
    assert hits == small.search("the sea") and hits.question == "the sea"
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(nigh.Index.build(ROWS))


def test_exceptions_have_the_builtin_bases() -> None:
    assert issubclass(nigh.InputError, ValueError) and issubclass(nigh.InputTypeError, TypeError)
    assert issubclass(nigh.NotFoundError, LookupError) and issubclass(nigh.StorageError, OSError)
    assert issubclass(nigh.ModelMismatchError, ValueError)
    for name in nigh.errors.__dict__:
        kind = getattr(nigh.errors, name)
        if isinstance(kind, type):
            assert issubclass(kind, nigh.Error) and getattr(nigh, name) is kind
