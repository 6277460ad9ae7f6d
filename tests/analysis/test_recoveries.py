"""What self-healing is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given

from rpa_lab.analysis.recoveries import recovery_rates, with_run
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.inference.intervals import wilson_interval
from rpa_lab.records import ExecutionMetrics, RecoveryMetrics, StepMetrics
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)


@given(strategies.attempts(), strategies.recoveries_of_runs())
def test_rates_costs_and_savings_are_those_added_up_one_by_one(
    executions: pl.DataFrame, recoveries: pl.DataFrame
) -> None:
    known = executions.filter(pl.col("started_at").is_not_null())
    rows = [row for row in recoveries.to_dicts() if row["execution_id"] in set(known["execution_id"])]
    saved = oracles.recovery_savings(rows, known.to_dicts())
    joined = with_run(recoveries.lazy(), known.lazy()).collect()
    (whole,) = recovery_rates(joined.lazy(), by=[], tz="UTC").collect().to_dicts()
    table = recovery_rates(joined.lazy(), by=["strategy"], tz="UTC").collect()

    assert (whole["attempts"], whole["runs_saved"]) == (len(rows), len(saved))
    assert whole["saved_ms"] == pytest.approx(sum(saved.values()))
    assert table["runs_saved"].sum() == len(saved)
    for row in table.iter_rows(named=True):
        mine = [one for one in rows if one["strategy"] == row["strategy"]]
        good = sum(one["status"] == "recovered" for one in mine)
        assert (row["attempts"], row["recovered"]) == (len(mine), good)
        assert row["recovery_rate"] == pytest.approx(100 * good / len(mine))
        assert (row["recovery_low"], row["recovery_high"]) == pytest.approx(wilson_interval(good, len(mine)))
        assert row["cost_ms"] == pytest.approx(sum(one["duration_ms"] for one in mine))
        assert row["runs"] == len({one["execution_id"] for one in mine})


def _store(root: Path) -> TimeSeriesStore:
    """Three runs, healed after 40 s, after 40 and 50 s, and in vain: the example of the module, by hand."""
    records: list[ExecutionMetrics | StepMetrics | RecoveryMetrics] = []
    for name, status, tries in (
        ("a", "completed", [(40, "recovered")]),
        ("b", "completed", [(40, "recovered"), (50, "recovered")]),
        ("c", "failed", [(30, "failed")]),
    ):
        end = AT + timedelta(seconds=60)
        error = "ElementNotFound: no #go" if status == "failed" else None
        records.append(ExecutionMetrics(name, "w", AT, end, 60_000.0, status, 1, 1, 0, error))
        step = "failed" if status == "failed" else "completed"
        records.append(StepMetrics(f"{name}0", name, "w", "go", "click", "#go", AT, end, 60_000.0, step, None, 1))
        for number, (second, outcome) in enumerate(tries):
            at = AT + timedelta(seconds=second)
            spent = timedelta(seconds=6)
            said = "ElementNotFound: no #go"
            place = (f"{name}{number}r", name, "w", f"{name}0", "go", "retry")
            records.append(RecoveryMetrics(*place, at, at + spent, 6_000.0, outcome, None, said))
    store = TimeSeriesStore(root, as_of=AT + timedelta(hours=1))
    store.write_metrics(records)
    return store


def test_a_workflows_recoveries_by_hand(root: Path) -> None:
    found = ReliabilityAnalyzer(_store(root)).recoveries("w", "2026-11")

    assert (found.attempts, found.recovered, found.recovery_rate) == (4, 3, 75.0)
    assert (found.cost_ms, found.runs_saved, found.saved_ms) == (24_000.0, 2, 80_000.0)
    assert found.strategies.select("strategy", "attempts", "recovered").rows() == [("retry", 4, 3)]
    assert found.nodes.select("workflow_id", "node_id", "attempts").rows() == [("w", "go", 4)]
    assert found.categories.select("category", "attempts").rows() == [("element_not_found", 4)]
    assert found.failures.select("category", "failures", "recovery_tried", "not_tried").rows() == [
        ("element_not_found", 1, 1, 0)
    ]
    assert found.rising.is_empty()
    assert found.to_frame() is found.nodes


def test_where_nothing_was_tried_nothing_is_known(root: Path) -> None:
    found = ReliabilityAnalyzer(_store(root)).recoveries(period="2026-10")

    assert (found.attempts, found.recovery_rate, found.recovery_low, found.saved_ms) == (0, None, None, 0.0)
    assert found.nodes.is_empty()
