"""How often a comparison finds a difference where there is none, one where there is one, and whether intervals hold.

Fleets without a fault or a release are simulated, whose days differ as the simulator's do (by 8 %, hosts' load by 5 %).
Of each workflow the runs of some weeks are told apart by labels that mean nothing, and compared as
`ComparativeAnalyzer` does by default: success rate, mean, median and 95th percentile of completed runs, and count. So
every finding is a false discovery, and the share of tables with one is the realised false discovery rate. The labels
are those of

- a coin for each run: four groups, 28 days; and two groups, one of which has a tenth or a twentieth of the runs (whose
  count is left out: that differs); and a tenth where each day has the same jobs, long ones and short ones;
- a coin for each day: two groups of 28 days, three of 56;
- weeks: one against the four before it, two against the two before, four against four, each as periods; and eight weeks
  of which a coin says whose each is;
- the same weeks where a slow day is followed by a slow one: all durations of a day times the exponential of an
  autoregression (0.3 of the day before, 8 % in all), beside what the simulator has.

Beside it, on the same tables, a test that takes runs for independent (Welch of means, Mann-Whitney for medians, Fisher
for the shares above the joint 95th percentile and of failures, a binomial test of counts), corrected in the same way.
It is right where a coin is tossed for each run, and nowhere else.

- Power: the last group's durations times 1.2; in how many tables its mean, median … is found (not where days go on).
- Coverage of nominal 95 % intervals of differences, ratios and effect sizes, by their basis: of the tables above, whose
  truth is 0, 1 and 0; of the slower ones, whose ratio is 1.2; and of pairs of different workflows, 28 days, whose truth
  is the figure over all days.

A share of n tables has a standard error of √(p (1 - p) / n): the column `error`.

    python benchmarks/study_comparison.py        as committed: seeds 0 to 14; writes results/comparison.csv
    python benchmarks/study_comparison.py 1000 2 two seeds from 1000 on, and writes nothing
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from rpa_lab.analysis.comparison import METRICS as DEFAULT
from rpa_lab.measures import FINISHED, finished, quantile
from rpa_lab.period import Span
from rpa_lab.query.comparing import compared
from rpa_lab.query.measure import Measure, measure_of
from rpa_lab.query.sides import DAY, GROUP
from rpa_lab.simulate import fleet

RESULTS: Final = Path(__file__).parent / "results" / "comparison.csv"
SEEDS: Final = 15
"""As many as 400 tables of 56 days need; of shorter ones the first seeds are enough."""
DAYS, WORKFLOWS, END = 392, 4, date(2026, 11, 2)
START: Final = datetime(END.year, END.month, END.day, tzinfo=UTC) - timedelta(days=DAYS)
DESIGNS: Final = {
    "coin a run, 4 groups": 28,
    "coin a day, 2 groups": 28,
    "coin a day, 3 groups": 56,
    "1 week against 4": 35,
    "2 weeks against 2": 28,
    "4 weeks against 4": 56,
    "coin a week, 8 weeks": 56,
    "coin a run, 1 in 10": 28,
    "coin a run, 1 in 20": 28,
    "coin a run, 1 in 10 of the same jobs": 28,
    "1 week against 4, days go on": 35,
    "2 weeks against 2, days go on": 28,
    "4 weeks against 4, days go on": 56,
}
"""By what labels are told apart, and how many days a table has."""
GO_ON: Final = "days go on"
OF_BEFORE: Final = 0.3
"""How much of a day's effect is left of the day before."""
DAY_EFFECT: Final = 0.08
JOBS_DIFFER: Final = 0.8
"""The standard deviation of the logarithms of what jobs take."""
SLOWER: Final = 1.2
TABLES: Final = 400
LEVEL: Final = 0.95
METRICS: Final = (*DEFAULT, "count")
MEASURES: Final = [measure_of(metric) for metric in METRICS]


def main() -> None:
    first, count = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (0, SEEDS)
    seeds, began, parts = range(first, first + count), time.process_time(), []
    for design in DESIGNS:
        parts.append(false_discoveries(seeds, design, slower=GO_ON not in design))
        _show(parts[-1])
    parts.append(different_workflows(seeds[:10]))
    _show(parts[-1])
    print(f"{time.process_time() - began:.0f} s of CPU time")
    if len(sys.argv) < 2:
        RESULTS.parent.mkdir(exist_ok=True)
        pl.concat(parts).write_csv(RESULTS, float_precision=2)


def false_discoveries(seeds: Iterable[int], design: str, *, most: int = TABLES, slower: bool = True) -> pl.DataFrame:
    """What is found in tables of which nothing is true, by days and by runs; and where the last group is slower."""
    found, by_runs, planted = [], [], []
    measures = MEASURES[:-1] if "1 in" in design else MEASURES
    for number, (rows, spans) in enumerate(tables(seeds, design)):
        if number == most:
            break
        found.append(_compared(rows, spans, measures).with_columns(table=pl.lit(number)))
        by_runs.append(_found_by_runs(rows, spans, counts=measures == MEASURES))
        if slower:
            factor = pl.when(pl.col(GROUP) == len(spans) - 1).then(SLOWER).otherwise(1.0)
            harmed = rows.with_columns(pl.col("duration_ms") * factor)
            last = _compared(harmed, spans, measures).filter(pl.col("group") == str(len(spans) - 1))
            planted.append(last.with_columns(table=pl.lit(number)))
    table = pl.concat(found)
    flags = table.group_by("table").agg(pl.col("significant").any(), pl.col("q_value").count() > 0)
    counted = [
        _share("false discoveries", "days", flags.filter("q_value")["significant"]),
        _share("false discoveries", "runs", pl.Series(by_runs)),
        *_coverage(table.filter(pl.col("group") != "0"), difference=0.0, ratio=1.0, effect=0.0),
    ]
    if slower:
        last = pl.concat(planted)
        counted += [
            _share(f"20 % found: {metric}", "days", last.filter(metric=metric)["significant"].drop_nulls())
            for metric in METRICS[1:4]
        ]
        times = last.filter(pl.col("metric").is_in(METRICS[1:4]))
        counted += _coverage(times, difference=None, ratio=SLOWER, effect=None, what="coverage, 20 % slower")
    return _counted(counted, design)


def different_workflows(seeds: Iterable[int], *, window: int = 28) -> pl.DataFrame:
    """Coverage for pairs of workflows, whose difference over all days is the truth."""
    found = []
    for seed in seeds:
        runs = executions(seed)
        names = runs["workflow_id"].unique().sort().to_list()
        truth = _truth(runs)
        for one, other in pairwise(names):
            pair = runs.filter(pl.col("workflow_id").is_in([one, other]))
            numbered = pair.with_columns(_group=(pl.col("workflow_id") == other).cast(pl.Int64))
            values = truth.filter(workflow_id=one).join(truth.filter(workflow_id=other), on="metric", suffix="_1")
            expected = values.select(
                "metric",
                true_difference=pl.col("value_1") - pl.col("value"),
                true_ratio=pl.col("value_1") / pl.col("value"),
            )
            for start, end in _windows(window):
                rows = _within(numbered, start, end)
                table = _compared(rows, [Span(start, end)] * 2, MEASURES).filter(pl.col("group") == "1")
                found.append(table.join(expected, on="metric", how="left", validate="m:1"))
    table = pl.concat(found).filter(pl.col("metric") != "count")
    return _counted(
        [
            _share(f"coverage: {name}, {metric}", basis, _held(some, name, pl.col(f"true_{name}")))
            for (metric, basis), some in table.drop_nulls("basis").group_by(["metric", "basis"], maintain_order=True)
            for name in ("difference", "ratio")
        ],
        "different workflows",
    )


def tables(seeds: Iterable[int], design: str) -> Iterator[tuple[pl.DataFrame, list[Span]]]:
    """Runs whose labels mean nothing, and the periods of the groups: one pair per workflow and window."""
    for seed in seeds:
        runs = executions(seed)
        rng = np.random.default_rng([seed, list(DESIGNS).index(design)])
        if GO_ON in design:
            runs = _with_days_that_go_on(runs, rng)
        if "same jobs" in design:
            runs = _with_the_same_jobs(runs, rng)
        for start, end in _windows(DESIGNS[design]):
            for (_,), mine in _within(runs, start, end).group_by("workflow_id", maintain_order=True):
                yield _labelled(mine, start, end, design, rng)


@lru_cache(SEEDS)
def executions(seed: int) -> pl.DataFrame:
    """The runs of a fleet in which nothing goes wrong but what always does."""
    simulated = fleet(DAYS, WORKFLOWS, seed, end=END, runs_per_day=20, faults=(), closed=(), releases_per_month=0)
    runs = simulated.executions.select("workflow_id", "status", "duration_ms", "started_at")
    return runs.with_columns(pl.col("started_at").dt.date().alias(DAY)).sort("workflow_id", "started_at")


def _with_days_that_go_on(runs: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Durations that a day makes longer or shorter, the more so if the day before did: each workflow's for itself."""
    names = runs["workflow_id"].unique().sort()
    effects = np.empty((DAYS, len(names)))
    effects[0] = rng.normal(0, DAY_EFFECT, len(names))
    new = rng.normal(0, DAY_EFFECT * np.sqrt(1 - OF_BEFORE**2), effects.shape)
    for day in range(1, DAYS):
        effects[day] = OF_BEFORE * effects[day - 1] + new[day]
    days = (runs[DAY] - START.date()).dt.total_days().to_numpy()
    factor = np.exp(effects[days, names.search_sorted(runs["workflow_id"]).to_numpy()])
    return runs.with_columns(pl.col("duration_ms") * pl.Series(factor))


def _with_the_same_jobs(runs: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """Durations of jobs of different size: the first run of each day is of the first job, and so on."""
    number = runs.select(pl.int_range(pl.len()).over("workflow_id", DAY)).to_series().to_numpy()
    sizes = np.exp(rng.normal(0, JOBS_DIFFER, number.max() + 1))
    return runs.with_columns(pl.col("duration_ms") * pl.Series(sizes[number]))


def _labelled(
    runs: pl.DataFrame, start: datetime, end: datetime, design: str, rng: np.random.Generator
) -> tuple[pl.DataFrame, list[Span]]:
    days = (runs[DAY] - start.date()).dt.total_days().to_numpy()
    length = (end - start).days
    if design.startswith("coin a"):
        if "1 in" in design:
            few = (rng.random(len(runs)) < 1 / int(design.split()[5])).astype(np.int64)
            return runs.with_columns(pl.Series(GROUP, few)), [Span(start, end)] * 2
        groups = int(design.split()[3]) if design.endswith("groups") else 2
        tossed = {"run,": len(runs), "day,": length, "week,": length // 7}[design.split()[2]]
        at = {"run,": np.arange(len(runs)), "day,": days, "week,": days // 7}[design.split()[2]]
        coins = rng.integers(0, groups, tossed) if "week" not in design else rng.permutation(np.arange(tossed) % 2)
        return runs.with_columns(pl.Series(GROUP, coins[at])), [Span(start, end)] * groups
    current = 7 * int(design.split()[0])
    change = end - timedelta(days=current)
    labels = (days >= length - current).astype(np.int64)
    return runs.with_columns(pl.Series(GROUP, labels)), [Span(start, change), Span(change, end)]


def _windows(days: int) -> list[tuple[datetime, datetime]]:
    starts = [START + timedelta(days=days * number) for number in range(DAYS // days)]
    return [(start, start + timedelta(days=days)) for start in starts]


def _within(runs: pl.DataFrame, start: datetime, end: datetime) -> pl.DataFrame:
    return runs.filter((pl.col("started_at") >= start) & (pl.col("started_at") < end))


def _compared(rows: pl.DataFrame, spans: list[Span], measures: list[Measure]) -> pl.DataFrame:
    names = [str(number) for number in range(len(spans))]
    recorded = Span(min(span.start for span in spans), max(span.end for span in spans))
    return compared({"executions": rows}, spans, measures, names=names, recorded=recorded, level=LEVEL)[0]


def _found_by_runs(rows: pl.DataFrame, spans: list[Span], *, counts: bool) -> bool:
    """Whether tests that take runs for independent find anything, corrected over the table."""
    from scipy import stats

    p_values: list[float] = []
    sides = [rows.filter(pl.col(GROUP) == number) for number in range(len(spans))]
    for side, span in zip(sides[1:], spans[1:], strict=True):
        pair = (sides[0], side)
        went = np.array([[each.filter(finished()).height, each.filter(status="completed").height] for each in pair])
        before, now = (each.filter(status="completed")["duration_ms"].to_numpy() for each in pair)
        if min(len(before), len(now)) < 2:
            continue
        limit = np.quantile(np.concatenate([before, now]), 0.95)
        above = np.array([[(each > limit).sum(), (each <= limit).sum()] for each in (before, now)])
        share = span.length / (span.length + spans[0].length)
        p_values += [
            float(stats.fisher_exact(np.stack([went[:, 1], went[:, 0] - went[:, 1]])).pvalue),
            float(stats.ttest_ind(before, now, equal_var=False).pvalue),
            float(stats.mannwhitneyu(before, now).pvalue),
            float(stats.fisher_exact(above).pvalue),
        ]
        if counts:
            p_values.append(float(stats.binomtest(side.height, side.height + sides[0].height, share).pvalue))
    return bool(p_values) and bool((stats.false_discovery_control(p_values) <= 1 - LEVEL).any())


def _truth(runs: pl.DataFrame) -> pl.DataFrame:
    """Each workflow's figures over all days: workflow_id, metric, value."""
    completed = pl.col("duration_ms").filter(pl.col("status") == "completed")
    time_of = runs.filter(status="completed").group_by("workflow_id").agg(p50=quantile(0.5), p95=quantile(0.95))
    whole = runs.group_by("workflow_id").agg(
        rate=(pl.col("status") == "completed").sum() / pl.col("status").is_in(FINISHED).sum() * 100,
        avg=completed.mean(),
        count=pl.len().cast(pl.Float64),
    )
    columns = dict(zip(("rate", "avg", "p50", "p95", "count"), METRICS, strict=True))
    wide = whole.join(time_of, on="workflow_id", validate="1:1").rename(columns)
    return wide.unpivot(index="workflow_id", variable_name="metric", value_name="value")


def _coverage(
    table: pl.DataFrame, *, difference: float | None, ratio: float | None, effect: float | None, what: str = "coverage"
) -> list[dict[str, object]]:
    truths = {"difference": difference, "ratio": ratio, "effect": effect}
    return [
        _share(f"{what}: {name}, {metric}", basis, _held(some, name, pl.lit(truth)))
        for (metric, basis), some in table.drop_nulls("basis").group_by(["metric", "basis"], maintain_order=True)
        for name, truth in truths.items()
        if truth is not None and (name != "effect" or metric not in METRICS[2:4])  # which is one of all durations
    ]


def _held(table: pl.DataFrame, name: str, truth: pl.Expr) -> pl.Series:
    low, high = pl.col(f"{name}_low"), pl.col(f"{name}_high")
    return table.drop_nulls(f"{name}_low").select((low <= truth) & (truth <= high)).to_series()


def _share(what: str, basis: str, held: pl.Series) -> dict[str, object]:
    return {"what": what, "basis": basis, "n": len(held), "percent": 100.0 * float(np.mean(held.to_numpy() * 1.0))}


def _counted(rows: list[dict[str, object]], design: str) -> pl.DataFrame:
    share = pl.col("percent") / 100
    return pl.DataFrame(rows).select(
        pl.lit(design).alias("design"),
        "what",
        "basis",
        "n",
        "percent",
        error=(share * (1 - share) / pl.col("n")).sqrt() * 100,
    )


def _show(table: pl.DataFrame) -> None:
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=200, fmt_str_lengths=60, float_precision=1):
        print(table, flush=True)


if __name__ == "__main__":
    main()
