"""Planting faults one after another, and the truth about them: one row per fault and workflow."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.runs import Bools, Runs
    from rpa_lab.simulate.world import World

__all__ = ["plant_all"]

_TIME = pl.Datetime("us", "UTC")
_TRUTH = pl.Schema(
    {
        "fault": pl.Int64(),
        "kind": pl.String(),
        "workflow_id": pl.String(),
        "node_id": pl.String(),
        "onset": _TIME,
        "until": _TIME,
        "size": pl.Float64(),
        "unit": pl.String(),
        "scope": pl.String(),
        "message": pl.String(),
        "runs": pl.Int64(),
        "true_shift_ms": pl.Float64(),
        "true_queue_shift_ms": pl.Float64(),
    }
)


def plant_all(
    faults: Sequence[Fault], fleet: Mapping[str, Runs], world: World
) -> tuple[dict[str, Runs], tuple[Fault, ...], pl.DataFrame]:
    """Plant faults.

    Parameters
    ----------
    faults : sequence of Fault
        What to plant, in that order.
    fleet : mapping of str to Runs
        The runs of each workflow.
    world : World
        Where they ran.

    Returns
    -------
    dict of str to Runs
        The runs with the faults in them.
    tuple of Fault
        The faults with their onsets found.
    DataFrame
        The truth. `fault` counts the faults from 0; one that touches several workflows has a row for each. `until` is
        null for what lasts to the end; `unit` says what `size` counts. `runs` are those in window and scope before it
        was planted. `true_shift_ms` is how much longer those of them are on average that complete with it and without
        it, and `true_queue_shift_ms` how much longer these wait for a robot; null where there are none.
    """
    runs, planted, rows = dict(fleet), [], []
    for number, given in enumerate(faults):
        fault = given.resolved(fleet, world)
        after = runs | fault.plant(runs, world)
        planted.append(fault)
        for name in fault.workflows(world):
            said = _said(fault, runs[name], after[name], world)
            rows.append({"fault": number, "workflow_id": name} | said | _shift(fault, runs[name], after[name], world))
        runs = after
    return runs, tuple(planted), pl.DataFrame(rows, schema=_TRUTH)


def _said(fault: Fault, before: Runs, after: Runs, world: World) -> dict[str, object]:
    new = after.messages[len(before.messages) :]
    until = None if fault.until_day is None else world.start + timedelta(days=fault.until_day)
    return {
        "kind": fault.kind,
        "node_id": fault.node_id,
        "onset": world.start + timedelta(days=fault.onset_day or 0.0),
        "until": until,
        "size": float(fault.size),
        "unit": fault.unit,
        "scope": fault.scope,
        "message": fault.message or (new[0].line if new else None),
    }


def _shift(fault: Fault, before: Runs, after: Runs, world: World) -> dict[str, object]:
    struck = fault.struck(before, world)
    kept = before.where(np.isin(before.number, after.number)) if len(after.number) < len(before.number) else before
    if after is before:
        longer_us = later_us = np.zeros(len(after.number), np.int64)
    else:
        longer_us = after.length_us() - kept.length_us()
        later_us = (after.started_us - after.queued_us) - (kept.started_us - kept.queued_us)
    both = _completed(kept) & _completed(after) & fault.struck(kept, world)
    none = not both.any()
    return {
        "runs": int(struck.sum()),
        "true_shift_ms": None if none else round(float(longer_us[both].mean()) / 1000, 3),
        "true_queue_shift_ms": None if none else round(float(later_us[both].mean()) / 1000, 3),
    }


def _completed(runs: Runs) -> Bools:
    completed: Bools = (runs.failure < 0) & ~runs.cancelled
    return completed
