"""Which steps a run takes: optional ones in their share, loops by the size of the case, retries in clusters."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import binomtest

from rpa_lab.simulate import Fleet, fleet
from rpa_lab.simulate.catalogue import CATALOGUE
from rpa_lab.simulate.process import ACTIONS
from tests.simulate.faults.fleets import END


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(21, len(CATALOGUE), 5, end=END, runs_per_day=150, faults=())


def test_completed_runs_take_the_steps_of_their_workflow_in_order_and_each_turn_of_its_loops(made: Fleet) -> None:
    lines = pl.col("context").str.json_decode(pl.Struct({"lines": pl.Int64})).struct.field("lines")
    runs = (
        made.executions.filter(status="completed")
        .select("execution_id", "workflow_id", lines=lines)
        .sample(600, seed=1)
    )
    paths = made.steps.group_by("execution_id", maintain_order=True).agg("node_id")
    processes = {process.workflow_id: process for process in CATALOGUE}
    for row in runs.join(paths, on="execution_id", how="left", validate="1:1").iter_rows(named=True):
        left = row["node_id"]
        nodes = list(processes[row["workflow_id"]].nodes)
        while nodes:
            body = [nodes.pop(0)]
            while body[0].lines_per_turn and nodes and nodes[0].lines_per_turn == body[0].lines_per_turn:
                body.append(nodes.pop(0))
            turns = math.ceil(row["lines"] / body[0].lines_per_turn) if body[0].lines_per_turn else 1
            wanted = [node.node_id for node in body] * turns
            if body[0].share < 1 and left[:1] != wanted:
                continue
            assert left[: len(wanted)] == wanted
            left = left[len(wanted) :]
        assert left == []


def test_optional_steps_are_taken_by_their_share_of_the_runs(made: Fleet) -> None:
    completed = made.executions.filter(status="completed")
    counts = dict(completed.group_by("workflow_id").len().iter_rows())
    steps = made.steps.join(completed.select("execution_id"), on="execution_id", how="semi")
    taken = {
        row[:2]: row[2]
        for row in steps.group_by("workflow_id", "node_id").agg(pl.col("execution_id").n_unique()).iter_rows()
    }
    optional = [(process, node) for process in CATALOGUE for node in process.nodes if node.share < 1]
    assert len(optional) >= 15
    for process, node in optional:
        found = binomtest(taken[process.workflow_id, node.node_id], counts[process.workflow_id], node.share)
        assert found.pvalue > 1e-4, (
            process.workflow_id,
            node.node_id,
        )  # one is in a thousand of this, and 20 are tested


def test_a_retry_makes_another_one_likely_in_the_next_step_of_the_run(made: Fleet) -> None:
    """Troubled runs: the odds after a retry are several times those after a smooth step, at the same overall rate."""
    smooth = made.steps.filter(status="completed").with_columns(
        before=pl.col("retry_count").shift(1).over("execution_id") > 0, again=pl.col("retry_count") > 0
    )
    rates = dict(smooth.drop_nulls("before").group_by("before").agg(pl.col("again").mean()).iter_rows())
    assert 3 < rates[True] / rates[False] < 20
    actual = smooth.group_by("action_type").agg(pl.col("again").mean(), n=pl.len())
    for action, rate, n in actual.iter_rows():
        expected = ACTIONS[action].retry_rate
        assert rate == pytest.approx(expected, abs=0.15 * expected + 4 * math.sqrt(expected / n) + 1e-9)


def test_waits_lie_before_steps_and_have_the_median_of_their_action(made: Fleet) -> None:
    runs = made.steps.sort("execution_id", "step_index").with_columns(
        wait=(pl.col("started_at") - pl.col("completed_at").shift(1).over("execution_id")).dt.total_microseconds()
        / 1000
    )
    medians = dict(runs.drop_nulls("wait").group_by("action_type").agg(pl.col("wait").median()).iter_rows())
    for action, median in medians.items():
        assert median == pytest.approx(ACTIONS[action].wait_ms + 12, rel=0.35), action
    assert np.corrcoef([ACTIONS[name].wait_ms for name in medians], list(medians.values()))[0, 1] > 0.98
