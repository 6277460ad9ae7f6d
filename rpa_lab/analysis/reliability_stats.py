"""How reliable a workflow was in a period, as one result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from rpa_lab.inference.intervals import THESE_RUNS
from rpa_lab.result import Result

__all__ = ["ReliabilityStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityStats(Result):
    """Reliability of one workflow (or of all: `workflow_id` None) in one period.

    `success_rate`, `first_attempt_rate` and `case_rate` are percent 0-100 of what has `ended`, of the same, and of
    `cases`; None where there is none. Bounds are at `level`; `…_basis` says what they speak of: the long run ("days",
    of which there are at least 10), or "these runs only", and of MTBF's bounds `about` does. Times are ms; `mtbf_ms` is
    operating time between breakdowns, `calendar_mtbf_ms` calendar time, `mttr_ms` the mean length of the `restorations`
    outages that have ended. `current_streak` runs in a row completed, or broke down, up to now. `categories` has one
    row per category of failures: see `rpa_lab.analysis.failures.by_category`.
    """

    _table: ClassVar[str | None] = "categories"

    workflow_id: str | None
    time_period: str
    tz: str
    ended: int
    completed: int
    failed: int
    cancelled: int
    abandoned: int
    running: int
    success_rate: float | None
    success_low: float | None
    success_high: float | None
    success_basis: str | None
    first_attempts: int
    first_attempt_rate: float | None
    first_attempt_low: float | None
    first_attempt_high: float | None
    first_attempt_basis: str | None
    cases: int
    cases_completed: int
    cases_running: int
    case_rate: float | None
    case_low: float | None
    case_high: float | None
    case_basis: str | None
    attempts_per_case: float | None
    cases_before: int
    dangling: int
    cyclic: int
    breakdowns: int
    operating_ms: float | None
    calendar_ms: float
    mtbf_ms: float | None
    mtbf_low_ms: float | None
    mtbf_high_ms: float | None
    calendar_mtbf_ms: float | None
    restorations: int
    mttr_ms: float | None
    longest_outage_ms: float | None
    unrestored: int
    unrestored_ms: float | None
    longest_success: int
    longest_failure: int
    current_streak: int
    current_success: bool | None
    categories: pl.DataFrame
    level: float = 0.95
    about: str = THESE_RUNS
    warnings: tuple[str, ...] = ()
