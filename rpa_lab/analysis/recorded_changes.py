"""What was changed, and when: what somebody wrote down, and what the records of runs show by themselves.

Recorded are the rows of `changes`, and that a version or a host was first seen in executions of a workflow. What was
seen when a workflow's records begin is no change: of versions what the first 24 hours show, of hosts what the first
seven days do, since a workflow that runs three times a day comes to its fourth host on the second.

A change point and a recorded change are neighbours in time; that the one made the other is more than records can say.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from rpa_lab.analysis.changes import first_used, went_live
from rpa_lab.measures import local_day

__all__ = ["CHANGE_COLUMNS", "FIRST_SEEN_COLUMNS", "REACH_DAYS", "first_seen", "nearest_changes", "recorded_changes"]

REACH_DAYS: Final = 7
"""A recorded change so many days before or after a change point's day, or within its interval, is within reach."""

FIRST_SEEN_COLUMNS: Final = ("workflow_id", "started_at", "workflow_version", "host")
"""What `first_seen` needs of executions."""

CHANGE_COLUMNS: Final = ("change_id", "at", "workflow_id", "kind", "version", "host", "text")
"""What `recorded_changes` needs of changes."""

_BEGINNING: Final = {"version": pl.duration(hours=24), "host": pl.duration(days=7)}
_SAID_FIRST: Final = {"version": 1, "host": 2}  # rows of `changes` come before both
_COLUMNS = ("at", "kind", "workflow_id", "version", "host", "text")


def first_seen(executions: pl.LazyFrame) -> pl.LazyFrame:
    """The versions and hosts that came to workflows after their records began.

    Parameters
    ----------
    executions : LazyFrame
        `FIRST_SEEN_COLUMNS`, of all that is recorded up to some time.

    Returns
    -------
    LazyFrame
        One row per workflow and version, or host: at, kind ("version" or "host"), workflow_id, version, host, text.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> at = [datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2, 12)]
    >>> runs = pl.LazyFrame({"started_at": at, "workflow_version": ["2.3", "2.3", "2.4"]})
    >>> runs = runs.with_columns(workflow_id=pl.lit("w"), host=pl.lit("a"))
    >>> first_seen(runs).select("at", "text").collect().rows()
    [(datetime.datetime(2026, 11, 12, 0, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC')), 'version 2.4 went live')]
    """
    timed = executions.filter(pl.col("started_at").is_not_null() & pl.col("workflow_id").is_not_null())
    seen = timed.group_by("workflow_id", "workflow_version", "host").agg(at=pl.col("started_at").min())
    began = seen.with_columns(_began=pl.col("at").min().over("workflow_id"))
    return pl.concat([_first(began, "workflow_version", kind="version"), _first(began, "host", kind="host")])


def recorded_changes(changes: pl.LazyFrame, seen: pl.LazyFrame) -> pl.LazyFrame:
    """All that was changed, in order of time; of a version that was also written down within a day only that.

    Parameters
    ----------
    changes : LazyFrame
        `CHANGE_COLUMNS`; a null workflow touches all.
    seen : LazyFrame
        From `first_seen`.

    Returns
    -------
    LazyFrame
        One row per change: at, kind, workflow_id, version, host, text.
    """
    text = pl.coalesce(pl.col("text"), pl.col("kind") + pl.lit(" ") + pl.coalesce("version", "host"), pl.col("kind"))
    written = changes.with_columns(text=text).select(_COLUMNS)
    which = ["workflow_id", "version", "at"]
    said = (
        seen.filter(pl.col("version").is_not_null())
        .select(which)
        .join(written.select("workflow_id", "version", pl.col("at").alias("_at")), on=["workflow_id", "version"])
        .filter((pl.col("_at") - pl.col("at")).abs() <= pl.duration(days=1))
    )
    return pl.concat([written, seen.join(said, on=which, how="anti")]).sort(*_COLUMNS, nulls_last=True)


def nearest_changes(points: pl.DataFrame, changes: pl.DataFrame, *, tz: str) -> pl.DataFrame:
    """Change points, each beside what was changed nearest to it.

    Nearest is what took effect the fewest days away; of two as near the one on or before the day; then what somebody
    wrote down before versions, and these before hosts.

    Parameters
    ----------
    points : DataFrame
        workflow_id, on, earliest, latest (Date).
    changes : DataFrame
        From `recorded_changes`.
    tz : str
        The zone whose days are counted.

    Returns
    -------
    DataFrame
        `points` in their order, with change_at (in `tz`), change_kind, change_text, change_workflow_id, change_version,
        change_host, change_days_away (days after the change point's day, negative: before); null where nothing is
        within reach.
    """
    numbered = points.with_row_index("_point")
    asked = numbered.select("_point", "workflow_id", "on", "earliest", "latest")
    day = local_day("at", tz=tz)
    away = (day - pl.col("on")).dt.total_days()
    own = asked.join(changes, on="workflow_id", how="inner").with_columns(_touches="workflow_id")
    of_all = asked.join(
        changes.filter(pl.col("workflow_id").is_null()).rename({"workflow_id": "_touches"}), how="cross"
    )
    nearest = (
        pl.concat([own, of_all.select(own.columns)])
        .with_columns(_away=away)
        .filter((away.abs() <= REACH_DAYS) | day.is_between("earliest", "latest"))
        .sort(
            pl.col("_away").abs(),
            pl.col("_away") > 0,
            pl.col("kind").replace_strict(_SAID_FIRST, default=0, return_dtype=pl.Int8),
            "at",
            "kind",
            "text",
            nulls_last=True,
        )
        .group_by("_point", maintain_order=True)
        .first()
        .select(
            "_point",
            change_at=pl.col("at").dt.convert_time_zone(tz),
            change_kind="kind",
            change_text="text",
            change_workflow_id="_touches",
            change_version="version",
            change_host="host",
            change_days_away=pl.col("_away").cast(pl.Float64),
        )
    )
    return numbered.join(nearest, on="_point", how="left", validate="1:1", maintain_order="left").drop("_point")


def _first(seen: pl.LazyFrame, column: str, *, kind: str) -> pl.LazyFrame:
    """One row per workflow and value of a column that came after the beginning."""
    empty = pl.lit(None, pl.String)
    words = pl.format((went_live if kind == "version" else first_used)("{}"), column)
    return (
        seen.filter(pl.col(column).is_not_null())
        .group_by("workflow_id", column)
        .agg(pl.col("at").min(), pl.col("_began").first())
        .filter(pl.col("at") >= pl.col("_began") + _BEGINNING[kind])
        .select(
            "at",
            "workflow_id",
            kind=pl.lit(kind),
            version=pl.col(column) if kind == "version" else empty,
            host=pl.col(column) if kind == "host" else empty,
            text=words,
        )
        .select(_COLUMNS)
    )
