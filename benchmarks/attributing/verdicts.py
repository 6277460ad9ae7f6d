"""What an attribution says of 28 days against the 28 before: of what was planted, and where nothing was."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

import numpy as np
import polars as pl

from benchmarks.attributing.counts import COUNTED
from benchmarks.attributing.planting import KINDS, PART, SIZES, UNTIL, five, planted, usual
from benchmarks.attributing.related import with_related_days
from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore

DAYS, ONSET = 56, 28
LEAST = 0.05
_SURE: Final = "Of its parts "


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
    return pl.DataFrame(rows, schema=COUNTED)


def silent(seeds: Iterable[int]) -> pl.DataFrame:
    """In how many fleets without a fault something is reported."""
    calm = (five(DAYS, seed) for seed in seeds)
    return _reported(((made.executions, made.steps) for made in calm), design="no fault")


def silent_of_related_days(seeds: Iterable[int], *, alike: float) -> pl.DataFrame:
    """The same where days resemble the day before."""
    made = (five(DAYS, seed, day_sd=0.0) for seed in seeds)
    frames = (with_related_days(one, alike=alike) for one in made)
    return _reported(frames, design=f"no fault, autocorrelation {alike}")


@contextmanager
def stored(executions: pl.DataFrame, steps: pl.DataFrame) -> Iterator[TimeSeriesStore]:
    """A store of these that lives as long as the block."""
    with tempfile.TemporaryDirectory() as folder:
        store = TimeSeriesStore(folder, as_of=UNTIL)
        store.write_frame("executions", executions)
        store.write_frame("steps", steps.drop("step_id"))
        yield store


def spans(days: int = DAYS, onset: int = ONSET) -> tuple[Span, Span]:
    """The days before the onset, and those after."""
    start, change = UNTIL - timedelta(days=days), UNTIL - timedelta(days=days - onset)
    return Span(start, change, "UTC"), Span(change, UNTIL, "UTC")


def _reported(fleets: Iterable[tuple[pl.DataFrame, pl.DataFrame]], *, design: str) -> pl.DataFrame:
    verdicts = []
    for executions, steps in fleets:
        with stored(executions, steps) as store:
            table = AttributionAnalyzer(store).attribute_all(*spans()).table
            alone = AttributionAnalyzer(store).attribute(table["workflow_id"].sort()[0], *spans())
        spoken = table["sentence"].str.contains(_SURE, literal=True)
        either = table["significant"] | spoken
        verdicts.append((table["significant"].any(), either.any(), alone.significant or _SURE in alone.sentence))
    counts = np.asarray(verdicts).sum(axis=0)
    rows = [
        {"what": "silent", "design": design, "figure": figure, "n": int(count), "of": len(verdicts)}
        for figure, count in zip(("significant", "significant or a part", "one by itself"), counts, strict=True)
    ]
    return pl.DataFrame(rows, schema=COUNTED)


_VERDICT: Final = {
    "kind": pl.String,
    "reached": pl.Boolean,
    "first": pl.Boolean,
    "said": pl.Boolean,
    "significant": pl.Boolean,
}


def _verdicts(seed: int, *, size: float) -> Iterator[dict[str, object]]:
    """One for each kind of fault."""
    usually = usual(five(DAYS, seed))
    faults = list(planted(seed, usually, size=size, onset=ONSET))
    struck = five(DAYS, seed, faults=[fault for _, _, fault in faults])
    shifts = dict(struck.truth.select("workflow_id", "true_shift_ms").iter_rows())
    with stored(struck.executions, struck.steps) as store:
        table = AttributionAnalyzer(store).attribute_all(*spans()).table
    for kind, node, fault in faults:
        row = table.filter(workflow_id=fault.workflow_id).row(0, named=True)
        named_first = (row["kind"], row["node_id"]) == (PART[kind], node)
        mean_ms = usually.filter(workflow_id=fault.workflow_id)["mean_ms"][0]
        yield {
            "kind": kind,
            "reached": shifts[fault.workflow_id] >= LEAST * mean_ms,
            "first": named_first,
            "said": bool(named_first and row["sure_part"] and "because" in row["sentence"]),
            "significant": row["significant"],
        }
