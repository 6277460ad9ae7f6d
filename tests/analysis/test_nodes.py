from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.nodes import RANKINGS, above_percentile, time_by_node
from rpa_lab.errors import InputError, UnknownNameError
from tests import oracles, strategies

SIX = pl.DataFrame(
    {
        "execution_id": ["a", "a", "a", "b", "b", "b"],
        "node_id": ["form > type", "form > submit", "form", "form > type", "form", "close"],
        "action_type": ["type", "click", "fill", "type", "fill", "close"],
        "status": ["completed", "failed", "completed", "completed", "completed", "skipped"],
        "duration_ms": [2.0, 5.0, 10.0, 4.0, 6.0, 99.0],
    }
)


def test_six_steps_by_hand() -> None:
    rows = time_by_node(SIX.lazy()).collect().rows(named=True)

    assert [(row["node_id"], row["n"], row["failed"]) for row in rows] == [
        ("form > type", 2, 0),
        ("form", 2, 0),  # as much self time as the next: ties by name
        ("form > submit", 1, 1),
    ]
    assert [row["self_duration_ms"] for row in rows] == [6.0, 5.0, 5.0]  # 16 of the forms', less 2, 5 and 4 within
    assert [row["share"] for row in rows] == pytest.approx([6 / 16, 5 / 16, 5 / 16])
    assert [row["mean_duration_ms"] for row in rows] == [3.0, 8.0, 5.0]
    assert rows[0]["p95_duration_ms"] == pytest.approx(3.9)
    assert rows[1]["action_type"] == "fill"


def test_steps_side_by_side_take_no_more_than_all_of_the_time() -> None:
    steps = pl.DataFrame(
        {
            "execution_id": ["e"] * 6,
            "node_id": ["all", *["all > one"] * 5],
            "action_type": ["wait"] * 6,
            "status": ["completed"] * 6,
            "duration_ms": [100.0] * 6,
        }
    )
    rows = {row["node_id"]: row for row in time_by_node(steps.lazy()).collect().rows(named=True)}

    assert (rows["all"]["self_duration_ms"], rows["all"]["share"], rows["all"]["overlaps"]) == (0.0, 0.0, 1)
    assert rows["all > one"]["share"] == 1.0


def test_children_whose_parent_was_never_recorded_take_nothing_from_others() -> None:
    orphan = SIX.filter(~((pl.col("execution_id") == "a") & (pl.col("node_id") == "form")))
    rows = {row["node_id"]: row for row in time_by_node(orphan.lazy()).collect().rows(named=True)}

    assert rows["form"]["self_duration_ms"] == 6.0 - 4.0
    assert rows["form > submit"]["self_duration_ms"] == 5.0


def test_a_parent_that_took_nobody_knows_how_long_does_not_overlap() -> None:
    times = pl.when(pl.col("node_id") == "form").then(None).otherwise("duration_ms")
    rows = {
        row["node_id"]: row for row in time_by_node(SIX.with_columns(duration_ms=times).lazy()).collect().to_dicts()
    }

    assert (rows["form"]["n"], rows["form"]["self_duration_ms"], rows["form"]["overlaps"]) == (0, 0.0, 0)


@given(strategies.steps())
def test_figures_by_node_are_those_of_the_naive_twin(steps: pl.DataFrame) -> None:
    table = {row["node_id"]: row for row in time_by_node(steps.lazy()).collect().rows(named=True)}
    by_node = oracles.durations_by_node(steps.to_dicts())
    ran = steps.filter(pl.col("status") != "skipped")

    assert set(table) == set(ran["node_id"])
    for node, row in table.items():
        values = oracles.duration_statistics(by_node.get(node, []))
        assert row["n"] == values["n"]
        assert row["mean_duration_ms"] == (None if values["mean"] is None else pytest.approx(values["mean"], rel=1e-9))
        assert row["p95_duration_ms"] == (None if values["p95"] is None else pytest.approx(values["p95"], rel=1e-9))
        assert row["failed"] == ran.filter(node_id=node, status="failed").height


@given(strategies.steps())
def test_self_time_is_own_time_less_that_of_direct_children(steps: pl.DataFrame) -> None:
    known = steps.filter(pl.col("status") != "skipped", pl.col("duration_ms").is_not_null())
    expected: dict[str, float] = {}
    for (_, node), value in oracles.self_time_by_node(known.to_dicts()).items():
        expected[node] = expected.get(node, 0.0) + max(value or 0.0, 0.0)
    got = time_by_node(known.lazy()).collect()

    assert dict(got.select("node_id", "self_duration_ms").iter_rows()) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    if got["self_duration_ms"].sum() > 0:
        assert got["share"].sum() == pytest.approx(1.0)
        assert got["share"].is_between(0, 1 + 1e-9).all()


@given(
    strategies.steps(min_size=1),
    st.sampled_from(["mean_duration_ms", "p95_duration_ms", "total_duration_ms"]),
    st.floats(0, 1),
)
def test_those_above_a_percentile_are_the_naive_twins(steps: pl.DataFrame, by: str, q: float) -> None:
    expected = oracles.bottlenecks(oracles.value_by_node(steps.to_dicts(), by=by), threshold_percentile=q)
    nodes = time_by_node(steps.lazy()).filter(pl.col("n") > 0)
    got = above_percentile(nodes, by=by, threshold_percentile=q).collect()["node_id"].to_list()

    assert got == expected


@pytest.mark.parametrize("threshold", [-0.1, 1.1, 95, "high", None, float("nan")])
def test_a_percentile_is_a_fraction(threshold: object) -> None:
    with pytest.raises(InputError, match="expected a fraction from 0 to 1"):
        above_percentile(SIX.lazy(), by=RANKINGS[0], threshold_percentile=threshold)  # type: ignore[arg-type]


def test_an_unknown_ranking_lists_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'mean_duration_ms'"):
        above_percentile(SIX.lazy(), by="mean_duration", threshold_percentile=0.5)
