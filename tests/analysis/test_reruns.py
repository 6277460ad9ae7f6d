"""Re-runs folded into cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given

from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.analysis.reruns import case_rates, chains, fold_cases, single_cases
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
NOVEMBER = "2026-11"


def _folded(executions: pl.DataFrame) -> pl.DataFrame:
    members = chains(executions.filter(pl.col("rerun_of").is_not_null()).select("execution_id", "rerun_of"))
    joined = executions.lazy().join(members.lazy(), on="execution_id", how="inner", validate="1:1")
    alone = executions.lazy().join(members.lazy(), on="execution_id", how="anti")
    return pl.concat([fold_cases(joined, by=["workflow_id"]), single_cases(alone, by=["workflow_id"])]).collect()


@given(strategies.attempts())
def test_cases_are_those_that_walking_along_the_chains_finds(executions: pl.DataFrame) -> None:
    expected = [
        (case["workflow_id"], case["began_at"], len(case["ids"]), case["status"], case["cyclic"], case["dangling"])
        for case in oracles.cases(executions.to_dicts())
    ]
    got = _folded(executions).select("workflow_id", "began_at", "attempts", "status", "cyclic", "dangling").rows()

    assert sorted(got, key=repr) == sorted(expected, key=repr)


@given(strategies.attempts())
def test_the_order_of_rows_makes_no_difference(executions: pl.DataFrame) -> None:
    one, other = _folded(executions), _folded(executions.reverse())

    assert sorted(one.rows(), key=repr) == sorted(other.rows(), key=repr)


@given(strategies.attempts())
def test_rates_count_each_case_in_the_period_in_which_it_began(executions: pl.DataFrame) -> None:
    span = Span(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC))
    table = case_rates(_folded(executions).lazy(), by=["workflow_id"], span=span).collect()

    for row in table.iter_rows(named=True):
        mine = [case for case in oracles.cases(executions.to_dicts()) if case["workflow_id"] == row["workflow_id"]]
        ours = [case for case in mine if case["began_at"] in span]
        ended = [case for case in ours if case["status"] != "running"]
        good = [case for case in ended if case["status"] == "completed"]
        assert (row["cases"], row["cases_completed"]) == (len(ended), len(good))
        assert row["cases_running"] == len(ours) - len(ended)
        assert row["cases_before"] == sum(case["began_at"] < span.start for case in mine)
        assert row["case_rate"] == (pytest.approx(100 * len(good) / len(ended)) if ended else None)
        assert row["attempts"] == (
            pytest.approx(sum(len(case["ids"]) for case in ended) / len(ended)) if ended else None
        )
        assert row["cyclic"] == sum(case["cyclic"] for case in ours)
        assert row["dangling"] == sum(case["dangling"] for case in ours)


def _run(name: str, status: str, at: datetime, rerun_of: str | None = None) -> dict[str, Any]:
    ended = at + timedelta(minutes=5)
    return {
        "execution_id": name,
        "workflow_id": "w",
        "started_at": at,
        "completed_at": ended,
        "duration_ms": 300_000.0,
        "status": status,
        "rerun_of": rerun_of,
    }


def _analyzer(root: Path, *runs: dict[str, Any]) -> ReliabilityAnalyzer:
    store = TimeSeriesStore(root, as_of=datetime(2027, 2, 1, tzinfo=UTC))
    store.write_frame("executions", pl.DataFrame(runs))
    return ReliabilityAnalyzer(store)


def test_a_case_that_succeeds_at_its_third_attempt_by_hand(root: Path) -> None:
    stats = _analyzer(
        root,
        _run("a", "failed", AT),
        _run("b", "failed", AT + timedelta(hours=1), "a"),
        _run("c", "completed", AT + timedelta(hours=2), "b"),
        _run("d", "completed", AT),
    ).analyze("w", NOVEMBER)

    assert (stats.success_rate, stats.first_attempt_rate, stats.case_rate) == (50.0, 25.0, 100.0)
    assert (stats.cases, stats.cases_completed, stats.attempts_per_case) == (2, 2, 2.0)
    assert stats.warnings == ()


def test_a_case_is_followed_beyond_the_period_and_counted_where_it_began(root: Path) -> None:
    analyzer = _analyzer(
        root,
        _run("a", "failed", datetime(2026, 10, 31, tzinfo=UTC)),
        _run("b", "failed", datetime(2026, 11, 2, tzinfo=UTC), "a"),
        _run("c", "completed", datetime(2026, 12, 3, tzinfo=UTC), "b"),
        _run("d", "failed", datetime(2026, 11, 30, tzinfo=UTC)),
        _run("e", "completed", datetime(2026, 12, 20, tzinfo=UTC), "d"),
    )
    october, november = analyzer.analyze("w", "2026-10"), analyzer.analyze("w", NOVEMBER)

    assert (october.cases, october.case_rate) == (1, 0.0)  # its third attempt lies more than 30 days after October
    assert (november.cases, november.case_rate, november.cases_before) == (1, 100.0, 1)
    assert november.warnings == (
        "1 cases began before the period and were tried again in it: left out of the rate of cases",
    )


def test_circles_and_re_runs_of_nothing_are_counted_and_said(root: Path) -> None:
    stats = _analyzer(
        root,
        _run("a", "failed", AT, "b"),
        _run("b", "completed", AT + timedelta(hours=1), "a"),
        _run("self", "failed", AT, "self"),
        _run("c", "completed", AT, "gone"),
    ).analyze("w", NOVEMBER)

    assert (stats.cases, stats.cases_completed, stats.cyclic, stats.dangling) == (3, 2, 2, 1)
    assert any("2 cases consist of runs that repeat each other in a circle" in text for text in stats.warnings)
    assert any("1 cases begin with a re-run of an execution that is not on record" in text for text in stats.warnings)
