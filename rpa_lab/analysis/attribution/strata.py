"""By what runs are told apart in an attribution: their robot, their host, or a word of their context.

A slow variant of a case that comes more often makes the mean longer though no step is slower; told apart by variant,
that is the mix. Strata are only those with enough runs in both periods; all others are one. Versions are never strata:
a new one has no runs before, so that all of what it changed would be called mix. They are a view of their own.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.split import Work, mix_by_stratum
from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.storage.derive import with_merged_context

__all__ = [
    "LEAST_OF_STRATUM",
    "OTHERS",
    "UNKNOWN",
    "about_strata",
    "columns_of",
    "strata_table",
    "versions_table",
    "with_strata",
]

LEAST_OF_STRATUM: Final = 30
"""With fewer runs in one of the periods a stratum is put together with the others."""

OTHERS: Final = "(others)"
"""The stratum of all that are none of their own."""

UNKNOWN: Final = "(unknown)"
"""The stratum of runs that don't say what they are told apart by."""

_ALL: Final = "(all)"

_COLUMNS: Final = {"robot": "robot_id", "host": "host"}
_CONTEXT: Final = "context."


def columns_of(by: str | None) -> tuple[str, ...]:
    """The columns of executions that strata are made of.

    Raises
    ------
    InputError
        If it is the version: says where versions are.
    UnknownNameError
        If there is nothing of that name.

    Examples
    --------
    >>> columns_of("host"), columns_of("context.variant"), columns_of(None)
    (('host',), ('context', 'end_context'), ())
    """
    if by is None:
        return ()
    if not isinstance(by, str):
        raise InputError(f"by is {quote(by)}, expected 'robot', 'host' or 'context.<key>'")
    if by in ("version", "workflow_version"):
        raise InputError(
            f"by is {quote(by)}: a new version would swallow the steps that it changed; "
            "the result's .versions shows runs by version, whatever by is"
        )
    if by in _COLUMNS:
        return (_COLUMNS[by],)
    if by.startswith(_CONTEXT) and by != _CONTEXT:
        return ("context", "end_context")
    raise unknown_name("runs can't be told apart by", by, (*_COLUMNS, "context.<key>"))


def with_strata(completed: pl.DataFrame, *, by: str | None) -> pl.DataFrame:
    """The runs with the name of their stratum.

    Parameters
    ----------
    completed : DataFrame
        side, and the columns of `columns_of`.
    by : str, optional
        What makes a stratum; None: all are one.

    Returns
    -------
    DataFrame
        With `stratum`: what `by` says, "(unknown)" where that isn't said; "(others)" where one of the sides has fewer
        than `LEAST_OF_STRATUM` runs of it.

    Raises
    ------
    UnknownNameError
        If no run says such a thing in its context.
    """
    if by is None:
        return completed.with_columns(stratum=pl.lit(_ALL))
    named = (
        completed.with_columns(_said=pl.col(_COLUMNS[by]).fill_null(UNKNOWN))
        if by in _COLUMNS
        else _said(completed, by)
    )
    per_side = [((pl.col("side") == side).sum() >= LEAST_OF_STRATUM).over("_said") for side in (0, 1)]
    name = pl.when(per_side[0] & per_side[1]).then("_said").otherwise(pl.lit(OTHERS))
    return named.with_columns(stratum=name).drop("_said")


def about_strata(runs: pl.DataFrame, *, by: str) -> tuple[str, ...]:
    """What makes it doubtful that runs were told apart.

    Parameters
    ----------
    runs : DataFrame
        From `with_strata`.
    by : str
        By what.

    Returns
    -------
    tuple of str
    """
    names, what = set(runs["stratum"]), by.removeprefix(_CONTEXT)
    if names == {UNKNOWN}:
        return (f"no run says its {what}: nothing is told apart",)
    if OTHERS not in names:
        return ()
    if names <= {OTHERS, UNKNOWN}:
        return (f"no {what} has {LEAST_OF_STRATUM} runs on both sides: nothing is told apart by it",)
    return (f"what has fewer than {LEAST_OF_STRATUM} runs on one of the sides is one stratum, {OTHERS}",)


def strata_table(before: Work, now: Work, *, names: list[str], column: str = "stratum") -> pl.DataFrame:
    """The strata side by side, the largest contribution first.

    Parameters
    ----------
    before, now : Work
        Both periods in one row each.
    names : list of str
        Whose columns they are.
    column : str
        How the first column is called.

    Returns
    -------
    DataFrame
        stratum, runs_before, runs_after, weight_before, weight_after (fractions 0-1 of the runs), mean_before_ms,
        mean_after_ms (null without runs), mix_ms (what its share's change adds: see
        `rpa_lab.analysis.attribution.split.mix_by_stratum`), inner_ms (what its own change adds).
    """
    runs = [work.runs[0] for work in (before, now)]
    unknown = np.full(len(names), np.nan)
    mix, inner = mix_by_stratum(before, now) if all(side.sum() for side in runs) else (unknown, unknown)
    with np.errstate(invalid="ignore"):
        means = [work.duration[0] / work.runs[0] / 1000 for work in (before, now)]
        weights = [side / side.sum() for side in runs]
    table = pl.DataFrame(
        {
            column: pl.Series(names, dtype=pl.String),
            "runs_before": runs[0].astype(np.int64),
            "runs_after": runs[1].astype(np.int64),
            "weight_before": weights[0],
            "weight_after": weights[1],
            "mean_before_ms": means[0],
            "mean_after_ms": means[1],
            "mix_ms": mix,
            "inner_ms": inner,
        }
    )
    size = pl.col("mix_ms").abs() + pl.col("inner_ms").abs()
    return table.fill_nan(None).sort(size, column, descending=[True, False])


def versions_table(completed: pl.DataFrame) -> pl.DataFrame:
    """The same by workflow_version, none of them put together: what is new in the current period has no runs before."""
    named = completed.select("side", "duration_us", version=pl.col("workflow_version").fill_null(UNKNOWN))
    names = sorted(named["version"].unique())
    sides = [_sums(named.filter(pl.col("side") == side), names) for side in (0, 1)]
    return strata_table(sides[0], sides[1], names=names, column="workflow_version")


def _sums(runs: pl.DataFrame, names: list[str]) -> Work:
    by_name = pl.DataFrame({"version": names}, schema={"version": pl.String}).join(
        runs.group_by("version").agg(pl.len().alias("runs"), pl.col("duration_us").sum()),
        on="version",
        how="left",
        validate="1:1",
        maintain_order="left",
    )
    runs_, duration = (
        by_name[name].fill_null(0).cast(pl.Float64).to_numpy()[None, :] for name in ("runs", "duration_us")
    )
    nothing = np.zeros((1, len(names), 0))
    return Work(runs=runs_, duration=duration, attempts=nothing, own=nothing)


def _said(completed: pl.DataFrame, by: str) -> pl.DataFrame:
    """The runs with what their context says under a key; each distinct context is read once."""
    key = by.removeprefix(_CONTEXT)
    merged = with_merged_context(completed).drop("end_context")
    texts = merged["context"].drop_nulls().unique().to_list()
    contexts = [_parsed(text) for text in texts]
    known = {name for context in contexts for name in context}
    if key not in known:
        raise unknown_name("no run says in its context", key, sorted(known))
    table = pl.DataFrame(
        {"context": texts, "_said": [_text(context[key]) if key in context else None for context in contexts]},
        schema={"context": pl.String, "_said": pl.String},
    )
    return merged.join(table, on="context", how="left", validate="m:1").with_columns(pl.col("_said").fill_null(UNKNOWN))


def _parsed(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
