"""The module for Haystack, by Haystack's own tests and by some of ours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from haystack import Pipeline
from haystack.dataclasses import ByteStream, Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DocumentStore, DuplicatePolicy
from haystack.errors import FilterError
from haystack.testing.document_store import DocumentStoreBaseTests

import nigh
from nigh.haystack import NighDocumentStore, NighRetriever, NighTextEmbedder


class TestDocumentStore(DocumentStoreBaseTests):
    """Haystack's tests of document stores."""

    @pytest.fixture
    def document_store(self, tmp_path: Path) -> DocumentStore:
        """An empty store."""
        return NighDocumentStore(str(tmp_path / "store"), model="static")

    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        """Documents are listed by their ids. Embeddings are not kept: the collection has its own."""
        without = [replace(document, embedding=None) for document in expected]
        assert received == sorted(without, key=lambda document: document.id)

    def test_write_documents(self, document_store: DocumentStore) -> None:
        """Without a policy, a document that is there is an error."""
        document = Document(content="test doc")
        assert document_store.write_documents([document]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([document])


DOCUMENTS = [
    Document(id="sea", content="The Moon pulls at the sea.", meta={"year": 2024, "topic": "sea"}),
    Document(id="bread", content="Dough rises because of yeast.", meta={"year": 2023, "fresh": True}),
    Document(id="owls", content="Owls hear a mouse below the snow.", meta={"year": 2025}),
]


@pytest.fixture
def store(tmp_path: Path) -> NighDocumentStore:
    """A store of three documents."""
    store = NighDocumentStore(str(tmp_path / "store"))
    store.write_documents(DOCUMENTS)
    return store


def condition(field: str, operator: str, value: object) -> dict[str, Any]:
    """A filter of Haystack."""
    return {"field": f"meta.{field}", "operator": operator, "value": value}


@pytest.mark.parametrize(
    "filters",
    [
        condition("year", "==", 2024),
        condition("year", "!=", 2024),
        condition("year", ">", 2023),
        condition("year", "<=", 2024),
        condition("year", "in", [2023, 2025]),
        condition("year", "not in", [2023, 2025]),
        condition("topic", "==", "sea"),
        condition("topic", "!=", None),
        condition("topic", "==", None),
        condition("fresh", "==", True),
        {"operator": "AND", "conditions": [condition("year", ">", 2022), condition("topic", "==", "sea")]},
        {"operator": "OR", "conditions": [condition("year", "<", 2024), condition("topic", "==", "sea")]},
        {"operator": "NOT", "conditions": [condition("year", ">", 2023), condition("topic", "==", "sea")]},
    ],
    ids=str,
)
def test_a_search_allows_what_the_filter_of_the_store_allows(
    store: NighDocumentStore, filters: dict[str, Any]
) -> None:
    found = NighRetriever(store, filters=filters).run("Moon, dough and owls")["documents"]
    allowed = store.filter_documents(filters)
    assert {document.id for document in found} == {document.id for document in allowed}


def test_filters_that_cannot_be_used(store: NighDocumentStore) -> None:
    for filters in [
        condition("year", "~", 1),
        condition("year", "in", 1),
        {"operator": "AND", "conditions": []},
        {"field": "meta.year", "value": 1},
    ]:
        with pytest.raises(FilterError):
            NighRetriever(store).run("a question", filters=filters)


def test_a_pipeline_retrieves_and_is_saved(store: NighDocumentStore) -> None:
    pipeline = Pipeline()
    pipeline.add_component("retriever", NighRetriever(store, top_k=2))
    result = pipeline.run({"retriever": {"query": "what makes bread rise"}})
    documents = result["retriever"]["documents"]
    assert documents[0].id == "bread" and documents[0].meta == {"year": 2023, "fresh": True}
    assert documents[0].score > documents[1].score and len(documents) == 2
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["nigh.haystack"])
    same = again.run({"retriever": {"query": "what makes bread rise"}})
    assert same["retriever"]["documents"] == documents


def test_passages_of_documents(store: NighDocumentStore) -> None:
    (passage,) = NighRetriever(store, top_k=1, by="passage").run("owls")["documents"]
    assert passage.id == "owls#0" and passage.meta["source_id"] == "owls" and passage.meta["line"] == 1


def test_the_embedder_of_texts() -> None:
    embedder = NighTextEmbedder()
    pipeline = Pipeline()
    pipeline.add_component("embedder", embedder)
    vector = pipeline.run({"embedder": {"text": "a question"}})["embedder"]["embedding"]
    assert vector == nigh.Embedder().embed_queries(["a question"])[0].tolist()


def test_documents_without_text(store: NighDocumentStore) -> None:
    with pytest.raises(nigh.InputError, match="expected text in content"):
        store.write_documents([Document(id="x")])
    with pytest.raises(nigh.InputError, match="a blob"):
        store.write_documents([Document(id="x", content="a", blob=ByteStream(b"b"))])
    assert store.write_documents(DOCUMENTS[:1], DuplicatePolicy.SKIP) == 0
