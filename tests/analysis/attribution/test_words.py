from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from rpa_lab.analysis.attribution.words import cause_text, change_text, part_text


def _part(kind: str, before: float | None, after: float | None, change_ms: float, **said: Any) -> dict[str, Any]:
    node = None if kind in ("waiting", "mix") else "submit"
    return {"kind": kind, "node_id": node, "before": before, "after": after, "change_ms": change_ms} | said


@pytest.mark.parametrize(
    ("part", "text"),
    [
        (_part("time", 1_000.0, 1_410.0, 410.0), "“submit” takes 41 % longer"),
        (_part("time", 1_000.0, 880.0, -120.0), "“submit” takes 12 % less long"),
        (_part("time", 1_000.0, 1_960.0, 960.0), "“submit” takes 96 % longer"),
        (_part("time", 1_000.0, 4_200.0, 3_200.0), "“submit” takes 4.2 times as long"),
        (_part("time", 0.0, 4_200.0, 3_200.0), "“submit” takes longer"),
        (_part("time", 900.0, None, 0.0), "“submit” takes as long"),
        (_part("time", None, 900.0, 0.0), "“submit” takes as long"),
        (_part("attempts", 1.1, 1.4, 300.0), "“submit” is tried 1.4 times a run instead of 1.1"),
        (_part("attempts", 1.01, 1.04, 30.0), "“submit” is tried 1.04 times a run instead of 1.01"),
        (_part("attempts", 0.4, 0.5, 30.0), "“submit” is tried 50 times in 100 runs instead of 40"),
        (_part("attempts", 0.0302, 0.0304, 30.0), "“submit” is tried 3.04 times in 100 runs instead of 3.02"),
        (_part("attempts", 0.0, 0.9, 900.0), "“submit” is new"),
        (_part("attempts", 0.9, 0.0, -900.0), "“submit” is gone"),
        (_part("waiting", 100.0, 900.0, 800.0), "runs wait longer between steps"),
        (_part("waiting", 900.0, 100.0, -800.0), "runs wait less between steps"),
        (_part("waiting", -900.0, 100.0, 1_000.0), "steps overlap less"),
        (_part("mix", None, None, 1_000.0), "other runs were done"),
    ],
)
def test_each_cause_has_its_words(part: dict[str, Any], text: str) -> None:
    assert cause_text(part, strata=None, by=None) == text


def test_mix_names_the_kind_of_which_there_are_more() -> None:
    strata = pl.DataFrame(
        {"stratum": ["(others)", "quick", "slow"], "weight_before": [0.3, 0.6, 0.1], "weight_after": [0.2, 0.4, 0.4]}
    ).with_columns(mix_ms=pl.Series([-100.0, 300.0, 200.0]))

    assert cause_text(_part("mix", None, None, 400.0), strata=strata, by="host") == "more runs are of host slow"
    fewer = strata.filter(pl.col("stratum") != "slow")
    assert (
        cause_text(_part("mix", None, None, 200.0), strata=fewer, by="context.kind") == "fewer runs have kind = quick"
    )


def test_bounds_of_what_became_shorter_are_those_of_how_much() -> None:
    part = _part("waiting", 900.0, 100.0, -800.0, low_ms=-950.0, high_ms=-650.0)
    assert part_text(part, strata=None, by=None) == "800 ms (650 ms to 950 ms) because runs wait less between steps"
    unbounded = _part("waiting", 900.0, 100.0, -800.0, low_ms=None, high_ms=None)
    assert part_text(unbounded, strata=None, by=None) == "800 ms because runs wait less between steps"


def test_more_than_twice_as_long_has_no_decimals() -> None:
    assert change_text(24_000.0, 204.4) == "24 s longer (204 %)"
    assert change_text(24_000.0, None) == "24 s longer"
