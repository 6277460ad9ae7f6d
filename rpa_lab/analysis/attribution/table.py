"""All workflows' attributions as one table, in which chance is allowed for the number of workflows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from rpa_lab.analysis.attribution.parts import corrected_parts
from rpa_lab.analysis.attribution.result import Attribution
from rpa_lab.inference.intervals import DAYS

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


def attributions_table(found: Sequence[Attribution], finer: Sequence[float | None], *, level: float) -> pl.DataFrame:
    """One row per workflow, sure changes first, then those of which a part is sure, each the largest in percent first.

    Parameters
    ----------
    found : sequence of Attribution
        Of workflows with runs in both periods, each with the p-value that it has by itself.
    finer : sequence of float or None
        Their p-values by blocks of days short enough for the correction. q is made of these, but never less than p.
    level : float
        1 - level is the false discovery rate allowed, fraction 0-1.

    Returns
    -------
    DataFrame
        As `rpa_lab.analysis.attribution.result.Attributions` has it; its sentences say q.

    References
    ----------
    Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x
    """
    factors = _parts_factors(found)
    facts = pl.DataFrame({name: [getattr(one, name) for one in found] for name in _FACTS}, schema=_FACTS)
    corrected = _corrected(pl.Series(finer, dtype=pl.Float64))
    q_values = pl.select(pl.max_horizontal(corrected, facts["p_value"])).to_series().alias("q_value")
    significant = (q_values <= 1 - level + 1e-12).alias("significant")
    judged = [
        replace(
            one,
            p_value=q,
            significant=sure,
            parts=corrected_parts(one.parts, factor, level=level),
            workflows=len(found),
        )
        for one, q, sure, factor in zip(found, q_values, significant, factors, strict=True)
    ]
    named = [one.sure_parts if one.sure_parts.height else one.parts for one in judged]
    largest = [parts.head(1).select(**{new: pl.col(name) for new, name in _LARGEST.items()}) for parts in named]
    said = {
        "sure_part": [one.sure_parts.height > 0 for one in judged],
        "parts_factor": factors,
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
_SAID: Final = {"sure_part": pl.Boolean, "parts_factor": pl.Float64, "sentence": pl.String, "doubts": pl.String}


def _parts_factors(found: Sequence[Attribution]) -> list[float]:
    """By what each workflow's p-values of parts are multiplied: as Benjamini and Hochberg do with each one's surest.

    Of few days these p-values are too small, so that they must not make the others' look surer: there it is the
    number of workflows (Bonferroni).
    """
    surest = [one.parts["p_value"].min() if one.basis == DAYS else None for one in found]
    p_values = pl.Series(surest, dtype=pl.Float64)
    factors = (_corrected(p_values) / p_values).fill_nan(1.0)
    return [
        float(len(found)) if one.basis != DAYS else 1.0 if factor is None else factor
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
