from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Period
from rpa_lab.query.metric import metric_of, table_of
from rpa_lab.query.query import Query

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


def test_the_same_question_is_equal_however_it_is_put() -> None:
    one = Query.of(
        table="steps",
        metrics=["p95", "avg(retry_count)"],
        group_by="node_id",
        filters={"status": ["failed"]},
        period="2026-11",
        order="-p95",
    )
    other = Query.from_dict(
        {
            "table": "steps",
            "metrics": ["p95.0(duration_ms)", "mean( steps.retry_count )", "p95"],
            "group_by": ["node_id", "node_id"],
            "filters": {"status": "failed"},
            "period": Period("2026-11"),
            "order": ["-p95_duration_ms"],
        }
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one.metrics == ("p95(duration_ms)", "avg(retry_count)")
    assert one != Query.of(table="steps", metrics="p95")


def test_a_question_says_what_it_is() -> None:
    asked = Query.of(metrics="count", interval="1h", filters={"duration_ms": {"gt": 5}}, order="-count", limit=3)

    assert str(asked) == "executions: count by interval 1h, where duration_ms gt 5.0; period all; order -count; limit 3"
    assert str(Query.of()) == "executions: all columns; period all"


def test_an_answers_columns_are_known_before() -> None:
    rates = Query.of(metrics=["rate_per_hour", "count(host)", "p99.9"], interval="1h", group_by="host")

    assert rates.answer == (
        "start", "host", "n", "hours", "rate_per_hour", "count_host", "p99.9_duration_ms", "n_duration_ms",
    )  # fmt: skip
    assert Query.of(columns="status").answer == ("status",)
    assert Query.of().answer[-1] == "last_seen_at"


def test_a_metric_has_a_table_a_column_and_a_name() -> None:
    assert metric_of("p95", table="steps").name == "p95_duration_ms"
    assert metric_of("max(timestamp)", table="resources").columns == ("timestamp",)
    assert metric_of("success_rate(status)", table="executions").name == "success_rate"
    assert metric_of("median", table="executions") != metric_of("p50", table="executions")
    assert [table_of(text) for text in ("p95(steps.duration_ms)", "count")] == ["steps", "executions"]


def test_bounds_may_be_naive_which_leaves_the_zone_to_who_is_asked() -> None:
    naive = Query.of(period=(datetime(2026, 11, 3, 8), date(2026, 11, 4)))  # noqa: DTZ001

    assert str(naive.period.resolve(tz="Europe/Paris")) == "2026-11-03T07:00:00Z/2026-11-03T23:00:00Z"
    assert str(Query.of(period=(AT, "2026-11-04")).period.resolve()) == "2026-11-03T10:00:00Z/2026-11-04T00:00:00Z"


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"tabel": "steps"}, "a query has no field 'tabel'; did you mean 'table'"),
        ({"table": "runs"}, "there is no table 'runs'"),
        ({"columns": "duration"}, "executions has no column 'duration'; did you mean 'duration_ms'"),
        ({"columns": "_writer"}, "executions has no column '_writer'"),
        ({"filters": {"stats": 1}}, "executions has no column 'stats'; did you mean 'status'"),
        ({"metrics": "p100"}, r"there is no aggregation 'p100'.* It has: avg, count"),
        ({"metrics": "p0"}, "there is no aggregation 'p0'"),
        ({"metrics": "p99.99"}, "there is no aggregation 'p99.99'"),
        ({"metrics": "avg(duration)"}, "executions has no column 'duration'"),
        ({"metrics": "count", "group_by": "nobody"}, r"executions can't be grouped by 'nobody'.*day, .*hour_of_week"),
        ({"metrics": "count", "interval": "7min"}, "there is no interval '7min'.* It has: .*15min"),
        ({"metrics": "count", "interval": 60}, "there is no interval 60"),
        ({"metrics": "count", "order": "p95"}, "order names no column of the answer: 'p95'.* It has: count, n"),
        ({"order": "-nobody"}, "order names no column of the answer: 'nobody'"),
    ],
)
def test_what_does_not_exist_is_named_with_what_does(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UnknownNameError, match=sentence):
        Query.from_dict(asked)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (None, "query is None, expected a mapping or a Query"),
        ({"columns": 5}, "columns is 5, expected the name of a column"),
        ({"metrics": [5]}, r"metrics is \[5\], expected"),
        ({"metrics": "avg(duration_ms) + 1"}, "metric is .*, expected for example 'count'"),
        ({"metrics": "__import__('os')"}, "metric is"),
        ({"metrics": "avg(host)"}, r"executions.host \(name\), expected a column of numbers for 'avg': duration_ms"),
        ({"metrics": "p95(steps.duration_ms)"}, "is of steps, but the query is of executions"),
        ({"table": "resources", "metrics": "avg"}, r"avg is of a column, such as avg\(cpu_percent\)"),
        ({"table": "resources", "metrics": "success_rate"}, "success_rate is of the status of executions, steps"),
        ({"metrics": "success_rate(host)"}, "success_rate is of the status of"),
        ({"metrics": "count", "group_by": "execution_id"}, r"group_by is 'execution_id' \(id\).*expected some of hour"),
        ({"metrics": "count", "group_by": "error_message"}, r"'error_message' \(text\)"),
        ({"metrics": "count", "group_by": "started_at"}, r"'started_at' \(time\)"),
        ({"group_by": "host"}, "group_by and interval need metrics"),
        ({"interval": "1h"}, "group_by and interval need metrics"),
        ({"metrics": "count", "columns": "host"}, "columns are of rows, and metrics of groups"),
        ({"limit": 0}, "limit is 0, expected a whole number"),
        ({"limit": True}, "limit is True"),
        ({"limit": "5"}, "limit is '5'"),
        ({"period": "soon"}, "'soon' can't be understood"),
        ({"period": ("2026-11-03", "2026-11-02")}, "not after its start"),
        ({"period": ("2026-11-03",)}, "expected two bounds"),
        ({"filters": "status = 1"}, "expected a mapping of columns"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_before_anything_is_read(asked: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Query.from_dict(asked)


def test_a_query_made_by_hand_is_checked_too() -> None:
    with pytest.raises(UnknownNameError, match="has no column '_writer'"):
        Query(columns=("_writer",))
    assert Query(metrics=("p95",)) == Query.of(metrics="p95(duration_ms)")
