"""The exceptions of this package."""


class Error(Exception):
    """The base of all exceptions of this package."""


class InputError(Error, ValueError):
    """A value cannot be used. The message says what was expected and what was found."""


class InputTypeError(Error, TypeError):
    """A value is of a type that cannot be used, such as an array of another dtype."""


class NotFoundError(Error, LookupError):
    """There is no collection or index at a path."""


class LockedError(Error):
    """Another process is writing to the collection. Nothing has changed."""


class DamagedError(Error):
    """A file is damaged. The message names it; ``Collection.repair`` rebuilds what it can."""


class NewerFormatError(Error):
    """A collection or index was written by a newer version of nigh."""


class ModelError(Error):
    """A model does not exist, cannot be loaded, or fails."""


class ModelMismatchError(Error, ValueError):
    """A collection was made with another model than the one that was given."""


class StorageError(Error, OSError):
    """The operating system reported an error of a file or of the disk."""


class InternalError(Error):
    """A bug in nigh: it would have crashed. What was saved before is kept."""
