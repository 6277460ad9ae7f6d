import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.records import (
    ExecutionMetrics,
    Metrics,
    RecoveryMetrics,
    ResourceMetrics,
    StepMetrics,
    StepResult,
    execution_status,
    node_path,
    recovery_status,
    split_node_path,
    step_status,
)
from rpa_lab.schema import TABLES
from tests.strategies import execution_metrics, hostile_metrics, hostile_text, hostile_values, step_metrics

RECORDS = (ExecutionMetrics, StepMetrics, ResourceMetrics, RecoveryMetrics)


@pytest.mark.parametrize("record", RECORDS)
def test_each_field_of_a_record_is_a_column_of_its_table_and_the_other_way_round(record: type[Metrics]) -> None:
    assert {field.name for field in dataclasses.fields(record)} == set(TABLES[record.table].names)


@pytest.mark.parametrize("record", RECORDS)
def test_what_may_never_be_null_has_no_default_of_none(record: type[Metrics]) -> None:
    columns = {column.name: column for column in TABLES[record.table].columns}
    for field in dataclasses.fields(record):
        assert not (field.default is None and not columns[field.name].nullable), field.name


@given(step_metrics())
def test_execution_result_is_the_status_with_the_errors_details(step: StepMetrics) -> None:  # property 2
    assert step.execution_result == StepResult(step.status, step.error_details)
    assert (step.execution_result.status, step.execution_result.error_details) == (step.status, step.error_details)


@given(hostile_metrics())
def test_making_a_record_never_fails(record: Metrics) -> None:
    fields = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    again = type(record)(**fields)
    assert all(getattr(again, name) is value for name, value in fields.items())


@given(execution_metrics(), execution_metrics())
def test_two_executions_never_share_a_context(one: ExecutionMetrics, other: ExecutionMetrics) -> None:
    bare = [
        ExecutionMetrics(run.execution_id, run.workflow_id, run.started_at, None, None, "running", None, None, None)
        for run in (one, other)
    ]
    bare[0].context["k"] = 1
    bare[0].end_context["k"] = 1
    assert bare[1].context == bare[1].end_context == {}


@pytest.mark.parametrize(
    ("said", "execution", "step", "recovery"),
    [
        ("completed", "completed", "completed", "recovered"),
        ("PASS", "completed", "completed", "recovered"),
        (" Success ", "completed", "completed", "recovered"),
        ("failed", "failed", "failed", "failed"),
        ("Timed Out", "failed", "failed", "failed"),
        ("time-out", None, None, None),
        ("SKIP", "cancelled", "skipped", None),
        ("NOT RUN", None, "skipped", None),
        ("Canceled", "cancelled", "skipped", None),
        ("in-progress", "running", None, None),
        ("healed", None, None, "recovered"),
        ("", None, None, None),
        (None, None, None, None),
        (1, None, None, None),
        (True, None, None, None),
    ],
)
def test_words_for_a_status(said: object, execution: str | None, step: str | None, recovery: str | None) -> None:
    assert (execution_status(said), step_status(said), recovery_status(said)) == (execution, step, recovery)


@given(hostile_values())
def test_a_status_is_one_of_the_schemas_or_none(said: object) -> None:
    assert execution_status(said) in {"running", "completed", "failed", "cancelled", None}
    assert step_status(said) in {"completed", "failed", "skipped", None}
    assert recovery_status(said) in {"recovered", "failed", None}


@given(st.lists(hostile_text() | st.text(" >\\a"), min_size=1, max_size=5))
def test_a_node_path_can_always_be_split_again(names: list[str]) -> None:
    assert split_node_path(node_path(*names)) == tuple(names)
