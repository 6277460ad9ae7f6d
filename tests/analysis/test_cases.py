"""Executions that repeat each other are one case."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab.analysis.cases import began_in, case_rates, chains, fold_cases, single_cases
from rpa_lab.analysis.evidence import cases_of
from rpa_lab.analysis.kpis import KpiAnalyzer
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.period import Span
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
NOVEMBER = "2026-11"


def _folded(executions: pl.DataFrame, touched: Collection[str] = ()) -> pl.DataFrame:
    members = chains(executions.filter(pl.col("rerun_of").is_not_null()).select("execution_id", "rerun_of"))
    joined = executions.lazy().join(members.lazy(), on="execution_id", how="inner", validate="1:1")
    alone = executions.lazy().join(members.lazy(), on="execution_id", how="anti")
    alone = alone.with_columns(touched=pl.col("execution_id").is_in(list(touched)))
    return pl.concat([fold_cases(joined, by=["workflow_id"]), single_cases(alone, by=["workflow_id"])]).collect()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12, unique_by=lambda pair: pair[0]))
def test_chains_forks_and_circles_are_one_case(pairs: list[tuple[int, int]]) -> None:
    reruns = pl.DataFrame(
        [(f"e{a}", f"e{b}") for a, b in pairs], schema={"execution_id": pl.String, "rerun_of": pl.String}, orient="row"
    )
    found = chains(reruns)
    groups: list[set[str]] = []
    for pair in reruns.rows():
        linked = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in linked] + [set(pair).union(*linked)]
    assert {frozenset(of_chain["execution_id"]) for of_chain in found.partition_by("chain")} == set(
        map(frozenset, groups)
    )
    assert found["execution_id"].is_unique().all()


def test_a_thousand_repetitions_are_one_case() -> None:
    chain = pl.DataFrame(
        {"execution_id": [f"e{n}" for n in range(1, 1001)], "rerun_of": [f"e{n}" for n in range(1000)]}
    )
    assert chains(chain)["chain"].n_unique() == 1
    assert chains(chain).height == 1001


@given(strategies.attempts())
def test_cases_are_those_that_walking_along_the_chains_finds(executions: pl.DataFrame) -> None:
    expected = [
        (case["workflow_id"], case["began_at"], len(case["ids"]), case["status"], case["cyclic"], case["dangling"])
        for case in oracles.cases(executions.to_dicts())
    ]
    got = _folded(executions).select("workflow_id", "began_at", "attempts", "status", "cyclic", "dangling").rows()

    assert sorted(got, key=repr) == sorted(expected, key=repr)


@given(strategies.worked_runs(), st.sets(st.integers(0, 11).map("e{}".format), max_size=3))
def test_what_a_case_took_and_when_it_was_delivered_is_the_naive_twins(runs: pl.DataFrame, touched: set[str]) -> None:
    ever = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2027, 1, 1, tzinfo=UTC)}
    for workflow_id in runs["workflow_id"].unique():
        over = _folded(runs, touched).filter(pl.col("workflow_id") == workflow_id, pl.col("status") != "running")
        twin = oracles.workload(
            runs.to_dicts(),
            workflow_id=workflow_id,
            retried=touched,
            recovered=set(),
            now=ever["end"],
            stretches=None,
            **ever,
        )
        assert (over.height, over["straight_through"].sum()) == (twin["cases"], twin["straight_through"])
        assert over["handling_ms"].count() == twin["case_aht_n"]
        mean = over["handling_ms"].mean()
        assert mean == (None if twin["case_aht_ms"] is None else pytest.approx(twin["case_aht_ms"]))
    assert _folded(runs)["attempts"].sum() == runs.height


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
    assert not any("case" in text for text in stats.warnings)


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
    said = "1 cases began before the period and were tried again in it: left out of the rate of cases"
    assert said in november.warnings


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


def test_a_case_is_delivered_when_the_first_of_its_executions_completes() -> None:
    def run(name: str, status: str, *, after: int, rerun_of: str | None = None) -> dict[str, object]:
        begun = AT + timedelta(minutes=after)
        done = begun + timedelta(minutes=5)
        return {
            "execution_id": name,
            "workflow_id": "w",
            "status": status,
            "queued_at": begun - timedelta(minutes=1),
            "started_at": begun,
            "completed_at": done,
            "duration_ms": 300_000.0,
            "rerun_of": rerun_of,
        }

    said = [
        run("a", "failed", after=0),
        run("b", "failed", after=10, rerun_of="a"),
        run("c", "completed", after=20, rerun_of="b"),
        run("d", "completed", after=30, rerun_of="a"),
        run("e", "completed", after=40),
        run("f", "completed", after=50, rerun_of="of another period"),
    ]
    table = _folded(strategies.frame("executions", said)).sort("began_at")

    assert table.select("attempts", "status", "handling_ms", "straight_through").rows() == [
        (4, "completed", 1_200_000.0, False),
        (1, "completed", 300_000.0, True),
        (1, "completed", 300_000.0, False),
    ]
    first = table.row(0, named=True)
    assert (first["queued_at"], first["delivered_at"]) == (AT - timedelta(minutes=1), AT + timedelta(minutes=25))


PERIODS = ["2026-10-24/2026-10-26", "2026-10-25", "2026-10-20/2026-11-01", "2026-11"]


@settings(max_examples=25)
@given(strategies.attempts(), st.sampled_from(PERIODS), st.integers(-40, 40))
def test_key_figures_and_reliability_count_the_same_cases(runs: pl.DataFrame, period: str, later: int) -> None:
    """Also where attempts lie outside the period, in other workflows, or further away than cases are followed."""
    some = pl.col("execution_id").is_in(["e1", "e4"])
    moved = pl.col("started_at", "completed_at") + pl.when(some).then(pl.duration(days=later)).otherwise(pl.duration())
    runs = runs.with_columns(moved).filter(pl.col("status") != "abandoned").drop("last_seen_at")
    with tempfile.TemporaryDirectory() as folder:
        store = TimeSeriesStore(folder, as_of=datetime(2027, 2, 1, tzinfo=UTC))
        if runs.height:
            store.write_frame("executions", runs)
        span = store.span(period)
        everything = store.read("executions", "all").to_dicts()
        kpis, reliability = KpiAnalyzer(store), ReliabilityAnalyzer(store)
        by_kpis, whole = kpis.workflows(span), kpis.kpis(period=span)
        stats = {name: reliability.analyze(name, span) for name in by_kpis["workflow_id"]}
        of_all = reliability.analyze(None, span)
        one = {name: kpis.kpis(name, span) for name in by_kpis["workflow_id"]}

    def counts(of: Any) -> tuple[int, int, int]:
        return of.cases, of.cases_completed, of.cases_running

    def twin(workflow_id: str | None) -> tuple[int, int, int]:
        began = oracles.cases_began(everything, start=span.start, end=span.end, workflow_id=workflow_id)
        states = [case["status"] for case in began]
        running = states.count("running")
        return len(states) - running, states.count("completed"), running

    assert counts(whole) == counts(of_all) == twin(None)
    for name, *told in by_kpis.select("workflow_id", "cases", "cases_completed", "cases_running").rows():
        assert tuple(told) == counts(one[name]) == counts(stats[name]) == twin(name)


def test_a_store_without_re_runs_is_read_once(root: Path) -> None:
    store = _analyzer(root, _run("a", "completed", AT), _run("b", "failed", AT)).store
    plan = cases_of(store, store.span(NOVEMBER), workflow_id=None).explain()

    assert "JOIN" not in plan
    again = _analyzer(root, _run("c", "completed", AT + timedelta(hours=1), "b")).store
    found = cases_of(again, again.span(NOVEMBER), workflow_id=None).filter(began_in(again.span(NOVEMBER))).collect()
    assert found.sort("attempts").select("attempts", "status").rows() == [(1, "completed"), (2, "completed")]
