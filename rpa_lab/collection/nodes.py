"""How the names of nested steps travel from the bot to the ledger, and become a `node_id` there."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["BETWEEN", "node_of"]

BETWEEN: Final = "\x1f"
"""Stands between the names of nested steps in a record: the character that is meant to separate units."""


@lru_cache(maxsize=1024)
def node_of(names: str) -> str:
    r"""The `node_id` of a record's names.

    Parameters
    ----------
    names : str
        From the outermost in, with `BETWEEN` in between.

    Returns
    -------
    str

    Examples
    --------
    >>> node_of("form\x1fa > b")
    'form > a \\> b'
    """
    from rpa_lab.records import node_path  # in the flusher's thread and not at a bot's start

    return node_path(*str(names).split(BETWEEN))
