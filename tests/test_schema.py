import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from rpa_lab.errors import UnknownNameError
from rpa_lab.schema import SCHEMA_VERSION, TABLES, table_named

BY_ROW = pytest.mark.parametrize("name", list(TABLES))

DOCUMENTED = {
    "executions": (
        "execution_id workflow_id started_at completed_at duration_ms status steps_total steps_completed steps_failed "
        "error_message context robot_id host workflow_version business_key queued_at rerun_of exception_kind "
        "error_details end_context"
    ),
    "steps": (
        "step_id execution_id workflow_id node_id action_type target_element started_at completed_at duration_ms "
        "status confidence_score retry_count error_details step_index application"
    ),
    "resources": (
        "timestamp workflow_id execution_id cpu_percent memory_mb gpu_utilization gpu_memory_mb disk_io_mb host "
        "robot_id host_cpu_percent host_memory_mb shared_by"
    ),
    "recoveries": (
        "recovery_id execution_id workflow_id step_id node_id strategy started_at completed_at duration_ms status "
        "confidence_score error_details"
    ),
    "changes": "change_id at workflow_id kind version host text author",
    "collector_health": (
        "timestamp writer host robot_id pid recorded written dropped_queue_full dropped_invalid dropped_too_large "
        "dropped_flush_failed dropped_closed corrected flush_ms"
    ),
}


def test_public_columns_and_their_order_are_those_of_version_1() -> None:
    assert SCHEMA_VERSION == 1
    assert {name: table.names for name, table in TABLES.items()} == {k: tuple(v.split()) for k, v in DOCUMENTED.items()}


@BY_ROW
def test_arrow_schema_says_the_same_as_the_columns(name: str) -> None:
    table = TABLES[name]
    assert [(field.name, field.type, field.nullable) for field in table.arrow] == [
        (column.name, column.arrow_type, column.nullable) for column in table.columns
    ]
    assert len(set(table.arrow.names)) == len(table.columns)


@BY_ROW
def test_times_are_utc_microseconds_and_counts_cannot_wrap(name: str) -> None:
    for column in TABLES[name].columns:
        if column.kind == "time":
            assert column.arrow_type == pa.timestamp("us", tz="UTC")
        if column.kind == "count":
            assert column.arrow_type == pa.int64()
        if column.kind in ("duration", "number"):
            assert column.arrow_type == pa.float64()


@BY_ROW
def test_polars_reads_the_arrow_schema(name: str) -> None:
    schema = pl.Schema(TABLES[name].arrow)
    assert schema.names() == TABLES[name].arrow.names
    empty = pl.DataFrame(schema=schema)
    assert empty.cast(schema).schema == schema


@BY_ROW
def test_a_rows_day_and_order_come_from_columns_that_exist(name: str) -> None:
    table = TABLES[name]
    assert all(table[column].kind == "time" for column in table.day_of)
    assert set(table.sort) <= set(table.names)
    assert table.time in table.sort
    if table.key:
        assert table[table.key].kind == "id"


@BY_ROW
def test_only_strings_have_a_limit_and_only_the_store_hides_columns(name: str) -> None:
    for column in TABLES[name].columns:
        assert (column.limit is not None) == (column.arrow_type == pa.string())
        assert column.hidden == column.name.startswith("_")
        assert not column.hidden or (column.nullable and name == "executions")
        assert column.doc


def test_a_wrong_name_lists_what_exists() -> None:
    with pytest.raises(
        UnknownNameError, match=r"^steps has no column 'duration'; did you mean 'duration_ms'\? It has: "
    ):
        TABLES["steps"]["duration"]
    with pytest.raises(UnknownNameError, match=r"^there is no table 'step'; did you mean 'steps'\? It has: changes"):
        table_named("step")


def test_docs_schema_md_is_what_make_docs_writes(checkout: Path) -> None:
    code = "import runpy; print(runpy.run_path('docs/make_schema.py')['page'](), end='')"
    made = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], cwd=checkout, capture_output=True, check=True, timeout=60
    )
    assert (checkout / "docs/schema.md").read_bytes() == made.stdout, "out of date: run `make docs`"
