"""What is held against what: two periods, or two versions of a workflow in one period.

Versions may have run side by side, a new one on some of the robots for some weeks: then both had the same slow Mondays.
Or one followed the other: then whatever else changed at that time is called the version's, and a warning says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from typing import Final

import numpy as np
import polars as pl

from rpa_lab.analysis.before_after import days_text
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.inference.permutation import side_by_side
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.units import count_text, percent_text

__all__ = ["Sides", "check_versions"]

_MACHINES: Final = {"robot_id": "robot", "host": "host"}
_MUCH: Final = 0.2  # of the runs on other robots


@dataclass(frozen=True, slots=True)
class Sides:
    """The side that is held against (0) and the one that is looked at (1).

    Attributes
    ----------
    spans : tuple of Span
        The periods; of versions twice the same.
    versions : tuple of str or None
        Which version each side is of.
    later_first : bool
        Whether the first side is the later one.
    together : bool
        Whether both ran on the same days, most of them.
    warnings : tuple of str
        What makes it doubtful that a difference is the version's.
    """

    spans: tuple[Span, Span]
    versions: tuple[str, str] | None = None
    later_first: bool = False
    together: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """What the sides are called."""
        if self.versions is None:
            return "in the baseline", "in the current period"
        return f"of version {self.versions[0]}", f"of version {self.versions[1]}"

    @property
    def when(self) -> str:
        """Where versions were looked for, as it follows what is said of them."""
        return "" if self.versions is None else f" from {days_text(str(self.spans[0]), tz=self.spans[0].tz)}"

    @classmethod
    def of_periods(cls, before: Span, now: Span) -> Sides:
        """Two periods."""
        return cls(spans=(before, now), later_first=before.start > now.start)

    @classmethod
    def of_versions(cls, span: Span, versions: tuple[str, str], ended: pl.DataFrame, *, by: str | None = None) -> Sides:
        """Two versions.

        Parameters
        ----------
        span : Span
            The period in which both ran.
        versions : tuple of str
            The one that is held against, and the one that is looked at.
        ended : DataFrame
            Their runs: side, status, day, begun, robot_id, host.
        by : str, optional
            By what these are told apart.

        Returns
        -------
        Sides
        """
        completed = ended.filter(pl.col("status") == "completed")
        dated = completed.drop_nulls("day")
        days = [dated.filter(side=side).group_by("day").agg(runs=pl.len()) for side in (0, 1)]
        both = days[0].join(days[1], on="day", how="full", coalesce=True, validate="1:1").fill_null(0).sort("day")
        runs = [both[name].to_numpy().astype(np.float64) for name in ("runs", "runs_right")]
        together = side_by_side(runs[1], runs[0])
        starts = [(_first(completed.filter(side=side)), version) for side, version in enumerate(versions)]
        return cls(
            spans=(span, span),
            versions=versions,
            later_first=starts[0] > starts[1],
            together=together,
            warnings=_confounded(both, completed, together=together, by=by),
        )


def check_versions(store: TimeSeriesStore, workflow_id: str, versions: tuple[str, str]) -> None:
    """Refuse versions of which a workflow has no run at all.

    Raises
    ------
    UnknownNameError
        If there is none of one of them; names those that there are. Or if the store has no such workflow.
    InputError
        If no run says its version.
    """
    store.check_workflow(workflow_id)
    column = "workflow_version"
    runs = store.collect(
        lambda: store.scan("executions", "all", columns=[column], workflow_id=workflow_id).select(column).unique()
    )
    known = sorted(runs[column].drop_nulls())
    if not known:
        raise InputError(
            f"versions are {quote(versions)}, and no run of {workflow_id} says by which version it was done"
        )
    for version in versions:
        if version not in known:
            raise unknown_name(f"{workflow_id} has no run of version", version, known)


def _first(runs: pl.DataFrame) -> float:
    began = runs.select(pl.col("begun").dt.timestamp("us").min()).item()
    return float("inf") if began is None else float(began)


def _confounded(days: pl.DataFrame, runs: pl.DataFrame, *, together: bool, by: str | None) -> tuple[str, ...]:
    """What both versions have not in common."""
    if runs["side"].n_unique() < 2:
        return ()
    said = []
    shared = days.filter((pl.col("runs") > 0) & (pl.col("runs_right") > 0))["day"]
    if not together:
        on = "both versions ran on no day"
        if shared.len():
            when = " to ".join(dict.fromkeys(str(day) for day in (shared[0], shared[-1])))
            on = f"both versions ran on {shared.len():,} of {count_text(days.height, 'day')} only ({when})"
        said.append(f"{on}: what else changed in between counts as the version's")
    known = [column for column in _MACHINES if runs[column].drop_nulls().len()]
    if known and by not in _MACHINES.values():
        said += _unlike(runs.drop_nulls(known[0]), known[0], _MACHINES[known[0]])
    return tuple(said)


def _unlike(runs: pl.DataFrame, column: str, what: str) -> list[str]:
    """That versions ran on other robots, by more than chance shares runs out: half of the shares' differences."""
    counts = runs.group_by(column).agg((pl.col("side") == side).sum().alias(name) for side, name in enumerate("01"))
    totals = counts.select(pl.col("0", "1").sum()).row(0)
    if not all(totals):
        return []
    shares = counts.with_columns(pl.col(name) / total for name, total in zip("01", totals, strict=True))
    apart = shares.with_columns(much=pl.col("1") - pl.col("0")).sort(pl.col("much").abs(), column, descending=True)
    by_chance = sqrt(counts.height * sum(1 / total for total in totals) / (2 * pi))
    if not counts.filter((pl.col("0") > 0) & (pl.col("1") > 0)).height:
        return [f"no {what} ran both versions: what {what}s differ by counts as the version's"]
    if apart["much"].abs().sum() / 2 <= _MUCH + by_chance:
        return []
    name, old, new = apart.select(column, "0", "1").row(0)
    did = f"{quote(name)} did {percent_text(old)} of the old one's runs and {percent_text(new)} of the new one's"
    counts_as = f"what {what}s differ by counts as the version's"
    return [f"the versions ran on other {what}s ({did}): {counts_as}; by={what!r} tells it apart"]
