"""Two versions of a workflow held against each other: those that ran side by side, and those that followed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from rpa_lab.analysis.attribution.analyzer import Attribution, AttributionAnalyzer
from rpa_lab.analysis.comparison import ComparativeAnalyzer
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.storage.store import TimeSeriesStore
from tests import strategies
from tests.analysis.attribution.recorded import days_of, run_of, store_of

EVERY = "2026-10-01/2026-12-01"


def _attribute(store: TimeSeriesStore, **said: Any) -> Attribution:
    return AttributionAnalyzer(store).attribute_versions("w", "1", "2", **({"period": EVERY} | said))


def _side_by_side(
    *, days: int = 20, slower: float = 1.0, seed: int = 0, per_day: int = 12, noise: float = 0.05
) -> list[list[Any]]:
    """Days of very different pace, on each of which both versions run; `submit` of the second takes so many times."""
    rng = np.random.default_rng(seed)
    runs = []
    for day in range(days):
        pace = 1_000 * float(rng.lognormal(0, 0.5))
        for number in range(per_day):
            version = "12"[number % 2]
            open_ms, submit_ms = (pace * float(rng.lognormal(0, noise)) for _ in range(2))
            submit_ms *= slower if version == "2" else 1.0
            steps: list[tuple[str, float | None, int]] = [("open", open_ms, 0), ("submit", submit_ms, 0)]
            said = {"workflow_version": version, "robot_id": f"r{number % 3}"}
            runs.append(run_of(f"{day}-{number}", day, open_ms + submit_ms + 200, steps, **said))
    return runs


def _by_part(found: Attribution) -> list[tuple[Any, ...]]:
    columns = ("kind", "node_id", "change_ms", "low_ms", "high_ms", "before", "after", "notable")
    return found.parts.sort("kind", "node_id").select(columns).rows()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.runs_of_two_periods())
def test_versions_of_which_each_has_a_period_are_split_as_the_periods_are(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    runs, steps = rows
    version = pl.when(pl.col("execution_id").str.starts_with("0-")).then(pl.lit("1")).otherwise(pl.lit("2"))
    store = TimeSeriesStore(tmp_path_factory.mktemp("store"), as_of=datetime(2027, 3, 1, tzinfo=UTC))
    store.write_frame("executions", runs.with_columns(workflow_version=version))
    if steps.height:
        store.write_frame("steps", steps)
    analyzer, workflow = AttributionAnalyzer(store), strategies.WORKFLOWS[0]
    periods = analyzer.attribute(workflow, "2026-10-01/2026-12-15", "2026-12-15/2027-02-28")
    if runs.filter(workflow_id=workflow).select(version)["literal"].n_unique() < 2:
        return
    found = analyzer.attribute_versions(workflow, "1", "2", period="2026-10-01/2027-02-28")

    same = (
        "baseline_mean_ms",
        "current_mean_ms",
        "change_ms",
        "baseline_runs",
        "current_runs",
        "baseline_days",
        "basis",
    )
    assert [getattr(found, name) for name in same] == [getattr(periods, name) for name in same]
    assert _by_part(found) == _by_part(periods)
    back = analyzer.attribute_versions(workflow, "2", "1", period="2026-10-01/2027-02-28")
    assert back.change_ms == (None if found.change_ms is None else -found.change_ms)
    assert back.change_low_ms == (None if found.change_high_ms is None else pytest.approx(-found.change_high_ms))


def test_what_a_slow_day_does_to_both_versions_cancels(tmp_path: Path) -> None:
    store = store_of(tmp_path, _side_by_side(slower=1.1))
    found = _attribute(store)
    first = found.parts.row(0, named=True)

    assert (first["kind"], first["node_id"]) == ("time", "submit")
    assert found.sure_parts["node_id"].to_list() == ["submit"]
    assert found.significant
    days = (
        store.read("executions")
        .with_columns(day=pl.col("started_at").dt.date())
        .group_by("day", "workflow_version")
        .agg(pl.col("duration_ms").mean())
        .pivot("workflow_version", index="day", values="duration_ms")
    )
    differences = (days["2"] - days["1"]).to_numpy()
    assert found.change_ms == pytest.approx(differences.mean())  # as many runs of each on every day
    assert found.change_high_ms is not None
    assert found.change_low_ms is not None
    by_student = 2 * 2.09 * differences.std(ddof=1) / np.sqrt(20)
    assert found.change_high_ms - found.change_low_ms == pytest.approx(by_student, rel=0.15)
    drawn_apart = 2 * 2.02 * float(days["1"].to_numpy().std(ddof=1)) * np.sqrt(2 / 20)
    assert found.change_high_ms - found.change_low_ms < 0.2 * drawn_apart
    assert found.sentence.startswith("Runs of w with version 2 take ")
    assert "than with 1, of which " in found.sentence
    assert "because “submit” takes" in found.sentence
    assert found.change_point is None
    assert found.compared_versions == ("1", "2")


def test_chance_is_what_a_comparison_of_the_means_says(tmp_path: Path) -> None:
    store = store_of(tmp_path, _side_by_side(slower=1.01))
    compared = ComparativeAnalyzer(store).compare(
        "workflow_version", groups=["1", "2"], metrics="avg of completed", period=EVERY, workflow_id="w"
    )
    row = compared.table.row(1, named=True)
    found = _attribute(store)

    assert found.p_value == row["p_value"]
    assert found.change_ms == pytest.approx(row["difference"])


def test_equal_versions_are_called_different_no_oftener_than_said(tmp_path: Path) -> None:
    called = []
    for seed in range(20):
        found = _attribute(store_of(tmp_path / str(seed), _side_by_side(seed=seed, days=14, noise=0.3, per_day=6)))
        called.append(not found.sure_parts.is_empty() or bool(found.significant))
    assert sum(called) <= 4  # of 20 by 5 % more than that once in 400 times


def test_intervals_of_versions_side_by_side_hold_the_truth(tmp_path: Path) -> None:
    """The pace of days is exp(0.125) on average, as is what each attempt takes beside it by exp(0.3²/2)."""
    truth = 0.2 * 1_000 * np.exp(0.5**2 / 2) * np.exp(0.3**2 / 2)
    held = []
    for seed in range(16):
        runs = _side_by_side(seed=100 + seed, slower=1.2, noise=0.3, per_day=6)
        part = _attribute(store_of(tmp_path / str(seed), runs)).parts.filter(kind="time", node_id="submit")
        low, high = part.select("low_ms", "high_ms").row(0)
        held.append(low <= truth <= high)
    assert sum(held) >= 13  # of 16 by 95 % fewer once in a thousand times


def test_the_longest_runs_are_drawn_with_the_same_days(tmp_path: Path) -> None:
    found = _attribute(store_of(tmp_path, _side_by_side(slower=2.0, per_day=50, days=18)))
    tail = found.tail

    assert tail is not None
    assert (tail.baseline_runs, tail.current_runs) == (23, 23)
    assert tail.compared_versions == ("1", "2")
    assert tail.sentence.startswith("The longest 23 runs with 2 took ")
    assert tail.sentence.endswith(" than the longest 23 with 1.")
    assert tail.parts.row(0, named=True)["node_id"] == "submit"
    assert tail.parts["change_ms"].sum() == pytest.approx(tail.change_ms, abs=1e-6)


def test_of_versions_that_followed_each_other_days_are_drawn_apart_and_that_is_said(tmp_path: Path) -> None:
    runs = [
        *days_of(0, 14, 1_000, workflow_version="1"),
        *days_of(14, 14, 1_300, seed=1, workflow_version="2"),
    ]
    store = store_of(tmp_path, runs)
    found = _attribute(store)
    apart = AttributionAnalyzer(store).attribute("w", "2026-10-01/2026-10-15", "2026-10-15/2026-10-29")

    assert _by_part(found) == _by_part(apart)
    assert (found.change_low_ms, found.change_high_ms) == (apart.change_low_ms, apart.change_high_ms)
    assert found.significant
    assert "both versions ran on no day: what else changed in between counts as the version's" in found.warnings
    assert found.versions.is_empty()


def test_runs_are_told_apart_within_versions(tmp_path: Path) -> None:
    runs = [
        *days_of(0, 20, 1_000, per_day=6, host="a", workflow_version="1"),
        *days_of(0, 20, 3_000, per_day=2, host="b", seed=1, workflow_version="1"),
        *days_of(0, 20, 1_000, per_day=2, host="a", seed=2, workflow_version="2"),
        *days_of(0, 20, 3_000, per_day=6, host="b", seed=3, workflow_version="2"),
    ]
    store = store_of(tmp_path, runs)
    found = _attribute(store, by="host")

    assert _attribute(store).parts["kind"][0] == "time"
    assert found.parts["kind"][0] == "mix"
    assert "because more runs are of host b" in found.sentence


def test_a_version_of_three_runs_is_bounded_by_nothing(tmp_path: Path) -> None:
    """Nor by the many runs of the other one, beside which they ran."""
    old = days_of(0, 6, 1_000, per_day=40, workflow_version="1")
    new = days_of(0, 3, 900, per_day=1, seed=1, workflow_version="2")
    found = _attribute(store_of(tmp_path, [*old, *new]))

    assert (found.change_low_ms, found.change_high_ms) == (None, None)
    assert found.parts["low_ms"].null_count() == found.parts.height
    assert found.warnings[0].startswith("fewer than 10 runs a side bound nothing: there are 240 of version 1 and 3 of")


def test_a_version_without_a_step_is_said_to_have_none(tmp_path: Path) -> None:
    without = [run_of(f"n{day}", day, 1_500, [], workflow_version="2") for day in range(12)]
    found = _attribute(store_of(tmp_path, [*days_of(0, 12, 1_000, workflow_version="1"), *without]))

    assert "no run of version 2 has a step: parts say nothing, all of their time counts as waiting" in found.warnings


def test_few_runs_without_a_retry_tell_little(tmp_path: Path) -> None:
    """One in forty runs of the old version retries; 100 runs would have no retry once in thirteen times."""
    old = [run_of(f"o{n}", n % 25, 2_000, [("submit", 1_000, n % 40 == 0)], workflow_version="1") for n in range(1_000)]
    new = [run_of(f"n{n}", n % 25, 2_000, [("submit", 1_000, 0)], workflow_version="2") for n in range(100)]
    found = _attribute(store_of(tmp_path, [*old, *new]))
    part = found.parts.filter(kind="attempts").row(0, named=True)

    assert part["change_ms"] == pytest.approx(-25.0, abs=1)
    assert part["p_value"] > 0.05
    assert not part["notable"]
    assert part["low_ms"] < -40
    assert part["high_ms"] > -12


def test_a_period_without_runs_of_a_version_leaves_nothing_to_compare(tmp_path: Path) -> None:
    runs = [*days_of(0, 12, 1_000, workflow_version="1"), *days_of(40, 3, 1_000, workflow_version="2")]
    found = _attribute(store_of(tmp_path, runs), period="2026-10")

    assert (found.change_ms, found.current_runs) == (None, 0)
    assert (
        found.sentence
        == "Runs of w can't be compared: no completed run with a known duration of version 2 from 1 to 31 October 2026."
    )
    assert len(found.warnings) == 1


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    runs = [*days_of(0, 3, 1_000, workflow_version="1"), *days_of(4, 1, 1_000, workflow_version="3")]
    store = store_of(tmp_path, runs)
    analyzer = AttributionAnalyzer(store)

    with pytest.raises(UnknownNameError, match=r"w has no run of version '2'\. It has: 1, 3"):
        analyzer.attribute_versions("w", "1", "2")
    with pytest.raises(InputError, match=r"versions are \('1', '1'\), expected two names that differ"):
        analyzer.attribute_versions("w", "1", "1")
    with pytest.raises(InputError, match="level is 95"):
        analyzer.attribute_versions("w", "1", "3", level=95)
    with pytest.raises(InputError, match="by is 'version' beside versions, expected 'robot'"):
        analyzer.attribute_versions("w", "1", "3", by="version")
