"""Parts as a result's table has them, beside what they are in truth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.attributing.counts import Held
from rpa_lab.analysis.attribution.analyzer import Attribution
from rpa_lab.analysis.attribution.tail import TailAttribution


def truth_table(truth: npt.NDArray[np.float64], *, nodes: list[str]) -> pl.DataFrame:
    """One row per part, and the change: kind, node_id, truth_ms."""
    count = len(nodes)
    return pl.DataFrame(
        {
            "kind": ["attempts"] * count + ["time"] * count + ["waiting", "mix", "change"],
            "node_id": [*nodes, *nodes, None, None, None],
            "truth_ms": truth,
        }
    )


def held_in_table(found: Attribution | TailAttribution, truth: pl.DataFrame, *, design: str) -> Iterator[Held]:
    """Of each part that could vary, and the change: whether its interval holds the truth."""
    change = pl.DataFrame(
        {"kind": ["change"], "node_id": [None], "low_ms": [found.change_low_ms], "high_ms": [found.change_high_ms]},
        schema=found.parts.select("kind", "node_id", "low_ms", "high_ms").schema,
    )
    rows = pl.concat([found.parts.select(change.columns), change]).join(
        truth, on=["kind", "node_id"], how="left", validate="1:1", nulls_equal=True
    )
    varies = pl.col("low_ms") < pl.col("high_ms")
    inside = pl.col("truth_ms").is_between(pl.col("low_ms"), pl.col("high_ms"))
    for kind, held in rows.filter(varies).select("kind", inside).iter_rows():
        yield Held(design, kind, held)
