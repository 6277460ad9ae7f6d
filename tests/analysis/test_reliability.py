"""The analyzer over a store: by hand, side by side, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.errors import UnknownNameError
from rpa_lab.simulate import Flaws, fleet
from rpa_lab.storage.compaction import compact
from rpa_lab.storage.store import PeriodLike, TimeSeriesStore
from tests import oracles

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
NOW = AT + timedelta(hours=5)
MINUTE = timedelta(minutes=1)
STATUSES = ("completed", "failed", "failed", "completed", "cancelled", "completed")


def _store(root: Path, **options: Any) -> TimeSeriesStore:
    """Six runs an hour apart, one of them retried, and one that is at work; each takes a minute."""
    runs, steps = [], []
    for n, status in enumerate(STATUSES):
        begun = AT + timedelta(hours=n / 2)
        runs.append(
            {
                "execution_id": f"e{n}",
                "workflow_id": "w",
                "started_at": begun,
                "completed_at": begun + MINUTE,
                "duration_ms": 60_000.0,
                "status": status,
                "error_message": "ReadTimeout: no answer" if status == "failed" else None,
                "robot_id": f"robot-{n % 2}",
                "workflow_version": "1.0" if n < 3 else "1.1",
            }
        )
        steps.append(
            {
                "execution_id": f"e{n}",
                "workflow_id": "w",
                "node_id": "ask",
                "action_type": "http_get",
                "started_at": begun,
                "completed_at": begun + MINUTE,
                "duration_ms": 60_000.0,
                "status": "failed" if status == "failed" else "completed",
                "retry_count": int(n == 3),
                "step_index": 0,
            }
        )
    live = dict.fromkeys(runs[0]) | {"execution_id": "live", "workflow_id": "w", "started_at": NOW, "status": "running"}
    store = TimeSeriesStore(root, as_of=NOW, **options)
    store.write_frame("executions", pl.DataFrame([*runs, live], infer_schema_length=None))
    store.write_frame("steps", pl.DataFrame(steps))
    return store


def test_a_workflow_by_hand(root: Path) -> None:
    stats = ReliabilityAnalyzer(_store(root)).analyze_workflow("w", AT, NOW + MINUTE)

    counts = (stats.ended, stats.completed, stats.failed, stats.cancelled, stats.abandoned, stats.running)
    assert counts == (6, 3, 2, 1, 0, 1)
    assert (stats.success_rate, stats.first_attempts) == (50.0, 2)
    assert stats.first_attempt_rate == pytest.approx(100 / 3)
    assert (stats.success_low, stats.success_high) == pytest.approx((18.76, 81.24), abs=0.01)
    assert (stats.breakdowns, stats.mtbf_ms, stats.operating_ms) == (2, 180_000.0, 360_000.0)
    assert (stats.restorations, stats.mttr_ms, stats.unrestored) == (1, 3_600_000.0, 0)
    assert (stats.longest_success, stats.longest_failure, stats.current_streak, stats.current_success) == (
        2,
        2,
        2,
        True,
    )
    assert stats.categories.select("category", "failures", "share").rows() == [("timeout", 2, 1.0)]
    assert (stats.about, stats.warnings) == ("these runs only", ())


def test_why_it_failed_by_hand(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root, tz="Asia/Tokyo"))
    found = analyzer.failures("w", "2026-11")

    assert (found.ended, found.failed, found.cancelled, found.abandoned, found.running) == (6, 2, 1, 0, 1)
    assert found.nodes.select("workflow_id", "node_id", "category", "failures").rows() == [("w", "ask", "timeout", 2)]
    runs = analyzer.failed_runs(period="2026-11")
    assert runs.select("execution_id", "node_id", "category", "told_by", "recovery").rows() == [
        ("e2", "ask", "timeout", "message", "none"),
        ("e1", "ask", "timeout", "message", "none"),
    ]
    assert runs.schema["started_at"] == pl.Datetime("us", "Asia/Tokyo")
    messages = analyzer.messages(period="2026-11")
    assert messages.select("template", "failures", "nodes").rows() == [("ReadTimeout: no answer", 2, ["ask"])]
    assert analyzer.failure_days(period="2026-11")["failures"].sum() == 2


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("workflow", [("w", 6)]),
        ("version", [("w", 3), ("w", 3), ("w", 0)]),
        ("robot", [("robot-0", 3), ("robot-1", 3), (None, 0)]),
        ("host", [(None, 6)]),
    ],
)
def test_groups_stand_side_by_side(root: Path, group: str, expected: list[tuple[str | None, int]]) -> None:
    table = ReliabilityAnalyzer(_store(root)).breakdown(by=group, period="2026-11")

    assert [row[:1] + row[-1:] for row in table.select(table.columns[0], "ended").rows()] == expected
    assert table["completed"].sum() == 3


def test_side_by_side_says_what_one_workflow_alone_says(root: Path) -> None:
    made = fleet(10, 3, 4, end=AT.date(), faults="bad_selector", flaws=Flaws(running=True, abandoned=0.01))
    store = TimeSeriesStore(root, as_of=made.end)
    made.write(store)
    analyzer = ReliabilityAnalyzer(store)
    table = analyzer.breakdown(period="all")

    for _ in range(2):
        for row in table.iter_rows(named=True):
            stats = analyzer.analyze(row.pop("workflow_id"), "all").to_dict()
            assert {name: stats[name] for name in row} == pytest.approx(row, nan_ok=True)
        together = analyzer.analyze(None, "all")
        assert together.ended == table["ended"].sum()
        assert together.abandoned == table["abandoned"].sum() > 0
        assert together.unrestored == table["unrestored"].sum()
        compact(root, grace_s=0)

    truth = store.read("executions")
    first = oracles.first_attempts(truth.to_dicts(), store.read("steps").to_dicts())
    assert together.first_attempts == len(first)


def test_steps_of_a_run_are_read_to_its_end(root: Path) -> None:
    late = datetime(2026, 11, 3, 23, 59, tzinfo=UTC)
    end = late + timedelta(hours=2)
    run = {"execution_id": "e", "workflow_id": "w", "started_at": late, "completed_at": end, "duration_ms": 7.2e6}
    step = {"execution_id": "e", "workflow_id": "w", "started_at": end - MINUTE, "completed_at": end, "step_index": 0}
    step |= {"node_id": "n", "action_type": "a", "status": "failed", "retry_count": 1}
    store = TimeSeriesStore(root, as_of=end)
    store.write_frame("executions", pl.DataFrame([run | {"status": "failed"}]))
    store.write_frame("steps", pl.DataFrame([step]))

    assert ReliabilityAnalyzer(store).failed_runs(period="2026-11-03")["node_id"].to_list() == ["n"]


def test_a_result_shows_itself_and_becomes_data(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root))
    for result in (
        analyzer.analyze("w", "2026-11"),
        analyzer.failures(period="2026-11"),
        analyzer.recoveries(period="2026-11"),
        analyzer.time_to_completion("w", "2026-11"),
    ):
        assert json.loads(json.dumps(result.to_dict()))["time_period"].startswith("2026-11-01")
        assert type(result).__name__ in result._repr_html_()


def test_a_period_without_runs_is_no_error_and_an_unknown_workflow_is(root: Path) -> None:
    analyzer = ReliabilityAnalyzer(_store(root))
    stats = analyzer.analyze("w", "2026-10-05")

    assert (stats.ended, stats.success_rate, stats.case_rate, stats.mtbf_ms, stats.operating_ms) == (
        0,
        None,
        None,
        None,
        0,
    )
    assert (stats.longest_failure, stats.current_success, stats.attempts_per_case) == (0, None, None)
    assert stats.categories.is_empty()
    assert analyzer.breakdown(by="host", period="2026-10-05").is_empty()
    assert analyzer.failures("w", "2026-10-05").failed == 0
    assert analyzer.time_to_completion("w", "2026-10-05").median_ms is None
    asks = (
        lambda: analyzer.analyze("v", "all"),
        lambda: analyzer.failures("v", "all"),
        lambda: analyzer.failed_runs("v", "all"),
        lambda: analyzer.recoveries("v", "all"),
        lambda: analyzer.time_to_completion("v", "all"),
        lambda: analyzer.breakdown("v", by="host", period="all"),
    )
    for ask in asks:
        with pytest.raises(UnknownNameError, match=r"the store has no workflow 'v'.*It has: w"):
            ask()
    with pytest.raises(UnknownNameError, match="reliability can't be broken down by 'robot_id'; did you mean 'robot'"):
        analyzer.breakdown(by="robot_id")


class Counted(TimeSeriesStore):
    """A store that counts how often the texts of failed runs are read."""

    read_texts = 0

    def scan(self, table: str, period: PeriodLike = "all", **options: Any) -> pl.LazyFrame:
        self.read_texts += table == "executions" and "error_details" in (options.get("columns") or ())
        return super().scan(table, period, **options)


def test_what_failed_runs_say_is_read_once_and_again_when_there_is_more(root: Path) -> None:
    _store(root)
    store = Counted(root, as_of=NOW)
    analyzer = ReliabilityAnalyzer(store)

    def ask() -> int:
        analyzer.analyze("w", "2026-11")
        analyzer.recoveries("w", "2026-11")
        analyzer.failure_days("w", "2026-11")
        messages = analyzer.messages("w", "2026-11")
        assert messages.equals(analyzer.failures("w", "2026-11").messages)
        return int(messages["failures"].sum())

    assert (ask(), store.read_texts) == (2, 1)
    more = {"execution_id": "more", "workflow_id": "w", "started_at": AT, "completed_at": NOW, "status": "failed"}
    store.write_frame("executions", pl.DataFrame([more]))
    assert (ask(), store.read_texts) == (3, 2)


def test_the_same_question_has_the_same_answer_to_the_bit_in_whatever_order_rows_were_written(root: Path) -> None:
    rng = np.random.default_rng(0)
    began = [AT + timedelta(microseconds=int(at)) for at in rng.integers(0, 10**12, 5000)]
    took = rng.lognormal(9, 1, 5000).round(3)
    runs = pl.DataFrame({"execution_id": [f"e{n}" for n in range(5000)], "started_at": began, "duration_ms": took})
    runs = runs.with_columns(
        workflow_id=pl.Series([f"w{n}" for n in rng.integers(0, 5, 5000)]),
        completed_at=pl.col("started_at") + pl.duration(microseconds=pl.col("duration_ms") * 1000),
        status=pl.Series(rng.choice(["completed", "failed"], 5000, p=[0.7, 0.3])),
        error_message=pl.lit("ReadTimeout"),
    )
    answers = []
    for order in range(4):
        store = TimeSeriesStore(root / str(order), as_of=AT + timedelta(days=14))
        store.write_frame("executions", runs.sample(fraction=1.0, shuffle=True, seed=order))
        analyzer = ReliabilityAnalyzer(store)
        stats, lost = analyzer.analyze(None, "all"), analyzer.failures(period="all").categories["lost_ms"].item()
        answers.append((stats.mttr_ms, stats.operating_ms, stats.mtbf_ms, stats.success_low, lost))

    assert len(set(answers)) == 1


def test_without_steps_it_is_said_that_retries_are_unknown(root: Path) -> None:
    store, bare = _store(root / "with"), TimeSeriesStore(root / "without", as_of=NOW)
    bare.write_frame("executions", store.read("executions").drop("last_seen_at"))
    said = "no steps are recorded, so that retries are unknown: the rate at the first attempt knows of re-runs only"

    assert ReliabilityAnalyzer(bare).analyze("w", "2026-11").warnings == (said,)
    assert ReliabilityAnalyzer(bare).analyze("w", "2026-10-05").warnings == ()
    assert ReliabilityAnalyzer(store).analyze("w", "2026-11").warnings == ()


def test_damage_is_said_in_the_results(root: Path) -> None:
    store = _store(root)
    store.files(table="steps")[0].write_bytes(b"damaged")
    analyzer = ReliabilityAnalyzer(TimeSeriesStore(root, as_of=NOW))

    damage = ("steps 2026-11-03: 1 of 1 files are damaged and left out (see _quarantine.jsonl)",)
    assert analyzer.analyze("w", "2026-11").warnings[:1] == damage
    assert analyzer.failures(period="2026-11").warnings == damage
