"""What a store's owner sets: `rpa_lab.toml` in its root.

::

    tz = "Europe/Paris"      # the zone in which days begin and naive times are read; default UTC

    [[failure]]              # which failures are of which category: see settings_failures
    category = "portal down"
    contains = "503"

    [[sla]]                  # what was promised: see settings_targets
    workflow = "invoices"
    p95 = "4min"

    [cost]                   # what time costs, and how long the work takes by hand: see settings_cost
    employee_per_hour = 42
    manual_minutes = 6

    [calendar]               # when work is done: see settings_calendar
    hours = "08:00-18:00"

All of it may be left out. What means nothing is an error, and names its place: a misspelt key must not be passed over.
The page `docs/settings.md` has each key.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rpa_lab.errors import InputError
from rpa_lab.journal.layout import SETTINGS
from rpa_lab.storage.settings_calendar import Calendar, calendar_of
from rpa_lab.storage.settings_cost import Cost, cost_of
from rpa_lab.storage.settings_failures import FailureRule, failure_rules
from rpa_lab.storage.settings_targets import SlaTarget, sla_targets
from rpa_lab.storage.settings_values import Section

__all__ = ["FailureRule", "Settings", "parse_settings", "read_settings"]

_KEYS = ("tz", "failure", "sla", "cost", "calendar")
_UNKNOWN = Cost()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A store's settings. Without a calendar all time is working time; costs that aren't said are unknown."""

    tz: str = "UTC"
    failures: tuple[FailureRule, ...] = ()
    sla: tuple[SlaTarget, ...] = ()
    cost: Cost = _UNKNOWN
    calendar: Calendar | None = None


def read_settings(root: Path) -> Settings:
    """The settings of a store; defaults where it has no file of them.

    Parameters
    ----------
    root : Path
        The store.

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        If the file can't be understood; names the file and what was expected.

    Examples
    --------
    >>> read_settings(Path("nowhere")).tz
    'UTC'
    """
    path = root / SETTINGS
    try:
        said = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    return parse_settings(said, place=str(path))


def parse_settings(text: bytes, *, place: str) -> Settings:
    r"""The settings that a file's bytes say; `place` is how errors name it.

    Raises
    ------
    InputError
        If they can't be understood.

    Examples
    --------
    >>> parse_settings(b'[[sla]]\np95 = "4min"', place="rpa_lab.toml").sla[0].share
    95.0
    >>> parse_settings(b"[costs]", place="rpa_lab.toml")
    Traceback (most recent call last):
    rpa_lab.errors.InputError: rpa_lab.toml has no key 'costs'; did you mean 'cost'? It has: calendar, ...
    """
    return _parsed(text, place)


@lru_cache(maxsize=16)  # a store is asked for its zone with every query
def _parsed(text: bytes, place: str) -> Settings:
    try:
        said = tomllib.loads(text.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as mistake:
        raise InputError(f"{place} is no TOML: {mistake}") from mistake
    top = Section(place, "", said)
    top.only(_KEYS)
    return Settings(
        tz=top.zone("tz") or "UTC",
        failures=failure_rules(top.many("failure")),
        sla=sla_targets(top.many("sla")),
        cost=cost_of(top.inner("cost")),
        calendar=calendar_of(top.inner("calendar")) if "calendar" in said else None,
    )
