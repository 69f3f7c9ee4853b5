"""nigh for LlamaIndex: embeddings, and a retriever of passages.

Needs llama-index-core: ``pip install 'nigh[llama-index]'``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import (
    BaseNode,
    MetadataMode,
    NodeRelationship,
    NodeWithScore,
    QueryBundle,
    RelatedNodeInfo,
    TextNode,
)

from nigh._frameworks import restored, stored
from nigh._nigh import Embedder
from nigh.collection import Collection, StrPath
from nigh.results import Article, Hit, IndexReport

__all__ = ["NighEmbedding", "NighRetriever"]


class NighEmbedding(BaseEmbedding):
    """Embeds texts on this machine.

    Parameters
    ----------
    model_name : str
        As ``model`` of ``nigh.Embedder``.
    threads : int, optional
        Threads that embed; by default one for each core.
    """

    _embedder: Embedder = PrivateAttr()

    def __init__(
        self, model_name: str = "builtin", *, threads: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(model_name=model_name, **kwargs)
        self._embedder = Embedder(model_name, threads=threads)

    @classmethod
    def class_name(cls) -> str:
        """The name under which LlamaIndex serializes it."""
        return "NighEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        rows: list[list[float]] = self._embedder.embed_queries([query]).tolist()
        return rows[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._embedder.embed(texts).tolist()
        return rows


class NighRetriever(BaseRetriever):
    """Retrieves the passages of a collection that answer a question.

    A node is a passage; it is related to its article as its source. Its metadata are those of the
    article, with ``title``, ``path`` and ``line``.

    Parameters
    ----------
    collection : nigh.Collection, str or os.PathLike
        The collection, or its folder.
    k : int
        The number of passages.
    options : dict, optional
        Other options of ``nigh.Collection.search``, such as ``mode`` and ``filter``.
    """

    def __init__(
        self,
        collection: Collection | StrPath,
        k: int = 4,
        *,
        options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.collection = (
            collection if isinstance(collection, Collection) else Collection(collection)
        )
        self._k = k
        self._options = options or {}

    def add(self, nodes: Iterable[BaseNode]) -> IndexReport:
        """Adds nodes or documents as articles, or replaces those with the same ids. The collection
        splits and embeds them itself."""
        return self.collection.add(
            Article(
                node.node_id,
                node.get_content(MetadataMode.NONE),
                metadata=stored(node.metadata),
            )
            for node in nodes
        )

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        options: dict[str, Any] = {"k": self._k, **self._options}
        hits = self.collection.search(query_bundle.query_str, **options)
        return [NodeWithScore(node=self._node(hit), score=hit.score) for hit in hits]

    def _node(self, hit: Hit) -> TextNode:
        article = self.collection.article(hit.article_id)
        metadata = {} if article is None else restored(article.metadata)
        metadata |= {"title": hit.title, "path": hit.path, "line": hit.line}
        # LlamaIndex counts characters.
        start = 0
        if article is not None:
            start = len(article.text.encode()[: hit.span[0]].decode())
        text = hit.around or hit.text
        is_passage = text == hit.text
        return TextNode(
            id_=hit.passage_id,
            text=text,
            metadata=metadata,
            start_char_idx=start if is_passage else None,
            end_char_idx=start + len(text) if is_passage else None,
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=hit.article_id)},
        )
