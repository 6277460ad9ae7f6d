"""How often a level is said to have moved where none did, and how well it is found where one did.

Fleets of 720 days are simulated and cut into windows, workflow by workflow; in each window change points are looked for
as `HistoryAnalyzer` looks for them, in executions and steps. Seeds are 0 to 29 (of the rest 0 to 11, 0 to 6 and 0 to
2); the penalties were chosen on seeds from 1000 on.

- **False alarms**: fleets in which nothing happens, 90 days at a time as by default and 30 to 360; beside them other
  numbers of runs a day, days that are all alike. An alarm is a change point, or a slow move, in the executions; and one
  in any step. "Neighbours alike": fleets whose day effect of 8 % keeps so much of the day before, and executions'
  levels alone that do (Gaussian, 9.5 %), in which also a slowdown of 20 % from the 41st day on is looked for.
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
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from benchmarks.changepoints.fleets import (
    DAY_SD,
    START,
    WINDOW,
    daily_levels,
    days_alike,
    in_windows,
    levels_in_windows,
    made,
    name,
    with_days_alike,
    years,
)
from benchmarks.changepoints.planted import WITHIN, chosen_cases, slowed, told_as
from benchmarks.changepoints.tables import mean_of, percent_of, rows_of
from rpa_lab.analysis.changepoints import moved_levels
from rpa_lab.analysis.daily_levels import days_that_count
from rpa_lab.simulate import Drift

RESULTS: Final = Path(__file__).parent / "results" / "changepoints.csv"
SEEDS: Final = 30
BESIDE_SEEDS: Final = 12
PLANTED_SEEDS: Final = 7
OTHER_SEEDS: Final = 3
WINDOWS: Final = (90, 30, 60, 180, 360)
ALIKE: Final = (0.2, 0.3, 0.45)
WANDERING: Final = 600
WANDERING_SD: Final = 0.095


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
    found = [partial(false_alarms, range(seeds), windows=WINDOWS)]
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
    seeds: Sequence[int],
    *,
    windows: Iterable[int] = (WINDOW,),
    runs_per_day: float = 20,
    day_sd: float = DAY_SD,
    alike: float = 0.0,
) -> pl.DataFrame:
    """Alarms per workflow and year where nothing happens: in executions, in all steps of a workflow, and slow moves."""
    whole = pl.col("node_id").is_null()
    counts = {window: np.zeros(3) for window in windows}
    for seed in seeds:
        calm = daily_levels(made(seed, runs_per_day=runs_per_day, day_sd=0.0 if alike else day_sd))
        for window, count in counts.items():
            levels = in_windows(calm, window=window)
            found = moved_levels(with_days_alike(levels, alike, seed=seed) if alike else levels)
            count += [
                sum(frame.filter(one).height for frame in (found.points, found.drifts)) for one in (whole, ~whole)
            ] + [found.drifts.filter(whole).height]
    tables = []
    for window, count in counts.items():
        design = f"{window} days" if day_sd else f"{window} days, all alike"
        if alike:
            design = f"neighbours alike {alike:g}"
        of_years = len(seeds) * years(window)
        rows = [
            ("false alarms a year", "executions", count[0] / of_years, of_years),
            ("false alarms a year", "steps", count[1] / of_years, of_years),
            ("of these slow moves", "executions", count[2] / of_years, of_years),
        ]
        tables.append(rows_of(rows, design=design, runs_per_day=runs_per_day))
    return pl.concat(tables)


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
                    "level": 9 + WANDERING_SD * days_alike(alike, WINDOW, seed=[seed, 1]),
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
    of_years, cases = len(seeds) * WINDOW / 365, len(seeds)
    held = hit.filter(pl.lit(when[40]).is_between(pl.col("earliest"), pl.col("latest"))).height
    return rows_of(
        [
            ("false alarms a year", "executions", (alarms.points.height + alarms.drifts.height) / of_years, of_years),
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
    seen = [slowed(seed, percent=percent, runs_per_day=runs_per_day, everything=everything) for seed in seeds]
    cases = pl.concat(seen)
    design = f"{percent:g} % by {'everything' if everything else 'one step'}"
    rows = []
    for what in ("executions", "steps"):
        mine = cases.filter(series=what)
        found = mine.filter("found")
        rows += [
            ("found", what, percent_of(mine, "found"), mine.height),
            ("found on the day", what, percent_of(mine, "on_the_day"), mine.height),
            ("day within its interval", what, percent_of(found, "day_held"), found.height),
            ("size within its interval", what, percent_of(found, "size_held"), found.height),
            ("days from earliest to latest", what, mean_of(found, "days_wide"), found.height),
            ("nearest change is the release", what, percent_of(found, "is_release"), found.height),
        ]
        if what == "executions":
            rows.append(("day hit by who knows the rest", what, percent_of(mine, "known"), mine.height))
    return rows_of([row for row in rows if row[3]], design=design, runs_per_day=runs_per_day)


def slow_moves(seeds: Iterable[int], *, per_day: float) -> pl.DataFrame:
    """How a step that becomes slower day by day is told: as a slow move, as levels that move at once, not at all."""
    told = []
    for seed in seeds:
        calm = made(seed)
        chosen = chosen_cases(calm, seed)
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
        found = moved_levels(levels_in_windows(made(seed, faults=faults)))
        told += [told_as(found, name(case.workflow_id, case.window), case.node_id) for case in chosen]
    design = f"{per_day * 100:g} % more a day"
    kinds = ("slow move", "change points", "nothing")
    rows = [
        (f"told as {kind}", "steps", 100 * float(np.mean([one == kind for one in told])), len(told)) for kind in kinds
    ]
    return rows_of(rows, design=design, runs_per_day=20)


if __name__ == "__main__":
    main()
