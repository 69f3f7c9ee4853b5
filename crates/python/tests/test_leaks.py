"""Memory does not grow with the number of calls."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import unit_vectors

import nigh


STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """The memory of this process."""
    gc.collect()
    pages = int(STATM.read_text().split()[1])
    return pages * 4096


@pytest.mark.skipif(not STATM.exists(), reason="the system does not tell the memory of a process here")
def test_a_hundred_thousand_calls_do_not_leak(small: nigh.Collection) -> None:
    index = nigh.Index.build(unit_vectors(200, 16, 1))
    query, mask = unit_vectors(1, 16, 2), np.ones(200, dtype=bool)
    wrong: Any = query.astype(np.float64)
    embedder = nigh.Embedder("static")

    def calls(number: int) -> None:
        for at in range(number):
            index.search(query, 5, allowed=mask)
            try:
                index.search(wrong)
            except nigh.InputTypeError:
                pass
            if at % 400 == 0:
                embedder.embed(["a text"])
                small.search("the Moon", 2, explain=True)

    calls(10_000)
    before = resident_bytes()
    calls(100_000)
    assert resident_bytes() - before < 8 << 20
