"""The extension module. ``Embedder`` and ``Index`` are public as ``nigh.Embedder`` and
``nigh.Index``; the rest is wrapped by the package's Python modules."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

__all__ = ["Collection", "Embedder", "Index", "Verdict", "__version__", "main"]

__version__: str

def main(words: Sequence[str]) -> int:
    """Runs the command line program; returns its exit code."""

@final
class Embedder:
    """Embeds texts as unit vectors.

    An embedder can be used from several threads at the same time. A text has the same vector
    whatever it is embedded with, on any number of threads.

    Parameters
    ----------
    model : str
        ``"builtin"`` (int8 all-MiniLM-L6-v2, 384 dimensions), ``"static"`` (256 dimensions), the
        name of a model of fastembed's catalog, or a folder with a model.
    threads : int, optional
        Threads that embed; by default one for each core.

    Raises
    ------
    nigh.ModelError
        There is no such model, or it cannot be loaded.
    """

    def __new__(cls, model: str = "builtin", *, threads: int | None = None) -> Embedder: ...
    def embed(
        self,
        texts: Iterable[str],
        *,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> NDArray[np.float32]:
        """Embeds texts as passages.

        Parameters
        ----------
        texts : iterable of str
            The texts. What is beyond the model's window of tokens is ignored.
        progress : callable, optional
            Called with the name of the stage, the number of texts done and their total.

        Returns
        -------
        numpy.ndarray of float32, shape (n, dimensions)
            A row of unit length for each text.
        """

    def embed_queries(
        self,
        texts: Iterable[str],
        *,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> NDArray[np.float32]:
        """Embeds texts as queries, which some models treat differently. Otherwise as ``embed``."""

    @property
    def model(self) -> str:
        """The name of the model."""

    @property
    def dimensions(self) -> int:
        """The number of dimensions of its vectors."""

    @property
    def window(self) -> int:
        """The most tokens of a text that it reads, special ones included."""

    @property
    def hash(self) -> str:
        """32 hexadecimal digits that change whenever the vectors would."""

@final
class Index:
    """A vector index: HNSW graphs over unit vectors, and exact search.

    Scores are cosines, -1 to 1. A row's id is its number, from 0, in the order in which rows were
    added. The same vectors, parameters and seed give the same index, on any number of threads. The
    vectors are kept in files that are mapped into memory: in a temporary folder after ``build`` and
    ``add``, in the folder itself after ``load``.

    An index can be searched from several threads, also while rows are added to it.

    Make one with ``Index.build`` or ``Index.load``.
    """

    @classmethod
    def build(
        cls,
        vectors: NDArray[np.float32],
        *,
        m: int = 16,
        ef_construction: int = 200,
        seed: int = 0,
        normalize: bool = False,
        threads: int | None = None,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> Index:
        """Builds an index.

        Parameters
        ----------
        vectors : numpy.ndarray of float32, shape (n, d)
            Unit vectors, contiguous in memory; n >= 1, d from 1 to 16,384.
        m : int
            The most neighbors of a node above level 0, twice that on level 0; 2 to 128.
        ef_construction : int
            The size of the candidate list that neighbors are chosen from; 1 to 10,000.
        seed : int
            Determines the levels of the nodes.
        normalize : bool
            Scale the rows to unit length instead of refusing others.
        threads : int, optional
            Threads that build; by default one for each core.
        progress : callable, optional
            Called with the name of the stage, the number of nodes done and their total.

        Raises
        ------
        nigh.InputTypeError
            ``vectors`` is no array of float32.
        nigh.InputError
            It has the wrong shape, is not contiguous, or has a row that is not finite or not of
            unit length; or a parameter is out of range.
        """

    def add(
        self,
        vectors: NDArray[np.float32],
        *,
        normalize: bool = False,
        threads: int | None = None,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> None:
        """Adds rows. Their ids go on from those of the rows before.

        New rows become a part of their own, with a graph if there are 4,096 or more. Parts of
        similar size are built into one, so that a search has few to look at; ``compact`` makes one
        of all. Searches go on meanwhile and see all new rows or none.

        Parameters
        ----------
        vectors : numpy.ndarray of float32, shape (n, dimensions)
            Unit vectors, contiguous in memory.
        normalize, threads, progress
            As for ``build``.
        """

    def compact(
        self,
        *,
        threads: int | None = None,
        progress: Callable[[str, int, int], object] | None = None,
    ) -> None:
        """Builds one graph of all rows, if ``add`` has made several. Ids stay as they are."""

    def search(
        self,
        queries: NDArray[np.float32],
        k: int = 10,
        *,
        ef: int = 128,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The nearest rows, approximately: through the graph, or by a scan where that is as fast.

        Parameters
        ----------
        queries : numpy.ndarray of float32, shape (n, dimensions) or (dimensions,)
            Unit vectors, contiguous in memory.
        k : int
            The number of rows for each query; 1 to 10,000.
        ef : int
            The size of the candidate list (at least k is used). A larger one finds more and takes
            longer.
        allowed : numpy.ndarray of bool, shape (len(index),), optional
            Only rows whose value is true are found.
        threads : int, optional
            Threads that search when there are several queries; by default one for each core.

        Returns
        -------
        ids : numpy.ndarray of int64, shape (n, k) or (k,)
            The row numbers, best first; -1 where there are fewer than k rows.
        scores : numpy.ndarray of float32, of the same shape
            Their cosines with the query; -inf where there is no row. Ties go to the lower id.
        """

    def exact(
        self,
        queries: NDArray[np.float32],
        k: int = 10,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The nearest rows, exactly: by a scan. Otherwise as ``search``."""

    def vectors(self) -> NDArray[np.float32]:
        """A copy of all rows, of shape (len(index), dimensions)."""

    def save(self, path: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Saves the index as a folder, which appears only when it is complete.

        Parameters
        ----------
        path : str or os.PathLike
            The folder. Its parents are created.
        overwrite : bool
            Replace the index that is there.
        """

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Index:
        """Maps a saved index into memory. Nothing is read before it is needed, and what is read is
        verified.

        Raises
        ------
        nigh.NotFoundError
            There is no index.
        nigh.DamagedError
            A file is not what ``save`` wrote.
        """

    def check(self) -> dict[str, int]:
        """Reads all files and verifies their checksums, that every vector is finite and of unit
        length, and that every row can be reached in its graph.

        Returns
        -------
        dict
            ``rows``, ``parts``, ``graphs``, and of the checks after the builds: ``unreachable``
            (rows that could not be reached at first), ``links_added`` (for these and for rows that
            a search for themselves missed) and ``self_misses`` (rows that such a search still
            misses).

        Raises
        ------
        nigh.DamagedError
            With the file and what is wrong with it.
        """

    @property
    def dimensions(self) -> int:
        """The number of dimensions of the vectors."""

    @property
    def m(self) -> int:
        """The most neighbors of a node above level 0."""

    @property
    def ef_construction(self) -> int:
        """The size of the candidate list during construction."""

    @property
    def seed(self) -> int:
        """What determined the levels of the nodes."""

    def __len__(self) -> int: ...

@final
class Collection:
    def __new__(
        cls, path: str | PathLike[str], options: Mapping[str, object], read_apart: bool
    ) -> Collection: ...
    def exists(self) -> bool: ...
    def create(self) -> None: ...
    def index(
        self,
        paths: Sequence[str | PathLike[str]],
        format: str | None,
        deletions: str,
        progress: Callable[[str, int, int], object] | None,
    ) -> dict[str, Any]: ...
    def add(
        self,
        articles: Iterable[Mapping[str, object]],
        progress: Callable[[str, int, int], object] | None,
    ) -> dict[str, Any]: ...
    def delete(self, ids: Iterable[str]) -> list[str]: ...
    def search(self, question: str, options: Mapping[str, object]) -> dict[str, Any]: ...
    def search_many(
        self,
        questions: Iterable[str],
        options: Mapping[str, object],
        progress: Callable[[str, int, int], object] | None,
    ) -> list[dict[str, Any]]: ...
    def ids(self) -> list[str]: ...
    def article(self, id: str) -> dict[str, Any] | None: ...
    def vectors(self) -> NDArray[np.float32]: ...
    def passage_ids(self) -> list[str]: ...
    def evaluate(
        self,
        options: Mapping[str, object],
        progress: Callable[[str, int, int], object] | None,
    ) -> Verdict: ...
    def compact(
        self, progress: Callable[[str, int, int], object] | None
    ) -> dict[str, Any]: ...
    def check(self, progress: Callable[[str, int, int], object] | None) -> dict[str, Any]: ...
    def repair(self, progress: Callable[[str, int, int], object] | None) -> dict[str, Any]: ...
    def stats(self) -> dict[str, Any]: ...
    @property
    def path(self) -> str: ...

@final
class Verdict:
    def to_dict(self) -> dict[str, Any]: ...
    def values(self) -> list[tuple[str, str, str, float]]: ...
    def report(self, folder: str | PathLike[str]) -> str: ...
    @property
    def incomplete(self) -> bool: ...
