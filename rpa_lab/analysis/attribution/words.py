"""A change and its parts in words: what runs take longer, and because of what."""

from __future__ import annotations

from math import inf
from typing import Any, Final

import polars as pl

from rpa_lab.analysis.attribution.strata import OTHERS, UNKNOWN
from rpa_lab.units import duration_text, name_text, number_text, percent_text

__all__ = ["cause_text", "change_text", "part_text"]

_NOUNS: Final = {"robot": "robot", "host": "host"}


def change_text(change_ms: float, percent: float | None, *, alike: str = "as long as before") -> str:
    """How much longer runs take.

    Examples
    --------
    >>> change_text(11_200.0, 24.1), change_text(-830.0, -2.0), change_text(0.0, 0.0)
    ('11.2 s longer (24 %)', '830 ms less (2.0 %)', 'as long as before')
    """
    if not change_ms:
        return alike
    of = "" if percent is None or abs(percent) == inf else f" ({_percent(percent / 100)})"
    return f"{duration_text(abs(change_ms))} {'longer' if change_ms > 0 else 'less'}{of}"


def cause_text(part: dict[str, Any], *, strata: pl.DataFrame | None, by: str | None) -> str:
    """What changed, as it follows "because".

    Parameters
    ----------
    part : dict
        A row of an attribution's `parts`.
    strata : DataFrame, optional
        Its `strata`.
    by : str, optional
        What these are.

    Returns
    -------
    str

    Examples
    --------
    >>> part = {"kind": "time", "node_id": "submit", "before": 7000.0, "after": 9870.0, "change_ms": 2870.0}
    >>> cause_text(part, strata=None, by=None)
    '“submit” takes 41 % longer'
    >>> cause_text(part | {"kind": "attempts", "before": 1.1, "after": 1.4}, strata=None, by=None)
    '“submit” is tried 1.4 times a run instead of 1.1'
    """
    before, after, more = part["before"], part["after"], part["change_ms"] > 0
    if part["kind"] == "mix":
        return _mix(strata, by)
    if part["kind"] == "waiting":
        if (before or 0.0) < 0 or (after or 0.0) < 0:
            return f"steps overlap {'less' if more else 'more'}"
        return f"runs wait {'longer' if more else 'less'} between steps"
    node = f"“{name_text(part['node_id'])}”"
    if part["kind"] == "time":
        if before is None or after is None:
            return f"{node} takes as long"  # as nothing is known of it on one side
        times = after / before if before else inf
        if 2 <= times < inf:
            return f"{node} takes {number_text(round(times, 1))} times as long"
        much = "" if times == inf else f" {_percent(times - 1)}"
        return f"{node} takes{much} {'longer' if more else 'less long'}"
    if not before or not after:
        return f"{node} is {'new' if more else 'gone'}"
    if max(before, after) < 1:
        often, rarely = (_times(100 * one, 100 * other, least=0) for one, other in ((after, before), (before, after)))
        return f"{node} is tried {often} times in 100 runs instead of {rarely}"
    return f"{node} is tried {_times(after, before)} times a run instead of {_times(before, after)}"


def part_text(part: dict[str, Any], *, strata: pl.DataFrame | None, by: str | None) -> str:
    """A part's size, its bounds and its cause.

    Examples
    --------
    >>> part = {"kind": "waiting", "node_id": None, "before": 100.0, "after": 9900.0, "change_ms": 9800.0}
    >>> part_text(part | {"low_ms": 8100.0, "high_ms": 11_500.0}, strata=None, by=None)
    '9.8 s (8.1 s to 11.5 s) because runs wait longer between steps'
    """
    size = duration_text(abs(part["change_ms"]))
    low, high = part["low_ms"], part["high_ms"]
    if low is not None and high is not None:
        ends = (low, high) if part["change_ms"] >= 0 else (-high, -low)
        size = f"{size} ({duration_text(ends[0])} to {duration_text(ends[1])})"
    return f"{size} because {cause_text(part, strata=strata, by=by)}"


def _percent(fraction: float) -> str:
    return percent_text(abs(fraction)) if abs(fraction) < 0.9 else f"{abs(fraction):,.0%}".replace("%", " %")


def _mix(strata: pl.DataFrame | None, by: str | None) -> str:
    if strata is None or by is None or strata.is_empty():
        return "other runs were done"
    along = strata.filter(pl.col("mix_ms").sign() == pl.col("mix_ms").sum().sign())
    if along.is_empty():
        return "other runs were done"
    # more runs of a slow kind and fewer of a quick one are the same news: the former says it more plainly
    grown = pl.col("weight_after") > pl.col("weight_before")
    unnamed = pl.col("stratum").is_in([OTHERS, UNKNOWN])
    row = along.sort(unnamed, grown, pl.col("mix_ms").abs(), descending=[False, True, True]).row(0, named=True)
    more = "more" if row["weight_after"] > row["weight_before"] else "fewer"
    name = name_text(row["stratum"])
    if by in _NOUNS:
        return f"{more} runs are of {_NOUNS[by]} {name}"
    return f"{more} runs have {by.removeprefix('context.')} = {name}"


def _times(value: float, other: float, *, least: int = 1) -> str:
    """Attempts, with as many digits, `least` of them at least, as tell two of them apart."""
    for digits in range(least, 4):
        if f"{value:.{digits}f}" != f"{other:.{digits}f}":
            return f"{value:.{digits}f}"
    return number_text(value)
