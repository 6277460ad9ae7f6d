"""What simulated bots say is stored as they say it."""

from __future__ import annotations

from datetime import date

import polars as pl

from rpa_lab.journal.encode import check
from rpa_lab.records import node_path, split_node_path
from rpa_lab.schema import TABLES
from rpa_lab.simulate import fleet
from rpa_lab.simulate.catalogue import CATALOGUE, processes
from rpa_lab.simulate.messages import FAILURES, failure_line


def test_nothing_that_is_said_is_cut_or_redacted_or_left_out_by_the_store() -> None:
    made = fleet(days=20, workflows=len(CATALOGUE), seed=0, end=date(2026, 11, 2))
    for name, frame in (("executions", made.executions), ("steps", made.steps), ("recoveries", made.recoveries)):
        arrow = frame.to_arrow()
        checked = check(TABLES[name], dict(zip(arrow.column_names, arrow.columns, strict=True)), frame.height)
        assert (checked.corrected, checked.problems) == (0, ())
        stored = pl.DataFrame(checked.rows)
        for column in frame.columns:
            assert stored[column].cast(frame.schema[column]).equals(frame[column], null_equal=True), column


def test_no_message_keeps_a_placeholder() -> None:
    failed = fleet(days=30, workflows=4, seed=0, end=date(2026, 11, 2)).executions.filter(status="failed")
    assert not failed["error_message"].str.contains("{", literal=True).any()
    assert not failed["error_details"].str.contains("{key}", literal=True).any()
    said = failed.filter(exception_kind="business")
    assert said.select(pl.col("error_message").str.contains(pl.col("business_key"), literal=True))[
        "error_message"
    ].all()


def test_each_step_of_the_catalogue_can_fail_in_words() -> None:
    for process in CATALOGUE:
        assert 6 <= len(process.nodes) <= 14
        assert len({node.node_id for node in process.nodes}) == len(process.nodes)
        for node in process.nodes:
            assert node_path(*split_node_path(node.node_id)) == node.node_id
            for failure in FAILURES[node.action.family]:
                assert failure_line(failure, node).startswith(f"{failure.error}: ")


def test_beyond_the_catalogue_workflows_have_names_of_their_own() -> None:
    many = processes(3 * len(CATALOGUE), seed=0)
    assert len({process.workflow_id for process in many}) == len(many)
    assert many[len(CATALOGUE)].workflow_id == "order_entry_unit_02"
