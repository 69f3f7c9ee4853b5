"""nigh for Haystack: a document store, a retriever, and an embedder of texts.

Needs haystack-ai: ``pip install 'nigh[haystack]'``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter

from nigh._frameworks import literal, quoted, restored, stored
from nigh._nigh import Embedder
from nigh.collection import Collection, Mode
from nigh.errors import InputError
from nigh.results import Article

__all__ = ["NighDocumentStore", "NighRetriever", "NighTextEmbedder"]

#: Fields of a document beside its meta that are kept, in the metadata of its article.
_META = "meta"


class NighDocumentStore:
    """A collection as a document store. A document is an article, which the collection embeds
    itself: embeddings that documents bring along are not kept.

    Parameters
    ----------
    path : str
        The folder of the collection.
    model : str, optional
        The model that embeds, as for ``nigh.Collection``.
    language : str, optional
        The language of the documents; by default it is told from the first.
    """

    def __init__(self, path: str, *, model: str | None = None, language: str | None = None) -> None:
        self.path = os.fspath(path)
        self.model = model
        self.language = language
        self.collection = Collection(self.path, model, language=language)

    def to_dict(self) -> dict[str, Any]:
        """The store as a dictionary, for a pipeline's file."""
        return default_to_dict(self, path=self.path, model=self.model, language=self.language)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NighDocumentStore:
        """The store of such a dictionary."""
        store: NighDocumentStore = default_from_dict(cls, data)
        return store

    def count_documents(self) -> int:
        """The number of documents."""
        return len(self.collection)

    def filter_documents(self, filters: dict[str, Any] | None = None) -> list[Document]:
        """The documents that match Haystack's filters, in the order of their ids. All are read."""
        if filters and "operator" not in filters:
            raise FilterError(f'filters: expected "operator", found {sorted(filters)}')
        if not self.collection.exists():
            return []
        documents = (_document(article) for article in self.collection.articles())
        return [
            document
            for document in documents
            if not filters or document_matches_filter(filters, document)
        ]

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Writes documents; returns how many. Without a policy, a document that is there already is
        an error."""
        if not isinstance(documents, list):
            raise InputError(f"documents: expected a list, found {type(documents).__name__}")
        articles: dict[str, Article] = {}
        for number, document in enumerate(documents):
            if not isinstance(document, Document):
                raise InputError(
                    f"documents[{number}]: expected a Document, found {type(document).__name__}"
                )
            if document.id in articles or document.id in self.collection:
                if policy in (DuplicatePolicy.NONE, DuplicatePolicy.FAIL):
                    raise DuplicateDocumentError(f"the id {document.id!r} is taken")
                if policy == DuplicatePolicy.SKIP:
                    continue
            articles[document.id] = _article(document)
        if articles:
            self.collection.add(articles.values())
        return len(documents) if policy == DuplicatePolicy.OVERWRITE else len(articles)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Deletes documents. Ids that are not there are left alone."""
        if self.collection.exists():
            self.collection.delete(document_ids)


def _article(document: Document) -> Article:
    if document.content is None or not document.content.strip():
        raise InputError(f"the document {document.id!r}: expected text in content, found none")
    if document.blob is not None:
        raise InputError(f"the document {document.id!r}: expected text, found a blob as well")
    return Article(document.id, document.content, metadata=stored(document.meta))


def _document(article: Article) -> Document:
    return Document(id=article.id, content=article.text, meta=restored(article.metadata))


def _search_filter(filters: Mapping[str, Any]) -> str:
    """Haystack's filters in nigh's syntax."""
    operator = filters.get("operator")
    if operator in ("AND", "OR", "NOT"):
        conditions = filters.get("conditions")
        if not isinstance(conditions, list) or not conditions:
            raise FilterError(f'{operator}: expected "conditions", a list, found {conditions!r}')
        parts = [f"({_search_filter(condition)})" for condition in conditions]
        return f"NOT ({' AND '.join(parts)})" if operator == "NOT" else f" {operator} ".join(parts)
    for key in ("field", "operator", "value"):
        if key not in filters:
            raise FilterError(f'expected "{key}", found {sorted(filters)}')
    name = quoted(str(filters["field"]).removeprefix(f"{_META}."))
    value = filters["value"]
    if operator in ("==", "!=") and value is None:
        return f"{'NOT ' if operator == '==' else ''}{name}:*"
    if operator in ("==", "!="):
        return f"{'NOT ' if operator == '!=' else ''}{name}:{literal(value)}"
    if operator in ("in", "not in"):
        if not isinstance(value, list) or not value:
            raise FilterError(f"{operator}: expected a list of values, found {value!r}")
        either = " OR ".join(f"{name}:{literal(item)}" for item in value)
        return f"{'NOT ' if operator == 'not in' else ''}({either})"
    if operator in (">", ">=", "<", "<="):
        return f"{name}:{operator}{literal(value)}"
    raise FilterError(f"operator: expected ==, !=, >, >=, <, <=, in or not in, found {operator!r}")


@component
class NighRetriever:
    """Retrieves the documents of a store, or their passages, that answer a question.

    Parameters
    ----------
    document_store : NighDocumentStore
        The store.
    top_k : int
        The number of results.
    filters : dict, optional
        Haystack's filters on the meta of documents.
    mode : {"hybrid", "dense", "lexical"}
        How to search.
    by : {"article", "passage"}
        Whether a result is a document or a passage of one. A passage has its document's meta, with
        ``source_id``, ``line`` and ``span``.
    """

    def __init__(
        self,
        document_store: NighDocumentStore,
        *,
        top_k: int = 10,
        filters: dict[str, Any] | None = None,
        mode: Mode = "hybrid",
        by: Literal["article", "passage"] = "article",
    ) -> None:
        self.document_store = document_store
        self.top_k = top_k
        self.filters = filters
        self.mode: Mode = mode
        self.by: Literal["article", "passage"] = by

    def to_dict(self) -> dict[str, Any]:
        """The retriever as a dictionary, for a pipeline's file."""
        return default_to_dict(
            self,
            document_store=self.document_store.to_dict(),
            top_k=self.top_k,
            filters=self.filters,
            mode=self.mode,
            by=self.by,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NighRetriever:
        """The retriever of such a dictionary."""
        parameters = data["init_parameters"]
        store = NighDocumentStore.from_dict(parameters["document_store"])
        data = {**data, "init_parameters": {**parameters, "document_store": store}}
        retriever: NighRetriever = default_from_dict(cls, data)
        return retriever

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, top_k: int | None = None, filters: dict[str, Any] | None = None
    ) -> dict[str, list[Document]]:
        """The best results for a question, with their scores.

        Parameters
        ----------
        query : str
            The question.
        top_k, filters
            Instead of those of the retriever.
        """
        collection = self.document_store.collection
        if not collection.exists():
            return {"documents": []}
        filters = filters if filters is not None else self.filters
        hits = collection.search(
            query,
            top_k or self.top_k,
            mode=self.mode,
            by=self.by,
            filter=_search_filter(filters) if filters else None,
            copies=self.by == "article",
        )
        documents: list[Document] = []
        for hit in hits:
            article = collection.article(hit.article_id)
            if article is None:
                continue
            document = replace(_document(article), score=hit.score)
            if self.by == "passage":
                meta = {
                    **document.meta,
                    "source_id": hit.article_id,
                    "line": hit.line,
                    "span": list(hit.span),
                }
                document = replace(document, id=hit.passage_id, content=hit.text, meta=meta)
            documents.append(document)
        return {"documents": documents}


@component
class NighTextEmbedder:
    """Embeds a text on this machine, as a question.

    Parameters
    ----------
    model : str
        As for ``nigh.Embedder``.
    """

    def __init__(self, model: str = "builtin") -> None:
        self.model = model
        self._embedder: Embedder | None = None

    def to_dict(self) -> dict[str, Any]:
        """The embedder as a dictionary, for a pipeline's file."""
        return default_to_dict(self, model=self.model)

    def warm_up(self) -> None:
        """Loads the model."""
        if self._embedder is None:
            self._embedder = Embedder(self.model)

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """The unit vector of a text."""
        self.warm_up()
        assert self._embedder is not None
        rows: list[list[float]] = self._embedder.embed_queries([text]).tolist()
        return {"embedding": rows[0]}
