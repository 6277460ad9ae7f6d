"""What is planted in fleets in which nothing else happens, and how it is found there.

A case is a workflow, a window and a day of it from which on a step, or everything, takes longer. It is found if a
change point of the right sign lies within ten days; "on the day" is one day at most away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl

from benchmarks.changepoints.fleets import DAYS, START, WINDOW, levels_in_windows, made, name, windowed
from rpa_lab.analysis.changepoints import Found, moved_levels
from rpa_lab.analysis.daily_levels import levels_of_all_steps
from rpa_lab.analysis.recorded_changes import first_seen, nearest_changes, recorded_changes
from rpa_lab.simulate import Fleet, SlowStep

__all__ = ["WITHIN", "Case", "chosen_cases", "slowed", "told_as"]

WITHIN: Final = 10
EARLY, LATE = 20, 70
SHARES: Final = (0.1, 0.6)
_HELD: Final = ("day_held", "size_held", "is_release", "days_wide")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    workflow_id: str
    window: int
    onset_day: int
    node_id: str
    share: float

    @property
    def on(self) -> date:
        return START + timedelta(days=self.onset_day)


def chosen_cases(calm: Fleet, seed: int) -> list[Case]:
    """For each workflow and window a day, and a step that takes a good part of the time."""
    rng = np.random.default_rng([seed, 8])
    nodes = (
        calm.steps.group_by("workflow_id", "node_id")
        .agg(pl.col("duration_ms").sum())
        .join(calm.executions.group_by("workflow_id").agg(whole=pl.col("duration_ms").sum()), on="workflow_id")
        .with_columns(share=pl.col("duration_ms") / pl.col("whole"))
        .filter(pl.col("share").is_between(*SHARES))
        .sort("workflow_id", "node_id")
    )
    cases = []
    for (workflow_id,), mine in nodes.group_by("workflow_id", maintain_order=True):
        for window in range(DAYS // WINDOW):
            node_id, share = mine.select("node_id", "share").row(int(rng.integers(mine.height)))
            onset_day = window * WINDOW + int(rng.integers(EARLY, LATE))
            cases.append(
                Case(workflow_id=str(workflow_id), window=window, onset_day=onset_day, node_id=node_id, share=share)
            )
    return cases


def slowed(seed: int, *, percent: float, runs_per_day: float, everything: bool) -> pl.DataFrame:
    """One row per case and series: whether and how it was found."""
    calm = made(seed, runs_per_day=runs_per_day, releases_per_month=1)
    chosen = chosen_cases(calm, seed)
    without = levels_in_windows(calm)
    if everything:
        levels, fleet_made = _slower(without, chosen, by=np.log1p(percent / 100)), calm
    else:
        faults = [
            SlowStep(
                workflow_id=case.workflow_id,
                node_id=case.node_id,
                onset_day=case.onset_day,
                until_day=(case.window + 1) * WINDOW,
                factor=1 + percent / 100 / case.share,
            )
            for case in chosen
        ]
        fleet_made = made(seed, runs_per_day=runs_per_day, releases_per_month=1, faults=faults)
        levels = levels_in_windows(fleet_made)
    points = nearest_changes(moved_levels(levels).points, _changes(fleet_made, chosen), tz="UTC")
    moved = levels.join(without, on=["workflow_id", "node_id", "date"], nulls_equal=True, suffix="_calm")
    together = levels_of_all_steps(levels).join(
        levels_of_all_steps(without), on=["workflow_id", "date"], validate="1:1", suffix="_calm"
    )
    rows = []
    for case in chosen:
        window = name(case.workflow_id, case.window)
        mine = moved.filter(workflow_id=window)
        whole = mine.filter(pl.col("node_id").is_null())
        true = float(
            whole.filter(pl.col("date") >= case.on).select((pl.col("level") - pl.col("level_calm")).mean()).item()
        )
        here = points.filter(workflow_id=window)
        factor = float(np.log1p(percent / 100 / (1 if everything else case.share)))
        since = without.filter((pl.col("workflow_id") == window) & (pl.col("date") >= case.on))
        for node_id, size in ((None, true), (case.node_id, factor)):
            one = pl.col("node_id").eq_missing(pl.lit(node_id, pl.String))
            on = since.filter(one)["date"].min()
            if not isinstance(on, date):
                continue  # nothing ran since
            known = node_id is None and _known(together.filter(workflow_id=window), on)
            series = "executions" if node_id is None else "steps"
            rows.append(_case(here.filter(one), on, size, series=series, known=known))
    return pl.DataFrame(rows)


def told_as(found: Found, workflow_id: str, node_id: str) -> str:
    if found.drifts.filter(workflow_id=workflow_id, node_id=node_id).height:
        return "slow move"
    return "change points" if found.points.filter(workflow_id=workflow_id, node_id=node_id).height else "nothing"


def _slower(levels: pl.DataFrame, chosen: Sequence[Case], *, by: float) -> pl.DataFrame:
    """The levels, those since each case's day higher: what levels of durations times as long are."""
    onsets = pl.DataFrame(
        {"workflow_id": [name(c.workflow_id, c.window) for c in chosen], "on": [c.on for c in chosen]}
    )
    higher = pl.col("level") + pl.when(pl.col("date") >= pl.col("on")).then(by).otherwise(0.0)
    return levels.join(onsets, on="workflow_id", how="left", validate="m:1").with_columns(level=higher).drop("on")


def _changes(fleet_made: Fleet, chosen: Sequence[Case]) -> pl.DataFrame:
    """The fleet's own changes and the planted releases, in windows."""
    planted = pl.DataFrame(
        {
            "change_id": [f"planted-{number}" for number in range(len(chosen))],
            "at": [datetime(c.on.year, c.on.month, c.on.day, 5, tzinfo=UTC) for c in chosen],
            "workflow_id": [case.workflow_id for case in chosen],
            "kind": "release",
            "version": "9.9",
            "host": None,
            "text": "planted",
            "author": None,
        },
        schema=fleet_made.changes.schema,
    )
    written = pl.concat([fleet_made.changes, planted]).lazy()
    seen = first_seen(fleet_made.executions.lazy())
    return windowed(recorded_changes(written, seen), at="at").collect()


def _case(here: pl.DataFrame, on: date, true: float, *, series: str, known: bool) -> dict[str, object]:
    away = (pl.col("on") - pl.lit(on)).dt.total_days().abs()
    right = here.filter((away <= WITHIN) & ((pl.col("change_percent") > 0) == (true > 0))).sort(away).head(1)
    if right.is_empty():
        return {"series": series, "found": False, "on_the_day": False, "known": known} | dict.fromkeys(_HELD)
    row = right.row(0, named=True)
    low, high = (float(np.log1p(row[name] / 100)) for name in ("low_percent", "high_percent"))
    return {
        "series": series,
        "found": True,
        "on_the_day": abs((row["on"] - on).days) <= 1,
        "known": known,
        "day_held": row["earliest"] <= on <= row["latest"],
        "size_held": low <= true <= high,
        "is_release": row["change_text"] == "planted",
        "days_wide": float((row["latest"] - row["earliest"]).days + 1),
    }


def _known(days: pl.DataFrame, on: date) -> bool:
    """Whether least squares with both levels and each day's variance known hit the day."""
    calm, since = days["level_calm"].to_numpy(), (days["date"] >= on).to_numpy()
    added = days["level"].to_numpy() - calm
    usual = float(np.average(calm, weights=1 / days["within"].to_numpy()))
    low, high = (usual + float(added[side].mean()) for side in (~since, since))
    between = float(np.var((calm - usual)[days["counts"].to_numpy()])) - float(days["within"].median())  # type: ignore[arg-type]
    variance = max(between, 0.0) + days["within"].to_numpy()
    away = (days["level"].to_numpy() - low) ** 2 - (days["level"].to_numpy() - high) ** 2
    place = int(np.argmax(np.cumsum((away / variance)[::-1])[::-1]))
    return bool(abs((days["date"].to_list()[place] - on).days) <= 1)
