"""How often something was so, of how many: the rows of which the study's table is made."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import polars as pl

COUNTED: Final = {"what": pl.String, "design": pl.String, "figure": pl.String, "n": pl.Int64, "of": pl.Int64}


class Held(NamedTuple):
    """Whether one interval held the truth."""

    design: str
    figure: str
    held: bool


def coverage_table(seen: Iterable[Held], *, what: str = "coverage") -> pl.DataFrame:
    """One row per design and figure: n of `of` intervals held."""
    rows = pl.DataFrame(list(seen), schema={"design": pl.String, "figure": pl.String, "held": pl.Boolean}, orient="row")
    counted = rows.group_by("design", "figure").agg(n=pl.col("held").sum().cast(pl.Int64), of=pl.len().cast(pl.Int64))
    return counted.select(pl.lit(what).alias("what"), "design", "figure", "n", "of").sort("design", "figure")
