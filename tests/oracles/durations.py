"""How long things took: statistics of durations, by node, less what lies within."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.oracles.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "bottlenecks",
    "duration_statistics",
    "durations_by_group",
    "durations_by_node",
    "self_time_by_node",
    "value_by_node",
    "waiting_ms",
]


def duration_statistics(durations_ms: Iterable[float | None]) -> dict[str, float | int | None]:
    """n, mean, median, p90, p95, p99, std (ddof 1), min and max of the known durations; None where undefined."""
    values = np.array([ms for ms in durations_ms if ms is not None], dtype=np.float64)
    if not len(values):
        return {"n": 0} | dict.fromkeys(("mean", "median", "p90", "p95", "p99", "std", "min", "max"))
    return {
        "n": len(values),
        "mean": float(np.mean(values)),
        "median": float(np.median(values)),
        "p90": float(np.percentile(values, 90)),
        "p95": float(np.percentile(values, 95)),
        "p99": float(np.percentile(values, 99)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "min": float(np.min(values)),
        "max": float(np.max(values)),
    }


def durations_by_node(steps: Iterable[Row]) -> dict[str, list[float]]:
    """The known durations (ms) of the steps of each node that were really done, skipped ones left out."""
    values: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        if step["status"] != "skipped" and step["duration_ms"] is not None:
            values[step["node_id"]].append(step["duration_ms"])
    return dict(values)


def value_by_node(steps: Iterable[Row], *, by: str) -> dict[str, float]:
    """Per node its ``mean_``, ``p95_``, ``max_`` or ``total_duration_ms``."""
    statistic = {"mean_duration_ms": "mean", "p95_duration_ms": "p95", "max_duration_ms": "max"}
    values = {}
    for node, durations in durations_by_node(steps).items():
        value = sum(durations) if by == "total_duration_ms" else duration_statistics(durations)[statistic[by]]
        values[node] = float(value or 0.0)
    return values


def bottlenecks(values: Mapping[str, float], *, threshold_percentile: float = 0.95) -> list[str]:
    """The nodes at or above that quantile over nodes, greatest first, equal ones by name."""
    if not values:
        return []
    least = min(float(np.quantile(list(values.values()), threshold_percentile)), max(values.values()))
    return sorted((node for node, value in values.items() if value >= least), key=lambda node: (-values[node], node))


def self_time_by_node(steps: Iterable[Row]) -> dict[tuple[str, str], float | None]:
    """Per execution and node: its steps' time (ms) less that of the nodes directly below; None where it is unknown."""
    total: dict[tuple[str, str], float | None] = {}
    for step in steps:
        place = (step["execution_id"], step["node_id"])
        known = total.get(place)
        total[place] = known if step["duration_ms"] is None else (known or 0.0) + step["duration_ms"]
    own = dict(total)
    for (execution_id, node_id), spent in total.items():
        above = (execution_id, node_id.rpartition(" > ")[0])
        before = own.get(above)
        if before is not None and spent is not None:
            own[above] = before - spent
    return own


def waiting_ms(run: Row, steps: Iterable[Row]) -> int | None:
    """In how many milliseconds of a run no step of it runs, times being whole ones; None where it can't be told."""
    if run["started_at"] is None or run["duration_ms"] is None:
        return None
    mine = [step for step in steps if step["execution_id"] == run["execution_id"] and step["status"] != "skipped"]
    if not mine:
        return None
    idle = set(range(round(run["duration_ms"])))
    for step in mine:
        since = round((step["started_at"] - run["started_at"]).total_seconds() * 1000)
        took = step["duration_ms"]
        if took is None:
            took = (step["completed_at"] - step["started_at"]).total_seconds() * 1000
        idle -= set(range(since, since + round(took)))
    return len(idle)


def durations_by_group(rows: Iterable[Row], by: Sequence[str], quantiles: Sequence[float]) -> dict[Any, dict[str, Any]]:
    """Statistics of `duration_ms` by the values of some columns, from plain lists and NumPy; None where undefined."""
    groups: dict[Any, list[float | None]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row["duration_ms"])
    found = {}
    for group, durations in groups.items():
        known = [ms for ms in durations if ms is not None]
        found[group] = {
            "rows": len(durations),
            "n": len(known),
            "sum_ms": float(np.sum(known)) if known else None,
            "mean_ms": float(np.mean(known)) if known else None,
            "std_ms": float(np.std(known, ddof=1)) if len(known) > 1 else None,
            "min_ms": min(known, default=None),
            "max_ms": max(known, default=None),
            **{f"p{q * 100:.10g}_ms": float(np.percentile(known, q * 100)) if known else None for q in quantiles},
        }
    return found
