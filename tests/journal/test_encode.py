from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.journal.encode import check, epoch_us, split_by_day, with_origin
from rpa_lab.journal.layout import Fragment
from rpa_lab.records import Metrics, StepMetrics
from rpa_lab.schema import TABLES
from tests import strategies

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
STEP: dict[str, Any] = {
    "execution_id": "e",
    "workflow_id": "w",
    "node_id": "n",
    "action_type": "click",
    "started_at": AT,
    "completed_at": AT,
    "duration_ms": 1.5,
    "status": "completed",
    "retry_count": 0,
}


def _check(**values: Any) -> tuple[dict[str, Any], int]:
    """One step with some values other than usual, as it is kept; and how many values were corrected."""
    columns = {name: [value] for name, value in (STEP | values).items()}
    checked = check(TABLES["steps"], columns, 1)
    assert not checked.problems
    return checked.rows.to_pylist()[0], checked.corrected


@pytest.mark.parametrize("duration", [math.nan, math.inf, -math.inf, -1.0, -1e-9, "soon", 10**400, object()])
def test_what_is_no_duration_is_null_and_counted(duration: object) -> None:
    row, corrected = _check(duration_ms=duration)

    assert row["duration_ms"] is None
    assert corrected == 1


def test_durations_are_rounded_to_a_microsecond() -> None:
    assert _check(duration_ms=1.23456)[0]["duration_ms"] == 1.235


@pytest.mark.parametrize(("said", "kept"), [("OK", "completed"), ("Timed out", "failed"), ("SKIP", "skipped")])
def test_usual_words_for_a_status_are_understood(said: str, kept: str) -> None:
    row, corrected = _check(status=said)

    assert (row["status"], corrected) == (kept, 0)


def test_an_unknown_status_is_a_failure_and_counted() -> None:
    row, corrected = _check(status="blue")

    assert (row["status"], corrected) == ("failed", 1)


def test_long_text_is_cut_and_marked() -> None:
    row, corrected = _check(error_details="x" * 10_000_000)

    assert len(row["error_details"]) == 20_000
    assert row["error_details"].endswith("… [cut]")
    assert corrected == 1


@pytest.mark.parametrize("text", ["a\ud800b", "nul\0", "\udfff"])
def test_text_that_is_no_unicode_is_kept_as_far_as_it_can_be(text: str) -> None:
    row, _ = _check(error_details=text)

    row["error_details"].encode()
    assert "\0" not in row["error_details"]


def test_secrets_are_out_of_every_kind_of_text() -> None:
    row, _ = _check(
        error_details="password=hunter2",
        target_element="https://u:hunter2@x",
        node_id="get?token=hunter2",
        application="pwd=hunter2",
    )

    assert "hunter2" not in str(row)


def test_context_is_json_with_secrets_out_by_key() -> None:
    columns = {
        "execution_id": ["e"],
        "started_at": [AT],
        "status": ["running"],
        "context": [{"a": {"apiKey": "s3"}, "n": 1}],
    }
    row = check(TABLES["executions"], columns, 1).rows.to_pylist()[0]

    assert json.loads(row["context"]) == {"a": {"apiKey": "[redacted]"}, "n": 1}


def test_context_that_is_too_long_is_still_json() -> None:
    columns = {"execution_id": ["e"], "started_at": [AT], "status": ["running"], "context": [{"a": "é" * 50_000}]}
    checked = check(TABLES["executions"], columns, 1)

    assert set(json.loads(checked.rows["context"][0].as_py())) == {"_cut"}
    assert checked.corrected == 1


def test_context_that_is_too_long_has_no_secrets_either() -> None:
    said = {"userPassword": "hunter2", "blob": "x" * 30_000}
    columns = {"execution_id": ["e"], "started_at": [AT], "status": ["running"], "context": [said]}

    assert "hunter2" not in check(TABLES["executions"], columns, 1).rows["context"][0].as_py()


def test_a_row_that_lacks_what_is_required_is_left_out_and_named() -> None:
    columns = {name: [value, value] for name, value in STEP.items()} | {"node_id": ["n", None]}
    checked = check(TABLES["steps"], columns, 2)

    assert checked.kept == [0]
    assert checked.rows.num_rows == 1
    assert [str(problem) for problem in checked.problems] == ["row 1: node_id is None, expected a string"]


def test_an_execution_needs_a_time_of_its_start_or_end() -> None:
    columns = {"execution_id": ["a", "b"], "status": ["failed"] * 2, "completed_at": [AT, None]}
    checked = check(TABLES["executions"], columns, 2)

    assert checked.rows["execution_id"].to_pylist() == ["a"]
    assert checked.problems[0].field == "started_at or completed_at"


def test_naive_times_are_local_and_aware_ones_are_themselves() -> None:
    naive = datetime(2026, 7, 1, 12)  # noqa: DTZ001 - that is what is tested
    elsewhere = datetime(2026, 7, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    assert _check(started_at=naive)[0]["started_at"] == naive.astimezone(UTC)
    assert _check(started_at=elsewhere)[0]["started_at"] == elsewhere
    assert epoch_us(elsewhere) == int(elsewhere.timestamp()) * 1_000_000


@given(strategies.steps(min_size=1))
def test_good_frames_pass_unchanged(steps: Any) -> None:
    arrow = steps.to_arrow()
    checked = check(TABLES["steps"], {name: arrow[name] for name in arrow.column_names}, steps.height)

    assert checked.corrected == 0
    assert checked.rows.to_pylist() == steps.to_dicts()


@given(st.lists(strategies.hostile_metrics(), min_size=1, max_size=5), strategies.step_metrics(step_index=0))
def test_no_record_however_hostile_takes_its_batch_along(bad: list[Metrics], good: StepMetrics) -> None:
    steps = [record for record in bad if isinstance(record, StepMetrics)]
    batch = [*steps, good]
    columns = {
        name: [getattr(step, name) for step in batch] for name in StepMetrics.__dataclass_fields__ if name != "table"
    }
    checked = check(TABLES["steps"], columns, len(batch))

    assert len(batch) - 1 in checked.kept
    assert checked.rows.num_rows + len(checked.problems) == len(batch)
    assert checked.rows.to_pylist()[-1]["duration_ms"] == good.duration_ms
    for column in TABLES["steps"].columns:
        if not column.nullable:
            assert checked.rows[column.name].null_count == 0


def test_rows_go_to_the_utc_day_of_their_start() -> None:
    times = [datetime(2026, 11, 3, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2026, 11, 4, tzinfo=UTC)]
    columns = {"execution_id": ["a", "b"], "status": ["running"] * 2, "started_at": times}
    rows = check(TABLES["executions"], columns, 2).rows

    days = {day: part["execution_id"].to_pylist() for day, part in split_by_day(TABLES["executions"], rows)}
    assert days == {date(2026, 11, 3): ["a"], date(2026, 11, 4): ["b"]}


def test_an_end_whose_start_is_unknown_goes_to_the_day_of_its_end() -> None:
    columns = {"execution_id": ["a"], "status": ["failed"], "completed_at": [AT]}
    rows = check(TABLES["executions"], columns, 1).rows

    assert [day for day, _ in split_by_day(TABLES["executions"], rows)] == [date(2026, 11, 3)]


def test_both_groups_of_a_new_row_come_from_its_own_fragment() -> None:
    columns = {"execution_id": ["a", "b"], "status": ["running"] * 2, "started_at": [AT] * 2}
    table = TABLES["executions"]
    rows = with_origin(table, check(table, columns, 2).rows, Fragment("0123456789ab", 4))

    assert rows.schema == table.arrow
    origin = rows.select(["_start_writer", "_start_seq", "_start_row", "_writer", "_seq", "_row"]).to_pylist()[1]
    assert list(origin.values()) == ["0123456789ab", 4, 1] * 2


def test_arrow_columns_of_other_types_are_brought_into_the_schemas() -> None:
    columns = {name: pa.array([value]) for name, value in STEP.items()} | {
        "node_id": pa.array(["n"]).dictionary_encode(),
        "retry_count": pa.array([2], pa.int8()),
        "started_at": pa.array([AT], pa.timestamp("ns", tz="Europe/Paris")),
    }
    row = check(TABLES["steps"], columns, 1).rows.to_pylist()[0]

    assert (row["node_id"], row["retry_count"], row["started_at"]) == ("n", 2, AT)
