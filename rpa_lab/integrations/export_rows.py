"""Executions and steps as the rows that process-mining tools know: a case each, and its events.

As a table (CSV, Parquet) a step is one row with its start and its end; in XES it is two events, ``start`` and
``complete``. Either way all columns of ours go along (`own_log` says how), so that an import gives the same rows again.
"""

from __future__ import annotations

import json
from typing import Final
from xml.sax.saxutils import quoteattr

import polars as pl

from rpa_lab.integrations.own_log import JSON, OURS, columns_of, guarded
from rpa_lab.integrations.xes import CASE
from rpa_lab.schema import Column

__all__ = ["table", "traces"]

_NOT_XML: Final = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
_ESCAPED: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_TIME: Final = "%Y-%m-%dT%H:%M:%S%.6f+00:00"
_TYPES: Final = {"time": "date", "duration": "float", "number": "float", "count": "int"}


def table(executions: pl.DataFrame, steps: pl.DataFrame, *, text: bool) -> pl.DataFrame:
    """One row per step, in the order of executions and steps.

    Parameters
    ----------
    executions, steps : DataFrame
        As a store reads them.
    text : bool
        Whether for CSV: times as text, and nothing that a spreadsheet takes for a formula.

    Returns
    -------
    DataFrame
        case:concept:name, concept:name, start_timestamp, time:timestamp, org:resource, lifecycle:transition; then
        the columns of the execution, ``case:rpa:…``, and of the step, ``rpa:…``.
    """
    of_case = executions.select(pl.col(each.name).alias(CASE + OURS + each.name) for each in columns_of("executions"))
    of_step = steps.select(pl.col(column.name).alias(OURS + column.name) for column in columns_of("steps"))
    rows = of_step.join(
        of_case,
        left_on=OURS + "execution_id",
        right_on=CASE + OURS + "execution_id",
        how="inner",
        coalesce=False,
        maintain_order="right_left",
        validate="m:1",
    ).select(
        pl.col(OURS + "execution_id").alias("case:concept:name"),
        pl.col(OURS + "node_id").alias("concept:name"),
        pl.col(OURS + "started_at").alias("start_timestamp"),
        pl.col(OURS + "completed_at").alias("time:timestamp"),
        pl.col(CASE + OURS + "robot_id").alias("org:resource"),
        pl.lit("complete").alias("lifecycle:transition"),
        *of_case.columns,
        *of_step.columns,
    )
    if not text:
        return rows
    times = pl.selectors.datetime().dt.strftime(_TIME)
    return rows.with_columns(guarded(pl.selectors.string())).with_columns(times)


def traces(executions: pl.DataFrame, steps: pl.DataFrame) -> pl.Series:
    """The text of one ``<trace>`` per execution, in their order.

    What follows from the case isn't repeated with its events: the execution, its workflow, a step's id if it has none
    of its own.

    Parameters
    ----------
    executions, steps : DataFrame
        As a store reads them; the steps in their order.

    Returns
    -------
    Series
    """
    of_case = executions.select("execution_id", _robot="robot_id", _workflow="workflow_id")
    events = (
        steps.with_row_index("_place")
        .join(of_case, on="execution_id", how="left", maintain_order="left", validate="m:1")
        .with_columns(
            _instance="step_id",
            step_id=pl.when(pl.col("step_id") != pl.format("{}:{}", "execution_id", "step_index")).then("step_id"),
            workflow_id=pl.when(~pl.col("workflow_id").eq_missing(pl.col("_workflow"))).then("workflow_id"),
        )
    )
    both = pl.concat(
        [
            events.select("execution_id", "_place", _at="started_at", _which=0, _text=_event("start", "started_at")),
            events.select(
                "execution_id", "_place", _at="completed_at", _which=1, _text=_event("complete", "completed_at")
            ),
        ]
    )
    texts = (
        both.sort("_at", "_place", "_which")
        .group_by("execution_id", maintain_order=True)
        .agg(_events=pl.col("_text").str.join(""))
    )
    opening = [pl.lit("  <trace>\n"), _attribute("concept:name", "id", _legible("execution_id"), indent=4)]
    own = [_own(column, indent=4) for column in columns_of("executions")]
    return (
        executions.join(texts, on="execution_id", how="left", maintain_order="left", validate="1:1")
        .select(pl.concat_str([*opening, *own, pl.col("_events").fill_null(""), pl.lit("  </trace>\n")]))
        .to_series()
    )


def _event(transition: str, at: str) -> pl.Expr:
    own = (
        [_own(each, indent=6) for each in columns_of("steps") if each.name != "execution_id"]
        if transition == "complete"
        else []
    )
    return pl.concat_str(
        [
            pl.lit("    <event>\n"),
            _attribute("concept:name", "name", _legible("node_id"), indent=6),
            _attribute("concept:instance", "id", _legible("_instance"), indent=6),
            _attribute("time:timestamp", "time", pl.col(at), indent=6),
            pl.lit(f'      <string key="lifecycle:transition" value="{transition}"/>\n'),
            _attribute("org:resource", "name", _legible("_robot"), indent=6),
            *own,
            pl.lit("    </event>\n"),
        ]
    )


def _own(column: Column, *, indent: int) -> pl.Expr:
    """A column of ours as an attribute; nothing where it is null."""
    value = pl.col(column.name)
    if column.kind in _TYPES:
        return _attribute(OURS + column.name, column.kind, value, indent=indent)
    strange = value.str.contains(_NOT_XML)
    plain = _attribute(OURS + column.name, column.kind, pl.when(~strange).then(value), indent=indent)
    encoded = pl.when(strange).then(value).map_batches(_as_json, return_dtype=pl.String)
    return plain + _attribute(JSON + column.name, column.kind, encoded, indent=indent)


def _attribute(key: str, kind: str, value: pl.Expr, *, indent: int) -> pl.Expr:
    match kind:
        case "time":
            text = value.dt.strftime(_TIME)
        case "duration" | "number" | "count":
            text = value.cast(pl.String)
        case _:
            text = value.str.replace_many(list(_ESCAPED), list(_ESCAPED.values()))
    opening = f'{" " * indent}<{_TYPES.get(kind, "string")} key={quoteattr(key)} value="'
    return (pl.lit(opening) + text + pl.lit('"/>\n')).fill_null("")


def _legible(name: str) -> pl.Expr:
    """A text for tools that know nothing of ours: what XML can't hold is shown as missing."""
    return pl.col(name).str.replace_all(_NOT_XML, "\ufffd")


def _as_json(texts: pl.Series) -> pl.Series:
    if texts.null_count() == len(texts):
        return texts
    return pl.Series(texts.name, [None if text is None else json.dumps(text) for text in texts], dtype=pl.String)
