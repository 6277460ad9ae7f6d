"""What is held against what: two periods, or two versions of a workflow in one period.

Versions may have run side by side, a new one on some of the robots for some weeks: then both had the same slow Mondays.
Or one followed the other: then whatever else changed at that time is called the version's, and a warning says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from rpa_lab.errors import unknown_name
from rpa_lab.inference.permutation import side_by_side
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.units import count_text

__all__ = ["Sides", "check_versions"]


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
            return "the baseline", "the current period"
        return f"version {self.versions[0]}", f"version {self.versions[1]}"

    @classmethod
    def of_periods(cls, before: Span, now: Span) -> Sides:
        """Two periods."""
        return cls(spans=(before, now), later_first=before.start > now.start)

    @classmethod
    def of_versions(cls, span: Span, versions: tuple[str, str], ended: pl.DataFrame) -> Sides:
        """Two versions.

        Parameters
        ----------
        span : Span
            The period in which both ran.
        versions : tuple of str
            The one that is held against, and the one that is looked at.
        ended : DataFrame
            Their runs: side, day, begun, robot_id.

        Returns
        -------
        Sides
        """
        dated = ended.drop_nulls("day")
        days = [dated.filter(side=side).group_by("day").agg(runs=pl.len()) for side in (0, 1)]
        both = days[0].join(days[1], on="day", how="full", coalesce=True, validate="1:1").fill_null(0).sort("day")
        runs = [both[name].to_numpy().astype(np.float64) for name in ("runs", "runs_right")]
        together = side_by_side(runs[1], runs[0])
        starts = [(_first(ended.filter(side=side)), version) for side, version in enumerate(versions)]
        return cls(
            spans=(span, span),
            versions=versions,
            later_first=starts[0] > starts[1],
            together=together,
            warnings=_confounded(both, ended, together=together),
        )


def check_versions(store: TimeSeriesStore, workflow_id: str, versions: tuple[str, str]) -> None:
    """Refuse versions of which a workflow has no run at all.

    Raises
    ------
    UnknownNameError
        If there is none of one of them; names those that there are. Or if the store has no such workflow.
    """
    store.check_workflow(workflow_id)
    column = "workflow_version"
    runs = store.collect(
        lambda: store.scan("executions", "all", columns=[column], workflow_id=workflow_id).select(column).unique()
    )
    known = sorted(runs[column].drop_nulls())
    for version in versions:
        if version not in known:
            raise unknown_name(f"{workflow_id} has no run of version", version, known)


def _first(runs: pl.DataFrame) -> float:
    began = runs.select(pl.col("begun").dt.timestamp("us").min()).item()
    return float("inf") if began is None else float(began)


def _confounded(days: pl.DataFrame, ended: pl.DataFrame, *, together: bool) -> tuple[str, ...]:
    """What both versions have not in common."""
    said = []
    shared = int(days.select(((pl.col("runs") > 0) & (pl.col("runs_right") > 0)).sum()).item())
    if days.height and not together:
        on = "no day" if not shared else f"{shared:,} of {count_text(days.height, 'day')} only"
        said.append(f"both versions ran on {on}: what else changed in between counts as the version's")
    robots = [set(ended.filter(side=side)["robot_id"].drop_nulls().to_list()) for side in (0, 1)]
    if all(robots) and not robots[0] & robots[1]:
        said.append("no robot ran both versions: what their robots differ by counts as the version's")
    return tuple(said)
