"""What the methods of a collection return."""

from __future__ import annotations

import html
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nigh import _nigh

if TYPE_CHECKING:
    import pandas

#: A value of an article's metadata.
MetadataValue = str | float | list["MetadataValue"]

_MAX_SHOWN_CHARACTERS = 600


@dataclass(frozen=True)
class Note:
    """A remark on a result that is not an error."""

    code: str
    """The kind of the note; it is stable. docs/notes.md lists all."""
    message: str
    """One sentence, for people."""
    path: str | None = None
    """The file it is about."""
    line: int | None = None
    """The line of the file, from 1."""

    def __str__(self) -> str:
        place = "" if self.path is None else f"{self.path}: "
        if self.path is not None and self.line is not None:
            place = f"{self.path}:{self.line}: "
        return place + self.message


def _notes(items: Sequence[Mapping[str, Any]] | None) -> tuple[Note, ...]:
    return tuple(
        Note(item["code"], item["message"], item.get("path"), item.get("line"))
        for item in items or ()
    )


@dataclass(frozen=True)
class Hit:
    """A passage that was found; with ``by="article"``, the best passage of an article."""

    rank: int
    """Its place in the ranking, from 1."""
    score: float
    """Higher is better. In ``dense`` mode the cosine, -1 to 1; in ``lexical`` mode BM25; in
    ``hybrid`` mode, by default, a mean of z-scores. Only cosines can be compared between questions.
    """
    passage_id: str
    """The article's id, ``#``, and the passage's number in it, from 0."""
    article_id: str
    """The id of the article."""
    title: str
    """The title of the article."""
    path: str
    """The file that the article was read from."""
    line: int
    """The line on which the passage begins, from 1."""
    span: tuple[int, int]
    """The passage's byte range in the article's text, as UTF-8."""
    text: str
    """The text of the passage."""
    dense: float | None = None
    """Its cosine with the question; None if it was not among the nearest."""
    lexical: float | None = None
    """Its BM25 score; None if it was not among the best."""
    rerank: float | None = None
    """The reranker's score, on the reranker's scale; None if it was not reranked."""
    around: str | None = None
    """The text with the passages around it, if they were asked for."""
    copies: tuple[str, ...] = ()
    """The ids of near-duplicate passages that rank lower."""
    explanation: Mapping[str, Any] | None = None
    """How the score came about, if that was asked for."""

    def _repr_html_(self) -> str:
        return _table([self])


def _hit(item: Mapping[str, Any]) -> Hit:
    scores = item["scores"]
    around = item.get("around")
    start, end = item["span"]
    return Hit(
        rank=item["rank"],
        score=item["score"],
        passage_id=item["passage_id"],
        article_id=item["article_id"],
        title=item["title"],
        path=item["path"],
        line=item["line"],
        span=(start, end),
        text=item["text"],
        dense=scores.get("dense"),
        lexical=scores.get("lexical"),
        rerank=scores.get("rerank"),
        around=None if around is None else around["text"],
        copies=tuple(copy["passage_id"] for copy in item.get("copies", ())),
        explanation=item.get("explanation"),
    )


class Hits(list[Hit]):
    """The hits of one question, best first: a list that also knows how the question was answered."""

    def __init__(
        self,
        hits: Sequence[Hit] = (),
        *,
        question: str = "",
        mode: str = "hybrid",
        milliseconds: float = 0.0,
        notes: Sequence[Note] = (),
        corrections: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(hits)
        self.question = question
        """The question as it was asked."""
        self.mode = mode
        """``hybrid``, ``dense`` or ``lexical``."""
        self.milliseconds = milliseconds
        """How long the answer took."""
        self.notes = tuple(notes)
        """What should be known about the answer: the question was cut, the filter matches nothing."""
        self.corrections = tuple(corrections)
        """Words of the question that are in no passage, with those that were searched for instead."""

    def to_pandas(self) -> pandas.DataFrame:
        """The hits as a data frame, one row for each."""
        import pandas

        columns = ["rank", "score", "article_id", "passage_id", "title", "path", "line", "text"]
        rows = [[getattr(hit, column) for column in columns] for hit in self]
        return pandas.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        notes = "".join(f"<p><em>{html.escape(str(note))}</em></p>" for note in self.notes)
        return f"<p><strong>{html.escape(self.question)}</strong></p>{_table(self)}{notes}"


def hits(answer: Mapping[str, Any]) -> Hits:
    """The hits in an answer as the extension module gives it."""
    return Hits(
        [_hit(item) for item in answer["hits"]],
        question=answer["query"],
        mode=answer["mode"],
        milliseconds=answer["took_ms"],
        notes=_notes(answer.get("notes")),
        corrections=answer.get("corrections", ()),
    )


def _table(found: Sequence[Hit]) -> str:
    rows: list[str] = []
    for hit in found:
        text = hit.text
        if len(text) > _MAX_SHOWN_CHARACTERS:
            text = text[:_MAX_SHOWN_CHARACTERS] + " …"
        title = html.escape(hit.title)
        place = html.escape(f"{hit.path}:{hit.line}")
        rows.append(
            f"<tr><td>{hit.rank}</td><td>{hit.score:.3f}</td>"
            f'<td style="text-align:left"><strong>{title}</strong> <code>{place}</code><br>'
            f"{html.escape(text)}</td></tr>"
        )
    head = '<thead><tr><th></th><th>score</th><th style="text-align:left">passage</th></tr></thead>'
    return f"<table>{head}<tbody>{''.join(rows)}</tbody></table>"


@dataclass(frozen=True)
class Article:
    """An article of a collection."""

    id: str
    """Unique in its collection."""
    text: str
    """The whole text."""
    title: str = ""
    """One line; may be empty."""
    path: str | None = None
    """Where it came from: a path or URL. By default its id."""
    metadata: Mapping[str, MetadataValue] = field(default_factory=dict[str, MetadataValue])
    """What filters can ask for. A value is a string, a number, a date as a string, or a list of
    these; other values are stored as the JSON text of theirs, and None is left out."""
    passages: tuple[tuple[int, int], ...] = ()
    """The byte ranges of its passages in the text, as UTF-8. Ignored when an article is added."""


def article(item: Mapping[str, Any]) -> Article:
    """The article that the extension module gives."""
    return Article(
        id=item["id"],
        text=item["text"],
        title=item["title"],
        path=item["path"],
        metadata=item["metadata"],
        passages=tuple((start, end) for start, end in item["passages"]),
    )


@dataclass(frozen=True)
class IndexReport:
    """What indexing did."""

    articles: int
    """Articles read."""
    added: int
    """Articles that the collection did not have."""
    updated: int
    """Articles that replaced one with the same id."""
    unchanged: int
    """Articles that the collection had already."""
    deleted: int
    """Articles deleted because their file is gone."""
    kept: int
    """Articles kept though their file is gone, because nearly all of their folder is."""
    failures: int
    """Files and articles that could not be used; the notes say why."""
    passages: int
    """Passages of added and updated articles."""
    embedded: int
    """Passages of these that were embedded; the others had a vector already."""
    seconds: float
    """The time taken."""
    notes: tuple[Note, ...]
    """What was skipped, left out or guessed."""


def index_report(item: Mapping[str, Any]) -> IndexReport:
    """The report that the extension module gives."""
    counts = {
        name: item[name]
        for name in (
            "articles",
            "added",
            "updated",
            "unchanged",
            "deleted",
            "kept",
            "failures",
            "passages",
            "embedded",
            "seconds",
        )
    }
    return IndexReport(**counts, notes=_notes(item.get("notes")))


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    files: int
    """Files whose checksums were verified."""
    passages: int
    """Passages whose text is their article's."""
    reachable: int | None
    """Vectors that can be reached in their graph."""
    problems: tuple[str, ...]
    """Everything that is wrong, each with its file or id."""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_report(item: Mapping[str, Any]) -> CheckReport:
    """The report that the extension module gives."""
    return CheckReport(item["files"], item["passages"], item["reachable"], tuple(item["problems"]))


@dataclass(frozen=True)
class CompactReport:
    """What compacting did."""

    dropped: int
    """Vectors of deleted passages that were dropped."""
    segments_before: int
    """Vector segments before."""
    segments_after: int
    """Vector segments after."""


@dataclass(frozen=True)
class Metric:
    """The mean of a metric over the questions, with its 95 % interval."""

    mean: float
    """The mean, 0 to 1."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.3f}, {self.high:.3f}]"


class Verdict:
    """The result of an evaluation: values, intervals, tests, and the causes of misses."""

    def __init__(self, native: _nigh.Verdict) -> None:
        self._native = native
        self._document = native.to_dict()

    @property
    def queries(self) -> int:
        """The number of questions that the means are taken over."""
        return int(self._document["queries"])

    @property
    def judgements(self) -> int:
        """The number of relevant judgements that these have."""
        return int(self._document["judgements"])

    @property
    def metrics(self) -> list[str]:
        """The metrics. Systems are compared by the first."""
        return list(self._document["metrics"])

    @property
    def systems(self) -> dict[str, dict[str, Metric]]:
        """The values by system and metric."""
        return {
            system["name"]: {
                name: Metric(value["mean"], *value["ci95"])
                for name, value in system["metrics"].items()
            }
            for system in self._document["systems"]
        }

    @property
    def comparisons(self) -> list[dict[str, Any]]:
        """The differences of the systems, with intervals and p-values, as in ``nigh eval --json``."""
        return list(self._document["comparisons"])

    @property
    def causes(self) -> dict[str, dict[str, int]]:
        """How many judgements each system missed, by cause. ``explanations`` says what they mean."""
        return {
            counts["system"]: dict(counts["by_cause"])
            for counts in self._document["losses"]["systems"]
        }

    @property
    def explanations(self) -> dict[str, str]:
        """What each cause of a miss means."""
        return dict(self._document["losses"]["explained"])

    @property
    def misses(self) -> list[dict[str, Any]]:
        """Every judgement that a system missed, with its cause."""
        return list(self._document["losses"]["misses"])

    @property
    def notes(self) -> tuple[Note, ...]:
        """What should be known about the result: judgements that could not be used, few questions."""
        return _notes(self._document["notes"])

    @property
    def incomplete(self) -> bool:
        """Whether some of the input could not be used; the notes say what."""
        return self._native.incomplete

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``nigh eval --json`` prints it."""
        return self._native.to_dict()

    def to_pandas(self, *, per_query: bool = False) -> pandas.DataFrame:
        """The values as a data frame.

        Parameters
        ----------
        per_query : bool
            The value of each question, with the columns ``system``, ``query``, ``metric`` and
            ``value``; otherwise the means, with ``system``, ``metric``, ``mean``, ``low`` and
            ``high``.
        """
        import pandas

        if per_query:
            rows: list[tuple[object, ...]] = [*self._native.values()]
            return pandas.DataFrame(rows, columns=["system", "query", "metric", "value"])
        rows = [
            (system, name, value.mean, value.low, value.high)
            for system, values in self.systems.items()
            for name, value in values.items()
        ]
        return pandas.DataFrame(rows, columns=["system", "metric", "mean", "low", "high"])

    def report(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the report into a folder: one HTML page, plots, and all figures as JSON.

        Returns
        -------
        pathlib.Path
            The page.
        """
        return Path(self._native.report(folder))

    def __repr__(self) -> str:
        lines = [f"{self.queries} questions, {self.judgements} judgements"]
        for system, values in self.systems.items():
            shown = ", ".join(f"{name} {values[name]}" for name in self.metrics)
            lines.append(f"{system}: {shown}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        names = self.metrics
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        rows = "".join(
            f"<tr><th>{html.escape(system)}</th>"
            + "".join(f"<td>{values[name]}</td>" for name in names)
            + "</tr>"
            for system, values in self.systems.items()
        )
        count = f"<p>{self.queries} questions, {self.judgements} judgements</p>"
        notes = "".join(f"<p><em>{html.escape(str(note))}</em></p>" for note in self.notes)
        return (
            f"{count}<table><thead><tr><th></th>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>{notes}"
        )
