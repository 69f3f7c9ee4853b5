"""Semantic search over your own documents.

``Collection`` indexes files and articles and answers questions with hybrid search, ``Embedder``
makes vectors of texts, and ``Index`` searches vectors that are in numpy already. The command
``nigh`` is the same program as without Python.

Errors are exceptions of ``nigh.Error``; they say what was expected and what was found.
"""

from nigh._nigh import Embedder, Index, __version__
from nigh.collection import Collection
from nigh.errors import (
    DamagedError,
    Error,
    InputError,
    InputTypeError,
    InternalError,
    LockedError,
    ModelError,
    ModelMismatchError,
    NewerFormatError,
    NotFoundError,
    StorageError,
)
from nigh.results import (
    Article,
    CheckReport,
    CompactReport,
    Hit,
    Hits,
    IndexReport,
    Metric,
    Note,
    Verdict,
)

__all__ = [
    "Article",
    "CheckReport",
    "Collection",
    "CompactReport",
    "DamagedError",
    "Embedder",
    "Error",
    "Hit",
    "Hits",
    "Index",
    "IndexReport",
    "InputError",
    "InputTypeError",
    "InternalError",
    "LockedError",
    "Metric",
    "ModelError",
    "ModelMismatchError",
    "NewerFormatError",
    "Note",
    "NotFoundError",
    "StorageError",
    "Verdict",
    "__version__",
]
