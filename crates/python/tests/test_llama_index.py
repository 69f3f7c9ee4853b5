"""The module for LlamaIndex, with LlamaIndex."""

import asyncio
from pathlib import Path

import numpy as np
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.response_synthesizers.no_text import NoText

import nigh
from nigh.llama_index import NighEmbedding, NighRetriever


def test_the_embedding_serves_an_index_of_llama_index() -> None:
    embedding = NighEmbedding()
    documents = [
        Document(text="The Moon pulls at the sea."),
        Document(text="Dough rises because of yeast."),
    ]
    index = VectorStoreIndex.from_documents(documents, embed_model=embedding)
    found = index.as_retriever(similarity_top_k=1).retrieve("what makes bread rise")
    assert found[0].get_content() == "Dough rises because of yeast."
    rows = np.array(embedding.get_text_embedding_batch(["a", "b", "c"]))
    assert (rows == nigh.Embedder().embed(["a", "b", "c"])).all()
    assert embedding.get_query_embedding("a") == asyncio.run(embedding.aget_query_embedding("a"))
    assert embedding.class_name() == "NighEmbedding" and embedding.model_name == "builtin"


def test_passages_are_retrieved(small: nigh.Collection) -> None:
    retriever = NighRetriever(small, k=2, options={"mode": "dense"})
    found = retriever.retrieve("What do owls eat?")
    assert len(found) == 2 and found[0].node.source_node is not None
    best = found[0].node
    assert best.source_node is not None and best.source_node.node_id == "owls"
    assert best.metadata["topic"] == "birds" and best.metadata["line"] == 1
    article = small.article("owls")
    assert article is not None
    start, end = best.start_char_idx, best.end_char_idx  # type: ignore[attr-defined]
    assert article.text[start:end] == best.get_content()
    assert found[0].score == small.search("What do owls eat?", mode="dense")[0].score
    assert asyncio.run(retriever.aretrieve("What do owls eat?")) == found


def test_documents_of_llama_index_are_added(tmp_path: Path) -> None:
    retriever = NighRetriever(tmp_path / "c", k=1)
    report = retriever.add(
        [
            Document(text="Die Gezeiten folgen dem Mond: café.", id_="a", metadata={"flag": True}),
            Document(text="Bread needs yeast.", id_="b", metadata={"page": 1}),
        ]
    )
    assert report.added == 2
    node = retriever.retrieve("yeast")[0].node
    assert node.metadata["page"] == 1
    assert retriever.retrieve("Gezeiten")[0].node.metadata["flag"] is True


def test_a_query_engine_answers_from_passages(small: nigh.Collection) -> None:
    engine = RetrieverQueryEngine(
        NighRetriever(small, k=1),
        NoText(llm=MockLLM()),
    )
    response = engine.query("Why does dough rise?")
    assert "yeast" in response.source_nodes[0].get_content()
