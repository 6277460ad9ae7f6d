"""Secrets out before anything is written: what a bot says is searched for passwords, tokens and keys.

``"Authorization: Bearer abc…"`` is stored as ``"Authorization: Bearer [redacted]"``. All patterns are linear in the
text's length, and what exceeds a column's limit is cut before it is searched.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

__all__ = ["MARK", "redact", "redact_json", "redact_json_text", "redact_name"]

MARK: Final = "[redacted]"

_WORDS = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|"
    r"client[_-]?secret|credentials?|session[_-]?id|auth(?:orization)?|cookie)"
)
_SECRET_KEY = re.compile(rf"(?:^|[_\-.\s]){_WORDS}(?:$|[_\-.\s])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PREFIX = r"(?:[\w-]{0,30}[_-]|\w{0,30}(?-i:[a-z0-9](?=[A-Z])))?"
_VALUE = r"(\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'|[^\s\"',;&}\])]+)"
_SCHEME = r"(?:bearer|basic|negotiate|digest)"
_Pattern = tuple[re.Pattern[str], str]


def _pattern(regex: str, replacement: str = MARK, *, flags: re.RegexFlag = re.IGNORECASE) -> _Pattern:
    return re.compile(regex, flags), replacement


_CERTAIN: tuple[_Pattern, ...] = (
    _pattern(
        r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", flags=re.DOTALL
    ),
    _pattern(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?", flags=re.NOFLAG),
    _pattern(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,200}:)[^\s@/]{1,500}(@)", rf"\1{MARK}\2"),
    _pattern(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", flags=re.NOFLAG),
    _pattern(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,})", flags=re.NOFLAG),
)
"""What looks like nothing else."""

_LIKELY: tuple[_Pattern, ...] = (
    _pattern(
        rf"(\b(?:proxy-)?authorization[\"']?\s{{0,5}}[=:]\s{{0,5}}[\"']?(?:{_SCHEME}\s{{1,5}})?)"
        rf"(?!\[redacted\]|{_SCHEME}\s)[^\s\"',;]+",
        rf"\1{MARK}",
    ),
    _pattern(
        rf"(\b{_SCHEME}\s{{1,5}})(?:(?=[\w+/.~-]{{0,500}}[\d=+/])[\w+/=.~-]{{7,}}|[\w+/=.~-]{{20,}})", rf"\1{MARK}"
    ),
    _pattern(r"(\b(?:set-)?cookie\s{0,5}:\s{0,5})[^\r\n]+", rf"\1{MARK}"),
    _pattern(
        rf"((?<![A-Za-z]){_PREFIX}{_WORDS}[\"']?\s{{0,5}}[=:]\s{{0,5}})(?!\[redacted\]|{_SCHEME}\s){_VALUE}",
        rf"\1{MARK}",
    ),
)
"""What is a secret wherever a bot speaks freely; a name may well be "Auth: login page"."""

_IN_NAMES = _pattern(rf"((?<![A-Za-z]){_PREFIX}{_WORDS}=)(?!\[redacted\]){_VALUE}", rf"\1{MARK}")


@lru_cache(maxsize=1024)
def redact(text: str) -> str:
    """The text with its secrets replaced by ``[redacted]``.

    Parameters
    ----------
    text : str
        What a bot said: an error, a target, a URL.

    Returns
    -------
    str

    Examples
    --------
    >>> redact("POST https://bot:hunter2@erp.example/login failed, token=abc123")
    'POST https://bot:[redacted]@erp.example/login failed, token=[redacted]'
    """
    for pattern, replacement in (*_CERTAIN, *_LIKELY):
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=1024)
def redact_name(name: str) -> str:
    """The same for a name, which words like "token" may well be part of: only what is certainly a secret.

    Examples
    --------
    >>> redact_name("Auth: login page"), redact_name("open https://a:b@c"), redact_name("get?token=abc")
    ('Auth: login page', 'open https://a:[redacted]@c', 'get?token=[redacted]')
    """
    for pattern, replacement in (*_CERTAIN, _IN_NAMES):
        name = pattern.sub(replacement, name)
    return name


def redact_json(value: Any) -> Any:
    """A JSON value without the secrets in it: by the names of keys at any depth, and by patterns in its strings.

    Parameters
    ----------
    value : object
        Dicts, lists, strings, numbers, booleans, None.

    Returns
    -------
    object
        A new value.

    Examples
    --------
    >>> redact_json({"user": "bot", "login": {"apiKey": "abc", "url": "ftp://a:b@c"}})
    {'user': 'bot', 'login': {'apiKey': '[redacted]', 'url': 'ftp://a:[redacted]@c'}}
    """
    if isinstance(value, dict):
        return {
            redact(str(key)): MARK if _is_secret(str(key)) and item is not None else redact_json(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact_json(item) for item in value]
    return redact(value) if isinstance(value, str) else value


def redact_json_text(text: str) -> str:
    """The same for JSON that is already text; what isn't JSON is searched as a text is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return redact(text)
    return json.dumps(redact_json(value), ensure_ascii=False, default=str)


def _is_secret(key: str) -> bool:
    return _SECRET_KEY.search(_CAMEL.sub("_", key)) is not None
