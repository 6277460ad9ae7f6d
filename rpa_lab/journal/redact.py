"""Secrets out before anything is written: what a bot says is searched for passwords, tokens and keys.

``"Authorization: Bearer abc…"`` is stored as ``"Authorization: Bearer [redacted]"``. All patterns are linear in the
text's length, and what exceeds a column's limit is cut before it is searched.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, Final

__all__ = ["MARK", "redact", "redact_json", "redact_json_text"]

MARK: Final = "[redacted]"

_WORDS = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|"
    r"client[_-]?secret|credentials?|session[_-]?id|auth(?:orization)?|cookie)"
)
_SECRET_KEY = re.compile(rf"(?:^|[_\-.\s]){_WORDS}(?:$|[_\-.\s])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
        ),
        MARK,
    ),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), MARK),
    (re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{0,200}:)[^\s@/]{1,500}(@)", re.IGNORECASE), rf"\1{MARK}\2"),
    (re.compile(r"(\b(?:bearer|basic|negotiate|digest)\s+)[\w+/=.~-]{6,}", re.IGNORECASE), rf"\1{MARK}"),
    (re.compile(r"(\b(?:set-)?cookie\s*:\s*)[^\r\n]+", re.IGNORECASE), rf"\1{MARK}"),
    (
        re.compile(
            rf"((?<![A-Za-z])(?:[\w-]{{0,30}}[_-])?{_WORDS}[\"']?\s{{0,5}}[=:]\s{{0,5}})"
            r"(?!\[redacted\]|(?:bearer|basic|negotiate|digest)\s)"
            r"(\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'|[^\s\"',;&}\])]+)",
            re.IGNORECASE,
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), MARK),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk-[A-Za-z0-9_-]{20,})"), MARK),
)


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
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


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
