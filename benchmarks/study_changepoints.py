"""How often a level is said to have moved where none did, and how well it is found where one did.

Fleets of 720 days are simulated and cut into windows, workflow by workflow; in each window change points are looked for
as `HistoryAnalyzer` looks for them, in executions and steps. Seeds are 0 to 29 (of the rest 0 to 7, 0 to 6 and 0 to 2);
the penalties were chosen on seeds from 1000 on.

- **False alarms**: fleets in which nothing happens, 90 days at a time as by default; beside them other lengths, numbers
  of runs a day, days that are all alike. An alarm is a change point, or a slow move, in the executions; and one in any
  step. "Neighbours alike": fleets whose day effect of 8 % keeps so much of the day before, and executions' levels alone
  that do (Gaussian, 9.5 %), in which also a slowdown of 20 % from the 41st day on is looked for.
- **Planted slowdowns**: in each window of 90 days, from a random one of its days 20 to 69 on, one step takes so many
  times as long that the workflow's mean rises by 10, 20 or 50 % (steps that take a tenth to six tenths of the time).
  Beside that everything is made so much slower, which no step can say more exactly than the whole. A case is found if a
  change point of the right sign lies within ten days; "on the day" is one day at most away. The true day is the first
  on which a run (of steps: that step) completed since: of what happens on a Saturday off, Monday's runs are the first
  to know.
- **As well as can be**: how often the day is hit by who knows that there is one change, its size and both levels, by
  all steps together, each day weighed by what it is known as (`levels_of_all_steps`), days of few runs too.
- **Intervals**: how often those of the found hold the true day and the true size. Of executions the true size is that
  of the levels of the same fleet with and without; of steps the planted factor.
- **Changes**: how often the nearest recorded change is the release that was planted on that morning, among the fleet's
  own releases (one a month and workflow, in two stages), versions and hosts first seen.
- **Slow moves**: a step that takes 1 or 3 % of its time more each day from the 25th day on: how it is told.

    python benchmarks/study_changepoints.py      as committed; writes results/changepoints.csv
    python benchmarks/study_changepoints.py 3    seeds 0 to 2 at most, and writes nothing
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.changepoints import Found, moved_levels
from rpa_lab.analysis.daily_levels import (
    days_that_count,
    levels_of_all_steps,
    levels_of_executions,
    levels_of_steps,
)
from rpa_lab.analysis.recorded_changes import first_seen, nearest_changes, recorded_changes
from rpa_lab.simulate import Drift, Fleet, SlowStep, fleet

RESULTS: Final = Path(__file__).parent / "results" / "changepoints.csv"
SEEDS: Final = 30
BESIDE_SEEDS: Final = 8
PLANTED_SEEDS: Final = 7
OTHER_SEEDS: Final = 3
DAYS, WORKFLOWS, END = 720, 4, date(2026, 11, 2)
WINDOW: Final = 90
START: Final = END - timedelta(days=DAYS)
WITHIN: Final = 10
EARLY, LATE = 20, 70
SHARES: Final = (0.1, 0.6)
ALIKE: Final = (0.2, 0.3, 0.45)
WANDERING: Final = 600
DAY_SD, WANDERING_SD = 0.08, 0.095


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    began = time.process_time()
    table = pl.concat([part() for part in parts(seeds)])
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, float_precision=2, tbl_hide_column_data_types=True):
        print(table)
    print(f"{time.process_time() - began:.0f} s of CPU time")
    if seeds == SEEDS:
        RESULTS.parent.mkdir(exist_ok=True)
        table.write_csv(RESULTS, float_precision=3)


def parts(seeds: int) -> list[Callable[[], pl.DataFrame]]:
    """What the study is made of, each with so many seeds at most."""
    beside, planted, others = (range(min(seeds, most)) for most in (BESIDE_SEEDS, PLANTED_SEEDS, OTHER_SEEDS))
    found = [partial(false_alarms, range(seeds))]
    found += [partial(false_alarms, beside, window=window) for window in (30, 60, 180, 360)]
    found += [partial(false_alarms, beside, runs_per_day=runs_per_day) for runs_per_day in (5, 50)]
    found.append(partial(false_alarms, beside, day_sd=0.0))
    found += [partial(false_alarms, beside, alike=alike) for alike in ALIKE]
    found += [partial(wandering, range(WANDERING * seeds // SEEDS), alike=alike) for alike in (0.0, *ALIKE)]
    for everything in (False, True):
        found.append(partial(slowdowns, planted, percent=20, everything=everything))
        found += [
            partial(slowdowns, others, percent=percent, runs_per_day=runs_per_day, everything=everything)
            for runs_per_day in (5, 20, 50)
            for percent in (10, 20, 50)
            if (runs_per_day, percent) != (20, 20)
        ]
    return [*found, *(partial(slow_moves, others, per_day=per_day) for per_day in (0.01, 0.03))]


def false_alarms(
    seeds: Iterable[int],
    *,
    window: int = WINDOW,
    runs_per_day: float = 20,
    day_sd: float = DAY_SD,
    alike: float = 0.0,
) -> pl.DataFrame:
    """Alarms per workflow and year where nothing happens: in executions, in all steps of a workflow, and slow moves."""
    counts = np.zeros(3)
    years = 0.0
    for seed in seeds:
        calm = _fleet(seed, runs_per_day=runs_per_day, day_sd=0.0 if alike else day_sd)
        levels = _levels(calm, window=window)
        found = moved_levels(_with_days_alike(levels, alike, seed=seed) if alike else levels)
        whole = pl.col("node_id").is_null()
        counts += [
            sum(frame.filter(one).height for frame in (found.points, found.drifts)) for one in (whole, ~whole)
        ] + [found.drifts.filter(whole).height]
        years += WORKFLOWS * (DAYS // window) * window / 365
    design = f"{window} days" if day_sd else f"{window} days, all alike"
    if alike:
        design = f"neighbours alike {alike:g}"
    return _rows(
        [
            ("false alarms a year", "executions", counts[0] / years, years),
            ("false alarms a year", "steps", counts[1] / years, years),
            ("of these slow moves", "executions", counts[2] / years, years),
        ],
        design=design,
        runs_per_day=runs_per_day,
    )


def wandering(seeds: Sequence[int], *, alike: float) -> pl.DataFrame:
    """Alarms in executions' levels alone of which each keeps so much of the day before, and slowdowns found there."""
    when = [START + timedelta(days=day) for day in range(WINDOW)]
    calm = pl.concat(
        [
            pl.DataFrame(
                {
                    "workflow_id": f"{seed}",
                    "node_id": pl.Series([None] * WINDOW, dtype=pl.String),
                    "date": when,
                    "level": 9 + WANDERING_SD * _days_alike(alike, WINDOW, seed=[seed, 1]),
                    "n": 20,
                    "spread": 0.35,
                }
            )
            for seed in seeds
        ]
    )
    higher = pl.when(pl.col("date") >= when[40]).then(float(np.log(1.2))).otherwise(0.0)
    alarms, slowed = (moved_levels(days_that_count(one)) for one in (calm, calm.with_columns(pl.col("level") + higher)))
    near = (pl.col("on") - pl.lit(when[40])).dt.total_days().abs()
    hit = slowed.points.filter((near <= WITHIN) & (pl.col("change_percent") > 0))
    years, cases = len(seeds) * WINDOW / 365, len(seeds)
    held = hit.filter(pl.lit(when[40]).is_between(pl.col("earliest"), pl.col("latest"))).height
    return _rows(
        [
            ("false alarms a year", "executions", (alarms.points.height + alarms.drifts.height) / years, years),
            ("found", "executions", 100 * hit["workflow_id"].n_unique() / cases, cases),
            ("found on the day", "executions", 100 * hit.filter(near <= 1).height / cases, cases),
            ("day within its interval", "executions", 100 * held / max(hit.height, 1), hit.height),
        ],
        design=f"levels alone, neighbours alike {alike:g}",
        runs_per_day=20,
    )


def slowdowns(
    seeds: Iterable[int], *, percent: float, runs_per_day: float = 20, everything: bool = False
) -> pl.DataFrame:
    """How well a slowdown is found, day and size told, and what was changed then."""
    seen = [_slowed(seed, percent=percent, runs_per_day=runs_per_day, everything=everything) for seed in seeds]
    cases = pl.concat(seen)
    design = f"{percent:g} % by {'everything' if everything else 'one step'}"
    rows = []
    for what in ("executions", "steps"):
        mine = cases.filter(series=what)
        found = mine.filter("found")
        rows += [
            ("found", what, _percent(mine, "found"), mine.height),
            ("found on the day", what, _percent(mine, "on_the_day"), mine.height),
            ("day within its interval", what, _percent(found, "day_held"), found.height),
            ("size within its interval", what, _percent(found, "size_held"), found.height),
            ("days from earliest to latest", what, _mean(found, "days_wide"), found.height),
            ("nearest change is the release", what, _percent(found, "is_release"), found.height),
        ]
        if what == "executions":
            rows.append(("day hit by who knows the rest", what, _percent(mine, "known"), mine.height))
    return _rows([row for row in rows if row[3]], design=design, runs_per_day=runs_per_day)


def slow_moves(seeds: Iterable[int], *, per_day: float) -> pl.DataFrame:
    """How a step that becomes slower day by day is told: as a slow move, as levels that move at once, not at all."""
    told = []
    for seed in seeds:
        calm = _fleet(seed)
        chosen = _chosen(calm, seed)
        faults = [
            Drift(
                workflow_id=case.workflow_id,
                node_id=case.node_id,
                onset_day=case.window * WINDOW + 25,
                until_day=(case.window + 1) * WINDOW,
                per_day=per_day,
            )
            for case in chosen
        ]
        found = moved_levels(_levels(_fleet(seed, faults=faults)))
        told += [_told(found, _name(case.workflow_id, case.window), case.node_id) for case in chosen]
    design = f"{per_day * 100:g} % more a day"
    kinds = ("slow move", "change points", "nothing")
    rows = [
        (f"told as {kind}", "steps", 100 * float(np.mean([one == kind for one in told])), len(told)) for kind in kinds
    ]
    return _rows(rows, design=design, runs_per_day=20)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    workflow_id: str
    window: int
    onset_day: int
    node_id: str
    share: float

    @property
    def on(self) -> date:
        return START + timedelta(days=self.onset_day)


def _fleet(
    seed: int,
    *,
    runs_per_day: float = 20,
    day_sd: float = 0.08,
    faults: Sequence[SlowStep | Drift] = (),
    releases_per_month: float = 0,
) -> Fleet:
    return fleet(
        DAYS,
        WORKFLOWS,
        seed,
        end=END,
        runs_per_day=runs_per_day,
        faults=faults,
        day_sd=day_sd,
        releases_per_month=releases_per_month,
    )


def _name(workflow_id: str, window: int) -> str:
    return f"{workflow_id} {window}"


def _windowed(rows: pl.LazyFrame, *, at: str = "started_at", window: int = WINDOW) -> pl.LazyFrame:
    """The rows of whole windows, each of which is a workflow of its own."""
    since = (pl.col(at) - pl.lit(datetime(START.year, START.month, START.day, tzinfo=UTC))).dt.total_days()
    number = since // window
    return rows.filter(number < DAYS // window).with_columns(
        workflow_id=pl.col("workflow_id") + pl.format(" {}", number)
    )


def _levels(made: Fleet, *, window: int = WINDOW) -> pl.DataFrame:
    runs = _windowed(made.executions.lazy(), window=window)
    steps = _windowed(made.steps.lazy(), window=window)
    plans = [levels_of_executions(runs, tz="UTC"), levels_of_steps(steps, tz="UTC")]
    return days_that_count(pl.concat(pl.collect_all(plans)))


def _days_alike(alike: float, days: int, *, seed: list[int]) -> npt.NDArray[np.float64]:
    """So many days of an autoregressive series with variance 1."""
    from scipy.signal import lfilter

    chance = np.random.default_rng(seed).normal(0, np.sqrt(1 - alike**2), days)
    chance[0] /= np.sqrt(1 - alike**2)
    return np.asarray(lfilter([1.0], [1.0, -alike], chance))


def _with_days_alike(levels: pl.DataFrame, alike: float, *, seed: int) -> pl.DataFrame:
    """The levels of a fleet without day effect, and one that keeps so much of the day before."""
    names = levels["workflow_id"].unique().sort().to_list()
    effects = pl.concat(
        [
            pl.DataFrame(
                {
                    "workflow_id": name,
                    "_day": np.arange(WINDOW),
                    "_effect": DAY_SD * _days_alike(alike, WINDOW, seed=[seed, number, 2]),
                }
            )
            for number, name in enumerate(names)
        ]
    )
    day = (pl.col("date") - pl.lit(START)).dt.total_days() % WINDOW
    return (
        levels.with_columns(_day=day)
        .join(effects, on=["workflow_id", "_day"], how="left", validate="m:1")
        .with_columns(level=pl.col("level") + pl.col("_effect"))
        .drop("_day", "_effect")
    )


def _chosen(calm: Fleet, seed: int) -> list[_Case]:
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
                _Case(workflow_id=str(workflow_id), window=window, onset_day=onset_day, node_id=node_id, share=share)
            )
    return cases


def _slowed(seed: int, *, percent: float, runs_per_day: float, everything: bool) -> pl.DataFrame:
    """One row per case and series: whether and how it was found."""
    calm = _fleet(seed, runs_per_day=runs_per_day, releases_per_month=1)
    chosen = _chosen(calm, seed)
    without = _levels(calm)
    if everything:
        levels, made = _slower(without, chosen, by=np.log1p(percent / 100)), calm
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
        made = _fleet(seed, runs_per_day=runs_per_day, releases_per_month=1, faults=faults)
        levels = _levels(made)
    points = nearest_changes(moved_levels(levels).points, _changes(made, chosen), tz="UTC")
    moved = levels.join(without, on=["workflow_id", "node_id", "date"], nulls_equal=True, suffix="_calm")
    together = levels_of_all_steps(levels).join(
        levels_of_all_steps(without), on=["workflow_id", "date"], validate="1:1", suffix="_calm"
    )
    rows = []
    for case in chosen:
        name = _name(case.workflow_id, case.window)
        mine = moved.filter(workflow_id=name)
        whole = mine.filter(pl.col("node_id").is_null())
        true = float(
            whole.filter(pl.col("date") >= case.on).select((pl.col("level") - pl.col("level_calm")).mean()).item()
        )
        here = points.filter(workflow_id=name)
        factor = float(np.log1p(percent / 100 / (1 if everything else case.share)))
        since = without.filter((pl.col("workflow_id") == name) & (pl.col("date") >= case.on))
        for node_id, size in ((None, true), (case.node_id, factor)):
            one = pl.col("node_id").eq_missing(pl.lit(node_id, pl.String))
            on = since.filter(one)["date"].min()
            if not isinstance(on, date):
                continue  # nothing ran since
            known = node_id is None and _known(together.filter(workflow_id=name), on)
            series = "executions" if node_id is None else "steps"
            rows.append(_case(here.filter(one), on, size, series=series, known=known))
    return pl.DataFrame(rows)


def _slower(levels: pl.DataFrame, chosen: Sequence[_Case], *, by: float) -> pl.DataFrame:
    """The levels, those since each case's day higher: what levels of durations times as long are."""
    onsets = pl.DataFrame(
        {"workflow_id": [_name(c.workflow_id, c.window) for c in chosen], "on": [c.on for c in chosen]}
    )
    higher = pl.col("level") + pl.when(pl.col("date") >= pl.col("on")).then(by).otherwise(0.0)
    return levels.join(onsets, on="workflow_id", how="left", validate="m:1").with_columns(level=higher).drop("on")


def _changes(made: Fleet, chosen: Sequence[_Case]) -> pl.DataFrame:
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
        schema=made.changes.schema,
    )
    written = pl.concat([made.changes, planted]).lazy()
    seen = first_seen(made.executions.lazy())
    return _windowed(recorded_changes(written, seen), at="at").collect()


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


_HELD = ("day_held", "size_held", "is_release", "days_wide")


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


def _told(found: Found, workflow_id: str, node_id: str) -> str:
    if found.drifts.filter(workflow_id=workflow_id, node_id=node_id).height:
        return "slow move"
    return "change points" if found.points.filter(workflow_id=workflow_id, node_id=node_id).height else "nothing"


def _percent(cases: pl.DataFrame, column: str) -> float:
    return 100 * float(cases[column].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _mean(cases: pl.DataFrame, column: str) -> float:
    return float(cases[column].cast(pl.Float64).mean() or 0.0)  # type: ignore[arg-type]


def _rows(rows: Sequence[tuple[str, str, float, float]], *, design: str, runs_per_day: float) -> pl.DataFrame:
    """design, runs_per_day, what, series, value, n (workflow-years or cases), error (its standard error)."""
    return pl.DataFrame(
        [
            {
                "design": design,
                "runs_per_day": float(runs_per_day),
                "what": what,
                "series": series,
                "value": float(value),
                "n": float(n),
                "error": _error(what, float(value), float(n)),
            }
            for what, series, value, n in rows
        ]
    )


def _error(what: str, value: float, n: float) -> float | None:
    if "year" in what or "slow moves" in what:
        return float(np.sqrt(value / n))
    return None if "days from" in what else float(np.sqrt(value * (100 - value) / n))


if __name__ == "__main__":
    main()
