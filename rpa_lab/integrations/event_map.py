"""How a log is to be read, kept in a TOML file: what each column means, and what else the log doesn't say.

::

    workflow = "loans"
    tz = "Europe/Amsterdam"

    [columns]
    case = ["run_id", "job_name"]
    activity = "step_name"
    end = "ended"
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.integrations.event_columns import Columns

__all__ = ["EventMap", "read_map"]

_TEXTS: Final = ("workflow", "tz", "time_format", "encoding", "separator", "repeated")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMap:
    """What a mapping says; None where it says nothing. The fields are those of `EventLog`, and the zone."""

    columns: Columns = field(default_factory=Columns)
    workflow: str | None = None
    tz: str | None = None
    time_format: str | None = None
    encoding: str | None = None
    separator: str | None = None
    repeated: str | None = None

    def to_toml(self) -> str:
        """The mapping as `read_map` reads it.

        Examples
        --------
        >>> print(EventMap(workflow="loans", columns=Columns(case=("id",), end="ended")).to_toml())
        workflow = "loans"
        <BLANKLINE>
        [columns]
        case = "id"
        end = "ended"
        """
        lines = [f"{name} = {_toml(getattr(self, name))}" for name in _TEXTS if getattr(self, name) is not None]
        columns = self.columns.to_dict()
        if columns:
            lines += [*([""] if lines else []), "[columns]"]
            lines += [f"{role} = {_toml(name)}" for role, name in columns.items()]
        return "\n".join(lines)


def read_map(path: str | os.PathLike[str]) -> EventMap:
    """The mapping in a TOML file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    EventMap

    Raises
    ------
    InputError
        If it can't be read, is no TOML, or says something of another type than expected.
    UnknownNameError
        If it says something that no mapping has.
    """
    where = Path(path)
    try:
        said = tomllib.loads(where.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{where} doesn't exist, expected a mapping in TOML") from None
    except OSError as refusal:
        raise InputError(f"{where} can't be read: {refusal.strerror}") from refusal
    except ValueError as mistake:  # no TOML, or no UTF-8
        raise InputError(f"{where} is no TOML: {mistake}") from None
    columns = said.pop("columns", {})
    if not isinstance(columns, dict):
        raise InputError(f"{where}: columns is {quote(columns)}, expected a table of columns by role")
    for name in said:
        if name not in _TEXTS:
            raise unknown_name(f"{where}: a mapping has no", name, [*_TEXTS, "columns"])
    for role in columns:
        if role not in Columns.roles():
            raise unknown_name(f"{where}: there is no role", role, Columns.roles())
    return EventMap(columns=_columns(where, columns), **{name: _text(where, name, each) for name, each in said.items()})


def _columns(where: Path, said: Mapping[str, Any]) -> Columns:
    found: dict[str, Any] = {}
    for role, name in said.items():
        if role == "case":
            names = name if isinstance(name, list) else [name]
            found[role] = tuple(_text(where, "columns.case", each) for each in names)
        else:
            found[role] = _text(where, f"columns.{role}", name)
    return Columns(**found)


def _text(where: Path, name: str, said: object) -> str:
    if not isinstance(said, str) or not said:
        raise InputError(f"{where}: {name} is {quote(said)}, expected text")
    return said


def _toml(value: str | list[str]) -> str:
    if isinstance(value, list):
        return _toml(value[0]) if len(value) == 1 else f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
