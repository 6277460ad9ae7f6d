"""What is planted: a fault of each kind, in a workflow of its own, so large that it moves the mean as far as asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import polars as pl

from rpa_lab.simulate import LongerWaits, MixShift, MoreRetries, NewStep, SlowStep, fleet
from rpa_lab.simulate.catalogue import processes
from rpa_lab.simulate.process import Process
from rpa_lab.simulate.simulated import Fleet

END = date(2026, 11, 2)
UNTIL: Final = datetime(END.year, END.month, END.day, tzinfo=UTC)
RUNS_PER_DAY = 40
SIZES: Final = (0.08, 0.055)
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
NEW: Final = "ask for a second opinion"


def five(days: int, seed: int, *, faults: Iterable[Any] = (), **options: Any) -> Fleet:
    """A fleet of as many workflows as there are kinds of fault, each of about 40 runs a day."""
    sizes = {"end": END, "runs_per_day": RUNS_PER_DAY, **options}
    return fleet(days, len(KINDS), seed, faults=list(faults), **sizes)


def usual(calm: Fleet) -> pl.DataFrame:
    """What workflows do without a fault: one row per node, with mean_ms of the runs, visits and ms per run, taken.

    Sums are of whole microseconds: a fault draws from a stream of its own figures, so that the last bit of a sum, which
    depends on the order in which it is added up, would make another fault.
    """
    us = (pl.col("duration_ms") * 1000).round().cast(pl.Int64).sum()
    completed = calm.executions.filter(pl.col("status") == "completed")
    runs = completed.group_by("workflow_id").agg(runs=pl.len(), mean_ms=us / pl.len() / 1000)
    return (
        calm.steps.filter(pl.col("status") != "skipped")
        .join(completed.select("execution_id"), on="execution_id", how="semi")
        .group_by("workflow_id", "node_id")
        .agg(visits=pl.len(), own_ms=us / 1000, taken=pl.col("execution_id").n_unique())
        .join(runs, on="workflow_id", how="left", validate="m:1")
        .with_columns(pl.col("visits", "own_ms", "taken") / pl.col("runs"))
        .sort("workflow_id", "node_id")
    )


def planted(seed: int, usually: pl.DataFrame, *, size: float, onset: int) -> Iterator[tuple[str, str | None, Any]]:
    """A fault of each kind, in a workflow of its own: kind, the node of the part that it makes, and the fault."""
    flows = processes(len(KINDS), seed=seed)
    mixed = seed % 3  # of these optional steps take long enough
    others = [place for place in range(len(flows)) if place != mixed]
    places = {kind: others[(number + seed) % len(others)] for number, kind in enumerate(KINDS[:-1])} | {
        KINDS[-1]: mixed
    }
    for number, kind in enumerate(KINDS):
        process = flows[places[kind]]
        nodes = usually.filter(workflow_id=process.workflow_id)
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
