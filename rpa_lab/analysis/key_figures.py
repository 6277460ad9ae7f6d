"""Key figures as a result: each with its value, its unit, what it was counted from, and what isn't in it.

A figure that can't be known is None, and its note says what is missing: a setting, or records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from rpa_lab.errors import unknown_name
from rpa_lab.result import Result

__all__ = ["Figure", "KeyFigures"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One key figure.

    `unit` is ms, percent (0-100), h, per h, executions, or a currency; `n` is how many executions, cases, steps or
    robots it was counted from. `low` and `high` are its 95 % interval where it is a rate, and `basis` says of what that
    speaks: "days", of the long run, where there are at least 14, or "these runs only" (see
    `rpa_lab.analysis.rate_intervals`). `note` says what it doesn't count, or why it is None.
    """

    name: str
    label: str
    value: float | None
    unit: str
    n: int
    low: float | None = None
    high: float | None = None
    basis: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigures(Result):
    """Key figures of one workflow (`workflow_id` None: of all together) in one period.

    `figures` has one row per figure, columns of `Figure`; `service_levels` one row per target and `robots` one row per
    robot (of one workflow: by its executions only): see `rpa_lab.analysis.kpis.KpiAnalyzer`. `hours` and
    `working_hours` are those of the period so far; without a calendar (`has_calendar`) they are the same.
    """

    _table: ClassVar[str | None] = "figures"

    workflow_id: str | None
    time_period: str
    tz: str
    has_calendar: bool
    hours: float
    working_hours: float
    executions: int
    completed: int
    failed: int
    cancelled: int
    abandoned: int
    running: int
    cases: int
    cases_completed: int
    cases_running: int
    figures: pl.DataFrame
    service_levels: pl.DataFrame
    robots: pl.DataFrame
    warnings: tuple[str, ...] = ()

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Parameters
        ----------
        name : str
            For example ``"utilisation"``.

        Returns
        -------
        Figure

        Raises
        ------
        UnknownNameError
            If there is none; lists those that exist.
        """
        row = self.figures.filter(pl.col("name") == name)
        if row.is_empty():
            raise unknown_name("there is no key figure", name, self.figures["name"])
        return Figure(**row.row(0, named=True))
