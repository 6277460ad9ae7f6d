r"""What stands after the listener's name on the command line of ``robot``: the store, and settings.

``rpa_lab.integrations.robotframework.Listener:data/store:robot_id=r7:resources=yes``. Robot Framework takes it apart at
the colons, or at semicolons where the first of both is one: for values that hold a colon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpa_lab.errors import InputError, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ListenerSettings", "listener_settings"]

_YES: Final = ("yes", "true", "on", "1")
_NO: Final = ("no", "false", "off", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerSettings:
    """How the listener records.

    Parameters
    ----------
    store : Path
        The folder of the store, absolute: a robot may change its working directory.
    robot_id, host, workflow_version : str, optional
        As for `MetricsCollector`.
    flush_interval_sec : float
        Seconds between flushes.
    full_names : bool
        As for the importer: whether a workflow is named by all suites.
    resources : bool
        Whether the use of CPU, memory and GPU is sampled too.
    """

    store: Path
    robot_id: str | None = None
    host: str | None = None
    workflow_version: str | None = None
    flush_interval_sec: float = 5.0
    full_names: bool = False
    resources: bool = False


def listener_settings(store: object, said: Sequence[str] = ()) -> ListenerSettings:
    r"""The settings that somebody gave to the listener.

    Parameters
    ----------
    store : str or path
        The folder of the store.
    said : sequence of str
        Further words, each ``name=value``.

    Returns
    -------
    ListenerSettings

    Raises
    ------
    InputError
        If a word is no setting, or its value isn't what was expected; names those that exist.

    Examples
    --------
    >>> listener_settings("/var/robots", ["full_names=yes"]).full_names
    True
    >>> str(listener_settings("C", [r"\robots"]).store).endswith(r"C:\robots")  # as robot takes C:\robots apart
    True
    >>> listener_settings("/var/robots", ["colour=red"])
    Traceback (most recent call last):
        ...
    rpa_lab.errors.InputError: 'colour=red' is no setting of the listener, expected full_names=yes, resources=yes...
    """
    words = list(said)
    if isinstance(store, str) and len(store) == 1 and store.isalpha() and words and words[0][:1] in ("\\", "/"):
        store = f"{store}:{words.pop(0)}"
    if not isinstance(store, str | Path) or not str(store).strip():
        raise InputError(f"store is {quote(store)}, expected the folder of the store")
    values: dict[str, object] = {}
    for word in words:
        name, equals, value = str(word).partition("=")
        if not equals or name not in _READ:
            raise InputError(
                f"{quote(word)} is no setting of the listener, expected full_names=yes, resources=yes, robot_id=, "
                "host=, workflow_version= or flush_interval_sec= (use ; in place of : where a value holds a colon)"
            )
        if name in values:
            raise InputError(f"{name} is given twice, expected it once")
        values[name] = _READ[name](name, value)
    return ListenerSettings(store=Path(store).expanduser().absolute(), **values)  # type: ignore[arg-type]


def _flag(name: str, value: str) -> bool:
    if value.lower() not in _YES + _NO:
        raise InputError(f"{name} is {quote(value)}, expected yes or no")
    return value.lower() in _YES


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"{name} is {quote(value)}, expected a positive number of seconds")
    return seconds


def _text(name: str, value: str) -> str:
    if not value.strip():
        raise InputError(f"{name} is empty, expected a text")
    return value


_KINDS = {"bool": _flag, "float": _seconds, "str | None": _text}
_READ = {field.name: _KINDS[str(field.type)] for field in fields(ListenerSettings) if field.name != "store"}
