"""From events to rows of ours: a case is an execution, an activity a step, and what else the log says is context.

A column whose value never changes within a case (a customer, a channel) goes into the execution's `context`. One that
does (a cost, a role) goes into its `end_context`, under ``steps``: a list with one value for each step, in their order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from rpa_lab.integrations.xes import CASE

__all__ = ["EXTRA", "Cases", "cases_of", "with_gaps"]

EXTRA: Final = "x:"
"""What the names of a log's other columns begin with while they stand beside ours."""

_MOST: Final = 15_000
"""Characters of values per step that an execution's end_context holds at most; a JSON column is cut at 20,000."""
_TOO_LONG: Final = "values per step, of cases with too many to be kept,"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cases:
    """Rows of the tables executions and steps, and what of the log isn't in them."""

    executions: pl.DataFrame
    steps: pl.DataFrame
    left_out: Mapping[str, int]


def with_gaps(events: pl.DataFrame) -> pl.DataFrame:
    """The events in their order within each case; one without a start begins when the one before it ended.

    The first event of a case has none before it: how long it took is unknown.

    Parameters
    ----------
    events : DataFrame
        case, start (null where unknown), end, row.

    Returns
    -------
    DataFrame
        With `duration_ms`, `is_gap`, and `step_index`, from 0 in each case.

    Examples
    --------
    >>> from datetime import datetime
    >>> ends = [datetime(2026, 11, 3, 9), datetime(2026, 11, 3, 9, 30)]
    >>> events = pl.DataFrame({"row": [0, 1], "case": "7", "end": ends})
    >>> events = events.with_columns(pl.lit(None, pl.Datetime("us")).alias("start"))
    >>> with_gaps(events)["duration_ms"].to_list()
    [None, 1800000.0]
    """
    duration = (pl.col("end") - pl.col("start")).dt.total_microseconds() / 1000
    unknown = pl.col("is_gap") & pl.col("_before").is_null()
    return (
        events.sort("case", "end", "row")
        .with_columns(is_gap=pl.col("start").is_null(), _before=pl.col("end").shift(1).over("case"))
        .with_columns(start=pl.coalesce("start", "_before", "end"))
        .with_columns(duration_ms=pl.when(~unknown).then(duration))
        .sort("case", "start", "row")
        .with_columns(step_index=pl.int_range(pl.len(), dtype=pl.Int64).over("case"))
        .drop("_before")
    )


def cases_of(steps: pl.DataFrame, *, workflow: str) -> Cases:
    """The executions and steps of a log.

    Parameters
    ----------
    steps : DataFrame
        One row per step, in order: case, activity, start, end, enabled, duration_ms, status, cancelled, resource,
        step_index; and, their names after ``x:``, the log's other columns, of text.
    workflow : str
        The workflow that the cases are executions of.

    Returns
    -------
    Cases
    """
    execution_id = pl.lit(workflow) + ":" + pl.col("case")
    extras = [name for name in steps.columns if name.startswith(EXTRA)]
    varying = _varying(steps, extras)
    executions = _executions(steps, workflow=workflow)
    contexts, end_contexts, dropped = _contexts(steps, [name for name in extras if name not in varying], varying)
    executions = (
        executions.join(contexts, on="case", how="left", validate="1:1")
        .join(end_contexts, on="case", how="left", validate="1:1")
        .sort("started_at", "case")
    )
    node = pl.col("activity").str.replace_all("\\", "\\\\", literal=True).str.replace_all(">", "\\>", literal=True)
    rows = steps.select(
        execution_id=execution_id,
        workflow_id=pl.lit(workflow),
        node_id=node,
        action_type="activity",
        started_at="start",
        completed_at="end",
        duration_ms="duration_ms",
        status="status",
        step_index="step_index",
    )
    return Cases(
        executions=executions.select(execution_id.alias("execution_id"), pl.all().exclude("case"), business_key="case"),
        steps=rows.sort("started_at", "execution_id", "step_index"),
        left_out={_TOO_LONG: dropped},
    )


def _varying(steps: pl.DataFrame, extras: Sequence[str]) -> list[str]:
    """The columns that have several values within a case."""
    if not extras:
        return []
    kinds = steps.group_by("case").agg(pl.col(extras).drop_nulls().n_unique()).select((pl.col(extras) > 1).any())
    return [name for name in extras if kinds[name].item()]


def _executions(steps: pl.DataFrame, *, workflow: str) -> pl.DataFrame:
    """One row per case: all but its contexts."""
    failed, waited = pl.col("status") == "failed", pl.col("enabled").min()
    status = (
        pl.when(failed.any())
        .then(pl.lit("failed"))
        .when(pl.col("cancelled").any() | (pl.col("status") == "skipped").all())
        .then(pl.lit("cancelled"))
        .otherwise(pl.lit("completed"))
    )
    resources = pl.col("resource").drop_nulls().unique(maintain_order=True)
    return steps.group_by("case").agg(
        workflow_id=pl.lit(workflow),
        started_at=pl.col("start").min(),
        completed_at=pl.col("end").max(),
        duration_ms=(pl.col("end").max() - pl.col("start").min()).dt.total_microseconds() / 1000,
        status=status,
        steps_total=pl.len().cast(pl.Int64),
        steps_completed=(pl.col("status") == "completed").sum().cast(pl.Int64),
        steps_failed=failed.sum().cast(pl.Int64),
        error_message=pl.col("activity").filter(failed).first() + " failed",
        robot_id=pl.when(resources.len() == 1).then(resources.first()),
        queued_at=pl.when(waited <= pl.col("start").min()).then(waited),
    )


def _contexts(
    steps: pl.DataFrame, constant: Sequence[str], varying: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """What is said of each case, and of its steps one by one; and how many values were too many to be kept."""
    resources = pl.col("resource").drop_nulls().unique(maintain_order=True)
    of_case = steps.group_by("case", maintain_order=True).agg(
        pl.when(resources.len() > 1).then(resources.implode()).alias("resources"),
        *(pl.col(name).drop_nulls().first().alias(key) for name, key in _keys(constant).items()),
    )
    waiting = (pl.col("start") - pl.col("enabled")).dt.total_microseconds() / 1000
    waiting = pl.when(waiting >= 0).then(waiting)
    several = pl.col("resource").drop_nulls().n_unique() > 1
    of_steps = steps.group_by("case", maintain_order=True).agg(
        pl.when(several).then(pl.col("resource").implode()).alias("resource"),
        pl.when(pl.col("enabled").is_not_null().any()).then(waiting.implode()).alias("waiting_ms"),
        *(pl.col(name).alias(key) for name, key in _keys(varying, taken=("resource", "waiting_ms")).items()),
    )
    contexts = [
        _json(_said(row)) for row in of_case.drop("case").iter_rows(named=True)
    ]  # a row per case, not per event
    dropped = 0
    ends = []
    for row in of_steps.drop("case").iter_rows(named=True):
        kept, more = _bounded(_said(row))
        dropped += more
        ends.append(_json({"waiting_ms": _total(kept), "steps": kept}))
    return (
        of_case.select("case", context=pl.Series(contexts, dtype=pl.String)),
        of_steps.select("case", end_context=pl.Series(ends, dtype=pl.String)),
        dropped,
    )


def _keys(names: Iterable[str], *, taken: Iterable[str] = ("resources",)) -> dict[str, str]:
    """By column the key that it has in a context: an attribute of the case without its prefix, unless that is taken."""
    said = {name: name.removeprefix(EXTRA) for name in names}
    used = {*taken, *(name for name in said.values() if not name.startswith(CASE))}
    keys = {}
    for column, name in said.items():
        short = name.removeprefix(CASE)
        key = name if short != name and (short in used or not short) else short
        keys[column] = key + "_" if key in taken else key
        used.add(keys[column])
    return keys


def _said(row: Mapping[str, Any]) -> dict[str, Any]:
    """What isn't null; of lists, those that hold something."""
    return {
        key: value
        for key, value in row.items()
        if value is not None and not (isinstance(value, list) and all(each is None for each in value))
    }


def _bounded(values: dict[str, list[Any]]) -> tuple[dict[str, list[Any]], int]:
    """The lists that fit into an execution's end_context, the longest left out first; and how many values those had."""
    sizes = {key: len(json.dumps(each, ensure_ascii=False)) + len(key) for key, each in values.items()}
    kept, dropped = dict(values), 0
    while sum(sizes[key] for key in kept) > _MOST:
        longest = max(kept, key=lambda key: (sizes[key], key))
        dropped += sum(each is not None for each in kept.pop(longest))
    return kept, dropped


def _total(values: Mapping[str, list[Any]]) -> float | None:
    waits = [each for each in values.get("waiting_ms", ()) if each is not None]
    return round(sum(waits), 3) if waits else None


def _json(said: Mapping[str, Any]) -> str | None:
    kept = {key: value for key, value in said.items() if value is not None and value != {}}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else None  # in whatever order the file has them
