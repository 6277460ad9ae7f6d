"""Texts and other values, harmless and hostile, and what is rare."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from rpa_lab.journal.secret_names import secret_kind

__all__ = ["ERRORS", "error_texts", "hostile_text", "hostile_values", "json_objects", "rarely", "words"]

_LETTERS = string.ascii_letters + string.digits + " _-äß漢😀>\\"
_NASTY = (
    "\ud800",
    "a\udfffb",
    "\x00",
    "nul\x00inside",
    "",
    " ",
    "../../etc/passwd",
    "C:\\temp\\x",
    "=HYPERLINK(1)",
    "+1",
    "<script>alert(1)</script>",
    "{{ 7*7 }}",
    "#panic()",
    "line\nbreak\r\n",
    "\u202egnp.exe",
    "é" * 600,
    "x" * 30_000,
    "password=hunter2",
)

ERRORS = (
    "ReadTimeout: no answer within 20 s",
    "NoSuchElementException: Unable to locate element: #go",
    "ConnectionError: connection reset by peer",
    "BusinessRuleException: Vendor is blocked",
    "Self-healing failed for 'submit'",
    "Something went wrong",
    "portal says no",
    "PORTAL SAYS NO, twice",
)
"""What failed runs say: words that rules know, and words that none does."""


def words(*, min_size: int = 1, max_size: int = 12) -> st.SearchStrategy[str]:
    """Harmless text, some of it beyond ASCII."""
    return st.text(_LETTERS, min_size=min_size, max_size=max_size)


def json_objects() -> st.SearchStrategy[dict[str, Any]]:
    """Small objects that JSON can hold."""
    scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, width=32) | words()
    values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | _dicts(inner), max_leaves=6)
    return _dicts(values)


def hostile_text() -> st.SearchStrategy[str]:
    """Text that broke somebody's program: lone surrogates, NUL, very long, markup, formulas, paths."""
    return st.sampled_from(_NASTY) | st.text(st.characters(codec=None), max_size=40)


def hostile_values() -> st.SearchStrategy[object]:
    """Anything that a bot might hand over where something else was meant."""
    numbers = st.sampled_from(
        [float("nan"), float("inf"), float("-inf"), -1.0, -0.0, 1e308, 5e-324, 2**63, -(2**63) - 1, 2**70, 10**400]
    )
    times = st.sampled_from(
        [datetime.min, datetime.max.replace(tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 10, 25, 2, 30)]  # noqa: DTZ001,DTZ901
    )
    others: st.SearchStrategy[object] = st.sampled_from(
        [None, True, b"bytes\xff", [], {}, ("a",), {1}, 1j, object, timedelta(days=1), "12.5"]
    )
    return numbers | times | others | hostile_text()


def rarely() -> st.SearchStrategy[bool]:
    """True once in eight times."""
    return st.integers(0, 7).map(lambda drawn: drawn == 7)


def error_texts() -> st.SearchStrategy[str | None]:
    """What a run may say when it fails: known words, unknown ones, hostile ones, nothing."""
    return st.none() | st.sampled_from(ERRORS) | st.text(max_size=60) | hostile_text()


def _dicts(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Objects whose keys name no secret: what stands under one that does is not kept."""
    return st.dictionaries(words(max_size=6).filter(lambda key: secret_kind(key) is None), values, max_size=3)
