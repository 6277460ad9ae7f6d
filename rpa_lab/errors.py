"""What can go wrong, as one small tree.

::

    RpaLabError
    ├── InputError (ValueError)              a value is not what was expected; the text names field, value, expectation
    │   └── SourceError                      a file to import is malformed; nothing of it was stored
    ├── UnknownNameError (LookupError)       no such workflow, column, metric …; the text lists what exists
    ├── StoreError (OSError)                 a store can't be opened or written
    │   └── DamageError                      files are damaged, and the caller asked for strictness
    ├── MissingExtraError (ImportError)      an optional dependency is not installed; the text has the command
    └── ReportError (RuntimeError)           a notebook failed; the text has the cell and where the notebook was kept

Each also inherits the built-in that a caller would catch.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

__all__ = [
    "DamageError",
    "InputError",
    "MissingExtraError",
    "ReportError",
    "RpaLabError",
    "SourceError",
    "StoreError",
    "UnknownNameError",
    "need",
    "quote",
    "unknown_name",
]


class RpaLabError(Exception):
    """Base of all errors that rpa_lab raises on purpose."""


class InputError(RpaLabError, ValueError):
    """A value is not what was expected."""


class SourceError(InputError):
    """A file to import is malformed; nothing of it was stored."""


class UnknownNameError(RpaLabError, LookupError):
    """No such workflow, column, table or metric."""


class StoreError(RpaLabError, OSError):
    """A store can't be opened, read or written."""


class DamageError(StoreError):
    """Files of a store are damaged, and the caller asked for strictness."""


class MissingExtraError(RpaLabError, ImportError):
    """An optional dependency is not installed."""


class ReportError(RpaLabError, RuntimeError):
    """A report could not be made."""


def quote(value: object) -> str:
    """`repr` of a value, cut at 80 characters, for use in an error's text.

    Examples
    --------
    >>> quote("x" * 100)[-5:]
    'xxxx…'
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the value is foreign, and so is its __repr__
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 80 else text[:79] + "…"


def unknown_name(what: str, name: object, known: Iterable[str], *, most: int = 12) -> UnknownNameError:
    """The error for a name that doesn't exist: suggests the closest one and lists those that do.

    Parameters
    ----------
    what : str
        What was looked up and where, for example ``"steps has no column"``.
    name : object
        The name that was asked for.
    known : iterable of str
        The names that exist.
    most : int
        How many of them to list.

    Returns
    -------
    UnknownNameError
        To be raised by the caller.

    Examples
    --------
    >>> print(unknown_name("steps has no column", "duration", ["duration_ms", "node_id"]))
    steps has no column 'duration'; did you mean 'duration_ms'? It has: duration_ms, node_id
    """
    names = sorted(known)
    close = get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    listed = ", ".join(names[:most]) + (f", … ({len(names) - most} more)" if len(names) > most else "")
    return UnknownNameError(f"{what} {quote(name)}{hint} It has: {listed or 'nothing yet'}")


def need(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or say in one sentence how to install it.

    Parameters
    ----------
    module : str
        Name to import, for example ``"robot.api"``.
    extra : str
        The extra of `rpa-lab` that brings it.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        If it isn't installed.

    Examples
    --------
    >>> need("json", "lab").dumps([1])
    '[1]'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is not installed; install it with: pip install 'rpa-lab[{extra}]'"
        ) from missing
