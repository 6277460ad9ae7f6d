r"""Where does a value begin and end? In quotes of any kind, in brackets, as one word, as an XML element, as a header.

A text that was put into quotes n times over has 2ⁿ - 1 backslashes before each of its outermost quotes, and more before
those within: the value of ``"{\"password\": \"a \\\" b\"}"`` is ``a \\\" b``. What isn't closed was cut off, and
is a value to the end of its line. Each step is bounded.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple

__all__ = ["Extent", "element_at", "header_at", "value_at", "whole_end"]

_FAR: Final = 4_000  # characters of a value in quotes or brackets
_FEW: Final = 64  # quotes or brackets in it that are looked at to find its last

_OPENING = re.compile(
    r"(?:[bBrRuUfF]{1,2}(?=[\"']))?(\\{0,31})(\"\"\"|'''|[\"'`])|%(?:25)?2[27]|&(?:quot|#3[49]|apos);|[“„«‹‘‚「]"
)
_CLOSING: Final = {"“": "”", "„": "“", "«": "»", "‹": "›", "‘": "’", "‚": "‘", "「": "」"}
_AFTER_STRING: Final = frozenset(("", " ", "\t", "\n", "+", ")", "]", "}", ",", ";", "."))
_BLOCK = re.compile(r"[|>][+-]?\d?[ \t]{0,8}\r?\n((?:[ \t]{1,80}[^\n]{0,2000}(?:\n|\Z)){1,200})")  # of YAML
_BRACKET = re.compile(r"[\[\](){}]")
_ENDS: Final = r"(?:\s|\Z|[,;:.)\]}\"'`<>&|\\]|[\w.$\[\]-]{1,40} ?[=:])"
_WORD = re.compile(
    r"(?:[^\s,;&\"'`()\[\]{}<>|]"
    rf"|[,;&\"'`)\]}}>|](?!{_ENDS})"  # within a password these end nothing
    r"|<(?![/\w!])|\((?:[^()\n]{0,200}\))?|\[(?:[^\[\]\n]{0,200}\])?|\{(?:[^{}\n]{0,200}\})?){1,20000}"
)
_MORE_WORDS = re.compile(r"(?:[ \t]{1,3}[^\s=:,;]{1,40}(?![=:])){1,30}")
_CDATA = re.compile(r"\s{0,20}<!\[CDATA\[(.{0,4000}?)(?:\]\]>|\Z)", re.DOTALL)
_END_TAG = re.compile(r"<|&lt;|%3C")
_SCHEME = re.compile(
    r"(?:(?P<one>bearer|basic|negotiate|ntlm|token|apikey|key|sharedkey(?:lite)?|sso-key|ssws|bot)"
    r"|digest|hawk|mac|oauth|aws4-hmac-sha256)"
    r"(?:\s{1,4}|\Z)",
    re.IGNORECASE,
)
_CREDENTIAL = re.compile(r"[^\s\"',;)\]}\\]{4,8000}")
_COOKIE = re.compile(r"[^\s=;,]{1,100}=")


class Extent(NamedTuple):
    """Where a value begins and ends, and whether quotes or brackets say so."""

    begin: int
    end: int
    quoted: bool = False


def value_at(text: str, at: int, *, certain: bool, inside: int | None, most: int | None = None) -> Extent | None:
    r"""The value that begins at a place; None if there is none.

    Parameters
    ----------
    text : str
        The text.
    at : int
        Where.
    certain : bool
        Whether it is certain that a value is there: then it may go over several lines.
    inside : int, optional
        Where its name began, if name and value might be within one string: then a quote may be that string's last.
    most : int, optional
        How much of a word is needed to judge it; its end is that of what was seen then.

    Returns
    -------
    Extent or None

    Examples
    --------
    >>> text = r'{"password": "a \" b", "n": 1}'
    >>> found = value_at(text, 13, certain=True, inside=None)
    >>> print(text[found.begin : found.end])
    a \" b
    """
    opening = _OPENING.match(text, at)
    if opening:
        if inside is not None and _ends_string(text, inside, opening):
            return None
        begin = opening.end()
        end = _end_of_quotes(text, opening, far=certain)
        if end is None and certain:
            end = _end_of_line(text, begin)
        if end is not None:
            return Extent(begin, end, quoted=True) if end > begin else None
    if block := _BLOCK.match(text, at):
        return Extent(*block.span(1), quoted=True)
    if certain and text[at : at + 1] in ("{", "[", "(") and (end := _end_of_brackets(text, at)):
        return Extent(at, end, quoted=True)
    word = _WORD.match(text, at, at + (_FAR if most is None else most))
    return Extent(at, word.end()) if word else None


def whole_end(text: str, value: Extent, *, phrase: bool) -> int:
    """Where the whole of a value ends of which `value_at` saw the beginning.

    Parameters
    ----------
    text : str
        The text.
    value : Extent
        From `value_at`.
    phrase : bool
        Whether it is several words: it then ends with its line, or before the next name and value.

    Returns
    -------
    int

    Examples
    --------
    >>> text = "passphrase: correct horse battery, user: bot"
    >>> text[12 : whole_end(text, Extent(12, 19), phrase=True)]
    'correct horse battery'
    """
    end = value.end
    if not value.quoted or text[value.begin] in "{[(":
        more = _WORD.match(text, end)
        end = more.end() if more else end
    if phrase and not value.quoted:
        more = _MORE_WORDS.match(text, end)
        end = more.end() if more else end
    return end


def element_at(text: str, at: int) -> Extent | None:
    """What an XML element holds that begins at a place; `quoted` where its end is there."""
    if found := _CDATA.match(text, at):
        return Extent(*found.span(1), quoted=True)
    ends = _END_TAG.search(text, at, at + _FAR)
    if ends and text.startswith(("/", "%2F"), ends.end()):
        return Extent(at, ends.start(), quoted=True)
    word = None if ends else _WORD.match(text, at)
    return Extent(at, word.end()) if word else None


def header_at(text: str, at: int, *, name: str, name_begin: int, certain: bool) -> Extent | None:
    """The secret part of a header's value: what follows its scheme, or all cookies.

    Parameters
    ----------
    text : str
        The text.
    at : int
        Where the value begins.
    name : str
        The header's name.
    name_begin : int
        Where that begins.
    certain : bool
        Whether it is certain that a value is there.

    Returns
    -------
    Extent or None
        None where it has no scheme and is no cookie, an empty extent where a scheme stands alone.
    """
    opening = _OPENING.match(text, at)
    end = _end_of_quotes(text, opening, far=certain) if opening else None
    if opening and end is not None:
        at = opening.end()
    else:
        end, quote = _end_of_line(text, at), text[name_begin - 1 : name_begin]
        if quote in ("'", '"', "`") and (close := text.find(quote, at, end)) >= 0:
            end = close
    if "cookie" in name.lower():
        is_header = _COOKIE.match(text, at, end) and (opening or not certain)
        return Extent(at, end, quoted=True) if is_header else None
    scheme = _SCHEME.match(text, at, end)
    if scheme is None:
        return None
    if not scheme["one"]:
        return Extent(scheme.end(), end, quoted=True)
    word = _CREDENTIAL.match(text, scheme.end(), end)
    return Extent(*word.span()) if word else Extent(end, end)


def _ends_string(text: str, name_begin: int, opening: re.Match[str]) -> bool:
    """Whether a quote after a name ends the string that the name is in: ``"token=" + token``."""
    quote = opening[2]
    if not quote or text[opening.end() : opening.end() + 1] not in _AFTER_STRING:
        return False
    line = text[max(text.rfind("\n", 0, name_begin) + 1, name_begin - 500) : name_begin]
    return len(re.findall(rf"(?<![A-Za-z]){quote}|{quote}(?![A-Za-z])", line)) % 2 == 1


def _end_of_quotes(text: str, opening: re.Match[str], *, far: bool) -> int | None:
    """Where the value ends that begins with this quote; None if the quote isn't closed."""
    begin = at = opening.end()
    until = begin + _FAR if far else min(begin + _FAR, _end_of_line(text, begin))
    quote = opening[2]
    if not quote:
        end = text.find(_CLOSING.get(opening[0], opening[0]), begin, until)
        return end if end >= 0 else None
    slashes = len(opening[1])
    for _ in range(_FEW):
        at = text.find(quote, at, until)
        if at < 0:
            return None
        before = text[max(begin, at - _FEW) : at]
        run = len(before) - len(before.rstrip("\\"))
        after = at + len(quote)
        if not slashes and text.startswith(quote, after) and text[after + 1 : after + 2].isalnum():  # 'it''s'
            after += 1
        elif (run == slashes or run % (2 * slashes + 2) == slashes) and not text[after : after + 1].isalnum():
            return at - slashes
        at = after
    return None


def _end_of_brackets(text: str, at: int) -> int | None:
    depth = 0
    for found in itertools.islice(_BRACKET.finditer(text, at, at + _FAR), _FEW):
        depth += 1 if found[0] in "([{" else -1
        if not depth:
            return found.end()
    return None


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)
