"""Whether an attribution names what was done to a workflow, holds the truth, and is silent where nothing was done.

- Named: fleets of 56 days and five workflows of about 40 runs a day, seeds 0 to 49. From the 29th day on one fault of
  each kind strikes, each in a workflow of its own, made so large that it moves the mean by about 8 %, and again by
  about 5.5 %; those that move it by less than 5 % (`true_shift_ms` of the truth, by the mean before) aren't counted.
  "first" counts how often what was planted (step and kind) is the largest part; "said" how often the sentence names it
  first, for sure, corrected over parts and the five workflows; "significant" how often the change as a whole is more
  than what days differ by, corrected over the workflows.
- Silent: the same fleets without a fault. "significant" counts those in which any of the five workflows has a
  significant change, "significant or a part" also those in which a sentence calls a part sure though the change isn't;
  "one by itself" the same of the first workflow, asked for alone.
- Related: 20 workflows' days without a fault, each of which resembles the day before (autocorrelation 0.2 and 0.4); how
  often any of them is significant, corrected.
- Coverage: fleets of 1,400 days, without a fault and with each. The truth of a part is the split between the whole
  of one and the whole of the other: 25 times as long as a window, so that it varies a fifth as much. Windows
  are 28 days of the one against the next 28 of the other, and 14 against 14, and it is counted in how many nominal 95 %
  intervals hold the truth. Parts that can't vary (a step that each run takes once, never tried again) are left out.

    python benchmarks/study_attribution.py      as committed; writes results/attribution.csv
    python benchmarks/study_attribution.py 5    seeds 0 to 4, coverage of seed 0 only, and writes nothing
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.stats import false_discovery_control

from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.analysis.attribution.chance import p_value_of_days
from rpa_lab.analysis.attribution.split import Work, split, work_of
from rpa_lab.inference.two_periods import Figures, figures_of_two_periods
from rpa_lab.period import Span
from rpa_lab.simulate import LongerWaits, MixShift, MoreRetries, NewStep, SlowStep, fleet
from rpa_lab.simulate.catalogue import processes
from rpa_lab.simulate.process import Process
from rpa_lab.simulate.simulated import Fleet
from rpa_lab.storage.store import TimeSeriesStore

RESULTS: Final = Path(__file__).parent / "results" / "attribution.csv"
SEEDS, LONG_SEEDS = 50, 5
DAYS, ONSET, LONG = 56, 28, 1400
END = date(2026, 11, 2)
UNTIL: Final = datetime(END.year, END.month, END.day, tzinfo=UTC)
RUNS_PER_DAY = 40
KINDS: Final = ("slow_step", "longer_waits", "more_retries", "new_step", "mix_shift")
PART: Final = {
    "slow_step": "time",
    "longer_waits": "waiting",
    "more_retries": "attempts",
    "new_step": "attempts",
    "mix_shift": "attempts",
}
_CLASSES: Final = {
    "slow_step": SlowStep,
    "longer_waits": LongerWaits,
    "more_retries": MoreRetries,
    "new_step": NewStep,
    "mix_shift": MixShift,
}
SIZES, LEAST = (0.08, 0.055), 0.05
_SURE: Final = "Of its parts one is sure"
NEW: Final = "ask for a second opinion"
_COUNTED: Final = {"what": pl.String, "design": pl.String, "figure": pl.String, "n": pl.Int64, "of": pl.Int64}


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    began = time.process_time()
    parts = [*(named(range(seeds), size=size) for size in SIZES), silent(range(seeds))]
    parts.append(related(range(2 * seeds)))
    parts.append(coverage(range(LONG_SEEDS if seeds == SEEDS else 1)))
    table = pl.concat(parts).with_columns(percent=pl.col("n") / pl.col("of") * 100)
    with pl.Config(tbl_rows=-1, tbl_width_chars=160, float_precision=1, tbl_hide_column_data_types=True):
        print(table)
    print(f"{time.process_time() - began:.0f} s of CPU time")
    if seeds == SEEDS:
        RESULTS.parent.mkdir(exist_ok=True)
        table.write_csv(RESULTS, float_precision=2)


def named(seeds: Iterable[int], *, size: float = SIZES[0]) -> pl.DataFrame:
    """How often what was planted is named, by kind of fault."""
    found = pl.concat([pl.DataFrame(list(_verdicts(seed, size=size)), schema=_VERDICT) for seed in seeds])
    reached = found.filter("reached")
    rows = [
        {
            "what": "named",
            "design": f"{kind}, {size:.1%}",
            "figure": figure,
            "n": int(mine[figure].sum()),
            "of": mine.height,
        }
        for kind in KINDS
        for mine in [reached.filter(kind=kind)]
        for figure in ("first", "said", "significant")
    ]
    return pl.DataFrame(rows, schema=_COUNTED)


def silent(seeds: Iterable[int]) -> pl.DataFrame:
    """In how many fleets without a fault something is reported."""
    verdicts = []
    for seed in seeds:
        calm = _fleet(seed)
        with _stored(calm) as store:
            table = AttributionAnalyzer(store).attribute_all(*_spans()).table
            alone = AttributionAnalyzer(store).attribute(table["workflow_id"].sort()[0], *_spans())
        spoken = table["sentence"].str.contains(_SURE, literal=True)
        either = table["significant"] | spoken
        verdicts.append((table["significant"].any(), either.any(), alone.significant or _SURE in alone.sentence))
    counts = np.asarray(verdicts).sum(axis=0)
    rows = [
        {"what": "silent", "design": "no fault", "figure": figure, "n": int(count), "of": len(verdicts)}
        for figure, count in zip(("significant", "significant or a part", "one by itself"), counts, strict=True)
    ]
    return pl.DataFrame(rows, schema=_COUNTED)


def related(seeds: Iterable[int], *, windows: Iterable[int] = (28, 14), workflows: int = 20) -> pl.DataFrame:
    """How often days that resemble the day before make any of several workflows significant."""
    rows = []
    for window in windows:
        for rho in (0.2, 0.4):
            found = [_any_significant(seed, window=window, rho=rho, workflows=workflows) for seed in seeds]
            rows.append(
                {
                    "what": "related days",
                    "design": f"{window} + {window} days, {workflows} workflows",
                    "figure": f"autocorrelation {rho}",
                    "n": sum(found),
                    "of": len(found),
                }
            )
    return pl.DataFrame(rows, schema=_COUNTED)


def _any_significant(seed: int, *, window: int, rho: float, workflows: int) -> bool:
    p_values: list[list[float]] = [[], []]  # by itself, and among all
    for workflow in range(workflows):
        days = _related_days(np.random.default_rng([seed, round(10 * rho), workflow]), window=window, rho=rho)
        for of, count in zip(p_values, (1, workflows), strict=True):
            p_value = p_value_of_days(days, later_first=False, seed=0, workflows=count)
            of.append(1.0 if p_value is None else p_value)
    q_values = np.maximum(false_discovery_control(p_values[1]), p_values[0])
    return bool(q_values.min() <= 0.05)


def _related_days(rng: np.random.Generator, *, window: int, rho: float) -> pl.DataFrame:
    """Days of 40 runs each, whose means differ by 8 %."""
    noise, levels = rng.normal(size=2 * window) * np.sqrt(1 - rho**2), [rng.normal()]
    for each in noise[1:]:
        levels.append(rho * levels[-1] + each)
    first = END - timedelta(days=2 * window)
    return pl.DataFrame(
        {
            "side": [0] * window + [1] * window,
            "day": [first + timedelta(days=day) for day in range(2 * window)],
            "runs": RUNS_PER_DAY,
            "duration_us": (1e6 * RUNS_PER_DAY * (1 + 0.08 * np.array(levels))).astype(np.int64),
        }
    )


def coverage(seeds: Iterable[int], *, days: int = LONG, windows: Iterable[int] = (28, 14)) -> pl.DataFrame:
    """How often the intervals of parts hold what the parts of endless periods would be."""
    rows: list[dict[str, object]] = []
    for seed in seeds:
        calm = _fleet(seed, days=days, workflows=len(KINDS))
        faults = list(_planted(seed, _usual(calm), size=SIZES[0], onset=0))
        struck = _fleet(seed, days=days, faults=[fault for _, _, fault in faults])
        sides = [_frames(made) for made in (calm, struck)]
        for kind, node, fault in faults:
            workflow_id = fault.workflow_id
            works, nodes = _by_day(sides, workflow_id, days=days)
            for window in windows:
                rows += _held(works, nodes, window=window, days=days, planted=(PART[kind], node), seed=seed)
    counted = pl.DataFrame(rows).group_by("design", "figure").agg(n=pl.col("held").sum(), of=pl.len())
    return counted.select(
        pl.lit("coverage").alias("what"), "design", "figure", pl.col("n").cast(pl.Int64), pl.col("of").cast(pl.Int64)
    ).sort("design", "figure")


_VERDICT: Final = {
    "kind": pl.String,
    "reached": pl.Boolean,
    "first": pl.Boolean,
    "said": pl.Boolean,
    "significant": pl.Boolean,
}


def _verdicts(seed: int, *, size: float) -> Iterator[dict[str, object]]:
    """One for each kind of fault."""
    usual = _usual(_fleet(seed))
    faults = list(_planted(seed, usual, size=size, onset=ONSET))
    struck = _fleet(seed, faults=[fault for _, _, fault in faults])
    shifts = dict(struck.truth.select("workflow_id", "true_shift_ms").iter_rows())
    with _stored(struck) as store:
        table = AttributionAnalyzer(store).attribute_all(*_spans()).table
    for kind, node, fault in faults:
        row = table.filter(workflow_id=fault.workflow_id).row(0, named=True)
        named_first = (row["kind"], row["node_id"]) == (PART[kind], node)
        mean_ms = usual.filter(workflow_id=fault.workflow_id)["mean_ms"][0]
        yield {
            "kind": kind,
            "reached": shifts[fault.workflow_id] >= LEAST * mean_ms,
            "first": named_first,
            "said": bool(named_first and row["sure_part"] and "because" in row["sentence"]),
            "significant": row["significant"],
        }


def _fleet(seed: int, *, days: int = DAYS, faults: Iterable[Any] = (), workflows: int = len(KINDS)) -> Fleet:
    return fleet(days, workflows, seed, end=END, runs_per_day=RUNS_PER_DAY, faults=list(faults))


def _spans() -> tuple[Span, Span]:
    start, change = UNTIL - timedelta(days=DAYS), UNTIL - timedelta(days=DAYS - ONSET)
    return Span(start, change, "UTC"), Span(change, UNTIL, "UTC")


class _stored:  # noqa: N801 - used as a function
    """A fleet in a store that lives as long as the block."""

    def __init__(self, made: Fleet) -> None:
        self._made = made
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> TimeSeriesStore:
        store = TimeSeriesStore(self._folder.name, as_of=UNTIL)
        store.write_frame("executions", self._made.executions)
        store.write_frame("steps", self._made.steps.drop("step_id"))
        return store

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()


def _usual(calm: Fleet) -> pl.DataFrame:
    """What workflows do without a fault: one row per node, with mean_ms of the runs, visits and ms per run, taken."""
    completed = calm.executions.filter(pl.col("status") == "completed")
    runs = completed.group_by("workflow_id").agg(runs=pl.len(), mean_ms=pl.col("duration_ms").mean())
    return (
        calm.steps.filter(pl.col("status") != "skipped")
        .join(completed.select("execution_id"), on="execution_id", how="semi")
        .group_by("workflow_id", "node_id")
        .agg(visits=pl.len(), own_ms=pl.col("duration_ms").sum(), taken=pl.col("execution_id").n_unique())
        .join(runs, on="workflow_id", how="left", validate="m:1")
        .with_columns(pl.col("visits", "own_ms", "taken") / pl.col("runs"))
        .sort("workflow_id", "node_id")
    )


def _planted(seed: int, usual: pl.DataFrame, *, size: float, onset: int) -> Iterator[tuple[str, str | None, Any]]:
    """A fault of each kind, in a workflow of its own: kind, the node of the part that it makes, and the fault."""
    flows = processes(len(KINDS), seed=seed)
    mixed = seed % 3  # of these optional steps take long enough
    others = [place for place in range(len(flows)) if place != mixed]
    places = {kind: others[(number + seed) % len(others)] for number, kind in enumerate(KINDS[:-1])} | {
        KINDS[-1]: mixed
    }
    for number, kind in enumerate(KINDS):
        process = flows[places[kind]]
        nodes = usual.filter(workflow_id=process.workflow_id)
        rng = np.random.default_rng([seed, number])
        fault = _fault(kind, process, nodes, rng, longer_ms=size * nodes["mean_ms"][0])
        where = {"workflow_id": process.workflow_id, "onset_day": onset}
        yield kind, None if kind == "longer_waits" else fault["node_id"], _CLASSES[kind](**where, **fault)


def _fault(
    kind: str, process: Process, nodes: pl.DataFrame, rng: np.random.Generator, *, longer_ms: float
) -> dict[str, Any]:
    """What it is of one that makes the mean run so much longer, at a node chosen by lot of those at which it can."""
    own, visits, taken = pl.col("own_ms"), pl.col("visits"), pl.col("taken")
    match kind:
        case "slow_step":
            row = _by_lot(nodes, own >= 0.02 * pl.col("mean_ms"), rng)
            return {"node_id": row["node_id"], "factor": 1 + longer_ms / row["own_ms"]}
        case "longer_waits":
            row = _by_lot(nodes, taken >= 0.5, rng)
            return {"node_id": row["node_id"], "extra_ms": longer_ms / row["visits"]}
        case "more_retries":
            known = nodes.with_columns(share=longer_ms / (own + 1500 * visits))
            row = _by_lot(known, pl.col("share") <= 0.9, rng, else_least="share")
            return {"node_id": row["node_id"], "share": min(row["share"], 1.0)}
        case "new_step":
            row = _by_lot(nodes, taken >= 0.5, rng)
            return {"node_id": NEW, "after": row["node_id"], "median_ms": longer_ms}
        case _:
            usual = {node.node_id: node.share for node in process.nodes if node.share < 1}
            optional = nodes.filter(pl.col("node_id").is_in(list(usual))).with_columns(
                usual=pl.col("node_id").replace_strict(usual, return_dtype=pl.Float64)
            )
            share = pl.col("usual") + longer_ms * taken / own
            row = _by_lot(optional.with_columns(share=share), pl.col("share") <= 1, rng, else_least="share")
            return {"node_id": row["node_id"], "share": min(row["share"], 1.0)}


def _by_lot(
    nodes: pl.DataFrame, able: pl.Expr, rng: np.random.Generator, *, else_least: str = "node_id"
) -> dict[str, Any]:
    """One of the nodes that are able to; else that which has the least to do."""
    fit = nodes.filter(able)
    chosen = fit[int(rng.integers(fit.height))] if fit.height else nodes.sort(else_least)[0]
    return chosen.row(0, named=True)


def _frames(made: Fleet) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What is needed of a long fleet: its completed runs, and their steps."""
    us = (pl.col("duration_ms") * 1000).round().cast(pl.Int64).alias("us")
    stratum = pl.lit("(all)").alias("stratum")
    runs = made.executions.filter(pl.col("status") == "completed").select(
        "workflow_id", "execution_id", "started_at", us, stratum
    )
    steps = made.steps.filter(pl.col("status") != "skipped").select(
        "execution_id", "node_id", us, tried=1 + pl.col("retry_count")
    )
    return runs, steps


def _by_day(
    sides: list[tuple[pl.DataFrame, pl.DataFrame]], workflow_id: str, *, days: int
) -> tuple[tuple[Work, Work], list[str]]:
    """What a workflow's completed runs did each day, without and with its fault."""
    parts = [_sums(runs.filter(workflow_id=workflow_id), steps, days=days) for runs, steps in sides]
    nodes = sorted(set(parts[0][1]["node_id"]) | set(parts[1][1]["node_id"]))
    calm, struck = (work_of(runs, steps, units=days, strata=["(all)"], nodes=nodes) for runs, steps in parts)
    return (calm, struck), nodes


def _sums(runs: pl.DataFrame, steps: pl.DataFrame, *, days: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    day = (pl.col("started_at") - pl.lit(UNTIL - timedelta(days=days))).dt.total_days().alias("unit")
    of_days = runs.group_by(day, "stratum").agg(runs=pl.len(), duration_us=pl.col("us").sum())
    of_nodes = (
        steps.join(runs.select("execution_id", day, "stratum"), on="execution_id", how="inner", validate="m:1")
        .group_by("unit", "stratum", "node_id")
        .agg(attempts=pl.col("tried").sum(), own_us=pl.col("us").sum())
    )
    return of_days, of_nodes


def _held(
    works: tuple[Work, Work], nodes: list[str], *, window: int, days: int, planted: tuple[str, str | None], seed: int
) -> Iterator[dict[str, object]]:
    """Of each part of each window that could vary: whether its interval holds the truth."""
    once = np.ones((1, days))
    names = [*(("attempts", node) for node in nodes), *(("time", node) for node in nodes), ("waiting", None)]
    for number in range(days // (2 * window)):
        start = 2 * window * number
        for fault, second in (("a fault", works[1]), ("no fault", works[0])):
            truth = split(works[0].counted(once), second.counted(once))[0]
            sides = [_rows(work, slice(at, at + window)) for work, at in ((works[0], start), (second, start + window))]
            figures = _figures(sides[0], sides[1], seed=seed)
            held = (figures.low <= truth) & (truth <= figures.high)
            varies = figures.low < figures.high
            design = f"{window} + {window} days, {fault}"
            for place, name in [*enumerate(names), (len(truth) - 1, ("change", None))]:
                if varies[place]:
                    yield {"design": design, "figure": name[0], "held": bool(held[place])}
                    if name == planted and fault == "a fault":
                        yield {"design": design, "figure": "planted", "held": bool(held[place])}


def _figures(before: Work, now: Work, *, seed: int) -> Figures:
    return figures_of_two_periods(
        lambda one, other: split(before.counted(one), now.counted(other)), (len(before.runs), len(now.runs)), seed=seed
    )


def _rows(work: Work, days: slice) -> Work:
    """The days of a window that have runs."""
    with_runs = work.runs[days].sum(axis=1) > 0
    return Work(*(part[days][with_runs] for part in (work.runs, work.duration, work.attempts, work.own)))


if __name__ == "__main__":
    main()
