"""nigh for LangChain: embeddings, a vector store, and a retriever of passages.

Needs langchain-core: ``pip install 'nigh[langchain]'``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from pydantic import ConfigDict, Field

from nigh._frameworks import equal_to, restored, stored
from nigh._nigh import Embedder
from nigh.collection import Collection, Mode, StrPath
from nigh.errors import InputError
from nigh.results import Article, Hit

__all__ = ["NighEmbeddings", "NighRetriever", "NighVectorStore"]


class NighEmbeddings(Embeddings):
    """Embeds texts on this machine.

    Parameters
    ----------
    model : str
        As for ``nigh.Embedder``.
    threads : int, optional
        Threads that embed; by default one for each core.
    """

    def __init__(self, model: str = "builtin", *, threads: int | None = None) -> None:
        self._embedder = Embedder(model, threads=threads)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """The unit vectors of texts."""
        rows: list[list[float]] = self._embedder.embed(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """The unit vector of a question."""
        rows: list[list[float]] = self._embedder.embed_queries([text]).tolist()
        return rows[0]


def _filter(given: str | Mapping[str, Any] | None) -> str | None:
    return given if given is None or isinstance(given, str) else equal_to(given)


class NighVectorStore(VectorStore):
    """A collection as a vector store: a document is an article, which the collection embeds itself.

    Search is hybrid, by vectors and words, unless ``mode`` says otherwise. A filter is nigh's filter
    syntax, or a dict of metadata fields with the values they must have.

    Parameters
    ----------
    collection : nigh.Collection, str or os.PathLike
        The collection, or its folder.
    mode : {"hybrid", "dense", "lexical"}
        How to search.
    """

    def __init__(self, collection: Collection | StrPath, *, mode: Mode = "hybrid") -> None:
        self.collection = (
            collection if isinstance(collection, Collection) else Collection(collection)
        )
        self._mode: Mode = mode

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Adds texts, or replaces those with the same ids; returns their ids."""
        texts = list(texts)
        for name, values in [("metadatas", metadatas), ("ids", ids)]:
            if values is not None and len(values) != len(texts):
                raise InputError(
                    f"{name}: expected {len(texts)}, one for each text; found {len(values)}"
                )
        given = ids or [None] * len(texts)
        names = [id or str(uuid.uuid4()) for id in given]
        # Of texts with the same id, the last one counts.
        articles = {
            id: Article(id, text, metadata=stored(metadata))
            for id, text, metadata in zip(
                names, texts, metadatas or [{}] * len(texts), strict=True
            )
        }
        if articles:
            self.collection.add(articles.values())
        return names

    def delete(self, ids: list[str] | None = None, **kwargs: Any) -> bool | None:
        """Deletes documents by id, or all of them if ``ids`` is None."""
        if self.collection.exists():
            self.collection.delete(self.collection.ids() if ids is None else ids)
        return True

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids, in their order, without those that are not there."""
        if not self.collection.exists():
            return []
        found = (self.collection.article(id) for id in ids)
        return [self._document(article) for article in found if article is not None]

    @staticmethod
    def _document(article: Article) -> Document:
        return Document(
            id=article.id, page_content=article.text, metadata=restored(article.metadata)
        )

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The documents that answer a question best.

        Parameters
        ----------
        query : str
            The question.
        k : int
            The number of documents.
        filter : str or dict, optional
            Search only documents that match.
        **kwargs
            Other options of ``nigh.Collection.search``.
        """
        return [document for document, _ in self.similarity_search_with_score(query, k, **kwargs)]

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """As ``similarity_search``, with scores. Higher is better."""
        if not self.collection.exists():
            return []
        options: dict[str, Any] = {"mode": self._mode, **kwargs, "filter": _filter(kwargs.get("filter"))}
        # Documents of the same text are different documents.
        hits = self.collection.search(query, k, by="article", copies=True, **options)
        found = ((self.collection.article(hit.article_id), hit.score) for hit in hits)
        return [
            (self._document(article), score) for article, score in found if article is not None
        ]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        if self._mode != "dense":
            raise InputError(
                f'relevance scores: expected mode "dense", whose scores are cosines; found {self._mode!r}'
            )
        return lambda cosine: max(0.0, cosine)

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """As ``similarity_search``, for documents that also differ: the more, the lower
        ``lambda_mult`` is, from 1 to 0."""
        return self.similarity_search(query, k, diverse=1.0 - lambda_mult, **kwargs)

    @classmethod
    def from_texts(
        cls,
        texts: list[str],
        embedding: Embeddings | None = None,
        metadatas: list[dict[str, Any]] | None = None,
        *,
        ids: list[str] | None = None,
        collection: Collection | StrPath | None = None,
        mode: Mode = "hybrid",
        **kwargs: Any,
    ) -> NighVectorStore:
        """Makes a vector store of texts.

        Parameters
        ----------
        collection : nigh.Collection, str or os.PathLike
            The collection, or its folder.
        embedding : None
            The collection embeds with its own model.
        """
        if collection is None:
            raise InputError("collection: expected a collection or its folder, found None")
        if embedding is not None and not isinstance(embedding, NighEmbeddings):
            raise InputError(
                "embedding: expected None or NighEmbeddings, because a collection embeds with a model of "
                f"its own; found {type(embedding).__name__}"
            )
        store = cls(collection, mode=mode)
        store.add_texts(texts, metadatas, ids=ids)
        return store


class NighRetriever(BaseRetriever):
    """Retrieves the passages of a collection that answer a question.

    A document is a passage. Its metadata are those of its article, with ``article_id``, ``title``,
    ``path``, ``line`` and ``score``.

    Parameters
    ----------
    collection : nigh.Collection
        The collection.
    k : int
        The number of passages.
    options : dict
        Other options of ``nigh.Collection.search``, such as ``mode`` and ``filter``.
    """

    collection: Collection
    k: int = 4
    options: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(arbitrary_types_allowed=True)

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        options: dict[str, Any] = {"k": self.k, **self.options, **kwargs}
        hits = self.collection.search(query, **options)
        return [self._document(hit) for hit in hits]

    def _document(self, hit: Hit) -> Document:
        article = self.collection.article(hit.article_id)
        metadata = {} if article is None else restored(article.metadata)
        metadata |= {
            "article_id": hit.article_id,
            "title": hit.title,
            "path": hit.path,
            "line": hit.line,
            "score": hit.score,
        }
        return Document(id=hit.passage_id, page_content=hit.around or hit.text, metadata=metadata)
