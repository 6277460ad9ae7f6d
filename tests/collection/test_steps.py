from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore


@pytest.fixture
def collector(root: Path) -> Iterator[MetricsCollector]:
    with MetricsCollector(root, flush_interval_sec=3600, business_exceptions=()) as collector:
        yield collector


def runs(collector: MetricsCollector) -> list[dict[str, Any]]:
    assert collector.flush()
    return TimeSeriesStore(collector.store).read("executions").to_dicts()


def steps(collector: MetricsCollector) -> list[dict[str, Any]]:
    assert collector.flush()
    return TimeSeriesStore(collector.store).read("steps").sort("step_index").to_dicts()


def test_a_step_outside_of_any_execution_is_counted_and_does_no_harm(collector: MetricsCollector) -> None:
    with collector.step("lonely"):
        pass
    assert collector.flush()

    assert collector.stats()["dropped_invalid"] == 1


def test_a_recovered_step_knows_its_recoveries(collector: MetricsCollector) -> None:
    with collector.execution("w", execution_id="e") as run:
        with run.step("form"), run.step("submit", target_element="#go") as step:
            try:
                raise LookupError("no #go")
            except LookupError:
                with pytest.raises(TimeoutError), run.recovery(step, strategy="wait_and_retry") as first:
                    raise TimeoutError("still none") from None
                with collector.recovery(step, strategy="alternative_selector") as second:
                    second.confidence_score = 0.8
        with run.step("plain") as plain:
            pass
        with run.recovery("form > submit", strategy="restart") as third:
            third.status = "failed"

    assert [recovery.status for recovery in step.recoveries] == ["failed", "recovered"]
    assert step.recoveries == (first, second)
    assert plain.recoveries == ()
    rows = {row["node_id"]: row for row in steps(collector)}
    assert rows["form > submit"]["step_id"] == step.step_id
    assert rows["plain"]["step_id"] == "e:2"
    said = TimeSeriesStore(collector.store).read("recoveries").sort("started_at").to_dicts()
    assert [(row["strategy"], row["status"], row["step_id"], row["node_id"]) for row in said] == [
        ("wait_and_retry", "failed", step.step_id, "form > submit"),
        ("alternative_selector", "recovered", step.step_id, "form > submit"),
        ("restart", "failed", None, "form > submit"),
    ]
    assert len({row["recovery_id"] for row in said}) == 3
    assert "no #go" in said[0]["error_details"]
    assert "no #go" in said[1]["error_details"]
    assert (said[1]["confidence_score"], said[1]["workflow_id"], said[1]["execution_id"]) == (0.8, "w", "e")


def test_a_recovery_outside_of_an_error_says_its_own(collector: MetricsCollector) -> None:
    with (
        pytest.raises(ValueError, match="x"),
        collector.execution("w") as run,
        run.step("s") as step,
        run.recovery(step, strategy="retry"),
    ):
        raise ValueError("x")

    assert collector.flush()
    row = TimeSeriesStore(collector.store).read("recoveries").row(0, named=True)
    assert row["status"] == "failed"
    assert "ValueError: x" in row["error_details"]


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("name", [5, None, b"bytes", Unspeakable(), ["a"], "x" * 100_000, "a > b", "\ud800", "a\x1fb"])
def test_any_name_of_a_step_is_taken(collector: MetricsCollector, name: Any) -> None:
    with collector.execution("w", execution_id="e") as run, run.step(name), run.step(name, target_element=name):
        pass

    rows = steps(collector)
    assert len(rows) + collector.stats()["dropped"] == 2
    assert {row["execution_id"] for row in rows} <= {"e"}
    if name == "a > b":
        assert [row["node_id"] for row in rows] == ["a \\> b > a \\> b", "a \\> b"]


def test_steps_lie_within_their_execution(collector: MetricsCollector) -> None:
    with collector.execution("w", execution_id="e") as run:
        for _ in range(20):
            with run.step("outer"), run.step("inner"):
                pass

    run_row, rows = runs(collector)[0], steps(collector)
    assert len(rows) == 40
    for row in rows:
        assert run_row["started_at"] <= row["started_at"] <= row["completed_at"] <= run_row["completed_at"]
    for inner, outer in zip(rows[::2], rows[1::2], strict=True):
        assert outer["started_at"] <= inner["started_at"] <= inner["completed_at"] <= outer["completed_at"]
