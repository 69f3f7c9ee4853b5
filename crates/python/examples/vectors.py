"""Embed texts, and search their vectors without a collection."""

import tempfile
from pathlib import Path

import numpy as np

import nigh

texts = [
    "The Moon pulls at the sea.",
    "Dough rises because yeast turns sugar into gas.",
    "Owls hear a mouse below the snow.",
]
embedder = nigh.Embedder()
vectors = embedder.embed(texts)

index = nigh.Index.build(vectors, m=16, ef_construction=200)
queries = embedder.embed_queries(["what do owls eat", "why are there tides"])
ids, scores = index.search(queries, k=1)
for row, score in zip(ids[:, 0], scores[:, 0], strict=True):
    print(f"{score:.3f} {texts[row]}")

# Only some of the rows.
allowed = np.array([True, True, False])
ids, scores = index.exact(queries[0], k=1, allowed=allowed)
print(f"{scores[0]:.3f} {texts[ids[0]]}")

with tempfile.TemporaryDirectory() as folder:
    index.save(Path(folder) / "index")
    mapped = nigh.Index.load(Path(folder) / "index")
    mapped.add(embedder.embed(["Tides come twice a day."]))
    print(len(mapped), mapped.check())
