from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.filters import Filter, filters_of, matching
from tests import oracles, strategies

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def _kept(table: str, rows: list[dict[str, Any]], said: Any, *, tz: str = "UTC") -> list[int]:
    """Which of the rows, by number, meet what is said."""
    frame = strategies.frame(table, rows).with_row_index("_number").lazy()
    if table == "executions":
        frame = frame.with_columns(
            last_seen_at=pl.Series([row.get("last_seen_at") for row in rows], dtype=pl.Datetime("us", "UTC"))
        )
    return matching(frame, filters_of(table, said), tz=tz).collect()["_number"].to_list()


@given(st.data(), strategies.steps(min_size=1), st.sampled_from(strategies.ZONES))
def test_what_is_kept_is_what_plain_python_keeps(data: st.DataObject, steps: pl.DataFrame, tz: str) -> None:
    rows = steps.to_dicts()
    said = data.draw(strategies.filters("steps", rows))

    expected = [number for number, row in enumerate(rows) if oracles.meets(row, said, ZoneInfo(tz))]
    assert _kept("steps", rows, said, tz=tz) == expected


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("vm-1", [0]),
        (None, [2]),
        ({"ne": "vm-1"}, [1, 2]),
        ({"ne": None}, [0, 1]),
        (["vm-1", None], [0, 2]),
        ([None], [2]),
        ([], []),
        (("vm-2", "vm-1"), [0, 1]),
        ({"prefix": "vm"}, [0, 1]),
        ({"contains": "1"}, [0]),
        ({"contains": "."}, []),
        ({"contains": ""}, [0, 1]),
        ({"prefix": "vm", "ne": "vm-1"}, [1]),
    ],
)
def test_a_missing_value_is_not_equal_and_neither_contains_nor_begins_with_anything(said: Any, kept: list[int]) -> None:
    rows: list[dict[str, Any]] = [{"host": "vm-1"}, {"host": "vm-2"}, {"host": None}]
    assert _kept("executions", rows, {"host": said}) == kept


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (2, [1]),
        ({"gt": 1}, [1]),
        ({"ge": np.float64(1)}, [0, 1]),
        ({"lt": 2.0}, [0]),
        ({"le": np.int64(2)}, [0, 1]),
        ({"gt": 0, "le": 1.5}, [0]),
        ({"ne": 1}, [1, 2]),
    ],
)
def test_a_missing_number_is_neither_less_nor_greater(said: Any, kept: list[int]) -> None:
    assert _kept("steps", [{"duration_ms": ms} for ms in (1.0, 2.0, None)], {"duration_ms": said}) == kept


def test_times_are_read_in_the_zone_of_who_asks() -> None:
    rows = [{"started_at": AT}, {"started_at": AT + timedelta(hours=14)}]
    for day in (date(2026, 11, 4), "2026-11-04", datetime(2026, 11, 4), "2026-11-04T00:00"):  # noqa: DTZ001
        assert _kept("steps", rows, {"started_at": {"ge": day}}, tz="UTC") == [1]
        assert _kept("steps", rows, {"started_at": {"lt": day}}, tz="Asia/Tokyo") == [0]
        assert _kept("steps", rows, {"started_at": day}) == [1]
    for moment in (AT, AT.astimezone(ZoneInfo("Asia/Tokyo")), "2026-11-03T10:00Z", "2026-11-03T11:00+01:00"):
        assert _kept("steps", rows, {"started_at": moment}, tz="Asia/Tokyo") == [0]


def test_what_is_derived_can_be_asked_for() -> None:
    rows: list[dict[str, Any]] = [{"status": "abandoned", "last_seen_at": AT}, {"status": "completed"}]
    assert _kept("executions", rows, {"status": "abandoned"}) == [0]
    assert _kept("executions", rows, {"last_seen_at": {"ge": AT}}) == [0]
    assert _kept("executions", rows, {"last_seen_at": None}) == [1]


def test_the_same_conditions_are_equal_however_they_are_said() -> None:
    naive = datetime(2026, 11, 3)  # noqa: DTZ001
    alike: list[tuple[Any, ...]] = [
        ({"status": ["failed"]}, {"status": "failed"}, {"status": {"in": {"failed"}}}, {"status": {"eq": "failed"}}),
        ({"retry_count": 1}, {"retry_count": 1.0}, {"retry_count": np.int32(1)}, {"retry_count": [1, 1.0]}),
        ({"duration_ms": {"gt": 5}, "status": "failed"}, {"status": "failed", "duration_ms": {"gt": 5.0}}),
        ({"application": ["b", "a", None]}, {"application": {None, "a", "b"}}, {"application": ("a", None, "b", "a")}),
        ({"started_at": naive}, {"started_at": date(2026, 11, 3)}, {"started_at": "2026-11-03"}),
        (
            {"started_at": AT},
            {"started_at": AT.astimezone(ZoneInfo("Asia/Tokyo"))},
            {"started_at": "2026-11-03T10:00Z"},
        ),
    ]
    for ways in alike:
        made = [filters_of("steps", said) for said in ways]
        assert len(set(made)) == 1
        assert filters_of("steps", made[0]) == made[0]
    assert filters_of("steps", {"started_at": AT}) != filters_of("steps", {"started_at": AT.replace(tzinfo=None)})


@pytest.mark.parametrize(
    ("table", "said", "sentence"),
    [
        ("steps", {"duration": 1}, r"steps has no column 'duration'; did you mean 'duration_ms'\? It has: action_type"),
        ("executions", {"_writer": "a"}, "executions has no column '_writer'"),
        ("steps", {"duration_ms": {"regex": 1}}, r"there is no operator 'regex'.* It has: contains, eq, ge, gt"),
        ("steps", {"duration_ms": {"contains": 1}}, r"steps.duration_ms \(duration\) has no operator 'contains'"),
        (
            "steps",
            {"workflow_id": {"lt": "a"}},
            r"steps.workflow_id \(name\) has no operator 'lt'.*contains, eq, in, ne",
        ),
        ("steps", {"status": "abandoned"}, "steps have no status 'abandoned'.* It has: completed, failed, skipped"),
        ("runs", {}, "there is no table 'runs'"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(table: str, said: Any, sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        filters_of(table, said)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"status": 5}, "filters are {'status': 5}: steps.status is held against 5, expected one of completed, failed"),
        ({"duration_ms": "5"}, "steps.duration_ms is held against '5', expected a finite number"),
        ({"duration_ms": float("nan")}, "expected a finite number"),
        ({"duration_ms": {"lt": float("inf")}}, "expected a finite number"),
        ({"duration_ms": 10**400}, "expected a finite number"),
        ({"duration_ms": True}, "expected a finite number"),
        ({"retry_count": 1.5}, "expected a whole number"),
        ({"retry_count": True}, "expected a whole number"),
        ({"retry_count": float("nan")}, "expected a whole number"),
        ({"retry_count": 2**63}, "expected a whole number"),
        ({"started_at": 5}, "expected a date, a datetime or ISO 8601 text"),
        ({"started_at": "yesterday"}, "expected a date, a datetime or ISO 8601 text"),
        ({"started_at": datetime.max}, "of a year from 1900 to 2299"),  # noqa: DTZ901
        ({"node_id": 5}, "steps.node_id is held against 5, expected text"),
        ({"node_id": "\ud800"}, "expected text"),
        ({"node_id": ["a", 5]}, "held against 5, expected text"),
        ({"node_id": {"in": "abc"}}, "node_id in 'abc', expected a list of values"),
        ({"node_id": {"eq": ["a"]}}, r"held against \['a'\], expected text"),
        ({"node_id": {"contains": None}}, "node_id contains None asks nothing"),
        ({"duration_ms": {"gt": None}}, "duration_ms gt None asks nothing"),
        ({"node_id": {}}, "filters have no operator in {}; expected one of eq, ne, lt"),
        ("status = 'failed'", "expected a mapping of columns"),
        ([("status", "failed")], "expected a mapping of columns"),
    ],
)
def test_a_value_that_the_column_could_not_have_is_refused(said: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        filters_of("steps", said)


def test_filters_that_were_made_by_hand_are_checked_too() -> None:
    with pytest.raises(UnknownNameError, match="no column 'nobody'"):
        filters_of("steps", [Filter(column="nobody", op="eq", value=1)])
    with pytest.raises(InputError, match="expected a finite number"):
        filters_of("steps", [Filter(column="duration_ms", op="gt", value="x")])
