from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.schema import TABLES
from rpa_lab.storage.fold import END, START, fold
from tests import oracles, strategies


def _folded(rows: pl.DataFrame) -> dict[str, dict[str, object]]:
    return {row["execution_id"]: row for row in fold(rows.lazy()).collect().to_dicts()}


def test_the_groups_are_all_columns_and_none_twice() -> None:
    assert sorted(("execution_id", *START, *END)) == sorted(TABLES["executions"].arrow.names)


@given(strategies.execution_rows())
def test_each_group_comes_whole_from_its_row_of_greatest_rank(rows: pl.DataFrame) -> None:
    assert _folded(rows) == oracles.fold(rows.to_dicts())


@given(strategies.execution_rows(), st.integers(0, 16), st.randoms())
def test_neither_order_nor_grouping_matters(rows: pl.DataFrame, cut: int, chance: object) -> None:
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=cut)
    parts = [fold(part.lazy()).collect() for part in (shuffled.head(cut), shuffled.slice(cut))]

    assert _folded(pl.concat(parts)) == _folded(rows)


@given(strategies.execution_rows())
def test_folding_twice_is_folding_once(rows: pl.DataFrame) -> None:
    once = fold(rows.lazy()).collect()

    assert _folded(once) == _folded(rows)
    assert once.schema == rows.schema
