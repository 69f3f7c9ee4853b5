"""What the modules for frameworks share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nigh.errors import InputTypeError

#: The metadata field that keeps what metadata of a collection cannot express.
EXACT = "_exact"

_MAX_INTEGER = 2**63 - 1


def _is_kept(value: object) -> bool:
    """Whether a value of metadata comes back as it was."""
    if isinstance(value, list):
        return bool(value) and all(not isinstance(item, list) and _is_kept(item) for item in value)
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) <= _MAX_INTEGER
    return isinstance(value, (str, float))


def stored(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata to store for a framework's, which may have values of any JSON type."""
    if all(_is_kept(value) for value in metadata.values()) and EXACT not in metadata:
        return dict(metadata)
    try:
        exact = json.dumps(metadata, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputTypeError(f"metadata: expected JSON values: {error}") from error
    return {**json.loads(exact), EXACT: exact}


def restored(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that ``stored`` was given."""
    exact = metadata.get(EXACT)
    if isinstance(exact, str):
        original: dict[str, Any] = json.loads(exact)
        return original
    return dict(metadata)


def quoted(text: str) -> str:
    """A name or value of a filter, taken literally."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def equal_to(fields: Mapping[str, Any]) -> str | None:
    """The filter for fields with these values, or one of several in a list."""
    clauses: list[str] = []
    for name, value in fields.items():
        values: list[object] = value if isinstance(value, list) else [value]
        either = " OR ".join(f"{quoted(name)}:{literal(item)}" for item in values)
        clauses.append(f"({either})")
    return " AND ".join(clauses) or None


def literal(value: object) -> str:
    """A value of a filter."""
    if isinstance(value, bool):
        return quoted("true" if value else "false")
    if isinstance(value, (str, int, float)):
        return quoted(str(value))
    raise InputTypeError(
        f"filter: expected a string, a number or a bool, found {type(value).__name__}"
    )
