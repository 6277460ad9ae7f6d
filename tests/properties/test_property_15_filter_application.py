"""Property 15: a query with filters returns the records that match all of its criteria, and no others."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import polars.selectors as cs
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import TimeSeriesStore
from rpa_lab.query.engine import QueryEngine
from tests import oracles, strategies
from tests.query.mixed import seen, store_mixed, told_twice

TABLES = st.one_of(
    st.tuples(st.just("executions"), strategies.executions()),
    st.tuples(st.just("steps"), strategies.steps()),
    st.tuples(st.just("resources"), strategies.resources()),
    st.tuples(st.just("recoveries"), strategies.recoveries()),
)


@given(
    st.data(),
    TABLES,
    strategies.storings(),
    st.lists(st.booleans(), max_size=12),
    strategies.moments(),
    st.sampled_from(strategies.ZONES),
)
def test_all_records_that_match_are_returned_and_no_others(
    tmp_path_factory: Any,
    data: st.DataObject,
    given_rows: tuple[str, pl.DataFrame],
    storing: list[tuple[int, str, int]],
    apart: list[bool],
    as_of: Any,
    tz: str,
) -> None:
    """Wherever they lie: in fragments, generations, published or archived days, an end on another day than a start."""
    table, rows = given_rows
    root = tmp_path_factory.mktemp("store")
    store_mixed(root, table, told_twice(rows, apart) if table == "executions" else rows, storing)
    truth = seen(table, rows, as_of=as_of)
    filters = data.draw(strategies.filters(table, truth))

    engine = QueryEngine(TimeSeriesStore(root, as_of=as_of, tz=tz))
    got = engine.query({"table": table, "filters": filters}).table

    expected = [row for row in truth if oracles.meets(row, filters, ZoneInfo(tz))]
    in_utc = got.with_columns(cs.datetime().dt.convert_time_zone("UTC"))
    assert sorted(map(repr, in_utc.rows())) == sorted(
        repr(tuple(row[name] for name in got.columns)) for row in expected
    )
