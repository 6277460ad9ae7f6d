r"""A caller's own patterns for what shall never be written, checked before a bot starts to work with them.

They run on each text that is written, inside the bot. So one that doesn't compile, that matches nothing at all, or that
may take for ever (a repetition within a repetition, ``(\d+-?)+``) is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rpa_lab.errors import InputError, quote

__all__ = ["own_patterns"]

_QUANTIFIER = re.compile(r"(?:[*+]|\{\d*,\})(\+)?")
_ESCAPED_OR_CLASS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)


def own_patterns(said: Sequence[str | re.Pattern[str]]) -> tuple[re.Pattern[str], ...]:
    r"""The patterns, compiled.

    Parameters
    ----------
    said : sequence of str or re.Pattern
        Regular expressions. Whatever one of them matches is replaced as a whole, whatever its groups.

    Returns
    -------
    tuple of re.Pattern

    Raises
    ------
    InputError
        If one can't be used; names it, and says what was expected.

    Examples
    --------
    >>> [pattern.pattern for pattern in own_patterns([r"\bCUST-\d{6}\b"])]
    ['\\bCUST-\\d{6}\\b']
    >>> own_patterns([r"(\d+-?)+"])
    Traceback (most recent call last):
    rpa_lab.errors.InputError: redact[0] is '(\\d+-?)+', which repeats what repeats and may take for ever; expected ...
    """
    if isinstance(said, str | bytes | re.Pattern) or not isinstance(said, Sequence):
        raise InputError(
            f"redact is {quote(said)}, expected a list of regular expressions, such as [{quote('CUST-[0-9]+')}]"
        )
    return tuple(_checked(one, f"redact[{at}]") for at, one in enumerate(said))


def _checked(said: object, place: str) -> re.Pattern[str]:
    text = said.pattern if isinstance(said, re.Pattern) else said
    if not isinstance(text, str):
        raise InputError(f"{place} is {quote(said)}, expected a regular expression of text (str or re.Pattern[str])")
    try:
        pattern = said if isinstance(said, re.Pattern) else re.compile(text)
    except (re.error, RecursionError, OverflowError) as mistake:
        raise InputError(f"{place} is {quote(text)}, expected a regular expression: {mistake}") from None
    if pattern.fullmatch(""):
        raise InputError(f"{place} is {quote(text)}, which matches nothing at all; expected one that needs a character")
    if _repeats_what_repeats(text):
        raise InputError(
            f"{place} is {quote(text)}, which repeats what repeats and may take for ever; expected no repetition "
            "within one, or a possessive one (a++ instead of a+ within a group that repeats)"
        )
    return pattern


def _repeats_what_repeats(pattern: str) -> bool:
    """Whether a group repeats without bound that holds something that does so, too."""
    repeats = [False]  # by open group: whether something in it repeats
    at = 0
    while at < len(pattern):
        skipped = _ESCAPED_OR_CLASS.match(pattern, at)
        at = skipped.end() if skipped else at + 1
        inner = False
        if not skipped and pattern[at - 1] == "(":
            repeats.append(False)
            continue
        if not skipped and pattern[at - 1] == ")" and len(repeats) > 1:
            inner = repeats.pop()
        quantifier = _QUANTIFIER.match(pattern, at)
        if quantifier and not quantifier[1]:
            if inner:
                return True
            repeats[-1] = True
        if quantifier:
            at = quantifier.end()
        else:
            repeats[-1] = repeats[-1] or inner
    return False
