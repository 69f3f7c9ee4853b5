"""Collections of articles."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nigh import _nigh, results
from nigh.errors import InputError, InputTypeError
from nigh.results import Article, CheckReport, CompactReport, Hits, IndexReport, Verdict

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A file or folder.
StrPath = str | os.PathLike[str]
#: Which lists are searched: both, vectors, or words.
Mode = Literal["hybrid", "dense", "lexical"]
#: Called with the name of a stage, the units done and their total; or True for tqdm.
Progress = Callable[[str, int, int], object] | bool | None
#: How scores are normalized before they are fused.
Fusion = Literal["z-score", "min-max", "distribution", "rrf"]

_ARTICLE_FIELDS = [field.name for field in fields(Article) if field.name != "passages"]


class _Bars:
    """Shows progress with tqdm, a bar for each stage."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            message = "progress=True needs tqdm: pip install 'nigh[progress]'"
            raise InputError(message) from error
        self._tqdm: Any = tqdm
        self._bar: Any = None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._bar is None or stage != self._stage or done < self._bar.n:
            self.close()
            self._bar, self._stage = self._tqdm(total=total, desc=stage), stage
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class _Shown:
    """The callback for a value of ``progress``, closed at the end."""

    def __init__(self, progress: Progress) -> None:
        self._bars = _Bars() if progress is True else None
        self._callback = None if isinstance(progress, bool) else progress

    def __enter__(self) -> Callable[[str, int, int], object] | None:
        return self._bars or self._callback

    def __exit__(self, *_: object) -> None:
        if self._bars is not None:
            self._bars.close()


def _mapping(item: Any) -> Any:
    """The dict of an article; anything else as it is, for the extension module to judge."""
    if isinstance(item, Article):
        return {name: getattr(item, name) for name in _ARTICLE_FIELDS}
    return item


class Collection:
    """Articles in a folder, with their words, vectors and metadata.

    The folder is created by the first ``index`` or ``add``, or by ``create``. A collection is the
    same for Python and for the command ``nigh``. Every change is saved before a method returns, and
    is seen by all other processes; after a crash, the last saved state is there.

    A collection can be used from several threads. Searches go on while another thread or process
    writes; a second process that writes gets ``LockedError``.

    Parameters
    ----------
    path : str or os.PathLike
        The folder of the collection.
    model : str, optional
        The model that embeds: ``"builtin"``, ``"static"``, the name of a model of fastembed's
        catalog, or a folder with a model. By default the collection's own, and ``"builtin"`` for a
        new one. A collection cannot change its model.
    chunk : {"sentences", "markdown", "whole"}, optional
        How articles are split into passages. By default as before, and by sentences in a new
        collection.
    chunk_tokens : int, optional
        The most tokens of a passage; 128 in a new collection.
    overlap : int, optional
        How many sentences of a passage are repeated in the next; 1 in a new collection.
    language : str, optional
        The language of the articles, such as ``"english"``, or ``"other"``: whose words are stemmed.
        By default it is told from the first articles.
    threads : int, optional
        Threads that embed, search and build; by default one for each core.
    read_apart : bool
        Read HTML, PDF, office files and mail in a process of their own, because a hostile file can
        crash a parser. It is started with ``sys.executable``.

    Raises
    ------
    nigh.ModelMismatchError
        The collection was made with another model.
    """

    def __init__(
        self,
        path: StrPath,
        model: str | None = None,
        *,
        chunk: Literal["sentences", "markdown", "whole"] | None = None,
        chunk_tokens: int | None = None,
        overlap: int | None = None,
        language: str | None = None,
        threads: int | None = None,
        read_apart: bool = True,
    ) -> None:
        options = {
            "model": model,
            "chunk": chunk,
            "chunk_tokens": chunk_tokens,
            "overlap": overlap,
            "language": language,
            "threads": threads,
        }
        self._native = _nigh.Collection(path, options, read_apart)
        self._arguments = (self._native.path, {**options, "read_apart": read_apart})

    @property
    def path(self) -> Path:
        """The folder."""
        return Path(self._native.path)

    def exists(self) -> bool:
        """Whether the folder holds a collection."""
        return self._native.exists()

    def create(self) -> None:
        """Creates the empty collection, in English unless a language was given.

        Only needed if it is to be searched before anything is in it.

        Raises
        ------
        nigh.InputError
            Something is in the folder already.
        """
        self._native.create()

    def index(
        self,
        *paths: StrPath,
        format: str | None = None,
        deletions: Literal["plausible", "always", "never"] = "plausible",
        progress: Progress = None,
    ) -> IndexReport:
        """Brings the collection up to date with files and folders.

        Adds new articles, replaces those that have changed, and deletes those whose file is gone.
        Unchanged files are not read again. Saves every few seconds, so what was done before an
        exception or Ctrl-C is kept, and the same call goes on from there.

        Parameters
        ----------
        *paths : str or os.PathLike
            Files and folders.
        format : str, optional
            The format of every file, such as ``"jsonl"``; detected if left out.
        deletions : {"plausible", "always", "never"}
            Which articles to delete whose file is gone: those of folders that still have more than
            a tenth of theirs, all, or none.
        progress : callable or bool, optional
            Called with the name of the stage, the bytes done and their total. True shows tqdm.

        Raises
        ------
        nigh.InputError
            There is no file that can be read.
        nigh.LockedError
            Another process is writing.
        """
        with _Shown(progress) as callback:
            report = self._native.index(paths, format, deletions, callback)
        return results.index_report(report)

    def add(
        self,
        articles: Iterable[Article | Mapping[str, object]] | Article | Mapping[str, object],
        *,
        progress: Progress = None,
    ) -> IndexReport:
        """Adds articles, or replaces those with the same ids.

        Parameters
        ----------
        articles : iterable of nigh.Article or of dict
            A dict has ``"id"`` and ``"text"``, and perhaps ``"title"``, ``"path"`` and
            ``"metadata"``. The iterable is read as the articles are embedded, so it need not fit
            into memory. If it raises, the articles before are kept, and so is the exception.
        progress : callable or bool, optional
            Called with the name of the stage, the bytes done and their total, 0 if it is not known.

        Raises
        ------
        nigh.InputError
            An article has no id or text, or another field.
        nigh.LockedError
            Another process is writing.
        """
        given: Any = articles
        if isinstance(given, (str, bytes)) or not isinstance(given, (Article, Iterable)):
            raise InputTypeError(
                f"articles: expected an iterable of articles, found {type(given).__name__}"
            )
        items: Any = [given] if isinstance(given, (Article, Mapping)) else given
        with _Shown(progress) as callback:
            report = self._native.add(map(_mapping, items), callback)
        return results.index_report(report)

    def delete(self, ids: str | Iterable[str]) -> list[str]:
        """Deletes articles.

        Returns
        -------
        list of str
            The ids of those that were there.
        """
        return self._native.delete([ids] if isinstance(ids, str) else ids)

    def search(
        self,
        question: str,
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        filter: str | None = None,
        by: Literal["passage", "article"] = "passage",
        offset: int = 0,
        around: int = 0,
        explain: bool = False,
        copies: bool = False,
        diverse: float | None = None,
        exact: bool = False,
        fusion: Fusion | None = None,
        dense_weight: float | None = None,
        rerank: str | None = None,
        rerank_top: int | None = None,
        rerank_seconds: float | None = None,
        article_score: Literal["best", "sum"] | None = None,
    ) -> Hits:
        """Answers a question.

        Parameters
        ----------
        question : str
            Any text; it has no syntax.
        k : int
            The number of hits; 1 to 10,000.
        mode : {"hybrid", "dense", "lexical"}
            Search vectors and words, vectors, or words.
        filter : str, optional
            Search only articles that match, such as ``"source:reuters AND date:>=2025-06"``.
        by : {"passage", "article"}
            Rank passages, or articles by their passages.
        offset : int
            The number of best hits to skip.
        around : int
            The number of passages before and after each hit to return with it; 0 to 100.
        explain : bool
            Say how each score came about.
        copies : bool
            List near-duplicates as hits of their own instead of under the best of them.
        diverse : float, optional
            Choose hits that differ; how much that counts, 0 to 1.
        exact : bool
            Scan all vectors instead of walking the graph.
        fusion : {"z-score", "min-max", "distribution", "rrf"}, optional
            How dense and lexical scores are normalized; by default as the collection was tuned.
        dense_weight : float, optional
            The weight of dense scores, 0 to 1; lexical scores have the rest.
        rerank : str, optional
            Rerank the best with ``"maxsim"``, ``"builtin"``, a cross-encoder by name or folder, or
            ``"none"``.
        rerank_top : int, optional
            How many to rerank; 50 by default.
        rerank_seconds : float, optional
            When to stop reranking; after 2 s by default.
        article_score : {"best", "sum"}, optional
            Score an article by its best passage, or by the sum of all with falling weights.

        Raises
        ------
        nigh.NotFoundError
            There is no collection yet.
        nigh.InputError
            The question is blank, the filter is wrong, or an option is out of range.
        """
        options = _search_options(locals())
        return results.hits(self._native.search(question, options))

    def search_many(
        self,
        questions: Iterable[str],
        k: int = 10,
        *,
        mode: Mode = "hybrid",
        filter: str | None = None,
        by: Literal["passage", "article"] = "passage",
        offset: int = 0,
        around: int = 0,
        explain: bool = False,
        copies: bool = False,
        diverse: float | None = None,
        exact: bool = False,
        fusion: Fusion | None = None,
        dense_weight: float | None = None,
        rerank: str | None = None,
        rerank_top: int | None = None,
        rerank_seconds: float | None = None,
        article_score: Literal["best", "sum"] | None = None,
        progress: Progress = None,
    ) -> list[Hits]:
        """Answers many questions, on all threads. Otherwise as ``search``, but reranking has no
        time limit unless one is given.

        Returns
        -------
        list of nigh.Hits
            The hits of each question, in the order of the questions.
        """
        options = _search_options(locals())
        with _Shown(progress) as callback:
            answers = self._native.search_many(questions, options, callback)
        return [results.hits(answer) for answer in answers]

    def article(self, id: str) -> Article | None:
        """The article with this id; None if there is none."""
        found = self._native.article(id)
        return None if found is None else results.article(found)

    def ids(self) -> list[str]:
        """The ids of all articles, sorted."""
        return self._native.ids()

    def articles(self) -> Iterator[Article]:
        """All articles, sorted by id. One at a time is in memory."""
        for id in self._native.ids():
            found = self.article(id)
            # Another process may have deleted it meanwhile.
            if found is not None:
                yield found

    def vectors(self) -> NDArray[np.float32]:
        """The unit vectors of all passages.

        Returns
        -------
        numpy.ndarray of float32, shape (n, d)
            A row for each passage, in the order of ``passage_ids``.
        """
        return self._native.vectors()

    def passage_ids(self) -> list[str]:
        """The ids of all passages, in the order in which they were added: the article's id, ``#``,
        and the passage's number in it, from 0."""
        return self._native.passage_ids()

    def stats(self) -> dict[str, Any]:
        """Counts and sizes: ``articles``, ``passages``, ``model``, ``dimensions``, ``language``,
        ``text_bytes``, ``vector_bytes`` and others, as in ``nigh stats --json``."""
        return self._native.stats()

    def evaluate(
        self,
        queries: StrPath | Mapping[str, str] | Sequence[Mapping[str, object]] | None = None,
        qrels: StrPath
        | Sequence[StrPath]
        | Mapping[str, Mapping[str, int]]
        | Sequence[Mapping[str, object]] = (),
        *,
        qa: bool = False,
        modes: Sequence[Mode] | None = None,
        metrics: Sequence[str] = (),
        runs: Sequence[StrPath] = (),
        by: Literal["article", "answer"] | None = None,
        filter: str | None = None,
        exact: bool = False,
        fusion: Fusion | None = None,
        dense_weight: float | None = None,
        rerank: str | None = None,
        rerank_top: int | None = None,
        article_score: Literal["best", "sum"] | None = None,
        seed: int = 42,
        progress: Progress = None,
    ) -> Verdict:
        """Measures the search on questions with known answers.

        Parameters
        ----------
        queries : path, dict or list of dict
            A file of JSON lines with ``_id`` and ``text``, a dict of texts by id, or a list of
            dicts as in such a file.
        qrels : path, list of paths, dict or list of dict
            Files of judgements (BEIR, TREC, or JSON lines with ``answers``); grades by question and
            article, ``{"q1": {"article": 1}}``; or a list of dicts such as
            ``{"query-id": "q1", "answers": ["the text of an answer"]}``.
        qa : bool
            Also ask the questions of articles in question-and-answer layout.
        modes : list of {"hybrid", "dense", "lexical"}, optional
            The modes to compare; all three by default.
        metrics : list of str
            Such as ``"nDCG@10"``. The first one orders the systems, and its depth says what is
            missed.
        runs : list of paths
            TREC run files to compare, too.
        by : {"article", "answer"}, optional
            What is judged; told from the judgements if left out.
        filter, exact, fusion, dense_weight, rerank, rerank_top, article_score
            As for ``search``. With a reranker, each mode is measured without and with it.
        seed : int
            Of random choices: the same seed gives the same intervals.
        progress : callable or bool, optional
            Called with the name of the stage, the questions done and their total.

        Raises
        ------
        nigh.InputError
            Questions and judgements are missing, malformed, or do not fit together.
        """
        ranking = {
            "filter": filter,
            "exact": exact,
            "fusion": fusion,
            "dense_weight": dense_weight,
            "rerank": rerank,
            "rerank_top": rerank_top,
            "article_score": article_score,
        }
        with tempfile.TemporaryDirectory(prefix="nigh-evaluate-") as folder, _Shown(
            progress
        ) as callback:
            options = {
                "queries": _query_file(queries, Path(folder)),
                "qrels": _judgement_files(qrels, Path(folder)),
                "qa": qa,
                "modes": modes,
                "metrics": list(metrics),
                "runs": [os.fspath(run) for run in runs],
                "by": by,
                "seed": seed,
                "ranking": ranking,
            }
            try:
                return Verdict(self._native.evaluate(options, callback))
            except InputError as error:
                # Messages name lines of files that the caller has never seen.
                message = str(error).replace(f"{folder}{os.sep}", "")
                raise InputError(message) from None

    def compact(self, *, progress: Progress = None) -> CompactReport:
        """Drops what belongs to deleted articles and builds one graph of all vectors."""
        with _Shown(progress) as callback:
            return CompactReport(**self._native.compact(callback))

    def check(self, *, progress: Progress = None) -> CheckReport:
        """Reads everything and verifies checksums, passages, vectors and graphs."""
        with _Shown(progress) as callback:
            return results.check_report(self._native.check(callback))

    def repair(self, *, progress: Progress = None) -> CheckReport:
        """Rebuilds damaged parts from those that are intact, as far as that is possible.

        Returns
        -------
        nigh.CheckReport
            A check of the repaired collection; among its problems are articles that were lost.
        """
        with _Shown(progress) as callback:
            outcome = self._native.repair(callback)
        report = results.check_report(outcome["check"])
        lost = tuple(f"{id}: lost; its text is damaged" for id in outcome["lost"])
        return CheckReport(
            report.files, report.passages, report.reachable, report.problems + lost
        )

    def __len__(self) -> int:
        """The number of articles; 0 if there is no collection yet."""
        return int(self.stats()["articles"]) if self.exists() else 0

    def __contains__(self, id: object) -> bool:
        return isinstance(id, str) and self.exists() and self.article(id) is not None

    def __bool__(self) -> bool:
        """True, also if it is empty."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the folder again.
        return _opened, self._arguments

    def __repr__(self) -> str:
        return f"nigh.Collection({str(self.path)!r})"


def _opened(path: str, options: dict[str, Any]) -> Collection:
    """The collection that was pickled."""
    return Collection(path, **options)


_RANKING = (
    "exact",
    "filter",
    "fusion",
    "dense_weight",
    "rerank",
    "rerank_top",
    "rerank_seconds",
    "article_score",
)
_SEARCH = ("k", "offset", "mode", "by", "copies", "diverse", "around", "explain")


def _search_options(arguments: Mapping[str, object]) -> dict[str, object]:
    """The options of a search, of the arguments of ``search`` or ``search_many``."""
    options = {name: arguments[name] for name in _SEARCH}
    options["ranking"] = {
        name: arguments[name] for name in _RANKING if arguments[name] is not None
    }
    return options


def _write_lines(path: Path, items: Iterable[object]) -> str:
    with path.open("w", encoding="utf-8") as file:
        for item in items:
            try:
                file.write(json.dumps(item, ensure_ascii=False) + "\n")
            except (TypeError, ValueError) as error:
                raise InputTypeError(f"{path.stem}: expected JSON values: {error}") from error
    return str(path)


def _query_file(queries: object, folder: Path) -> str | None:
    """The file of the questions."""
    if queries is None:
        return None
    if isinstance(queries, (str, os.PathLike)):
        path: StrPath = queries
        return os.fspath(path)
    if isinstance(queries, Mapping):
        texts: Mapping[object, object] = queries
        items = [{"_id": id, "text": text} for id, text in texts.items()]
    elif isinstance(queries, Sequence) and not isinstance(queries, bytes):
        items = list(queries)
    else:
        raise InputTypeError(
            f"queries: expected a path, a dict or a list, found {type(queries).__name__}"
        )
    return _write_lines(folder / "queries.jsonl", items)


def _judgement_files(qrels: object, folder: Path) -> list[str]:
    """The files of the judgements."""
    if isinstance(qrels, (str, os.PathLike)):
        path: StrPath = qrels
        return [os.fspath(path)]
    if isinstance(qrels, Mapping):
        target = folder / "qrels.tsv"
        grades: Mapping[str, Mapping[str, int]] = qrels
        with target.open("w", encoding="utf-8") as file:
            file.write("query-id\tcorpus-id\tscore\n")
            for query, of_query in grades.items():
                for id, grade in of_query.items():
                    if any(character in f"{query}{id}" for character in "\t\n\r"):
                        raise InputError(f"qrels: an id with a tab or a line break: {id!r}")
                    file.write(f"{query}\t{id}\t{grade}\n")
        return [str(target)]
    if not isinstance(qrels, Sequence) or isinstance(qrels, bytes):
        raise InputTypeError(
            f"qrels: expected paths, a dict or a list, found {type(qrels).__name__}"
        )
    items: Sequence[Any] = qrels
    if all(isinstance(item, (str, os.PathLike)) for item in items):
        return [os.fspath(item) for item in items]
    return [_write_lines(folder / "qrels.jsonl", items)]
