"""What a bot says of a run beyond its columns, as JSON at once: the bot may change its dictionary afterwards."""

from __future__ import annotations

import json
import math
from typing import Any

from rpa_lab.collection.outcome import is_of_signal

__all__ = ["as_json"]


def as_json(context: object) -> tuple[str | None, bool]:
    """A context as JSON, and whether it had to be changed for that.

    Parameters
    ----------
    context : object
        A mapping; anything else becomes ``{"_invalid": …}``. Keys become text, numbers that JSON doesn't know null.

    Returns
    -------
    tuple of (str or None, bool)
        None for an empty context.

    Examples
    --------
    >>> as_json({"batch": 7})
    ('{"batch": 7}', False)
    >>> as_json({1: float("nan")})
    ('{"1": null}', True)
    """
    if context is None:
        return None, False
    try:
        if not context:
            return None, False
        return json.dumps(dict(context), ensure_ascii=False, default=str, allow_nan=False), False  # type: ignore[call-overload]
    except Exception as mistake:
        if is_of_signal(mistake):
            raise
        return _of_anything(context), True


def _of_anything(context: object) -> str:
    try:
        kept = dict(context) if hasattr(context, "keys") else {"_invalid": context}  # type: ignore[call-overload]
        return json.dumps(_plain(kept), ensure_ascii=False, default=str)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return json.dumps({"_invalid": f"<{type(context).__name__}>"})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
