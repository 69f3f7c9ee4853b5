"""nigh for ann-benchmarks (https://github.com/erikbern/ann-benchmarks): a folder of its
`ann_benchmarks/algorithms`."""

import nigh
import numpy as np

from ..base.module import BaseANN


def unit(vectors):
    """Vectors scaled to unit length, as 32-bit floats."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Nigh(BaseANN):
    """The HNSW index of nigh, for cosines."""

    def __init__(self, metric, method_param):
        if metric != "angular":
            raise NotImplementedError(f"expected the metric angular, found {metric}")
        self.method_param = method_param
        self.name = f"nigh ({method_param})"

    def fit(self, X):
        self.index = nigh.Index.build(
            unit(X), m=self.method_param["M"], ef_construction=self.method_param["efConstruction"]
        )

    def set_query_arguments(self, ef):
        self.ef = ef
        self.name = f"nigh ({self.method_param}, ef {ef})"

    def query(self, v, n):
        return self.index.search(unit(v), n, ef=self.ef)[0]

    def batch_query(self, X, n):
        self.results = self.index.search(unit(X), n, ef=self.ef)[0]

    def get_batch_results(self):
        return self.results
