"""What is kept of what a bot hands over, and how much room that takes."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any, Final

from rpa_lab.collection.buffer import Record
from rpa_lab.collection.outcome import text_of

__all__ = ["kept", "size_of"]

_TEXT: Final = 24_000  # characters of a text that are kept: a column has 20,000, and secrets are sought beyond its end
_JSON: Final = 1_000_000  # of a context, which is read as JSON before it is cut
_CONTEXTS: Final = ("context", "end_context")
_LARGE: Final = 2**64
_EMPTY: Final = sys.getsizeof("")


def kept(record: Record) -> Record:
    """What is kept of a record: as much of a text as will be read, and texts instead of foreign objects.

    So the bound holds for what the bot hands over, and nothing of the bot's is called, or changed, later.

    Parameters
    ----------
    record : tuple
        As the ledger reads it.

    Returns
    -------
    tuple

    Examples
    --------
    >>> kept(("recovery", {"error_details": "x" * 100_000}))[1]["error_details"] == "x" * 24_000
    True
    """
    return tuple(
        {name: _plain(said, most=_JSON if name in _CONTEXTS else _TEXT) for name, said in value.items()}
        if type(value) is dict
        else _plain(value)
        for value in record
    )


def _plain(value: Any, *, most: int = _TEXT) -> Any:
    if type(value) is str:
        return value if len(value) <= most else value[:most]
    if value is None or isinstance(value, bool | int | float | datetime):
        return value
    if type(value) is tuple:
        return tuple(map(_plain, value))
    if type(value) is bytes:
        return value[:most]
    return text_of(value)[:most]


def size_of(value: Any) -> int:
    """Bytes of the texts in a record, or a part of one; numbers count where they are absurd.

    Examples
    --------
    >>> size_of(("step", 5, "open"))
    8
    """
    if isinstance(value, str):
        return sys.getsizeof(value) - _EMPTY
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, int):
        return value.bit_length() // 8 if value > _LARGE or value < -_LARGE else 0
    if isinstance(value, tuple):
        return sum(map(size_of, value))
    return sum(map(size_of, value.values())) if isinstance(value, dict) else 0
