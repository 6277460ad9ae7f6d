"""Tests of the sentence of a comparison."""

from __future__ import annotations

import polars as pl

from rpa_lab.query.comparison import Comparison, corrected


def test_of_equally_sure_differences_those_of_the_largest_effect_are_told() -> None:
    def row(metric: str, group: str, ratio: float | None, effect: float | None) -> dict[str, object]:
        names = ("metric", "group", "value", "n", "days", "ratio", "difference", "effect", "p_value", "unit")
        value = 10.0 * (ratio or 0)
        return dict(zip(names, (metric, group, value, 9, 9, ratio, value - 10, effect, 0.001, "ms"), strict=True))

    rows = [row("avg", "a", 1, None) | {"p_value": None}, row("avg", "b", 0.0, 0.1), row("avg", "c", 4, 0.2)]
    rows += [row("avg", "d", 2.0, 0.9), row("avg", "e", 3.0, -0.2), row("avg", "f", 8.0, None)]
    table = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        difference_low=pl.lit(None, pl.Float64),
        ratio_low=pl.lit(None, pl.Float64),
        ratio_high=None,
        difference_high=None,
    )
    found = Comparison(
        by="robot",
        groups=tuple("abcdef"),
        metrics=("avg",),
        against="a",
        time_period="",
        tz="UTC",
        level=0.95,
        counted="",
        table=corrected(table, level=0.95),
    )

    told = [text.partition(" is ")[0][-1] for text in found.sentence.partition("surest: ")[2].split("; ")]
    assert told == ["d", "c", "e"]  # 0.9; 0.2, of which four times is farther than three times
