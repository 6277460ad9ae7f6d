"""Promises, and what became of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.cases import chains, fold_cases, single_cases
from rpa_lab.analysis.service_levels import OUTCOMES, judged, service_levels
from rpa_lab.analysis.working_time import WorkingTime, working_time
from rpa_lab.period import Span
from rpa_lab.storage.settings_calendar import Calendar
from rpa_lab.storage.settings_targets import CompletedBy, Completes, SlaTarget, Within
from tests import oracles, strategies

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
HOUR_MS = 3_600_000.0


def _counts(
    target: SlaTarget, runs: pl.DataFrame, *, now: datetime = NOW, working: WorkingTime | None = None, tz: str = "UTC"
) -> dict[str, tuple[int, ...]]:
    frame = runs.lazy().with_columns(touched=pl.lit(value=False))
    members = chains(runs.select("execution_id", "rerun_of").drop_nulls()).lazy()
    chained = fold_cases(frame.join(members, on="execution_id"), by=["workflow_id"])
    folded = pl.concat([chained, single_cases(frame.join(members, on="execution_id", how="anti"), by=["workflow_id"])])
    how: dict[str, Any] = {"now": now, "working": working or WorkingTime(), "tz": tz, "day_tz": "UTC"}
    table = judged([target], executions=frame, cases=folded, **how).collect()
    table = table.group_by("workflow_id").agg(pl.col(OUTCOMES).sum())
    return {row[0]: row[1:] for row in table.select("workflow_id", *OUTCOMES).rows()}


@given(
    strategies.sla_targets(),
    strategies.worked_runs(),
    strategies.moments(),
    st.none() | strategies.calendars(),
    st.sampled_from(strategies.ZONES),
)
def test_judgement_is_the_naive_twins(
    target: SlaTarget, runs: pl.DataFrame, now: datetime, calendar: Calendar | None, tz: str
) -> None:
    working = working_time(calendar, Span(datetime(2026, 10, 23, tzinfo=UTC), datetime(2026, 10, 28, tzinfo=UTC)))
    stretches = oracles.shifts(calendar, date(2026, 10, 18), date(2026, 11, 4), tz="UTC") if calendar else None
    how: dict[str, Any] = {"now": now, "stretches": stretches, "tz": tz}
    rows, began = runs.to_dicts(), oracles.cases(runs.to_dicts())
    expected = {
        name: tuple(oracles.kept_promises(target, rows, began, workflow_id=name, **how).values())
        for name in runs["workflow_id"].unique()
        if target.workflow_id in (None, name)
    }
    # a workflow whose runs only repeat those of another has no case to judge
    assert _counts(target, runs, now=now, working=working, tz=tz) == {
        name: counts for name, counts in expected.items() if any(counts)
    }


def _run(status: str, *, queued: str | None, started: str, minutes: float | None, **more: Any) -> dict[str, Any]:
    begun = datetime(2026, 11, 3, int(started[:2]), int(started[3:]), tzinfo=UTC)
    ended = begun + timedelta(minutes=minutes) if minutes is not None else None
    return {
        "execution_id": started,
        "workflow_id": "w",
        "status": status,
        "queued_at": datetime(2026, 11, 3, int(queued[:2]), int(queued[3:]), tzinfo=UTC) if queued else None,
        "started_at": begun,
        "completed_at": ended if status not in ("running", "abandoned") else None,
        "duration_ms": minutes * 60_000 if minutes is not None and status not in ("running", "abandoned") else None,
        "last_seen_at": ended if status == "abandoned" else None,
        **more,
    }


def _runs(*rows: dict[str, Any]) -> pl.DataFrame:
    seen = pl.Series("last_seen_at", [row.pop("last_seen_at") for row in rows], dtype=pl.Datetime("us", "UTC"))
    return strategies.frame("executions", list(rows)).with_columns(seen)


@pytest.mark.parametrize(
    ("promise", "expected"),
    [
        # met: 08:00; breaches: 09:00 (too long), 10:00 (runs for two hours), 10:30 (lived for 61 minutes);
        # open: 11:30; not to judge: 11:00, which failed early
        (Within(measure="duration", limit_ms=HOUR_MS), (1, 3, 1, 1)),
        # three waited for no more than half an hour, two for longer, of one it isn't known
        (Within(measure="queue_wait", limit_ms=HOUR_MS / 2), (3, 2, 0, 1)),
        # 08:00 took 90 minutes, 09:00 three hours; 10:00 has been due since 11:00, 10:30 is until now, 11:30 later
        (Within(measure="turnaround", limit_ms=2 * HOUR_MS), (1, 2, 2, 1)),
        (CompletedBy(clock=time(11, 0)), (1, 3, 2, 0)),
        (Completes(), (2, 2, 2, 0)),
    ],
)
def test_six_executions_by_hand(promise: Any, expected: tuple[int, ...]) -> None:
    runs = _runs(
        _run("completed", queued="07:15", started="08:00", minutes=45),
        _run("completed", queued="09:00", started="09:00", minutes=180),
        _run("running", queued="09:00", started="10:00", minutes=None),
        _run("abandoned", queued="10:00", started="10:30", minutes=61),
        _run("failed", queued=None, started="11:00", minutes=10),
        _run("running", queued="11:30", started="11:30", minutes=None),
    )
    assert _counts(SlaTarget(name="t", promise=promise), runs) == {"w": expected}


def test_a_rerun_can_keep_what_a_failure_left_open() -> None:
    target = SlaTarget(name="t", promise=Within(measure="turnaround", limit_ms=2 * HOUR_MS))
    failed = _run("failed", queued="11:00", started="11:00", minutes=10)
    assert _counts(target, _runs(dict(failed))) == {"w": (0, 0, 1, 0)}
    again = _run("completed", queued="11:30", started="11:40", minutes=10, rerun_of="11:00")
    assert _counts(target, _runs(dict(failed), again)) == {"w": (1, 0, 0, 0)}


def test_the_time_of_day_is_that_of_the_zone_over_the_change_of_its_clock() -> None:
    target = SlaTarget(name="t", promise=CompletedBy(clock=time(6, 0)))
    night = _run("completed", queued=None, started="08:00", minutes=0.0)
    begun = datetime(2026, 10, 24, 21, tzinfo=UTC)  # 23:00 in Paris; 06:00 there is 05:00 UTC once clocks went back
    for minutes, outcome in ((480, (1, 0, 0, 0)), (481, (0, 1, 0, 0))):
        run = dict(night) | {"started_at": begun, "completed_at": begun + timedelta(minutes=minutes)}
        assert _counts(target, _runs(run), tz="Europe/Paris") == {"w": outcome}


def test_the_table_says_how_sure_one_can_be() -> None:
    targets = [SlaTarget(name="a", promise=Completes(), share=90.0), SlaTarget(name="b", promise=Completes())]
    counts = pl.DataFrame(
        {
            "target": [1, 0],
            "workflow_id": ["w", "w"],
            "day": [date(2026, 11, 3)] * 2,
            "met": [0, 18],
            "breaches": [0, 2],
            "open": [3, 0],
            "unjudged": 0,
        }
    )
    first, second = service_levels(counts, targets).to_dicts()
    assert (first["target"], first["n"], first["kept_percent"], first["kept"]) == ("a", 20, 90.0, True)
    assert (round(first["low"], 1), round(first["high"], 1), first["basis"]) == (69.9, 97.2, "these runs only")
    assert (second["kept_percent"], second["low"], second["basis"], second["kept"]) == (None, None, None, None)
