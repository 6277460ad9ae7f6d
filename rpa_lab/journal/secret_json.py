"""Secrets in JSON: by the names of keys at any depth, in pairs of a name and a value, and in its strings.

``{"apiKey": 5}``, ``{"name": "password", "value": "x"}``, ``["Authorization", "Bearer x"]`` and ``["--token", "x"]``
each say that something is secret. One pass, which ends where as much was seen as will be kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

from rpa_lab.journal.secret_names import is_count, secret_kind
from rpa_lab.journal.secret_words import looks_random

__all__ = ["Hide", "without_secrets"]

Hide = Callable[[str, int | None], str]
"""Takes the secrets out of a text, of which (if a number is given) so many characters will be kept."""

_DEEPEST: Final = 50  # levels
_LEFT_OUT: Final = "…"
_NAME_KEYS: Final = frozenset(("name", "key", "field", "id", "label", "parameter", "param", "header", "attribute", "k"))
_VALUE_KEYS: Final = frozenset(("value", "val", "v", "content", "data", "input", "default"))


def without_secrets(
    value: Any, *, mark: str, hide: Hide, hides_number: Callable[[str], bool] | None, most: int | None
) -> tuple[Any, bool]:
    """A JSON value without its secrets.

    Parameters
    ----------
    value : object
        Dicts, lists, strings, numbers, booleans, None; anything else is taken as its `str`.
    mark : str
        What stands in place of a secret.
    hide : callable
        Takes secrets out of a string.
    hides_number : callable, optional
        Whether a number, as text, is secret.
    most : int, optional
        How many characters of it, as JSON, will be kept; little more is looked at and returned then.

    Returns
    -------
    tuple of object and bool
        A new value, and whether it is the whole: what lies deeper than 50 levels is left out, too.

    Examples
    --------
    >>> said = {"login": {"apiKey": 5, "user": "bot"}, "cookies": 3, "argv": ["run", "--token", "x"]}
    >>> without_secrets(said, mark="#", hide=lambda text, most: text, hides_number=None, most=None)[0]
    {'login': {'apiKey': '#', 'user': 'bot'}, 'cookies': 3, 'argv': ['run', '--token', '#']}
    """
    walk = _Walk(mark, hide, hides_number, most)
    return walk.value(value, 0), walk.is_whole


class _Walk:
    """One way through a value; counts how much of it there is already."""

    def __init__(self, mark: str, hide: Hide, hides_number: Callable[[str], bool] | None, most: int | None) -> None:
        self.mark, self.hide, self.hides_number, self.most = mark, hide, hides_number, most
        self.left = sys.maxsize if most is None else most
        self.is_whole = True

    def value(self, value: Any, depth: int, *, secret: bool = False) -> Any:
        """The value; where it is `secret`, without any string."""
        if isinstance(value, str):
            return self.string(value, secret=secret)
        if value is None or isinstance(value, bool | int | float):
            return self.number(value)
        if depth == _DEEPEST:
            self.is_whole = False
            return _LEFT_OUT
        if isinstance(value, dict):
            return self.object(value, depth + 1, secret=secret)
        if isinstance(value, list | tuple | set | frozenset):
            return self.list(list(value), depth + 1, secret=secret)
        return self.string(str(value), secret=secret)

    def string(self, said: str, *, secret: bool = False) -> str:
        if secret:
            self.left -= len(self.mark)
            return self.mark
        clean = self.hide(said, self.most)
        self.left -= len(clean)
        self.is_whole &= self.most is None or len(said) <= self.most
        return clean

    def number(self, number: float | None) -> Any:
        self.left -= 1
        is_hidden = self.hides_number is not None and number is not None and self.hides_number(str(number))
        return self.mark if is_hidden else number

    def object(self, said: dict[Any, Any], depth: int, *, secret: bool) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        is_pair = any(_is_one_of(key, _NAME_KEYS) and _names_secret(item) for key, item in said.items())
        for key, item in said.items():
            if self.left < 0:
                self.is_whole = False
                break
            name = str(key)
            is_value = is_pair and _is_one_of(key, _VALUE_KEYS) and not isinstance(item, dict | list | tuple)
            shown = self.string(name)
            clean[shown] = self.item("password" if is_value else name, item, depth, secret=secret)
        return clean

    def item(self, name: str, item: Any, depth: int, *, secret: bool) -> Any:
        if item is None or secret_kind(name) is None or is_count(name, item):
            return self.value(item, depth, secret=secret)
        if is_count(name, 0) and isinstance(item, dict | list | tuple):  # "tokens": {"input": 512, "refresh": "…"}
            return self.value(item, depth, secret=True)
        return self.string("", secret=True)

    def list(self, said: list[Any], depth: int, *, secret: bool) -> list[Any]:
        if len(said) == 2 and _is_pair(*said):
            return [said[0], self.string("", secret=True)]
        clean = []
        before: Any = None
        for item in said:
            if self.left < 0:
                self.is_whole = False
                break
            clean.append(self.value(item, depth, secret=secret or (isinstance(item, str) and _is_option(before))))
            before = item
        return clean


def _is_one_of(key: object, names: frozenset[str]) -> bool:
    return isinstance(key, str) and key.lower() in names


def _names_secret(item: object) -> bool:
    return isinstance(item, str) and secret_kind(item) is not None


def _is_pair(name: object, value: object) -> bool:
    if not (isinstance(name, str) and isinstance(value, str)):
        return False
    kind = secret_kind(name)
    return kind == "header" or (kind is not None and looks_random(value, kind))


def _is_option(said: object) -> bool:
    return isinstance(said, str) and said.startswith("-") and "=" not in said and secret_kind(said) is not None
