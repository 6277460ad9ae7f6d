"""``[[sla]]`` of a store's settings: what was promised, one promise a table.

::

    [[sla]]
    workflow = "invoices"          # default: every workflow
    duration = "5min"              # each run takes at most so long
    share = 95                     # percent of them that have to keep it; default 100

    [[sla]]
    p95 = "4min"                   # the same as duration = "4min" and share = 95

    [[sla]]
    queue_wait = "15min"           # from queued to started; working time, where there is a [calendar]

Further promises: ``turnaround`` (of a case, from queued to completed, re-runs included; working time), ``completed_by``
(a time of day: a case is completed before the clock next shows it) and ``success_rate`` (percent of the runs that
ended). A table makes one promise.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import time
from typing import Final, Literal

from rpa_lab.errors import InputError
from rpa_lab.storage.settings_values import Section

__all__ = ["CompletedBy", "Completes", "SlaTarget", "Within", "sla_targets"]

_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?|100)")
_MEASURES: Final = ("duration", "queue_wait", "turnaround")
_PROMISES: Final = (*_MEASURES, "completed_by", "success_rate")
_KEYS: Final = ("workflow", "share", "name", *_PROMISES)
_PERCENT: Final = "percent, a number from 0 to 100"


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """It takes at most so long (ms): a run's duration, its wait in the queue, or a case from queued to completed."""

    measure: Literal["duration", "queue_wait", "turnaround"]
    limit_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedBy:
    """A case is completed before the clock next shows this time of day."""

    clock: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Completes:
    """A run completes, rather than to fail or to be cancelled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlaTarget:
    """A promise, and the percent 0-100 of runs or cases that have to keep it; of one workflow, or (None) of all."""

    name: str
    promise: Within | CompletedBy | Completes
    share: float = 100.0
    workflow_id: str | None = None


def sla_targets(sections: list[Section]) -> tuple[SlaTarget, ...]:
    """The targets that the tables say, in their order.

    Raises
    ------
    InputError
        If one makes no promise, or more than one.
    """
    return tuple(_target(section) for section in sections)


def _target(section: Section) -> SlaTarget:
    percentiles = [key for key in section.said if _PERCENTILE.fullmatch(key)]
    section.only((*_KEYS, *percentiles))
    said = [key for key in (*_PROMISES, *percentiles) if key in section.said]
    if len(said) != 1:
        found = f"{len(said)} promises ({', '.join(said)})" if said else "no promise"
        expected = f"one of {', '.join(_PROMISES)}, or a percentile such as p95"
        raise InputError(f"{section.file}: {section.name} makes {found}, expected {expected}")
    key = said[0]
    promise, share = _promise(section, key)
    if share is None:
        share = _percent(section, "share")
    elif "share" in section.said:
        raise section.wrong("share", f"nothing beside {key}, which says already how many have to keep it")
    return SlaTarget(
        name=section.text("name") or _named(section, key),
        promise=promise,
        share=100.0 if share is None else share,
        workflow_id=section.text("workflow"),
    )


def _promise(section: Section, key: str) -> tuple[Within | CompletedBy | Completes, float | None]:
    """What a key promises, and of how many percent, where the key says that."""
    if key == "success_rate":
        return Completes(), _percent(section, key)
    if key == "completed_by":
        return CompletedBy(clock=section.clock(key) or time(0)), None
    limit_ms = section.duration_ms(key) or 0.0
    for measure in _MEASURES:
        if measure == key:
            return Within(measure=measure, limit_ms=limit_ms), None
    return Within(measure="duration", limit_ms=limit_ms), float(key[1:])


def _percent(section: Section, key: str) -> float | None:
    value = section.number(key, most=100, what=_PERCENT)
    if value is not None and 0 < value <= 1:  # a fraction, most likely: as percent almost any run of robots keeps it
        raise section.wrong(key, f"{_PERCENT}, above 1 (or 0): {value * 100:g} for {value * 100:g} %")
    return value


def _named(section: Section, key: str) -> str:
    value = section.said[key]
    shown = f"{value:%H:%M}" if isinstance(value, time) else f"{value:g}" if isinstance(value, float) else str(value)
    share = section.said.get("share")
    words = {
        "queue_wait": f"queue wait ≤ {shown}",
        "completed_by": f"completed by {shown}",
        "success_rate": f"success rate ≥ {shown} %",
    }
    return words.get(key, f"{key} ≤ {shown}") + (f" ({share:g} %)" if share is not None else "")
