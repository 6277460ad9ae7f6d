"""What happened to a workflow, in order of time: what was changed, when it was out, and when its level moved.

An outage counts from three runs and ten minutes on that broke down with none between them that completed: of 2,000 runs
a day three fail in a row by chance.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import polars as pl

from rpa_lab.analysis.changes import ChangePoints
from rpa_lab.analysis.outages import each_outage
from rpa_lab.measures import local_times
from rpa_lab.period import Span, as_utc
from rpa_lab.units import duration_text

__all__ = ["OUTAGE_COLUMNS", "events_of", "long_outages"]

OUTAGE_COLUMNS: Final = (
    "execution_id",
    "workflow_id",
    "status",
    "started_at",
    "completed_at",
    "duration_ms",
    "last_seen_at",
)
"""What `long_outages` needs of executions."""

_RUNS_IN_A_ROW: Final = 3
_LONG: Final = timedelta(minutes=10)
_TIME: Final = pl.Datetime("us", "UTC")
_TEXT: Final = pl.String()
_EVENTS: Final = pl.Schema({"at": _TIME, "until": _TIME, "kind": _TEXT, "node_id": _TEXT, "text": _TEXT})


def long_outages(runs: pl.LazyFrame, *, until: datetime) -> pl.LazyFrame:
    """The outages that say something about one workflow.

    Parameters
    ----------
    runs : LazyFrame
        `OUTAGE_COLUMNS` of its executions.
    until : datetime
        To when one lasts of which the end isn't known.

    Returns
    -------
    LazyFrame
        Rows of `each_outage`.
    """
    lasted = pl.coalesce("restored", pl.lit(until, _TIME)) - pl.col("began")
    return each_outage(runs).filter((pl.col("breakdowns") >= _RUNS_IN_A_ROW) & (lasted >= _LONG))


def events_of(told: ChangePoints, *, changes: pl.DataFrame, outages: pl.DataFrame, span: Span) -> pl.DataFrame:
    """All of it as one table.

    Parameters
    ----------
    told : ChangePoints
        When levels moved.
    changes : DataFrame
        From `recorded_changes`; those outside the span are left out.
    outages : DataFrame
        From `long_outages`.
    span : Span
        The period; its zone is that of the times.

    Returns
    -------
    DataFrame
        One row per event, in order of time: at, until (in the span's zone; null: a moment, or an outage that lasts),
        kind, node_id (null: the whole workflow), text.
    """
    nothing, whole = pl.lit(None, _TIME), pl.lit(None, _TEXT)
    lasted = (pl.col("restored") - pl.col("began")).dt.total_microseconds() / 1000
    words = [
        f"{count} runs broke down, {'none has completed since' if ms is None else f'out for {duration_text(ms)}'}"
        for count, ms in outages.select("breakdowns", lasted.alias("ms")).iter_rows()
    ]
    moved = [
        (as_utc(point.on, tz=span.tz), None, "change point", point.node_id, point.sentence) for point in told.points
    ]
    slowly = [
        (as_utc(since, tz=span.tz), as_utc(until, tz=span.tz), "drift", node_id, f"moved slowly by {percent:+.0f} %")
        for node_id, since, until, percent in told.drifts.drop("workflow_id").iter_rows()
    ]
    out: dict[str, pl.Expr | pl.Series] = {
        "kind": pl.lit("outage"),
        "node_id": whole,
        "text": pl.Series(words, dtype=_TEXT),
    }
    events = [
        changes.filter(pl.col("at").is_between(span.start, span.end, closed="left")).select(
            "at", "kind", "text", until=nothing, node_id=whole
        ),
        outages.select(at="began", until="restored", **out),
        pl.DataFrame([*moved, *slowly], schema=_EVENTS, orient="row"),
    ]
    every = pl.concat([part.select(list(_EVENTS)) for part in events])
    return local_times(every.sort("at", "kind", "node_id", "text", nulls_last=False), tz=span.tz)
