"""Executions that repeat each other are one case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.cases import case_of, cases
from tests import oracles, strategies

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12, unique_by=lambda pair: pair[0]))
def test_chains_forks_and_circles_are_one_case(pairs: list[tuple[int, int]]) -> None:
    reruns = pl.DataFrame(
        [(f"e{a}", f"e{b}") for a, b in pairs], schema={"execution_id": pl.String, "rerun_of": pl.String}, orient="row"
    )
    found = case_of(reruns)
    groups: list[set[str]] = []
    for pair in reruns.rows():
        linked = [group for group in groups if group & set(pair)]
        groups = [group for group in groups if group not in linked] + [set(pair).union(*linked)]
    assert {frozenset(of_case["execution_id"]) for of_case in found.partition_by("case_id")} == set(
        map(frozenset, groups)
    )
    assert found["execution_id"].is_unique().all()


def test_a_thousand_repetitions_are_one_case() -> None:
    chain = pl.DataFrame(
        {"execution_id": [f"e{n}" for n in range(1, 1001)], "rerun_of": [f"e{n}" for n in range(1000)]}
    )
    assert case_of(chain)["case_id"].n_unique() == 1
    assert case_of(chain).height == 1001


@given(strategies.worked_runs(), st.sets(st.integers(0, 11), max_size=3))
def test_cases_are_those_of_the_naive_twin(runs: pl.DataFrame, touched: set[int]) -> None:
    names = {f"e{number}" for number in touched}
    frame = runs.lazy().with_columns(touched=pl.col("execution_id").is_in(names))
    table = cases(frame, case_of(runs.select("execution_id", "rerun_of"))).collect()

    ever = {"start": datetime(2026, 1, 1, tzinfo=UTC), "end": datetime(2027, 1, 1, tzinfo=UTC)}
    twin = oracles.workload(
        runs.to_dicts(), workflow_id=None, retried=names, recovered=set(), now=ever["end"], stretches=None, **ever
    )
    over = table.filter(pl.col("status") != "running")
    assert (table.height, over.height) == (twin["cases"], twin["ended_cases"])
    assert table["straight_through"].sum() == twin["straight_through"]
    assert over["handling_ms"].count() == twin["case_aht_n"]
    mean = over["handling_ms"].mean()
    assert mean == (None if twin["case_aht_ms"] is None else pytest.approx(twin["case_aht_ms"]))
    assert table["executions"].sum() == runs.height


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
    runs = strategies.frame("executions", said).with_columns(touched=pl.lit(value=False))
    table = cases(runs.lazy(), case_of(runs.select("execution_id", "rerun_of"))).collect().sort("started_at")

    assert table.select("executions", "status", "handling_ms", "straight_through").rows() == [
        (4, "completed", 1_200_000.0, False),
        (1, "completed", 300_000.0, True),
        (1, "completed", 300_000.0, False),
    ]
    first = table.row(0, named=True)
    assert (first["queued_at"], first["delivered_at"]) == (AT - timedelta(minutes=1), AT + timedelta(minutes=25))
