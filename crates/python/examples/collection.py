"""Add articles, ask, and measure."""

import tempfile
from pathlib import Path

import nigh

with tempfile.TemporaryDirectory() as folder:
    collection = nigh.Collection(Path(folder) / "notes")
    report = collection.add(
        [
            {
                "id": "tides",
                "text": "The Moon pulls at the sea, and twice a day the water is high.",
                "metadata": {"topic": "sea", "date": "2026-02-01"},
            },
            nigh.Article(
                id="bread",
                text="Dough rises because yeast turns sugar into gas.",
                metadata={"topic": "kitchen", "date": "2026-03-01"},
            ),
        ]
    )
    print(f"{report.added} added, {report.passages} passages")

    for hit in collection.search("why does the sea come and go", k=3, filter="date:>=2026-01"):
        print(f"{hit.score:.3f} {hit.article_id}: {hit.text}")

    verdict = collection.evaluate(
        queries={"q1": "what makes bread rise", "q2": "when is high water"},
        qrels={"q1": {"bread": 1}, "q2": {"tides": 1}},
        metrics=["recall@1", "MRR@10"],
    )
    print(verdict)
    best = max(verdict.systems, key=lambda name: verdict.systems[name]["MRR@10"].mean)
    print(f"best: {best}")
