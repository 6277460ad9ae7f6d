"""The fleet as a whole: reproducible, consistent within itself, and hard enough."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from scipy.stats import binomtest, mannwhitneyu, ttest_ind

from rpa_lab.errors import InputError
from rpa_lab.schema import TABLES
from rpa_lab.simulate import Flaws, Fleet, fleet

END = date(2026, 11, 2)
_US = timedelta(microseconds=1)
_HASHES = """
import io
from datetime import date
from hashlib import blake2b
from rpa_lab.simulate import fleet
from rpa_lab.simulate.flaws import everyday_flaws
options = {"faults": ["all"], "resources": True, "flaws": everyday_flaws(4), "tz": "Europe/Berlin"}
made = fleet(5, 6, 7, end=date(2026, 11, 2), **options)
frames = (made.executions, made.steps, made.recoveries, made.resources, made.changes, made.collector_health, made.truth)
for frame in frames:
    buffer = io.BytesIO()
    frame.rechunk().write_ipc(buffer)
    print(blake2b(buffer.getvalue()).hexdigest())
print(made.writer)
"""


@pytest.fixture(scope="module")
def made() -> Fleet:
    return fleet(days=14, workflows=8, seed=3, end=END)


def test_same_arguments_give_the_same_bytes_in_another_process() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _HASHES],
            env={**os.environ, "PYTHONHASHSEED": salt, "POLARS_MAX_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt, threads in (("1", "1"), ("2", "4"))
    ]
    assert len(outputs[0].split()) == 8
    assert outputs[0] == outputs[1]


def test_another_seed_gives_other_rows_and_another_writer(made: Fleet) -> None:
    other = fleet(days=14, workflows=8, seed=4, end=END)
    assert made.writer != other.writer
    assert not set(made.executions["execution_id"]) & set(other.executions["execution_id"])


def test_a_whole_number_given_as_float_is_the_same_fleet(made: Fleet) -> None:
    assert fleet(days=14, workflows=8, seed=3, end=END, runs_per_day=50.0).writer == made.writer
    assert fleet(days=14, workflows=8, seed=3, end=datetime(2026, 11, 2, tzinfo=UTC)).writer == made.writer


def test_a_further_workflow_changes_nothing_in_the_others() -> None:
    few, many = (fleet(days=3, workflows=n, seed=1, end=END, faults=()) for n in (3, 5))
    known = few.executions["workflow_id"].unique()
    for table in ("executions", "steps", "recoveries"):
        frame = getattr(many, table)
        assert_frame_equal(getattr(few, table), frame.filter(pl.col("workflow_id").is_in(known.to_list())))


@pytest.mark.parametrize("table", ["executions", "steps", "recoveries", "resources", "changes", "collector_health"])
def test_frames_have_the_public_columns_of_the_schema_and_keep_its_nulls(table: str) -> None:
    made = fleet(
        days=7,
        workflows=8,
        seed=3,
        end=datetime(2026, 11, 2, 12, tzinfo=UTC),
        runs_per_day=300,
        resources=True,
        flaws=Flaws(running=True),
        faults=["fix"],
    )
    arrow = TABLES[table].arrow
    expected = pl.Schema(pl.DataFrame(schema=pl.Schema(arrow)).select(TABLES[table].names).schema)
    frame: pl.DataFrame = getattr(made, table)
    assert frame.schema == expected
    assert frame.height > 0
    required = [column.name for column in TABLES[table].columns if not column.nullable]
    assert frame.select(pl.col(required).null_count().sum()).row(0) == (0,) * len(required)
    key = TABLES[table].key
    if table != "steps" and key is not None:
        assert frame[key].n_unique() == frame.height


def test_steps_lie_inside_their_execution_one_after_another(made: Fleet) -> None:
    shares = []
    steps_of = {key[0]: rows for key, rows in made.steps.partition_by("execution_id", as_dict=True).items()}
    assert set(steps_of) == set(made.executions["execution_id"])
    for run in made.executions.sample(800, seed=1).iter_rows(named=True):
        steps = steps_of[run["execution_id"]].to_dicts()
        assert [step["step_index"] for step in steps] == list(range(len(steps)))
        assert {step["workflow_id"] for step in steps} == {run["workflow_id"]}
        times = [run["started_at"]]
        for step in steps:
            times += [step["started_at"], step["completed_at"]]
        times.append(run["completed_at"])
        assert all(earlier < later for earlier, later in pairwise(times))
        gaps = [later - earlier for earlier, later in list(pairwise(times))[::2]]
        shares.append(sum(gaps, timedelta()) / (run["completed_at"] - run["started_at"]))
    assert 0.02 < np.mean(shares) < 0.15


@pytest.mark.parametrize("table", ["executions", "steps", "recoveries"])
def test_durations_equal_the_times_to_the_microsecond(made: Fleet, table: str) -> None:
    frame: pl.DataFrame = getattr(made, table)
    between = (frame["completed_at"] - frame["started_at"]).dt.total_microseconds().to_numpy()
    assert np.array_equal(np.rint(frame["duration_ms"].to_numpy() * 1000).astype(np.int64), between)
    assert np.array_equal(frame["duration_ms"].to_numpy(), np.round(frame["duration_ms"].to_numpy(), 3))
    assert between.min() > 0


def test_counts_of_steps_and_the_failed_last_step_agree_with_the_execution(made: Fleet) -> None:
    runs = {row["execution_id"]: row for row in made.executions.iter_rows(named=True)}
    seen: dict[str, list[dict[str, object]]] = {}
    for step in made.steps.iter_rows(named=True):
        seen.setdefault(step["execution_id"], []).append(step)
    for run_id, run in runs.items():
        steps = seen[run_id]
        statuses = [step["status"] for step in steps]
        assert run["steps_total"] == len(steps)
        assert run["steps_completed"] == statuses.count("completed")
        assert run["steps_failed"] == statuses.count("failed")
        if run["status"] == "failed":
            assert statuses == ["completed"] * (len(steps) - 1) + ["failed"]
            assert steps[-1]["error_details"] == run["error_message"]
            assert run["error_details"].endswith(run["error_message"])
            assert run["exception_kind"] in ("application", "business")
        else:
            assert statuses == ["completed"] * len(steps)
            assert (run["error_message"], run["error_details"], run["exception_kind"]) == (None, None, None)
            assert all(step["error_details"] is None for step in steps)


def test_recoveries_lie_within_the_retried_step_that_they_name(made: Fleet) -> None:
    steps = made.steps.with_columns(step_id=pl.format("{}:{}", "execution_id", "step_index"))
    joined = made.recoveries.join(steps, on="step_id", how="left", validate="m:1", suffix="_step")
    assert joined.height > 50
    assert joined.select(
        inside=(pl.col("started_at") >= pl.col("started_at_step"))
        & (pl.col("completed_at") <= pl.col("completed_at_step"))
        & (pl.col("node_id") == pl.col("node_id_step"))
        & (pl.col("execution_id") == pl.col("execution_id_step"))
        & (pl.col("retry_count") > 0)
        & ((pl.col("status") == "recovered") == (pl.col("status_step") == "completed"))
    )["inside"].all()
    assert set(made.recoveries["status"]) == {"recovered", "failed"}
    assert made.recoveries["error_details"].null_count() == 0
    assert not (made.recoveries["error_details"] == "").any()


def test_a_robot_does_one_run_at_a_time_on_one_host() -> None:
    busy = fleet(days=3, workflows=4, seed=0, end=END, runs_per_day=600, faults=())
    for _, runs in busy.executions.sort("started_at").group_by("robot_id"):
        assert runs["host"].n_unique() == 1
        assert (runs["started_at"].shift(-1) >= runs["completed_at"]).drop_nulls().all()
    assert busy.executions["robot_id"].n_unique() > 8
    assert (busy.executions["queued_at"] <= busy.executions["started_at"]).all()
    waited = (busy.executions["queued_at"] < busy.executions["started_at"]).mean()
    assert isinstance(waited, float)
    assert 0.02 < waited < 0.8


def test_workflows_differ_in_size_and_failures_in_kind(made: Fleet) -> None:
    counts = made.executions["workflow_id"].value_counts()["count"].to_numpy()
    assert len(counts) == 8
    assert counts.max() > 3 * counts.min()
    steps_per_run = made.executions.group_by("workflow_id").agg(pl.col("steps_total").mean())["steps_total"]
    assert steps_per_run.is_between(5, 14).all()
    month = fleet(days=30, workflows=8, seed=3, end=END).executions.filter(status="failed")
    for word in ("Timeout", "ElementNotFound", "ApplicationError", "ConnectionError", "Authentication", "Validation"):
        assert month["error_message"].str.starts_with(word).any() or month["error_message"].str.contains(word).any()
    assert set(month["exception_kind"]) == {"application", "business"}
    share = month.height / fleet(days=30, workflows=8, seed=3, end=END).executions.height
    assert 0.02 < share < 0.08


def test_retries_take_time_and_lower_the_confidence(made: Fleet) -> None:
    screens = made.steps.filter(pl.col("confidence_score").is_not_null() & (pl.col("status") == "completed"))
    typical = screens.with_columns(usual=pl.col("duration_ms").median().over("workflow_id", "node_id"))
    once, again = (typical.filter(pl.col("retry_count") == n) for n in (0, 1))
    assert again.height > 100
    assert (again["duration_ms"] / again["usual"]).median() > 1.9 * (once["duration_ms"] / once["usual"]).median()  # type: ignore[operator]
    assert again["confidence_score"].max() < once["confidence_score"].median()  # type: ignore[operator]
    assert screens["confidence_score"].is_between(0, 1).all()


def _of_days(made: Fleet) -> float:
    """Standard deviation of the day effect: variance between days less what the runs within one explain (ANOVA)."""
    estimates = []
    runs = made.executions.filter(status="completed")
    for _, group in runs.with_columns(day=pl.col("started_at").dt.date()).group_by("workflow_id"):
        days = [np.log(day["duration_ms"].to_numpy()) for _, day in group.group_by("day") if day.height >= 10]
        means, noise = [d.mean() for d in days], [d.var(ddof=1) / len(d) for d in days]
        estimates.append(np.var(means, ddof=1) - np.mean(noise))
    return float(np.sqrt(max(0.0, float(np.mean(estimates)))))


def test_the_day_effect_has_the_standard_deviation_asked_for() -> None:
    options = {"days": 60, "workflows": 6, "seed": 5, "runs_per_day": 250.0}
    for sd in (0.0, 0.05, 0.10):
        simulated = fleet(**options, end=END, faults=(), load_sd=0, day_sd=sd)  # type: ignore[arg-type]
        estimate = _of_days(simulated)
        assert estimate == pytest.approx(sd, abs=0.015)


def test_load_slows_all_runs_of_a_host_hour_after_hour() -> None:
    simulated = fleet(
        days=40, workflows=8, seed=2, end=END, faults=(), runs_per_day=300, day_sd=0, load_sd=0.2, hosts=1
    )
    runs = simulated.executions.filter(status="completed").with_columns(
        hour=pl.col("started_at").dt.truncate("1h"),
        slow=pl.col("duration_ms").log() - pl.col("duration_ms").log().median().over("workflow_id"),
    )
    hours = runs.group_by("hour").agg(pl.col("slow").mean(), n=pl.len()).filter(pl.col("n") >= 30).sort("hour")
    paired = hours.join(hours.with_columns(pl.col("hour").dt.offset_by("1h")), on="hour", how="inner", validate="1:1")
    next_to = np.corrcoef(paired["slow"].to_numpy(), paired["slow_right"].to_numpy())[0, 1]
    apart = hours.join(hours.with_columns(pl.col("hour").dt.offset_by("48h")), on="hour", how="inner", validate="1:1")
    two_days = np.corrcoef(apart["slow"].to_numpy(), apart["slow_right"].to_numpy())[0, 1]
    assert next_to > 0.6
    assert two_days < 0.35


def test_step_times_have_a_heavy_tail() -> None:
    steps = fleet(days=30, workflows=3, seed=6, end=END, faults=(), runs_per_day=400).steps
    node = steps.filter(
        workflow_id="order_entry", node_id="enter order > type lines", retry_count=0, status="completed"
    )
    times = np.sort(node["duration_ms"].to_numpy())
    spread = np.diff(np.quantile(np.log(times), [0.25, 0.75]))[0] / 1.349
    log_normal = np.exp(3.09 * spread)
    assert np.quantile(times, 0.999) / np.median(times) > 3 * log_normal
    largest = times[-len(times) // 250 :]
    hill = 1 / np.mean(np.log(largest / largest[0]))
    assert 1.0 < hill < 2.6  # a log-normal of this spread has 6 and more here


def test_a_test_on_runs_rejects_far_too_often_where_nothing_changed_and_one_on_days_does_not() -> None:
    """Week against week: who takes runs for independent finds changes everywhere; with days as the unit, few."""
    on_runs, on_days = [], []
    for seed in range(14):
        calm = fleet(days=14, seed=seed, end=date(2026, 11, 16), faults=())
        runs = calm.executions.filter(status="completed").with_columns(
            second=pl.col("started_at") >= calm.start + timedelta(days=7), slow=pl.col("duration_ms").log()
        )
        for _, group in runs.group_by("workflow_id", maintain_order=True):
            weeks = [group.filter(pl.col("second") == second) for second in (False, True)]
            first, second = (week["slow"].to_numpy() for week in weeks)
            on_runs.append(mannwhitneyu(first, second).pvalue < 0.05)
            days = [
                week.group_by(pl.col("started_at").dt.date())
                .agg(pl.col("slow").mean(), n=pl.len())
                .filter(pl.col("n") >= 5)
                for week in weeks
            ]
            first, second = (day["slow"].to_numpy() for day in days)
            on_days.append(ttest_ind(first, second, equal_var=False).pvalue < 0.05)
    share, level = float(np.mean(on_runs)), float(np.mean(on_days))
    print(f"week against week, nothing changed, {len(on_runs)} comparisons:")  # noqa: T201 - wanted
    print(f"  Mann-Whitney on runs rejects {share:.0%}, Welch's t on daily means {level:.0%}")  # noqa: T201 - wanted
    assert share >= 0.25
    assert binomtest(sum(on_days), len(on_days), 0.05, alternative="greater").pvalue > 0.01


def test_runs_lie_within_the_time_asked_for() -> None:
    end = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)
    simulated = fleet(days=2, workflows=4, seed=0, end=end, faults=())
    assert (simulated.start, simulated.end) == (end - timedelta(days=2), end)
    assert simulated.executions["queued_at"].min() >= simulated.start  # type: ignore[operator]
    assert simulated.executions["completed_at"].max() <= end  # type: ignore[operator]


def test_the_default_end_is_todays_midnight() -> None:
    simulated = fleet(days=1, workflows=1)
    assert simulated.end == datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC)


def test_a_fleet_with_hardly_any_work_has_empty_frames_of_the_right_columns() -> None:
    idle = fleet(days=1, workflows=2, end=END, runs_per_day=0.001)
    assert (idle.executions.height, idle.steps.height, idle.recoveries.height) == (0, 0, 0)
    assert tuple(idle.steps.columns) == TABLES["steps"].names


def test_volume_is_what_was_asked_for() -> None:
    simulated = fleet(days=28, workflows=10, seed=1, end=END, runs_per_day=200, faults=())
    assert simulated.executions.height / 28 / 10 == pytest.approx(200, rel=0.25)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"days": 0}, "days is 0, expected a whole number from 1 to 3660"),
        ({"workflows": True}, "workflows is True, expected a whole number"),
        ({"seed": -1}, "seed is -1, expected"),
        ({"runs_per_day": float("nan")}, "runs_per_day is nan, expected a number greater than 0"),
        ({"day_sd": 2}, "day_sd is 2, expected a number from 0 to 1"),
        ({"tz": "Europe/Atlantis"}, "tz 'Europe/Atlantis' is no time zone"),
        ({"releases_per_month": -1}, "releases_per_month is -1, expected a number from 0 to 1000"),
        ({"flaws": Flaws(abandoned=2)}, "abandoned is 2, expected a fraction from 0 to 1"),
        ({"flaws": Flaws(clock_skew_sec={"vm-rpa-01": 1e9})}, "clock_skew_sec of vm-rpa-01 is 1000000000.0, expected"),
        ({"end": datetime(2026, 11, 2)}, "end 2026-11-02 00:00 has no time zone"),  # noqa: DTZ001
    ],
)
def test_an_argument_that_makes_no_sense_is_named(options: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        fleet(**options)  # type: ignore[arg-type]
