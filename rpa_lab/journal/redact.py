"""Secrets out before anything is written: what a bot says is searched for passwords, tokens and keys.

``"Authorization: Bearer abc…"`` is stored as ``"Authorization: Bearer [redacted]"``. What a secret is say
`secret_shapes` (by its looks), `secret_values` (by its name) and `secret_json`; here they are put to work on texts,
names, ids and JSON. Most texts hold nothing that is suspicious, and cost one or two microseconds.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

from rpa_lab.journal.own_patterns import own_patterns
from rpa_lab.journal.secret_json import without_secrets
from rpa_lab.journal.secret_shapes import SIGNS, Span, announced_secrets, has_long_word, shaped_secrets
from rpa_lab.journal.secret_values import FOREIGN, NAMING, named_secrets

__all__ = ["HOUSE", "MARK", "Redactor", "redact", "redact_json", "redact_json_text", "redact_name"]

MARK: Final = "[redacted]"

_CACHED: Final = 500  # characters of a text whose result is remembered
_OVERLAP: Final = 2_000  # characters behind a limit that are searched
_ROUNDS: Final = 6
_WORDS: Final = tuple(dict.fromkeys((*NAMING, *SIGNS)))
_HEXADECIMAL: Final = "0123456789abcdef-:"
_BLANKS: Final = str.maketrans("\t\n\r", "   ")
_MARKED = re.compile(r"\[redacted[^\]]{0,20}\]")
_UNSEEN = re.compile(  # colours of a terminal, control characters, and what has no width
    "\x1b\\[[0-9;]{0,20}[A-Za-z]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffd]"
)
_OTHER_FORM = re.compile("[\uff01-\uff5e\u0300-\u036f]")  # letters of full width, accents of their own


@dataclass(frozen=True, slots=True)
class Redactor:
    r"""Takes secrets out; what a caller's own patterns match, too.

    Parameters
    ----------
    patterns : tuple of re.Pattern
        The caller's own; `Redactor.also` checks and compiles them.

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
            If one can't be used; names it, and says what was expected.
        """
        return cls(own_patterns(patterns))

    def text(self, said: str, *, most: int | None = None) -> str:
        """The text with its secrets replaced by ``[redacted]``.

        Parameters
        ----------
        said : str
            What a bot said: an error, a target, a URL.
        most : int, optional
            How many characters of it will be kept. No more than that and some for a secret that lies on the border is
            searched, and returned.

        Returns
        -------
        str

        Examples
        --------
        >>> HOUSE.text("POST https://bot:hunter2@erp.example/login failed, token=abc123")
        'POST https://bot:[redacted]@erp.example/login failed, token=[redacted]'
        """
        return self._without(said, most, strict=False)

    def name(self, said: str, *, most: int | None = None) -> str:
        """The same for a name, of which words like "token" may well be a part.

        Examples
        --------
        >>> HOUSE.name("Auth: login page"), HOUSE.name("open https://a:b@c"), HOUSE.name("get?token=abc")
        ('Auth: login page', 'open https://a:[redacted]@c', 'get?token=[redacted]')
        """
        return self._without(said, most, strict=True)

    def ident(self, said: str, *, most: int | None = None) -> str:
        """The same for an id: two that differed still do.

        The mark then has 32 bits of a digest of the whole id. Who reads them and knows the rest of the id can try out
        short secrets, such as a PIN.

        Examples
        --------
        >>> HOUSE.ident("order 4711"), HOUSE.ident("order?token=abc") == HOUSE.ident("order?token=xyz")
        ('order 4711', False)
        """
        if not said.strip(_HEXADECIMAL):
            return said
        clean = self._without(said, most, strict=True)
        if MARK not in clean or "[redacted-" in said:
            return clean
        digest = blake2b(said.encode("utf-8", "replace"), digest_size=4).hexdigest()
        return clean.replace(MARK, f"[redacted-{digest}]", 1)

    def json(self, value: Any) -> Any:
        """A JSON value without the secrets in it: by the names of keys at any depth, and in its strings.

        Parameters
        ----------
        value : object
            Dicts, lists, strings, numbers, booleans, None; anything else is taken as its `str`.

        Returns
        -------
        object
            A new value. What lies deeper than 50 levels is left out.

        Examples
        --------
        >>> HOUSE.json({"user": "bot", "login": {"apiKey": "abc", "url": "ftp://a:b@c"}})
        {'user': 'bot', 'login': {'apiKey': '[redacted]', 'url': 'ftp://a:[redacted]@c'}}
        """
        return self._json(value, None)[0]

    def json_text(self, said: str) -> str:
        """The same for JSON that is already text; what isn't JSON is searched as a text is.

        Examples
        --------
        >>> HOUSE.json_text('{"pin": 1234}'), HOUSE.json_text("{broken: password=hunter2")
        ('{"pin": "[redacted]"}', '{broken: password=[redacted]')
        """
        return self.json_part(said, most=None)[0]

    def json_part(self, said: str, *, most: int | None) -> tuple[str, bool]:
        """The same, where only so many characters will be kept.

        Parameters
        ----------
        said : str
            JSON, or else any text.
        most : int, optional
            How many characters; little more is looked at and returned then.

        Returns
        -------
        tuple of str and bool
            JSON (or the text), and whether it is the whole.

        Examples
        --------
        >>> HOUSE.json_part('{"token": "x", "n": [1, 2, 3, 4, 5, 6, 7, 8, 9]}', most=20)
        ('{"token": "[redacted]", "n": [1, 2, 3, 4, 5]}', False)
        """
        try:
            value = json.loads(said)
        except (ValueError, RecursionError):
            return self.text(said, most=most), most is None or len(said) <= most
        clean, is_whole = self._json(value, most)
        text = json.dumps(clean, ensure_ascii=False)
        return text if text.isascii() else text.encode("utf-8", "replace").decode(), is_whole

    def _json(self, value: Any, most: int | None) -> tuple[Any, bool]:
        return without_secrets(
            value,
            mark=MARK,
            hide=lambda said, most: self.text(said, most=most),
            hides_number=self._matches if self.patterns else None,
            most=most,
        )

    def _matches(self, said: str) -> bool:
        return any(pattern.search(said) for pattern in self.patterns)

    def _without(self, said: str, most: int | None, *, strict: bool) -> str:
        if not self.patterns and (most is None or len(said) <= most) and not _is_suspicious(said):
            return said
        if most is None or len(said) <= most + _OVERLAP:
            hide = _remembered if len(said) <= _CACHED else _hidden
            return hide(said, self.patterns, strict)
        # A secret that the limit would cut in two, so that no pattern knows it any more, is seen whole: a bit more is
        # searched. Where that is cut off too, as much is dropped again at the end.
        return _hidden(said[: most + _OVERLAP], self.patterns, strict)[:-_OVERLAP]


HOUSE: Final = Redactor()
redact = HOUSE.text
redact_name = HOUSE.name
redact_json = HOUSE.json
redact_json_text = HOUSE.json_text


def _is_suspicious(text: str) -> bool:
    """Whether a text may hold a secret at all; the cheap first look."""
    low = text.lower()
    for word in _WORDS:  # takes half as long as any()
        if word in low:
            return True
    if has_long_word(text):
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
        clean = _marked(plain, _spans(plain, patterns, strict=strict)) if plain != text else plain
        if clean == plain:
            clean = _marked(text, _spans(text, patterns, strict=strict))
        if clean == text:
            break
        text = clean
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
