"""Which column of a log means what: taken from its usual name, or from the user's word; never from two candidates.

The names are those of XES (``concept:name``, ``time:timestamp`` …), of PM4Py's and Simod's CSV, and of the steps that
GitHub Actions reports. Of a role's names those that say more come first: beside ``conclusion`` a column ``status`` is
no status, and beside ``end_time`` a ``timestamp`` is no end. Where two say equally much, the user is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from rpa_lab.errors import InputError, unknown_name
from rpa_lab.integrations.source import Source
from rpa_lab.integrations.xes import CASE

__all__ = ["NONE", "Columns", "guess"]

NONE: Final = "-"
"""What a user says for "no column has this role"."""

_NAMES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "case": (
        ("case:concept:name",),
        ("case_id", "caseid", "case", "case_key", "case_number"),
        ("trace_id", "execution_id", "process_instance_id", "run_id"),
    ),
    "activity": (
        ("concept:name",),
        ("activity", "activity_name", "activity_id", "step_name", "task_name"),
        ("event", "event_name", "step", "task", "operation"),
    ),
    "start": (
        ("start_timestamp", "time:start"),
        ("start_time", "starttime", "started_at", "started", "start", "begin", "start_date", "startdate", "begin_time"),
    ),
    "end": (
        ("time:timestamp",),
        (
            *("end_time", "endtime", "completed_at", "ended_at", "ended", "end", "finished", "finished_at", "end_date"),
            *("enddate", "complete_time", "completed", "complete_timestamp", "end_timestamp"),
        ),
        ("timestamp", "time", "datetime", "event_time", "date", "event_timestamp"),
    ),
    "enabled": (("time:enabled",), ("enabled_time", "enabled_timestamp", "enabled_at", "enabled")),
    "status": (("conclusion",), ("status", "outcome", "result", "state")),
    "resource": (("org:resource",), ("resource", "user", "robot", "robot_id", "performer", "agent", "resource_name")),
    "lifecycle": (("lifecycle:transition",), ("lifecycle", "transition", "event_type")),
    "instance": (("concept:instance",), ("activity_instance", "instance", "activity_instance_id")),
}
_PARTS: Final = (("run_id",), ("run_attempt",), ("job_name", "job", "job_id"))
"""What tells an execution of GitHub Actions, a job of a run; of several names for one thing the first counts."""

_NEEDED: Final = ("case", "activity", "end")
_MEANING: Final = {
    "case": "the case that an event belongs to",
    "activity": "what was done",
    "end": "when it was done",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The column of each role; None where the log has none. A case may be told by several.

    `enabled` is when a step could have begun, `lifecycle` says of an event whether it starts or completes its step, and
    `instance` tells apart the steps of one activity in a case.
    """

    case: tuple[str, ...] = ()
    activity: str | None = None
    start: str | None = None
    end: str | None = None
    enabled: str | None = None
    status: str | None = None
    resource: str | None = None
    lifecycle: str | None = None
    instance: str | None = None

    @classmethod
    def roles(cls) -> tuple[str, ...]:
        """The names of the roles."""
        return tuple(each.name for each in fields(cls))

    def taken(self) -> Iterator[tuple[str, str]]:
        """Each role that has a column, with its name."""
        yield from (("case", name) for name in self.case)
        for role in self.roles()[1:]:
            name = getattr(self, role)
            if name is not None:
                yield role, name

    def to_dict(self) -> dict[str, Any]:
        """The columns by role, as plain values."""
        said: dict[str, Any] = {"case": list(self.case)} if self.case else {}
        return said | {role: name for role, name in self.taken() if role != "case"}


def guess(names: Sequence[str], said: Columns, *, source: Source) -> Columns:
    """The column of each role.

    Parameters
    ----------
    names : sequence of str
        The log's columns.
    said : Columns
        What the user said; ``"-"`` means none.
    source : Source
        The file, for messages.

    Returns
    -------
    Columns

    Raises
    ------
    InputError
        If two columns could be meant, or none is found where one is needed; names them, and the option that decides.
    UnknownNameError
        If the user named a column that isn't there.

    Examples
    --------
    >>> from pathlib import Path
    >>> source = Source(path=Path("orders.csv"), content=b"")
    >>> columns = guess(["case_id", "activity", "start_time", "end_time", "amount"], Columns(), source=source)
    >>> list(columns.taken())
    [('case', 'case_id'), ('activity', 'activity'), ('start', 'start_time'), ('end', 'end_time')]
    """
    for role, name in said.taken():
        if name != NONE and name not in names:
            raise unknown_name(f"{source.path}, option {role}: the file has no column", name, names)
        if name == NONE and role in _NEEDED:
            raise InputError(f"{role} is '-', expected a column: every log says {_MEANING[role]}")
    used = {name for _, name in said.taken() if name != NONE}
    found: dict[str, Any] = {}
    for role in Columns.roles():
        own = getattr(said, role)
        if own:
            found[role] = None if own == NONE else own
        elif role == "case":
            found[role] = _case(names, used, source=source)
        else:
            found[role] = _only(role, names, used, source=source)
    for role in _NEEDED:
        if not found[role]:
            listed = ", ".join(repr(name) for name in names[:20]) + (" …" if len(names) > 20 else "")
            raise InputError(
                f"{source.path} has no column that is known to say {_MEANING[role]}; {_ask(role)} {listed}"
            )
    return Columns(**found)


def _case(names: Sequence[str], used: set[str], *, source: Source) -> tuple[str, ...]:
    own = {_plain(name): name for name in names if name not in used}
    parts = [next((own[name] for name in known if name in own), None) for known in _PARTS]
    if parts[0] and parts[2] and not any(_candidates("case", names, used)[:2]):
        return tuple(part for part in parts if part)
    only = _only("case", names, used, source=source)
    return () if only is None else (only,)


def _only(role: str, names: Sequence[str], used: set[str], *, source: Source) -> str | None:
    best = next((tier for tier in _candidates(role, names, used) if tier), None)
    return _one(role, best, source=source) if best else None


def _one(role: str, candidates: Sequence[str], *, source: Source) -> str:
    if len(candidates) > 1:
        listed = " and ".join(repr(name) for name in candidates)
        meaning = _MEANING.get(role, f"the {role}")
        raise InputError(
            f"{source.path} has the columns {listed}, each of which might say {meaning}; {_ask(role)} them"
        )
    return candidates[0]


def _candidates(role: str, names: Sequence[str], used: set[str]) -> list[list[str]]:
    """By how much their names say: the columns that could have a role."""
    own = [name for name in names if name not in used and (role == "case" or not name.startswith(CASE))]
    return [[name for name in own if _plain(name) in tier] for tier in _NAMES[role]]


def _plain(name: str) -> str:
    """A name as it stands in the lists: ``Case ID`` and ``caseId`` are ``case_id``."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    return re.sub(r"[\s\-.]+", "_", words).lower()


def _ask(role: str) -> str:
    return f"say {role} (--{role} on the command line), one of"
