"""The module for LangChain, by LangChain's own tests and by some of ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.unit_tests import EmbeddingsUnitTests

import nigh
from nigh.langchain import NighEmbeddings, NighRetriever, NighVectorStore


class TestVectorStore(VectorStoreIntegrationTests):
    """LangChain's tests of vector stores."""

    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        """An empty store."""
        yield NighVectorStore(tmp_path / "store")


class TestDenseVectorStore(TestVectorStore):
    """The same, by vectors alone."""

    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        """An empty store."""
        yield NighVectorStore(nigh.Collection(tmp_path / "store", model="static"), mode="dense")


class TestEmbeddingsUnit(EmbeddingsUnitTests):
    """LangChain's tests of the constructor."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """What is tested."""
        return NighEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """With these arguments."""
        return {"model": "static"}


class TestEmbeddings(EmbeddingsIntegrationTests):
    """LangChain's tests of embeddings."""

    @property
    def embeddings_class(self) -> type[Embeddings]:
        """What is tested."""
        return NighEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        """With these arguments."""
        return {"model": "builtin"}


class TestRetriever(RetrieversIntegrationTests):
    """LangChain's tests of retrievers."""

    @pytest.fixture(autouse=True)
    def _collection(self, sample: nigh.Collection) -> None:
        TestRetriever.sample = sample

    sample: nigh.Collection

    @property
    def retriever_constructor(self) -> type[NighRetriever]:
        """What is tested."""
        return NighRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        """With these arguments."""
        return {"collection": self.sample}

    @property
    def retriever_query_example(self) -> str:
        """And this question."""
        return "Why is the sea off Peru so cold?"


def test_metadata_of_any_json_type_come_back(tmp_path: Path) -> None:
    store = NighVectorStore(tmp_path / "store")
    metadatas: list[dict[str, Any]] = [
        {"page": 3, "score": 0.5, "tags": ["a", "b"], "date": "2026-01-31"},
        {"flag": True, "none": None, "nested": {"a": [1, {"b": 2}]}, "empty": []},
        {},
    ]
    ids = store.add_texts(["one text", "another text", "a third text"], metadatas)
    assert [document.metadata for document in store.get_by_ids(ids)] == metadatas
    found = store.similarity_search("text", k=3, filter={"flag": True})
    assert [document.id for document in found] == [ids[1]]
    found = store.similarity_search("text", k=3, filter={"page": [3, 4], "date": "2026-01-31"})
    assert [document.id for document in found] == [ids[0]]
    assert store.similarity_search("text", k=3, filter="NOT page:*")[0].id != ids[0]
    with pytest.raises(nigh.InputTypeError, match="expected JSON values"):
        store.add_texts(["x"], [{"object": object()}])


def test_scores_and_diversity(tmp_path: Path) -> None:
    texts = ["The tide is high.", "The tide is very high.", "Bread rises."]
    store = NighVectorStore.from_texts(texts, collection=tmp_path / "store", mode="dense")
    scored = store.similarity_search_with_relevance_scores("high tide", k=3)
    assert [score for _, score in scored] == sorted((score for _, score in scored), reverse=True)
    assert all(0 <= score <= 1 for _, score in scored)
    diverse = store.max_marginal_relevance_search("high tide", k=2, lambda_mult=0.1)
    assert {document.page_content for document in diverse} > {"Bread rises."}
    retriever = store.as_retriever(search_kwargs={"k": 1})
    assert "tide" in retriever.invoke("what is the tide like")[0].page_content
    with pytest.raises(nigh.InputError, match="embeds with a model of its own"):
        NighVectorStore.from_texts(["x"], embedding=_Other(), collection=tmp_path / "other")
    with pytest.raises(nigh.InputError, match='expected mode "dense"'):
        hybrid = NighVectorStore(store.collection)
        hybrid.similarity_search_with_relevance_scores("tide")
    assert store.delete() and store.similarity_search("tide") == []


class _Other(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[1.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [1.0]


def test_passages_know_their_articles(small: nigh.Collection) -> None:
    retriever = NighRetriever(collection=small, k=1, options={"filter": "topic:sea"})
    (document,) = retriever.invoke("When is the water high?")
    assert isinstance(document, Document) and document.id == "tides#0"
    assert document.metadata["article_id"] == "tides" and document.metadata["year"] == 2024


def test_embeddings_are_unit_vectors() -> None:
    rows = np.array(NighEmbeddings().embed_documents(["a", "b"]))
    assert rows.shape == (2, 384) and np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
