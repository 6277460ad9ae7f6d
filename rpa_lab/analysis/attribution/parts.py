"""The parts of a change as a table: what changed, at which step, by how much, and how sure that is."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.split import Work, least_errors_of_attempts
from rpa_lab.inference.two_periods import Figures

__all__ = ["KINDS", "NO_PARTS", "by_cause", "corrected_parts", "parts_table", "with_rare_attempts"]

KINDS: Final = ("attempts", "time", "waiting", "mix")
"""How often a step is tried, how long an attempt takes, what no step took, and which runs there were."""

_SCHEMA: Final = {
    "kind": pl.String,
    "node_id": pl.String,
    "change_ms": pl.Float64,
    "low_ms": pl.Float64,
    "high_ms": pl.Float64,
    "share": pl.Float64,
    "before": pl.Float64,
    "after": pl.Float64,
    "notable": pl.Boolean,
    "p_value": pl.Float64,
}

_MAIN: Final = 0.25  # of what a step's parts change together

NO_PARTS: Final = pl.DataFrame(schema=_SCHEMA)
"""Of what can't be compared."""


def with_rare_attempts(figures: Figures, before: Work, now: Work, *, level: float) -> Figures:
    """The figures, those of attempts no surer than runs allow, however even the days are.

    Parameters
    ----------
    figures : Figures
        Of what `rpa_lab.analysis.attribution.split.split` gives.
    before, now : Work
        Both sides in one row each, strata apart.
    level : float
        With which the bounds were made, fraction 0-1.

    Returns
    -------
    Figures
    """
    of_attempts = np.stack(least_errors_of_attempts(before, now))
    bounding, asking = np.pad(of_attempts, ((0, 0), (0, len(figures.value) - of_attempts.shape[1])))
    return figures.no_surer(bounding, asking, level=level)


def parts_table(
    figures: Figures, before: Work, now: Work, *, nodes: list[str], with_mix: bool, level: float
) -> pl.DataFrame:
    """One row per part of a change, the largest first.

    Parameters
    ----------
    figures : Figures
        Of what `rpa_lab.analysis.attribution.split.split` gives; without bounds these are NaN.
    before, now : Work
        Both periods in one row each, all strata as one.
    nodes : list of str
        Whose columns they are.
    with_mix : bool
        Whether there is a part of the mix.
    level : float
        With which the bounds were made, fraction 0-1.

    Returns
    -------
    DataFrame
        kind, node_id (null for waiting and mix), change_ms, low_ms, high_ms, share (of the change; null where that is
        0), before, after (attempts per run; ms per attempt; ms per run; null for mix and where there is none), notable
        (whether it differs from 0 after correction for the number of parts), p_value (corrected so, fraction 0-1).
    """
    count = len(nodes)
    places = slice(0, 2 * count + 1 + with_mix)
    change = figures.value[-1]
    sides = [_before_or_after(work, with_mix=with_mix) for work in (before, now)]
    value = figures.value[places]
    table = pl.DataFrame(
        {
            "kind": ["attempts"] * count + ["time"] * count + ["waiting"] + ["mix"] * with_mix,
            "node_id": [*nodes, *nodes, None, *[None] * with_mix],
            "change_ms": value,
            "low_ms": figures.low[places],
            "high_ms": figures.high[places],
            "share": value / change if change else np.full(len(value), np.nan),
            "before": sides[0],
            "after": sides[1],
            "notable": figures.differ(places, level=level),
            "p_value": figures.p_values(places),
        },
        schema=_SCHEMA,
    )
    return table.fill_nan(None).sort(
        pl.col("change_ms").abs(), "kind", "node_id", descending=[True, False, False], nulls_last=True
    )


def by_cause(parts: pl.DataFrame) -> pl.DataFrame:
    """The parts in the order in which causes are named: by step, and of a step what is known best first.

    A pause before each retry makes a step's attempts longer and more at once: it is one cause, in two parts, of which
    the number of attempts is known far better.

    Parameters
    ----------
    parts : DataFrame
        From `parts_table`.

    Returns
    -------
    DataFrame
        Its rows. Steps, waiting and mix by what all of their parts change together; within a step by the change in
        widths of its interval, small parts (less than a quarter of the step's) last.

    Examples
    --------
    >>> parts = pl.DataFrame(
    ...     {
    ...         "kind": ["waiting", "time", "attempts"],
    ...         "node_id": [None, "submit", "submit"],
    ...         "change_ms": [1_000.0, 951.0, 717.0],
    ...         "low_ms": [500.0, 700.0, 650.0],
    ...         "high_ms": [1_500.0, 1_200.0, 780.0],
    ...     }
    ... )
    >>> by_cause(parts)["kind"].to_list()
    ['attempts', 'time', 'waiting']
    """
    change = pl.col("change_ms").abs()
    whole = pl.col("change_ms").sum().abs().over("node_id", pl.when(pl.col("node_id").is_null()).then("kind"))
    widths = (change / (pl.col("high_ms") - pl.col("low_ms"))).fill_null(0.0)
    return parts.sort(
        whole,
        pl.col("node_id").fill_null(pl.col("kind")),
        pl.when(change >= whole * _MAIN).then(widths).otherwise(-1.0),
        change,
        descending=[True, False, True, True],
        maintain_order=True,
    )


def corrected_parts(parts: pl.DataFrame, factor: float, *, level: float) -> pl.DataFrame:
    """The parts of one of several workflows, their p-values multiplied by what the number of workflows asks for.

    Parameters
    ----------
    parts : DataFrame
        From `parts_table`.
    factor : float
        1 or more.
    level : float
        1 - level is what is allowed for errors, fraction 0-1.

    Returns
    -------
    DataFrame
        Less of it notable.
    """
    p_value = pl.col("p_value")
    corrected = parts.with_columns((p_value * factor).clip(upper_bound=1.0))
    return corrected.with_columns(pl.col("notable") & (p_value <= 1 - level + 1e-12))


def _before_or_after(work: Work, *, with_mix: bool) -> list[float]:
    """Attempts per run and ms per attempt of each node, and ms per run that no step took."""
    runs, attempts, own = work.runs[0, 0], work.attempts[0, 0], work.own[0, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        each = own / attempts / 1000
    waited = (work.duration[0, 0] - own.sum()) / runs / 1000
    return [*(attempts / runs).tolist(), *each.tolist(), float(waited), *[float("nan")] * with_mix]
