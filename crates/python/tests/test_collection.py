"""Indexing, searching and changing collections."""

import datetime
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ARTICLES, DATA

import nigh


def test_files_are_indexed_and_searched(sample: nigh.Collection) -> None:
    hits = sample.search("Why is the sea off Peru so cold and so full of anchovies?", k=3)
    assert [hit.rank for hit in hits] == [1, 2, 3]
    best = hits[0]
    assert best.path.endswith("ocean-currents.txt") and "anchov" not in best.article_id
    assert best.passage_id.startswith(best.article_id + "#") and best.line > 1
    article = sample.article(best.article_id)
    assert article is not None
    start, end = best.span
    assert article.text.encode()[start:end].decode() == best.text
    assert (start, end) in article.passages
    assert hits.mode == "hybrid" and hits.milliseconds > 0
    assert best.dense is not None and -1 <= best.dense <= 1


def test_modes_and_options(sample: nigh.Collection) -> None:
    question = "How do winds along a coast cause upwelling?"
    dense = sample.search(question, mode="dense")
    assert [hit.score for hit in dense] == [hit.dense for hit in dense]
    lexical = sample.search(question, mode="lexical")
    assert all(hit.lexical == hit.score for hit in lexical)
    page = sample.search(question, k=3, offset=2)
    assert [hit.rank for hit in page] == [3, 4, 5]
    assert page[0].passage_id == sample.search(question, k=3)[2].passage_id
    articles = [hit.article_id for hit in sample.search(question, by="article")]
    assert len(set(articles)) == len(articles) == 10
    around = sample.search(question, k=1, around=1)[0]
    assert around.around is not None and around.text in around.around
    explained = sample.search(question, k=1, explain=True)[0].explanation
    assert explained is not None and "shares" in explained
    reranked = sample.search(question, k=2, rerank="maxsim")
    assert all(hit.rerank is not None for hit in reranked)
    assert sample.search(question, exact=True, mode="dense") == dense


def test_many_questions_have_the_answers_of_one(sample: nigh.Collection) -> None:
    questions = ["Why do tides come twice a day?", "What is Witkoff's mission?", "cold sea"] * 5
    stages: list[tuple[str, int, int]] = []
    many = sample.search_many(
        questions, k=5, progress=lambda *stage: stages.append(stage)
    )
    assert many == [sample.search(question, k=5) for question in questions]
    assert ("searching", 15, 15) in stages


def test_articles_round_trip(small: nigh.Collection) -> None:
    assert len(small) == 3 and small.ids() == ["bread", "owls", "tides"]
    assert [article.id for article in small.articles()] == small.ids()
    tides = small.article("tides")
    assert tides is not None
    assert tides.text == ARTICLES[0]["text"] and tides.title == "Tides" and tides.path == "tides"
    assert tides.metadata == ARTICLES[0]["metadata"]
    assert "tides" in small and "sun" not in small and small.article("sun") is None


def test_articles_are_replaced_and_deleted(small: nigh.Collection) -> None:
    same = small.add(ARTICLES)
    assert (same.unchanged, same.added, same.embedded) == (3, 0, 0)
    changed = small.add({"id": "bread", "text": "Rye bread keeps for a week."})
    assert (changed.updated, changed.added) == (1, 0)
    assert "Rye" in small.search("rye")[0].text
    assert small.delete(["bread", "no such article"]) == ["bread"]
    assert small.delete("owls") == ["owls"] and small.ids() == ["tides"]
    report = small.compact()
    assert report.dropped > 0 and report.segments_after == 1
    assert small.check().sound


def test_articles_come_from_any_iterable(tmp_path: Path) -> None:
    def articles() -> Iterator[nigh.Article]:
        for number in range(300):
            yield nigh.Article(f"a{number}", f"The article with the number {number} is about words.")

    collection = nigh.Collection(tmp_path / "c", model="static")
    report = collection.add(articles())
    assert (report.articles, report.added, len(collection)) == (300, 300, 300)
    assert collection.stats()["language"] == "english"


def test_an_exception_of_the_iterable_is_raised_and_what_came_before_is_kept(tmp_path: Path) -> None:
    def articles() -> Iterator[dict[str, object]]:
        yield from ARTICLES
        raise RuntimeError("the source is gone")

    collection = nigh.Collection(tmp_path / "c", model="static", language="english")
    with pytest.raises(RuntimeError, match="the source is gone"):
        collection.add(articles())
    assert len(collection) == 3


def test_metadata_of_other_types(small: nigh.Collection) -> None:
    metadata = {
        "day": datetime.date(2026, 1, 31),
        "count": np.int64(7),
        "share": np.float32(0.5),
        "flag": True,
        "none": None,
        "tuple": ("a", 1),
    }
    small.add({"id": "x", "text": "Some words.", "metadata": metadata})
    article = small.article("x")
    assert article is not None and article.metadata == {
        "day": "2026-01-31",
        "count": 7,
        "share": 0.5,
        "flag": "true",
        "tuple": ["a", 1],
    }
    assert [hit.article_id for hit in small.search("words", filter="day:2026-01")] == ["x"]


def test_filters(small: nigh.Collection) -> None:
    found = small.search("the", filter="topic:sea OR date:>=2025-06")
    assert {hit.article_id for hit in found} == {"tides", "owls"}
    assert [hit.article_id for hit in small.search("the", filter="tags:moon")] == ["tides"]
    nothing = small.search("the", filter="topic:nothing")
    assert nothing == [] and nothing.notes


def test_vectors_are_those_of_the_embedder(small: nigh.Collection) -> None:
    vectors, ids = small.vectors(), small.passage_ids()
    assert vectors.shape == (len(ids), 384) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    hit = small.search("yeast and dough", mode="dense")[0]
    query = nigh.Embedder().embed_queries(["yeast and dough"])
    row = ids.index(hit.passage_id)
    assert float(vectors[row] @ query[0]) == pytest.approx(hit.score, abs=1e-5)


def test_files_that_cannot_be_read_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.txt").write_text("The heron stands in the shallow water.")
    (files / "b.html").write_text("<html><body><p>The kingfisher dives for fish.</p></body></html>")
    (files / "c.pdf").write_bytes(b"%PDF-1.4 this is not a PDF")
    collection = nigh.Collection(tmp_path / "c", model="static")
    report = collection.index(files)
    assert (report.articles, report.failures) == (2, 1)
    assert any(note.path is not None and note.path.endswith("c.pdf") for note in report.notes)
    assert any("c.pdf" in record.getMessage() for record in caplog.records)
    assert collection.search("kingfisher")[0].path.endswith("b.html")
    (files / "a.txt").unlink()
    assert collection.index(files).deleted == 1


def test_files_are_read_in_another_process(tmp_path: Path) -> None:
    deep = "<div>" * 300_000 + "The egret is white." + "</div>" * 300_000
    (tmp_path / "deep.html").write_text(deep)
    (tmp_path / "flat.html").write_text("<html><p>The egret is white.</p></html>")
    collection = nigh.Collection(tmp_path / "c", model="static", language="english")
    collection.index(tmp_path / "deep.html", tmp_path / "flat.html")
    assert any(hit.path.endswith("flat.html") for hit in collection.search("egret"))


def test_commits_of_another_instance_are_seen(small: nigh.Collection) -> None:
    other = nigh.Collection(small.path)
    assert len(other) == 3
    small.add({"id": "sun", "text": "The sun is a star."})
    assert len(other) == 4 and other.search("star")[0].article_id == "sun"


def test_a_collection_is_searched_and_written_by_many_threads(small: nigh.Collection) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(4):
                if number % 2:
                    small.add({"id": f"t{number}-{step}", "text": f"Thread {number}, step {step}."})
                else:
                    assert small.search("the Moon and the sea", k=1)[0].article_id == "tides"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(small) == 3 + 16
    assert small.check().sound


def test_evaluation_of_questions_with_answers(sample: nigh.Collection, tmp_path: Path) -> None:
    verdict = sample.evaluate(
        DATA / "paraphrases.jsonl", qa=True, metrics=["success@1", "nDCG@10"]
    )
    assert verdict.metrics == ["success@1", "nDCG@10"] and verdict.queries > 200
    hybrid = verdict.systems["hybrid"]["nDCG@10"]
    assert 0.8 < hybrid.low < hybrid.mean < hybrid.high <= 1
    assert verdict.comparisons and set(verdict.causes) == {"hybrid", "dense", "lexical"}
    missed = sum(verdict.causes["lexical"].values())
    assert missed == sum(miss["system"] == "lexical" for miss in verdict.misses)
    assert all(cause in verdict.explanations for cause in verdict.causes["lexical"])
    frame = verdict.to_pandas()
    assert list(frame.columns) == ["system", "metric", "mean", "low", "high"] and len(frame) == 6
    values = verdict.to_pandas(per_query=True)
    assert len(values) == 3 * 2 * verdict.queries
    means = values[values.metric == "nDCG@10"].groupby("system")["value"].mean()
    assert means["hybrid"] == pytest.approx(hybrid.mean)
    page = verdict.report(tmp_path / "report")
    assert page == tmp_path / "report" / "report.html" and "<svg" in page.read_text()
    assert (tmp_path / "report" / "verdict.json").is_file()


def test_evaluation_of_values_in_python(small: nigh.Collection) -> None:
    queries = {"q1": "why is the water high twice a day", "q2": "what makes dough rise"}
    verdict = small.evaluate(
        queries, {"q1": {"tides": 1}, "q2": {"bread": 2}}, modes=["hybrid"], metrics=["recall@1"]
    )
    assert verdict.systems["hybrid"]["recall@1"].mean == 1.0
    verdict = small.evaluate(
        [{"_id": 1, "text": "what makes dough rise"}],
        [{"query-id": 1, "answers": ["yeast turns sugar into gas"]}],
        modes=["lexical"],
    )
    assert verdict.queries == 1 and not verdict.incomplete


def test_results_show_themselves(small: nigh.Collection) -> None:
    small.add({"id": "markup", "title": "<b>", "text": "A tag & another <i> in a text."})
    hits = small.search("tag in a text", k=1)
    shown = hits._repr_html_()
    assert "&lt;i&gt;" in shown and "<i>" not in shown and "&lt;b&gt;" in shown
    assert hits[0]._repr_html_() in shown
    frame = hits.to_pandas()
    assert frame.article_id.tolist() == ["markup"]
    verdict = small.evaluate({"q": "dough"}, {"q": {"bread": 1}}, metrics=["recall@1"])
    assert "recall@1" in verdict._repr_html_() and "recall@1" in repr(verdict)


def test_progress_with_tqdm(small: nigh.Collection, capfd: pytest.CaptureFixture[str]) -> None:
    small.search_many(["the sea", "the night"], progress=True)
    assert "searching" in capfd.readouterr().err


def test_damage_is_found_and_repaired(tmp_path: Path) -> None:
    collection = nigh.Collection(tmp_path / "c", language="english")
    collection.add(ARTICLES)
    vectors = next((tmp_path / "c" / "vectors").glob("*.vec"))
    content = bytearray(vectors.read_bytes())
    content[100] ^= 0xFF
    vectors.write_bytes(content)
    again = nigh.Collection(tmp_path / "c")
    report = again.check()
    assert not report.sound and any(vectors.name in problem for problem in report.problems)
    with pytest.raises(nigh.DamagedError, match=vectors.name):
        again.vectors()
    assert again.repair().sound
    assert again.search("yeast", k=1)[0].article_id == "bread"
