"""Secrets out before anything is written: what a bot says is searched for passwords, tokens and keys.

``"Authorization: Bearer abc…"`` is stored as ``"Authorization: Bearer [redacted]"``. What a secret is say
`secret_shapes` (by its looks) and `secret_values` (by its name); here they are put to work on texts, names, ids and
JSON. Most texts hold nothing that is suspicious, and cost about a microsecond.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from rpa_lab.journal.own_patterns import own_patterns
from rpa_lab.journal.secret_names import is_count, secret_kind
from rpa_lab.journal.secret_shapes import ANNOUNCING, Span, announced_secrets, may_have_shape, shaped_secrets
from rpa_lab.journal.secret_values import FOREIGN, NAMING, named_secrets
from rpa_lab.journal.secret_words import looks_random

__all__ = ["HOUSE", "MARK", "Redactor", "redact", "redact_json", "redact_json_text", "redact_name"]

MARK: Final = "[redacted]"

_CACHED: Final = 500  # characters of a text whose result is remembered
_OVERLAP: Final = 2_000  # characters behind a limit that are searched: of a secret that is cut in two both halves go
_DEEPEST: Final = 50  # levels of JSON
_ROUNDS: Final = 6
_WORDS: Final = (*NAMING, *ANNOUNCING)
_BLANKS: Final = str.maketrans("\t\n\r", "   ")
_MARKED = re.compile(r"\[redacted[^\]]{0,20}\]")
_UNSEEN = re.compile(  # colours of a terminal, control characters, and what has no width
    "\x1b\\[[0-9;]{0,20}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd]"
)
_OTHER_FORM = re.compile("[\uff01-\uff5e\u0300-\u036f]")  # letters of full width, accents of their own
_NAME_KEYS: Final = frozenset(("name", "key", "field", "id", "label", "parameter", "param", "header", "attribute", "k"))
_VALUE_KEYS: Final = frozenset(("value", "val", "v", "content", "data", "input", "default"))


@dataclass(frozen=True, slots=True)
class Redactor:
    r"""Takes secrets out; by a caller's own patterns, too.

    Parameters
    ----------
    patterns : tuple of re.Pattern
        The caller's own, from `own_patterns`.

    Examples
    --------
    >>> redactor = Redactor.also([r"\bCUST-\d{6}\b"])
    >>> redactor.text("CUST-123456: password=hunter2")
    '[redacted]: password=[redacted]'
    """

    patterns: tuple[re.Pattern[str], ...] = ()

    @classmethod
    def also(cls, patterns: Sequence[str | re.Pattern[str]]) -> Redactor:
        """One that takes out what these patterns match, besides all else.

        Parameters
        ----------
        patterns : sequence of str or re.Pattern
            Regular expressions; what one matches is replaced as a whole.

        Returns
        -------
        Redactor

        Raises
        ------
        InputError
            If one can't be used.
        """
        return cls(own_patterns(patterns))

    def text(self, said: str, *, most: int | None = None) -> str:
        """The text with its secrets replaced by ``[redacted]``.

        Parameters
        ----------
        said : str
            What a bot said: an error, a target, a URL.
        most : int, optional
            How many characters of it will be kept; little more is searched and returned then.

        Returns
        -------
        str

        Examples
        --------
        >>> HOUSE.text("POST https://bot:hunter2@erp.example/login failed, token=abc123")
        'POST https://bot:[redacted]@erp.example/login failed, token=[redacted]'
        """
        return self._text(said) if most is None else _within(said, most, self._text)

    def name(self, said: str, *, most: int | None = None) -> str:
        """The same for a name, of which words like "token" may well be a part.

        Examples
        --------
        >>> HOUSE.name("Auth: login page"), HOUSE.name("open https://a:b@c"), HOUSE.name("get?token=abc")
        ('Auth: login page', 'open https://a:[redacted]@c', 'get?token=[redacted]')
        """
        return self._name(said) if most is None else _within(said, most, self._name)

    def ident(self, said: str, *, most: int | None = None) -> str:
        """The same for an id: two that differed still do.

        The mark has 32 bits of a digest of the whole id. Who knows all the rest of it can try out short secrets.

        Examples
        --------
        >>> HOUSE.ident("order?token=abc") == HOUSE.ident("order?token=xyz")
        False
        """
        if not said.strip("0123456789abcdef-:"):
            return said
        hidden = self.name(said, most=most)
        if MARK not in hidden:
            return hidden
        digest = blake2b(said.encode("utf-8", "replace"), digest_size=4).hexdigest()
        return hidden.replace(MARK, f"[redacted {digest}]", 1)

    def json(self, value: Any, *, most: int | None = None) -> Any:
        """A JSON value without the secrets in it: by the names of keys at any depth, and by patterns in its strings.

        Parameters
        ----------
        value : object
            Dicts, lists, strings, numbers, booleans, None; anything else is taken as its `str`.
        most : int, optional
            How many characters of it, as JSON, will be kept; little more is looked at and returned then.

        Returns
        -------
        object
            A new value. What lies deeper than 50 levels is left out.

        Examples
        --------
        >>> HOUSE.json({"user": "bot", "login": {"apiKey": "abc", "url": "ftp://a:b@c"}})
        {'user': 'bot', 'login': {'apiKey': '[redacted]', 'url': 'ftp://a:[redacted]@c'}}
        """
        return _Walk(self, most).value(value, 0)

    def json_text(self, said: str, *, most: int | None = None) -> str:
        """The same for JSON that is already text; what isn't JSON is searched as a text is.

        Examples
        --------
        >>> HOUSE.json_text('{"pin": 1234}'), HOUSE.json_text("{broken: password=hunter2")
        ('{"pin": "[redacted]"}', '{broken: password=[redacted]')
        """
        try:
            value = json.loads(said)
        except (ValueError, RecursionError):
            return self.text(said, most=most)
        clean = json.dumps(self.json(value, most=most), ensure_ascii=False)
        return clean if clean.isascii() else clean.encode("utf-8", "replace").decode()

    def _text(self, said: str) -> str:
        if not self.patterns and not _is_suspicious(said):
            return said
        return _remembered(said, self.patterns, False) if len(said) <= _CACHED else _hidden(said, self.patterns, False)

    def _name(self, said: str) -> str:
        if not self.patterns and not _is_suspicious(said):
            return said
        return _remembered(said, self.patterns, True) if len(said) <= _CACHED else _hidden(said, self.patterns, True)


HOUSE: Final = Redactor()
redact = HOUSE.text
redact_name = HOUSE.name
redact_json = HOUSE.json
redact_json_text = HOUSE.json_text


def _within(said: str, most: int, hide: Callable[[str], str]) -> str:
    """Search a text of which only so much will be kept.

    A secret that the limit would cut in two, so that no pattern knows it any more, is seen whole: a bit more is
    searched. Where that is cut off too, as much is dropped again at the end.
    """
    if len(said) <= most + _OVERLAP:
        return hide(said)
    return hide(said[: most + _OVERLAP])[:-_OVERLAP]


def _is_suspicious(text: str) -> bool:
    """Whether a text may hold a secret at all; the cheap first look."""
    if may_have_shape(text):
        return True
    low = text.lower()
    for word in _WORDS:  # four times as fast as any()
        if word in low:
            return True
    if text.isascii():
        return not _is_seen(text)
    return any(pattern.search(low) for pattern in (_UNSEEN, _OTHER_FORM, FOREIGN))


def _hidden(text: str, patterns: tuple[re.Pattern[str], ...], strict: bool) -> str:
    """The text without its secrets; also those that letters hide which nobody sees, or in another form.

    It is looked at until nothing is found any more (what stands beside a mark may look different), so that what was
    read from a store and is written again stays the same.
    """
    for _ in range(_ROUNDS):
        plain = _plain(text)
        hidden = _marked(plain, _spans(plain, patterns, strict=strict)) if plain != text else plain
        if hidden == plain:
            hidden = _marked(text, _spans(text, patterns, strict=strict))
        if hidden == text:
            break
        text = hidden
    return text


_remembered = lru_cache(maxsize=1024)(_hidden)


def _is_seen(text: str) -> bool:
    """Whether an ASCII text has no control characters; without a regular expression, as tracebacks are long."""
    return text.isprintable() or text.translate(_BLANKS).isprintable()


def _plain(text: str) -> str:
    if text.isascii() and _is_seen(text):
        return text
    seen = _UNSEEN.sub("", text)
    return unicodedata.normalize("NFKC", seen) if _OTHER_FORM.search(seen) else seen


def _spans(text: str, patterns: tuple[re.Pattern[str], ...], *, strict: bool) -> list[Span]:
    low = text.lower()
    if len(low) != len(text):  # the capital İ has two small letters
        low = "".join(small if len(small := c.lower()) == 1 else c for c in text)
    spans = [*shaped_secrets(text, low)]
    if not text.isascii() or any(word in low for word in _WORDS):
        spans += announced_secrets(text, low)
        spans += named_secrets(text, low, strict=strict)
    for pattern in patterns:
        spans += (found.span() for found in pattern.finditer(text) if found[0])
    return spans


def _marked(text: str, spans: list[Span]) -> str:
    """The text with a mark in place of each span; where spans overlap or touch, one for all."""
    pieces: list[str] = []
    done = 0
    for begin, end in sorted(spans):
        if pieces and begin <= done:
            done = max(done, end)
        elif not _MARKED.fullmatch(text, begin, end):
            pieces += text[done:begin], MARK
            done = end
    return "".join(pieces) + text[done:]


class _Walk:
    """One way through a JSON value; counts how much of it there is already."""

    def __init__(self, redactor: Redactor, most: int | None) -> None:
        self.redactor = redactor
        self.left = most if most is not None else sys.maxsize

    def value(self, value: Any, depth: int, *, secret: bool = False) -> Any:
        """The value; of a secret one no string."""
        if isinstance(value, str):
            return self._string(value, secret=secret)
        if value is None or isinstance(value, bool | int | float):
            return self._number(value)
        if depth == _DEEPEST:
            return "…"
        if isinstance(value, dict):
            return self._object(value, depth + 1, secret=secret)
        if isinstance(value, list | tuple | set | frozenset):
            return self._list(list(value), depth + 1, secret=secret)
        return self._string(str(value), secret=secret)

    def _string(self, said: str, *, secret: bool) -> str:
        clean = MARK if secret else self.redactor.text(said, most=max(self.left, 0))
        self.left -= len(clean)
        return clean

    def _number(self, number: float | None) -> Any:
        said = str(number) if self.redactor.patterns and number is not None else ""
        self.left -= 1
        return MARK if said and any(pattern.search(said) for pattern in self.redactor.patterns) else number

    def _object(self, said: dict[Any, Any], depth: int, *, secret: bool) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        of_pair = any(_is_name_key(key) and isinstance(item, str) and secret_kind(item) for key, item in said.items())
        for key, item in said.items():
            if self.left < 0:
                break
            name = str(key)
            shown = self._string(name, secret=False)
            is_value = of_pair and name.lower() in _VALUE_KEYS and not isinstance(item, dict | list)
            clean[shown] = self._item("password" if is_value else name, item, depth, secret=secret)
        return clean

    def _item(self, name: str, item: Any, depth: int, *, secret: bool) -> Any:
        if item is None or secret_kind(name) is None or is_count(name, item):
            return self.value(item, depth, secret=secret)
        if is_count(name, 0) and isinstance(item, dict | list | tuple):  # "tokens": {"input": 512, "refresh": "…"}
            return self.value(item, depth, secret=True)
        return self._string("", secret=True)

    def _list(self, said: list[Any], depth: int, *, secret: bool) -> list[Any]:
        if len(said) == 2 and isinstance(said[0], str) and isinstance(said[1], str):  # ["Authorization", "Bearer …"]
            kind = secret_kind(said[0])
            if kind == "header" or (kind and looks_random(said[1], kind)):
                return [said[0], self._string("", secret=True)]
        clean = []
        before: Any = None
        for item in said:
            if self.left < 0:
                break
            is_option_value = isinstance(before, str) and before.startswith("-") and secret_kind(before) is not None
            hide = secret or (is_option_value and "=" not in before and isinstance(item, str))
            clean.append(self.value(item, depth, secret=hide))
            before = item
        return clean


def _is_name_key(key: object) -> bool:
    return isinstance(key, str) and key.lower() in _NAME_KEYS
