"""How a contest is told: a line for each engine, the goals, and whether all engines gave the same figures."""

from __future__ import annotations

from math import isclose

from benchmarks.querying.contest import Heat
from benchmarks.querying.engines import Rows
from benchmarks.recording.figures import Goal, row

__all__ = ["agree", "told"]


def told(what: str, heats: dict[str, Heat], *, most: float | None = None, new: dict[str, float] | None = None) -> Goal:
    """Print a contest's figures, rpa_lab's first, with ratios to DuckDB's; the goal is for rpa_lab's ratio."""
    peer = heats["DuckDB"]
    goal = Goal(what=what, figure=heats["rpa_lab"].ratio(peer), most=most or float("inf"), unit="× DuckDB")
    row(what)
    for engine, heat in heats.items():
        row(
            f"    {engine}",
            f"{heat.median_s * 1e3:,.1f} ms",
            f"{heat.ratio(peer):.2f}×",
            f"{new[engine]:.2f} s" if new else "",
            f"{heat.peak_bytes / 1e6:,.0f} MB",
            goal=goal if engine == "rpa_lab" and most else None,
        )
    return goal


def agree(heats: dict[str, Heat], *, relative: float = 1e-9) -> None:
    """Stop where two engines' figures differ by more than rounding."""
    expected = heats["DuckDB"].rows
    for engine, heat in heats.items():
        if not _same(heat.rows, expected, relative):
            pairs = zip(heat.rows, expected, strict=False)
            odd = next(((one, other) for one, other in pairs if not _same([one], [other], relative)), None)
            raise SystemExit(f"{engine} and DuckDB disagree: {len(heat.rows)} and {len(expected)} rows, first {odd}")


def _same(rows: Rows, expected: Rows, relative: float) -> bool:
    return len(rows) == len(expected) and all(
        len(one) == len(other) and all(_near(a, b, relative) for a, b in zip(one, other, strict=True))
        for one, other in zip(rows, expected, strict=True)
    )


def _near(a: object, b: object, relative: float) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    unknown = [value is None or value != value for value in (a, b)]
    if any(unknown):
        return all(unknown)
    return isclose(float(a), float(b), rel_tol=relative, abs_tol=1e-6)  # type: ignore[arg-type]
