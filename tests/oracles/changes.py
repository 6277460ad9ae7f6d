"""What a change of durations is made of, and what was changed at that time."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.oracles.durations import self_time_by_node
from tests.oracles.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["duration_parts", "nearest_change", "shapley_of_durations"]


def duration_parts(runs: Iterable[Row], steps: Iterable[Row]) -> dict[str, Any]:
    """What the mean duration (ms) of completed runs is made of, as fractions: ``D``, ``f`` and ``m`` by node, ``g``.

    `m` is missing for a node that was never tried; everything but ``D`` where there is no run.
    """
    took = {
        run["execution_id"]: Fraction(round(run["duration_ms"] * 1000), 1000)
        for run in runs
        if run["status"] == "completed" and run["duration_ms"] is not None
    }
    mine = [step for step in steps if step["execution_id"] in took and step["status"] != "skipped"]
    attempts: dict[str, int] = defaultdict(int)
    own: dict[str, Fraction] = defaultdict(Fraction)
    for step in mine:
        attempts[step["node_id"]] += 1 + step["retry_count"]
    for (_, node), value in self_time_by_node(mine).items():
        own[node] += Fraction(round(max(value or 0.0, 0.0) * 1000), 1000)
    if not took:
        return {"D": None}
    n = len(took)
    return {
        "D": sum(took.values()) / n,
        "f": {node: Fraction(count, n) for node, count in attempts.items()},
        "m": {node: own[node] / count for node, count in attempts.items()},
        "g": (sum(took.values()) - sum(own.values())) / n,
    }


def shapley_of_durations(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[tuple[str, str | None], Fraction]:
    """What each change moves D = Σ f m + g by, on average over all orders in which the changes could have come.

    Both sides as `duration_parts` gives them. Each f, each m and g is a change of its own: ("attempts", node), ("time",
    node) and ("waiting", None). A node that one side doesn't have has f = 0 there, and the other's m.
    """
    nodes = sorted(before["f"].keys() | now["f"].keys())
    sides = [
        {("attempts", node): side["f"].get(node, Fraction(0)) for node in nodes}
        | {("time", node): side["m"].get(node, other["m"].get(node)) for node in nodes}
        | {("waiting", None): side["g"]}
        for side, other in ((before, now), (now, before))
    ]

    def mean(values: Mapping[Any, Fraction]) -> Fraction:
        products = (values["attempts", node] * values["time", node] for node in nodes)
        return sum(products, start=values["waiting", None])

    moved: dict[tuple[str, str | None], Fraction] = dict.fromkeys(sides[0], Fraction(0))
    orders = list(permutations(sides[0]))
    for order in orders:
        values = dict(sides[0])
        for change in order:
            earlier = mean(values)
            values[change] = sides[1][change]
            moved[change] += mean(values) - earlier
    return {change: total / len(orders) for change, total in moved.items()}


def nearest_change(
    on: date, between: tuple[date, date], changes: Iterable[Row], *, reach: int, zone: ZoneInfo
) -> Row | None:
    """What was changed the fewest days away; before rather than after; what was written, then versions, then hosts."""
    ranked = []
    for change in changes:
        day = change["at"].astimezone(zone).date()
        away = (day - on).days
        if abs(away) <= reach or between[0] <= day <= between[1]:
            order = {"version": 1, "host": 2}.get(change["kind"], 0)
            ranked.append(((abs(away), away > 0, order, change["at"], change["kind"], change["text"]), change))
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None
