"""By what runs are told apart, and what each kind makes of a change."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

from rpa_lab.analysis.attribution.split import Work
from rpa_lab.analysis.attribution.strata import (
    LEAST_OF_STRATUM,
    OTHERS,
    UNKNOWN,
    columns_of,
    strata_table,
    versions_table,
    with_strata,
)
from rpa_lab.errors import InputError, UnknownNameError


def _runs(*kinds: tuple[str | None, int, int], column: str = "host") -> pl.DataFrame:
    """Of each kind so many runs before and now, each of 1 s."""
    rows = [(name, side) for name, *counts in kinds for side, count in enumerate(counts) for _ in range(count)]
    frame = pl.DataFrame(rows, schema={column: pl.String, "side": pl.Int64}, orient="row")
    return frame.with_columns(duration_us=pl.lit(1_000_000), workflow_version=pl.lit(None, pl.String))


def _work(runs: list[float], mean_s: list[float]) -> Work:
    nothing = np.zeros((1, len(runs), 0))
    counts = np.array([runs])
    return Work(runs=counts, duration=counts * np.array([mean_s]) * 1e6, attempts=nothing, own=nothing)


def test_a_kind_needs_enough_runs_in_both_periods() -> None:
    enough, few = LEAST_OF_STRATUM, LEAST_OF_STRATUM - 1
    told = with_strata(
        _runs(("a", enough, enough), ("b", enough, few), ("c", few, enough), (None, enough, 99)), by="host"
    )

    found = dict(told.group_by(pl.col("host").fill_null("-")).agg(pl.col("stratum").unique().first()).iter_rows())
    assert found == {"a": "a", "b": OTHERS, "c": OTHERS, "-": UNKNOWN}
    assert set(with_strata(told.drop("stratum"), by=None)["stratum"]) == {"(all)"}


def test_what_a_context_says_last_counts_and_damaged_ones_say_nothing() -> None:
    contexts = ['{"kind": "a"}', '{"kind": "a"}', "no json", "[1]", None, '{"kind": 7}']
    ends = [None, '{"kind": "b"}', None, None, None, None]
    runs = pl.DataFrame({"context": contexts * 60, "end_context": ends * 60, "side": [0] * 180 + [1] * 180})
    told = with_strata(runs.with_columns(number=pl.int_range(pl.len()) % 6), by="context.kind")

    by_number = dict(told.unique("number").select("number", "stratum").iter_rows())
    assert by_number == {0: "a", 1: "b", 2: UNKNOWN, 3: UNKNOWN, 4: UNKNOWN, 5: "7"}
    with pytest.raises(UnknownNameError, match="no run says in its context 'kinds'"):
        with_strata(runs, by="context.kinds")


@pytest.mark.parametrize(
    ("by", "error"),
    [("version", InputError), ("workflow_version", InputError), (["host"], InputError), ("context.", UnknownNameError)],
)
def test_what_makes_no_strata_is_refused(by: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        columns_of(by)


def test_the_columns_are_those_that_strata_are_made_of() -> None:
    assert columns_of("robot") == ("robot_id",)
    assert json.dumps(columns_of("context.a b")) == '["context", "end_context"]'


def test_contributions_add_up_and_the_largest_comes_first() -> None:
    """Three quarters quick, one slow; then half and half, and the slow ones a second slower: by hand."""
    table = strata_table(_work([30, 10], [1, 3]), _work([20, 20], [1, 4]), names=["quick", "slow"])
    rows = {row["stratum"]: row for row in table.iter_rows(named=True)}

    assert table["stratum"].to_list() == ["slow", "quick"]
    assert (rows["slow"]["weight_before"], rows["slow"]["weight_after"]) == (0.25, 0.5)
    assert rows["slow"]["inner_ms"] == pytest.approx(1_000 * (0.25 + 0.5) / 2)
    assert table["mix_ms"].sum() == pytest.approx(-0.25 * 1_000 + 0.25 * 3_500)
    assert table.select(pl.col("mix_ms").sum() + pl.col("inner_ms").sum()).item() == pytest.approx(2_500 - 1_500)


def test_a_version_without_runs_before_has_no_mean_there() -> None:
    runs = _runs(("2", 0, 5), ("1", 4, 1), (None, 2, 2), column="version")
    table = versions_table(runs.with_columns(workflow_version="version"))
    rows = {row["workflow_version"]: row for row in table.iter_rows(named=True)}

    assert (rows["2"]["runs_before"], rows["2"]["mean_before_ms"], rows["2"]["mean_after_ms"]) == (0, None, 1_000.0)
    assert (rows[UNKNOWN]["runs_before"], rows[UNKNOWN]["runs_after"]) == (2, 2)
    nobody = versions_table(runs.filter(pl.col("side") == 1).with_columns(workflow_version="version"))
    assert nobody["mix_ms"].null_count() == nobody.height == 3
