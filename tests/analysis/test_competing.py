"""Time to completion with competing events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from rpa_lab.analysis.competing import CAUSES, cumulative_incidence, median_time, watched
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.errors import InputError
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies

if TYPE_CHECKING:
    from pathlib import Path

Z = 1.959963984540054


def _frame(runs: list[tuple[float, str]]) -> pl.DataFrame:
    return pl.DataFrame(runs, schema={"time_ms": pl.Float64, "cause": pl.String}, orient="row")


@given(strategies.watched_runs())
def test_shares_are_those_of_fractions_added_up_one_by_one(runs: list[tuple[float, str]]) -> None:
    curve = cumulative_incidence(_frame(runs))

    for cause in CAUSES:
        expected = oracles.incidence(runs, cause=cause)
        assert curve["time_ms"].to_list() == list(expected)
        assert curve[f"{cause}_share"].to_list() == pytest.approx([float(share) for share in expected.values()])
    rest = 1 - sum(curve[f"{cause}_share"].to_numpy() for cause in CAUSES)
    assert curve["in_progress"].to_numpy() == pytest.approx(rest)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:statsmodels.*")  # where all that are left end at once
@given(strategies.watched_runs(min_size=1))
def test_shares_and_bounds_are_statsmodels(runs: list[tuple[float, str]]) -> None:
    if not any(cause == "completed" for _, cause in runs):
        return
    table = _frame(runs)
    code = table["cause"].replace_strict({"censored": 0, "completed": 1, "failed": 2, "cancelled": 3})
    theirs = CumIncidenceRight(table["time_ms"].to_numpy(), code.to_numpy())
    at = pl.DataFrame({"time_ms": theirs.times, "share": theirs.cinc[0], "error": theirs.cinc_se[0]})
    both = cumulative_incidence(table).join(at, on="time_ms", how="inner", validate="1:1")

    assert both["completed_share"].to_list() == pytest.approx(both["share"].to_list(), abs=1e-12)
    known = both.filter(pl.col("completed_low").is_not_null() & pl.col("error").is_finite())
    share = known["share"].to_numpy()
    spread = Z * known["error"].to_numpy() / (share * -np.log(share))
    assert known["completed_low"].to_list() == pytest.approx(list(share ** np.exp(spread)), abs=1e-6)
    assert known["completed_high"].to_list() == pytest.approx(list(share ** np.exp(-spread)), abs=1e-6)


@given(strategies.watched_runs(min_size=1))
def test_without_competition_it_is_one_minus_kaplan_meier(runs: list[tuple[float, str]]) -> None:
    table = _frame([(time, "completed" if cause != "censored" else cause) for time, cause in runs])
    curve = cumulative_incidence(table)
    events = table["cause"] == "completed"
    if events.any():
        survival = SurvfuncRight(table["time_ms"].to_numpy(), events.cast(pl.Int64).to_numpy())
        ours = curve.filter(pl.col("time_ms").is_in(survival.surv_times.tolist()))["completed_share"]
        assert ours.to_list() == pytest.approx(list(1 - survival.surv_prob), abs=1e-9)


@given(st.lists(st.sampled_from(CAUSES), min_size=1, max_size=40))
def test_without_censoring_it_is_the_plain_share_with_its_binomial_variance(causes: list[str]) -> None:
    n = len(causes)
    curve = cumulative_incidence(_frame([(float(number), cause) for number, cause in enumerate(causes)]))

    done = np.cumsum([cause == "completed" for cause in causes])
    assert curve["completed_share"].to_list() == pytest.approx(list(done / n))
    for share, low in curve.select("completed_share", "completed_low").rows():
        if low is not None:
            error = (share * (1 - share) / n) ** 0.5
            assert low == pytest.approx(share ** np.exp(Z * error / (share * -np.log(share))))


@given(strategies.watched_runs(min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_runs_makes_no_difference(runs: list[tuple[float, str]], chance: Any) -> None:
    shuffled = list(runs)
    chance.shuffle(shuffled)

    assert cumulative_incidence(_frame(runs)).equals(cumulative_incidence(_frame(shuffled)))


def test_the_median_by_hand() -> None:
    runs = [(float(minute), "completed") for minute in range(1, 41)]
    curve = cumulative_incidence(_frame(runs))
    median, low, high = median_time(curve)

    assert median == 20.0
    assert low is not None
    assert high is not None
    assert low < 20.0 < high
    assert median_time(cumulative_incidence(_frame([(1.0, "completed"), (2.0, "failed"), (3.0, "failed")])))[0] is None
    assert median_time(cumulative_incidence(_frame([]))) == (None, None, None)


def test_who_is_censored_when_another_ends_was_still_watched() -> None:
    curve = cumulative_incidence(_frame([(1.0, "censored"), (1.0, "completed")]))

    assert curve.select("at_risk", "completed_share").row(0) == (2, 0.5)


def test_runs_are_watched_to_their_end_to_now_or_to_their_last_sign_of_life() -> None:
    at, none = datetime(2026, 11, 3, tzinfo=UTC), None
    minute = timedelta(minutes=1)
    executions = pl.LazyFrame(
        {
            "status": ["completed", "cancelled", "running", "abandoned", "failed"],
            "duration_ms": [5.0, none, none, none, none],
            "started_at": [at, at, at, at, none],
            "completed_at": [at, at + minute, none, none, at],
            "last_seen_at": [none, none, at, at + 2 * minute, none],
        },
        schema_overrides=dict.fromkeys(("started_at", "completed_at", "last_seen_at"), pl.Datetime("us", "UTC")),
    )

    assert watched(executions, as_of=at + 10 * minute).collect().select("time_ms", "cause").rows() == [
        (5.0, "completed"),
        (60_000.0, "cancelled"),
        (600_000.0, "censored"),
        (120_000.0, "censored"),
        (None, "failed"),
    ]


def test_a_workflows_time_to_completion_by_hand(root: Path) -> None:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    ends = [("completed", 1), ("failed", 2), ("completed", 3), ("completed", 4)]
    rows = [
        {
            "execution_id": status + str(minutes),
            "workflow_id": "w",
            "status": status,
            "started_at": at,
            "completed_at": at + timedelta(minutes=minutes),
            "duration_ms": minutes * 60_000.0,
        }
        for status, minutes in ends
    ]
    store = TimeSeriesStore(root, as_of=at + timedelta(hours=1))
    store.write_frame("executions", pl.DataFrame(rows))
    found = ReliabilityAnalyzer(store).time_to_completion("w", "2026-11")

    assert (found.n, found.completed, found.failed, found.unknown, found.median_ms) == (4, 3, 1, 0, 180_000.0)
    assert found.about == "these runs only"
    shares = [found.completed_by(minutes * 60_000) for minutes in (0.5, 1, 3.5, 100)]
    assert [share[0] for share in shares if share] == [0.0, 0.25, 0.5, 0.75]
    assert found.to_frame() is found.curve
    with pytest.raises(InputError, match="time_ms is -1, expected milliseconds, 0 or more"):
        found.completed_by(-1)


def test_beyond_what_was_watched_nothing_is_claimed(root: Path) -> None:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    base = {"workflow_id": "w", "started_at": at}
    done = {"completed_at": at + timedelta(minutes=1), "duration_ms": 60_000.0, "status": "completed"}
    store = TimeSeriesStore(root, as_of=at + timedelta(minutes=10))
    rows = [
        {"execution_id": "a", **base, **done},
        {"execution_id": "b", **base, "completed_at": None, "duration_ms": None, "status": "running"},
    ]
    store.write_frame("executions", pl.DataFrame(rows, infer_schema_length=None))
    found = ReliabilityAnalyzer(store).time_to_completion("w", "2026-11")

    assert (found.running, found.median_ms) == (1, 60_000.0)
    assert found.completed_by(11 * 60_000) is None
