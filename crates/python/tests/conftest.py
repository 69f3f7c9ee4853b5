"""What the tests share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import nigh

DATA = Path(__file__).resolve().parents[3] / "data"

ARTICLES: list[dict[str, object]] = [
    {
        "id": "tides",
        "title": "Tides",
        "text": "Tides are the regular rise and fall of the sea. The Moon pulls at the water, and twice "
        "a day the water is high.",
        "metadata": {"topic": "sea", "year": 2024, "date": "2024-05-01", "tags": ["moon", "water"]},
    },
    {
        "id": "bread",
        "title": "Bread",
        "text": "Bread rises because yeast turns sugar into gas. The dough rests until it has doubled.",
        "metadata": {"topic": "kitchen", "year": 2023, "date": "2023-01-15"},
    },
    {
        "id": "owls",
        "title": "Owls",
        "text": "Owls hunt at night. They hear a mouse below the snow and fly without a sound.",
        "metadata": {"topic": "birds", "year": 2025, "date": "2025-12-31"},
    },
]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> nigh.Collection:
    """A collection of the sample articles. Tests only read it."""
    collection = nigh.Collection(tmp_path_factory.mktemp("sample") / "collection")
    collection.index(DATA / "sample", DATA / "provided-article.txt")
    return collection


@pytest.fixture
def small(tmp_path: Path) -> nigh.Collection:
    """A collection of three articles."""
    collection = nigh.Collection(tmp_path / "small", language="english")
    collection.add(ARTICLES)
    return collection


def unit_vectors(rows: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Random unit vectors."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dimensions)).astype(np.float32)
    scaled: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


@pytest.fixture(scope="session")
def vectors() -> NDArray[np.float32]:
    """Enough vectors for a graph."""
    return unit_vectors(9000, 32, 1)


@pytest.fixture(scope="session")
def index(vectors: NDArray[np.float32]) -> Iterator[nigh.Index]:
    """An index of ``vectors``. Tests only search it."""
    yield nigh.Index.build(vectors)
