"""The same questions, asked of several engines: rpa_lab, DuckDB and pandas over the same published files, and SQLite.

SQLite has the tables and indexes that a design for such a store proposed; it is filled once, from the same files. Each
answer is a list of rows, so that the engines can be held against each other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

__all__ = ["ENGINES", "Asked", "answer", "make_sqlite"]

Rows = list[tuple[Any, ...]]
_QUANTILES = (0.5, 0.95, 0.99)
_HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question: its name, the store, the days before `end` that it is about, and of which workflow."""

    question: str
    folder: Path
    end: date
    days: int
    workflow_id: str

    def files(self, table: str) -> list[str]:
        """The published files of the period."""
        days = [(self.end - timedelta(days=back)).isoformat() for back in range(self.days, 0, -1)]
        return [str(path) for day in days for path in sorted((self.folder / table / f"day={day}").glob("*.parquet"))]


def answer(engine: str, asked: Asked) -> Rows:
    """What an engine answers, ordered."""
    return sorted(ENGINES[engine][asked.question](asked), key=str)


def _lab(asked: Asked) -> Any:
    from rpa_lab.period import Span
    from rpa_lab.storage.store import TimeSeriesStore

    end = datetime(asked.end.year, asked.end.month, asked.end.day, tzinfo=UTC)
    return TimeSeriesStore(asked.folder, as_of=end), Span(end - timedelta(days=asked.days), end)


def _lab_aggregates() -> dict[str, Any]:
    import polars as pl

    from rpa_lab.measures import quantile, std

    ms = pl.col("duration_ms")
    quantiles = {f"p{q}": quantile(q) for q in _QUANTILES}
    return {"n": ms.count(), "mean": ms.mean(), "sd": std(), **quantiles}


def _lab_stats(asked: Asked) -> Rows:
    store, span = _lab(asked)
    rows = store.collect(
        lambda: store.scan("executions", span, columns=["duration_ms"], workflow_id=asked.workflow_id).select(
            **_lab_aggregates()
        )
    )
    return list(rows.iter_rows())


def _lab_bottlenecks(asked: Asked) -> Rows:
    import polars as pl

    store, span = _lab(asked)
    columns = ["node_id", "duration_ms"]
    total = pl.col("duration_ms").sum()
    rows = store.collect(
        lambda: (
            store.scan("steps", span, columns=columns, workflow_id=asked.workflow_id)
            .group_by("node_id")
            .agg(**_lab_aggregates(), total=total)
        )
    )
    return list(rows.iter_rows())


def _lab_hourly(asked: Asked) -> Rows:
    import polars as pl

    store, span = _lab(asked)
    columns = ["started_at", "duration_ms"]
    hour = pl.col("started_at").dt.epoch("us") // _HOUR_US
    rows = store.collect(
        lambda: (
            store.scan("executions", span, columns=columns, workflow_id=asked.workflow_id)
            .group_by(hour.alias("hour"))
            .agg(**_lab_aggregates())
        )
    )
    return list(rows.iter_rows())


def _lab_all(asked: Asked, *, approximate: bool = False) -> Rows:
    from rpa_lab.query.durations import duration_table

    store, span = _lab(asked)
    found = duration_table(
        store, "steps", span, by=["workflow_id"], quantiles=_QUANTILES, approximate=approximate
    ).table
    names = ["workflow_id", "n", "mean_ms", "std_ms", *(f"p{q * 100:.10g}_ms" for q in _QUANTILES)]
    bounds = [f"p{q * 100:.10g}_{end}_ms" for q in _QUANTILES for end in ("low", "high")] if approximate else []
    return list(found.select(*names, *bounds).iter_rows())


def _lab_approximate(asked: Asked) -> Rows:
    return _lab_all(asked, approximate=True)


_duck: list[Any] = []


def _duckdb(query: str, parameters: Sequence[Any]) -> Rows:
    if not _duck:
        import duckdb

        _duck.append(duckdb.connect())
    rows: Rows = _duck[0].execute(query, parameters).fetchall()
    return [tuple(value for part in row for value in (part if isinstance(part, list) else [part])) for row in rows]


_DUCK = (
    f"count(duration_ms), avg(duration_ms), stddev_samp(duration_ms), quantile_cont(duration_ms, {list(_QUANTILES)})"
)


def _duck_stats(asked: Asked) -> Rows:
    return _duckdb(
        f"SELECT {_DUCK} FROM read_parquet(?) WHERE workflow_id = ?", [asked.files("executions"), asked.workflow_id]
    )


def _duck_bottlenecks(asked: Asked) -> Rows:
    return _duckdb(
        f"SELECT node_id, {_DUCK}, sum(duration_ms) FROM read_parquet(?) WHERE workflow_id = ? GROUP BY 1",
        [asked.files("steps"), asked.workflow_id],
    )


def _duck_hourly(asked: Asked) -> Rows:
    return _duckdb(
        f"SELECT epoch_us(started_at) // {_HOUR_US}, {_DUCK} FROM read_parquet(?) WHERE workflow_id = ? GROUP BY 1",
        [asked.files("executions"), asked.workflow_id],
    )


def _duck_all(asked: Asked) -> Rows:
    return _duckdb(f"SELECT workflow_id, {_DUCK} FROM read_parquet(?) GROUP BY 1", [asked.files("steps")])


def _pandas(asked: Asked, table: str, columns: list[str], *, one: bool = True) -> Any:
    import pandas as pd  # type: ignore[import-untyped]

    chosen = [("workflow_id", "==", asked.workflow_id)] if one else None
    return pd.read_parquet(asked.files(table), columns=columns, filters=chosen)


def _pandas_by(durations: Any) -> Any:
    """Statistics of a grouped column, a row for each group."""
    import pandas as pd

    moments = durations.agg(["count", "mean", "std"])
    return pd.concat([moments, durations.quantile(list(_QUANTILES)).unstack()], axis=1)


def _pandas_stats(asked: Asked) -> Rows:
    ms = _pandas(asked, "executions", ["duration_ms"])["duration_ms"]
    return [(int(ms.count()), ms.mean(), ms.std(), *ms.quantile(list(_QUANTILES)))]


def _pandas_bottlenecks(asked: Asked) -> Rows:
    grouped = _pandas(asked, "steps", ["node_id", "duration_ms"]).groupby("node_id")["duration_ms"]
    return list(_pandas_by(grouped).assign(total=grouped.sum()).itertuples(name=None))


def _pandas_hourly(asked: Asked) -> Rows:
    rows = _pandas(asked, "executions", ["started_at", "duration_ms"])
    hour = rows["started_at"].astype("datetime64[us, UTC]").astype("int64") // _HOUR_US
    return list(_pandas_by(rows.groupby(hour)["duration_ms"]).itertuples(name=None))


def _pandas_all(asked: Asked) -> Rows:
    rows = _pandas(asked, "steps", ["workflow_id", "duration_ms"], one=False)
    return list(_pandas_by(rows.groupby("workflow_id")["duration_ms"]).itertuples(name=None))


_SQLITE = """
CREATE TABLE execution_metrics (execution_id TEXT PRIMARY KEY, workflow_id TEXT NOT NULL, started_at TIMESTAMP NOT NULL,
  completed_at TIMESTAMP, duration_ms REAL, status TEXT NOT NULL, steps_total INTEGER, steps_completed INTEGER,
  steps_failed INTEGER, error_message TEXT, context JSON);
CREATE TABLE step_metrics (step_id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, workflow_id TEXT NOT NULL,
  node_id TEXT NOT NULL, action_type TEXT NOT NULL, target_element TEXT, started_at TIMESTAMP NOT NULL,
  completed_at TIMESTAMP NOT NULL, duration_ms REAL NOT NULL, status TEXT NOT NULL, confidence_score REAL,
  retry_count INTEGER DEFAULT 0, error_details TEXT,
  FOREIGN KEY (execution_id) REFERENCES execution_metrics(execution_id));
"""
_INDEXES = """
CREATE INDEX idx_workflow_time ON execution_metrics(workflow_id, started_at);
CREATE INDEX idx_status ON execution_metrics(status);
CREATE INDEX idx_execution ON step_metrics(execution_id);
CREATE INDEX idx_workflow_action ON step_metrics(workflow_id, action_type);
ANALYZE;
"""


def make_sqlite(asked: Asked, *, on_day: Callable[[int, int], None]) -> None:
    """Fill the database of a store, a day at a time; indexes are made at the end, as the quickest way."""
    import polars as pl

    store, _ = _lab(asked)
    begun = asked.folder.with_suffix(".sqlite-begun")
    begun.unlink(missing_ok=True)
    with sqlite3.connect(begun) as database:
        database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SQLITE)
        for done, back in enumerate(range(asked.days, 0, -1), 1):
            day = asked.end - timedelta(days=back)
            for table, place in (("executions", "execution_metrics"), ("steps", "step_metrics")):
                names = [row[1] for row in database.execute(f"PRAGMA table_info({place})")]
                times = pl.col([name for name in names if name.endswith("_at")]).dt.strftime("%Y-%m-%d %H:%M:%S%.6f")
                rows = store.read(table, day.isoformat(), columns=names).with_columns(times)
                marks = ", ".join("?" * len(names))
                database.executemany(f"INSERT INTO {place} VALUES ({marks})", rows.iter_rows())
            database.commit()
            on_day(done, asked.days)
        database.executescript(_INDEXES)
    begun.rename(asked.folder.with_suffix(".sqlite"))


def _sqlite(asked: Asked, table: str, group: str, *, one: bool = True) -> Rows:
    """Ranked by a window, since SQLite has no quantiles; interpolated between the neighbours of each rank here."""
    where = "WHERE workflow_id = :workflow" if one else ""
    ranks = " OR ".join(f"k IN (CAST((n - 1) * {q} AS INT), CAST((n - 1) * {q} AS INT) + 1)" for q in _QUANTILES)
    query = f"""
        WITH ranked AS (SELECT {group} AS g, duration_ms AS ms,
            row_number() OVER (PARTITION BY {group} ORDER BY duration_ms) - 1 AS k, count(*) OVER w AS n,
            avg(duration_ms) OVER w AS mean, avg(duration_ms * duration_ms) OVER w AS square,
            sum(duration_ms) OVER w AS total
            FROM {table} {where} {"AND" if one else "WHERE"} duration_ms IS NOT NULL WINDOW w AS (PARTITION BY {group}))
        SELECT g, ms, k, n, mean, square, total FROM ranked WHERE {ranks}"""
    with sqlite3.connect(asked.folder.with_suffix(".sqlite")) as database:
        found = database.execute(query, {"workflow": asked.workflow_id}).fetchall()
    groups: dict[Any, tuple[int, float, float, float]] = {}
    values: dict[Any, dict[int, float]] = {}
    for g, ms, k, n, mean, square, total in found:
        groups[g] = (n, mean, square, total)
        values.setdefault(g, {})[k] = ms
    rows = []
    for g, (n, mean, square, total) in groups.items():
        sd = (max(square - mean**2, 0.0) * n / (n - 1)) ** 0.5 if n > 1 else None
        at = [((n - 1) * q, values[g]) for q in _QUANTILES]
        quantiles = [v[int(k)] + (k - int(k)) * (v.get(int(k) + 1, v[int(k)]) - v[int(k)]) for k, v in at]
        rows.append((g, n, mean, sd, *quantiles, total))
    return rows


def _sqlite_stats(asked: Asked) -> Rows:
    return [row[1:-1] for row in _sqlite(asked, "execution_metrics", "1")]


def _sqlite_bottlenecks(asked: Asked) -> Rows:
    return _sqlite(asked, "step_metrics", "node_id")


def _sqlite_hourly(asked: Asked) -> Rows:
    return [row[:-1] for row in _sqlite(asked, "execution_metrics", "unixepoch(started_at) / 3600")]


def _sqlite_all(asked: Asked) -> Rows:
    return [row[:-1] for row in _sqlite(asked, "step_metrics", "workflow_id", one=False)]


ENGINES: dict[str, dict[str, Callable[[Asked], Rows]]] = {
    "rpa_lab": {
        "stats": _lab_stats,
        "bottlenecks": _lab_bottlenecks,
        "hourly": _lab_hourly,
        "all": _lab_all,
        "approximate": _lab_approximate,
    },
    "DuckDB": {"stats": _duck_stats, "bottlenecks": _duck_bottlenecks, "hourly": _duck_hourly, "all": _duck_all},
    "pandas": {
        "stats": _pandas_stats,
        "bottlenecks": _pandas_bottlenecks,
        "hourly": _pandas_hourly,
        "all": _pandas_all,
    },
    "SQLite": {
        "stats": _sqlite_stats,
        "bottlenecks": _sqlite_bottlenecks,
        "hourly": _sqlite_hourly,
        "all": _sqlite_all,
    },
}
"""Each engine's way to answer each question."""
