"""All workflows' attributions as one table, in which chance is allowed for the number of workflows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.result import Attribution

__all__ = ["attributions_table"]

_FACTS: Final = {
    "workflow_id": pl.String,
    "baseline_runs": pl.Int64,
    "current_runs": pl.Int64,
    "baseline_mean_ms": pl.Float64,
    "current_mean_ms": pl.Float64,
    "change_ms": pl.Float64,
    "change_low_ms": pl.Float64,
    "change_high_ms": pl.Float64,
    "change_percent": pl.Float64,
    "basis": pl.String,
    "p_value": pl.Float64,
}
_LARGEST: Final = {
    "kind": "kind",
    "node_id": "node_id",
    "part_ms": "change_ms",
    "part_low_ms": "low_ms",
    "part_high_ms": "high_ms",
}


def attributions_table(found: Sequence[Attribution], *, level: float) -> pl.DataFrame:
    """One row per workflow, sure changes first, then those of which a part is sure, each the largest in percent first.

    Parameters
    ----------
    found : sequence of Attribution
        Of workflows with runs in both periods.
    level : float
        1 - level is the false discovery rate allowed, fraction 0-1.

    Returns
    -------
    DataFrame
        As `rpa_lab.analysis.attribution.result.Attributions` has it. The sentences speak of q where they say p.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    found = _corrected_parts(found, level=level)
    facts = pl.DataFrame({name: [getattr(one, name) for one in found] for name in _FACTS}, schema=_FACTS)
    q_values = _corrected(facts["p_value"])
    significant = (q_values <= 1 - level + 1e-12).alias("significant")
    judged = [
        replace(one, p_value=q, significant=sure) for one, q, sure in zip(found, q_values, significant, strict=True)
    ]
    named = [one.sure_parts if one.sure_parts.height else one.parts for one in judged]
    largest = [parts.head(1).select(**{new: pl.col(name) for new, name in _LARGEST.items()}) for parts in named]
    said = {
        "sure_part": [one.sure_parts.height > 0 for one in judged],
        "sentence": [one.sentence for one in judged],
        "doubts": ["; ".join(one.warnings) or None for one in judged],
    }
    beside = pl.concat(largest) if largest else _NO_LARGEST
    return pl.concat(
        [facts, pl.DataFrame([q_values, significant]), beside, pl.DataFrame(said, schema=_SAID)],
        how="horizontal",
    ).sort(
        pl.col("significant").fill_null(value=False),
        "sure_part",
        pl.when("significant")
        .then(pl.col("change_percent").abs() / 100)
        .when("sure_part")
        .then((pl.col("part_ms") / pl.col("baseline_mean_ms")).abs())
        .otherwise(-pl.col("p_value")),
        "workflow_id",
        descending=[True, True, True, False],
        nulls_last=True,
    )


_NO_LARGEST: Final = pl.DataFrame(
    schema={"kind": pl.String, "node_id": pl.String}
    | dict.fromkeys(("part_ms", "part_low_ms", "part_high_ms"), pl.Float64)
)
_SAID: Final = {"sure_part": pl.Boolean, "sentence": pl.String, "doubts": pl.String}


def _corrected_parts(found: Sequence[Attribution], *, level: float) -> list[Attribution]:
    """The same, where what is sure of parts is corrected for the number of workflows, by each one's surest part."""
    surest = pl.Series([one.parts["p_value"].min() for one in found], dtype=pl.Float64)
    factors = (_corrected(surest) / surest).fill_nan(1.0).fill_null(1.0)
    p_value = pl.col("p_value")
    return [
        replace(
            one,
            parts=one.parts.with_columns((p_value * factor).clip(upper_bound=1.0)).with_columns(
                pl.col("notable") & (p_value <= 1 - level + 1e-12)
            ),
        )
        for one, factor in zip(found, factors, strict=True)
    ]


def _corrected(p_values: pl.Series) -> pl.Series:
    """Benjamini and Hochberg's q of those that are known."""
    from scipy.stats import false_discovery_control

    q = np.full(len(p_values), np.nan)
    known = p_values.is_not_null().to_numpy()
    if known.any():
        q[known] = false_discovery_control(p_values.drop_nulls().to_numpy(), method="bh")
    return pl.Series("q_value", q, dtype=pl.Float64).fill_nan(None)
