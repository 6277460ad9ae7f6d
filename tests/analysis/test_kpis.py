"""Key figures of whole stores: by hand, against naive twins, and of fleets whose truth is known."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab import TimeSeriesStore
from rpa_lab.analysis.kpis import KpiAnalyzer
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Period
from rpa_lab.schema import table_named
from rpa_lab.simulate import Flaws, fleet
from rpa_lab.storage.settings_calendar import Calendar
from rpa_lab.storage.settings_targets import SlaTarget
from tests import oracles, strategies
from tests.storage.settings_text import settings_toml

DAY = datetime(2026, 11, 3, tzinfo=UTC)
SIX = [
    # id, workflow, status, queued, started, minutes, robot, rerun_of
    ("a", "invoices", "completed", "07:50", "08:00", 30, "r1", None),
    ("b", "invoices", "failed", "07:50", "08:20", 20, "r1", None),
    ("c", "invoices", "completed", "08:50", "09:00", 60, "r1", "b"),
    ("d", "invoices", "completed", "17:00", "18:30", 60, "r2", None),
    ("e", "orders", "completed", None, "12:00", 120, "r2", None),
    ("f", "orders", "cancelled", None, "23:30", 60, "r2", None),
]
SETTINGS = """
[calendar]
workdays = "mon-fri"
hours = "08:00-18:00"

[[sla]]
workflow = "invoices"
queue_wait = "20min"

[[sla]]
duration = "1h"

[cost]
currency = "EUR"
employee_per_hour = 40
robot_per_month = 730.5
manual_minutes = 30
[cost.exception_minutes]
invoices = 10
"""


def _at(clock: str | None) -> datetime | None:
    return DAY + timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) if clock else None


def _store(root: Path, settings: str = "") -> TimeSeriesStore:
    store = TimeSeriesStore(root, as_of=datetime(2026, 12, 1, tzinfo=UTC))
    runs = []
    for name, workflow, status, queued, started, minutes, robot, rerun_of in SIX:
        begun = _at(started)
        runs.append(
            {
                "execution_id": name,
                "workflow_id": workflow,
                "status": status,
                "queued_at": _at(queued),
                "started_at": begun,
                "completed_at": begun + timedelta(minutes=minutes) if begun else None,
                "duration_ms": minutes * 60_000.0,
                "robot_id": robot,
                "rerun_of": rerun_of,
            }
        )
    steps = [
        {
            "execution_id": name,
            "workflow_id": workflow,
            "node_id": "open",
            "action_type": "click",
            "started_at": _at(started),
            "completed_at": _at(started),
            "duration_ms": 1.0,
            "status": "completed",
            "retry_count": int(name == "d"),
            "step_index": 0,
        }
        for name, workflow, _, _, started, _, _, _ in SIX
    ]
    store.write_frame("executions", pl.DataFrame(runs, schema_overrides={"queued_at": pl.Datetime("us", "UTC")}))
    store.write_frame("steps", pl.DataFrame(steps))
    (root / "rpa_lab.toml").write_text(settings)
    return store


def test_six_executions_by_hand_without_any_settings(root: Path) -> None:
    found = KpiAnalyzer(_store(root)).kpis(period="2026-11-03")
    value = {row["name"]: row["value"] for row in found.figures.to_dicts()}

    assert (found.executions, found.completed, found.failed, found.cancelled, found.cases) == (6, 4, 1, 1, 5)
    assert value["throughput"] == pytest.approx(4 / 24)  # the 24 hours of the day; f ends after it, and isn't completed
    # r1: 08:00-08:40 (a and b overlap) and 09:00-10:00; r2: 18:30-19:30, 12:00-14:00 and 23:30 to midnight
    assert value["utilisation"] == pytest.approx((100 + 210) / (2 * 24 * 60) * 100)
    assert value["in_progress"] == pytest.approx((30 + 20 + 60 + 60 + 120 + 30) / (24 * 60))
    assert value["aht"] == pytest.approx(350 / 6 * 60_000)
    assert value["case_aht"] == pytest.approx(350 / 5 * 60_000)
    assert value["queue_wait"] == pytest.approx((10 + 30 + 10 + 90) / 4 * 60_000)
    assert value["success_rate"] == pytest.approx(400 / 6)
    assert value["straight_through"] == pytest.approx(200 / 5)  # a and e: b was run again, d was retried
    assert value["step_retry_rate"] == value["retry_rate"] == pytest.approx(100 / 6)
    for name in ("hours_replaced", "hours_saved", "benefit", "cost", "roi"):
        assert value[name] is None
        assert "set " in found.figure(name).note
        assert "rpa_lab.toml" in found.figure(name).note
    assert "known of 4 of 6 executions" in found.figure("queue_wait").note
    assert not found.has_calendar
    assert found.service_levels.is_empty()
    assert found.warnings == ()


def test_six_executions_by_hand_over_a_calendar_with_targets_and_costs(root: Path) -> None:
    analyzer = KpiAnalyzer(_store(root, SETTINGS))
    found = analyzer.kpis("invoices", "2026-11-03")
    value = {row["name"]: row["value"] for row in found.figures.to_dicts()}

    assert (found.hours, found.working_hours) == (24.0, 10.0)
    assert value["throughput_in_hours"] == pytest.approx(2 / 10)  # a and c; d completed at 19:30
    assert value["utilisation"] == pytest.approx(100 / (2 * 600) * 100)
    # a: 08:00 to 08:00, b: 20 min, c: 10 min, d: 17:00 to 18:00
    assert value["queue_wait"] == pytest.approx((0 + 20 + 10 + 60) / 4 * 60_000)
    levels = found.service_levels
    assert levels.select("target", "n", "met", "breaches", "unjudged", "kept").rows() == [
        ("queue wait ≤ 20min", 4, 3, 1, 0, False),
        ("duration ≤ 1h", 3, 3, 0, 1, True),  # b failed within the hour: neither kept nor broken
    ]
    assert levels["low"][0] == pytest.approx(30.06, abs=0.01)  # Wilson, 3 of 4
    assert value["hours_saved"] == value["hours_replaced"] == 1.5  # three cases of half an hour; none was left over
    # two robots for a thirtieth-and-a-bit of a month; by time at work invoices have 170 of 320 minutes
    assert value["cost"] == pytest.approx(2 * 730.5 * 24 / 730.5 * 170 / 320)
    assert value["roi"] == pytest.approx((60 - 25.5) / 25.5 * 100)

    whole = analyzer.kpis(period="2026-11-03")
    assert whole.figure("hours_replaced").value == 2.0
    assert whole.figure("roi").value is None
    assert "without 1 of 2 workflows, for which cost.exception_minutes isn't set: orders" in whole.figure("roi").note
    assert whole.service_levels.select("target", "workflow_id", "n").rows() == [
        ("queue wait ≤ 20min", "invoices", 4),
        ("duration ≤ 1h", None, 4),
    ]
    by_target = analyzer.service_levels("2026-11-03").select("target", "workflow_id", "n").rows()
    assert by_target == [
        ("queue wait ≤ 20min", "invoices", 4),  # it is of no other
        ("duration ≤ 1h", "invoices", 3),
        ("duration ≤ 1h", "orders", 1),  # f was cancelled within the hour
        ("duration ≤ 1h", None, 4),
    ]


def test_the_table_of_workflows_says_what_each_says_alone(root: Path) -> None:
    analyzer = KpiAnalyzer(_store(root, SETTINGS))
    table = analyzer.workflows("2026-11-03")

    assert table["workflow_id"].to_list() == ["invoices", "orders"]
    for row in table.to_dicts():
        alone = analyzer.kpis(row["workflow_id"], "2026-11-03")
        pairs = {"throughput": "per_hour", "utilisation": "utilisation", "aht": "aht_ms", "cost": "cost"}
        pairs |= {"straight_through": "straight_through_percent", "queue_wait_p95": "wait_p95_ms", "roi": "roi_percent"}
        pairs |= {"retry_rate": "retry_percent", "step_retry_rate": "step_retry_percent"}
        for name, column in pairs.items():
            assert alone.figure(name).value == row[column]
    assert table["cost"].sum() == pytest.approx(analyzer.kpis(period="2026-11-03").figure("cost").value)
    assert table.select("sla_n", "sla_breaches").rows() == [(7, 1), (1, 1)]
    robots = analyzer.robots("2026-11-03")
    assert robots.select("robot", "executions", "busy_ms").rows() == [("r2", 3, 210 * 6e4), ("r1", 3, 100 * 6e4)]


def test_without_recorded_steps_nobody_knows_of_retries(root: Path) -> None:
    store = _store(root)
    bare = TimeSeriesStore(root / "bare", as_of=store.now)
    bare.write_frame("executions", store.scan("executions").collect().select(table_named("executions").names))

    assert KpiAnalyzer(bare).kpis(period="2026-11-03").figure("retry_rate").value is None
    assert KpiAnalyzer(bare).workflows("2026-11-03")["retry_percent"].null_count() == 2


def test_what_went_straight_through_went_well_at_the_first_attempt_however_long_it_took(root: Path) -> None:
    store, long_after = _store(root), DAY + timedelta(days=4)
    run = {"execution_id": "g", "workflow_id": "orders", "started_at": DAY + timedelta(hours=8), "status": "completed"}
    step = {"node_id": "open", "action_type": "click", "step_index": 0, "retry_count": 1, "started_at": long_after}
    step |= {"execution_id": "g", "workflow_id": "orders", "completed_at": long_after, "status": "completed"}
    store.write_frame("executions", pl.DataFrame([run | {"completed_at": long_after, "duration_ms": 88 * 3.6e6}]))
    store.write_frame("steps", pl.DataFrame([step | {"duration_ms": 1.0}]))
    found = KpiAnalyzer(store).kpis("orders", "2026-11-03")
    first = ReliabilityAnalyzer(store).analyze("orders", "2026-11-03")

    assert found.figure("straight_through").value == first.first_attempt_rate == pytest.approx(100 / 3)


def test_the_edges_of_a_period_cut_what_lies_across_them(root: Path) -> None:
    found = KpiAnalyzer(_store(root)).kpis(period="2026-11-03T08:30Z/2026-11-03T09:30Z")
    value = {row["name"]: row["value"] for row in found.figures.to_dicts()}

    assert found.executions == 1  # c started within
    assert value["utilisation"] == pytest.approx((10 + 30) / 60 * 100)
    assert value["throughput"] == 1.0  # a, which began before, completed at 08:30


def test_a_period_without_runs_is_no_error_and_an_unknown_workflow_is(root: Path) -> None:
    analyzer = KpiAnalyzer(_store(root, SETTINGS))
    for workflow_id in (None, "invoices"):
        nothing = analyzer.kpis(workflow_id, "2026-11-10")
        assert (nothing.executions, nothing.cases, nothing.robots.height) == (0, 0, 0)
        assert nothing.figure("throughput").value in (None, 0.0)
        assert nothing.figure("utilisation").value is None
        assert nothing.figure("success_rate").value is None
    assert analyzer.workflows("2026-11-10").is_empty()
    with pytest.raises(UnknownNameError, match=r"the store has no workflow 'invoice'; did you mean 'invoices'\?"):
        analyzer.kpis("invoice")
    with pytest.raises(UnknownNameError, match=r"there is no key figure 'utilization'; did you mean 'utilisation'"):
        analyzer.kpis().figure("utilization")
    with pytest.raises(InputError, match="workflow_id is 5, expected the name of a workflow"):
        analyzer.kpis(5)  # type: ignore[arg-type]


def test_an_empty_store_and_the_future_have_no_figures(root: Path) -> None:
    found = KpiAnalyzer(TimeSeriesStore(root, as_of=DAY)).kpis(period="2027-01")
    assert (found.executions, found.hours) == (0, 0.0)
    assert found.figures["value"].drop_nulls().is_empty()


def test_a_result_shows_itself_and_becomes_data(root: Path) -> None:
    found = KpiAnalyzer(_store(root, SETTINGS)).kpis(period="2026-11-03")
    assert found.to_frame() is found.figures
    assert json.loads(json.dumps(found.to_dict()))["figures"][0]["name"] == "throughput"
    assert "Straight through" in found._repr_html_()


def test_doubts_are_said(root: Path) -> None:
    store = _store(root, '[[sla]]\nworkflow = "invoice"\nsuccess_rate = 98\n[cost.manual_minutes]\norder = 5\n')
    at = DAY + timedelta(hours=10)
    doubtful = {
        "execution_id": ["x", "y"],
        "workflow_id": ["orders"] * 2,
        "status": ["completed"] * 2,
        "queued_at": [at + timedelta(seconds=2), None],
        "started_at": [at, at],
        "completed_at": [at, None],
        "duration_ms": [0.0, None],
    }
    store.write_frame("executions", pl.DataFrame(doubtful))
    found = KpiAnalyzer(store).kpis(period="2026-11-03")

    assert found.warnings == (
        "rpa_lab.toml: sla names 'invoice', which has no executions in this period",
        "rpa_lab.toml: cost.manual_minutes names 'order', which has no executions in this period",
        "of 1 executions start or end is unknown: busy times are without them",
        "1 executions name no robot and no host: busy times are without them",
        "1 executions started before they were queued (clocks differ): their waits count as 0",
    )
    assert "1 ended executions of unknown duration are not in it" in found.figure("aht").note
    early = KpiAnalyzer(store.seen(as_of=DAY + timedelta(hours=12))).kpis(period="2026-11")
    assert early.warnings[-1] == "the period isn't over: figures are those until 2026-11-03 12:00 UTC"
    assert early.hours == 60.0
    today = KpiAnalyzer(store.seen(as_of=DAY + timedelta(hours=23))).kpis(period="2026-11-03")
    assert today.warnings[-1] == "the period isn't over: figures are those until 2026-11-03 23:00 UTC"


@settings(max_examples=20)
@given(
    strategies.worked_runs(derived=False),
    st.sets(st.integers(0, 11), max_size=3),
    st.sets(st.integers(0, 11), max_size=3),
    st.none() | strategies.calendars(),
    st.lists(strategies.sla_targets(), max_size=3),
    strategies.moments(),
    st.sampled_from(["2026-10-24/2026-10-26", "2026-10-25", "2026-10-20/2026-11-01"]),
)
def test_random_stores_against_the_naive_twin(
    runs: pl.DataFrame,
    retried: set[int],
    recovered: set[int],
    calendar: Calendar | None,
    targets: list[SlaTarget],
    now: datetime,
    period: str,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = TimeSeriesStore(folder, as_of=now)
        if runs.height:
            store.write_frame("executions", runs)
            _write_steps(store, runs, retried, recovered)
        (Path(folder) / "rpa_lab.toml").write_text(settings_toml("Europe/Paris", calendar, targets))
        analyzer, span = KpiAnalyzer(store), Period(period).resolve(tz="Europe/Paris")
        rows = store.read("executions", "2026-09-01/2026-12-20").to_dicts()
        days = (date(2026, 10, 18), date(2026, 11, 4))
        stretches = oracles.shifts(calendar, *days, tz="Europe/Paris") if calendar else None
        table = analyzer.workflows(span)
        whole = analyzer.kpis(period=span)
        levels = analyzer.service_levels(span).filter(pl.col("workflow_id").is_not_null())

    touched = [{f"e{number}" for number in numbers} for numbers in (retried, recovered)]

    def twin(workflow_id: str | None) -> dict[str, Any]:
        return oracles.workload(
            rows,
            workflow_id=workflow_id,
            retried=touched[0],
            recovered=touched[1],
            start=span.start,
            end=span.end,
            now=now,
            stretches=stretches,
        )

    for row in table.to_dicts():
        expected = twin(row["workflow_id"])
        assert {name: row[name] for name in expected} == {name: _close(value) for name, value in expected.items()}
    expected = twin(None)
    hours = max(0.0, (min(span.end, now) - span.start).total_seconds()) / 3600
    worked = oracles.worked_seconds(span.start, max(span.start, min(span.end, now)), stretches)
    pairs = {name: expected[f"{name}_ms"] for name in ("aht", "aht_median", "case_aht")}
    pairs |= {"queue_wait": expected["wait_mean_ms"], "queue_wait_p95": expected["wait_p95_ms"]}
    pairs["throughput"] = expected["completed_within"] / hours if hours and rows else None
    pairs["straight_through"] = _percent(expected["straight_through"], expected["cases"])
    pairs["utilisation"] = _percent(expected["busy_in_hours_ms"], expected["robots"] * worked * 1000)
    for name, value in pairs.items():
        found = whole.figure(name).value
        assert found == _close(value) or (name == "throughput" and not found and not value)
    of_period = [run for run in rows if span.start <= (run["started_at"] or run["completed_at"]) < span.end]
    began = oracles.cases_began(rows, start=span.start, end=span.end, workflow_id=None)
    how: dict[str, Any] = {"now": now, "stretches": stretches, "tz": calendar.tz if calendar else "Europe/Paris"}
    told = [
        (target.name, name, *oracles.kept_promises(target, of_period, began, workflow_id=name, **how).values())
        for target in targets
        for name in sorted({run["workflow_id"] for run in of_period})
        if target.workflow_id in (None, name)
    ]
    outcomes = ("met", "breaches", "open", "unjudged")  # a target of a workflow that didn't run has none of them
    counted = levels.filter(pl.sum_horizontal(outcomes) > 0).select("target", "workflow_id", *outcomes).rows()
    # a workflow whose only cases began before the period has none to judge
    assert sorted(counted) == sorted(row for row in told if any(row[2:]))


def _close(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-3)


def _percent(part: float, whole: float) -> float | None:
    return part / whole * 100 if whole else None


def _write_steps(store: TimeSeriesStore, runs: pl.DataFrame, retried: set[int], recovered: set[int]) -> None:
    begun = runs.select(
        "execution_id", "workflow_id", started_at=pl.coalesce("started_at", "completed_at", "queued_at")
    ).drop_nulls()
    number = pl.col("execution_id").str.slice(1).cast(pl.Int64)
    common = begun.with_columns(completed_at="started_at", node_id=pl.lit("open"), status=pl.lit("completed"))
    steps = common.with_columns(
        action_type=pl.lit("click"), step_index=pl.lit(0), retry_count=number.is_in(list(retried)).cast(pl.Int64)
    )
    healed = common.filter(number.is_in(list(recovered))).with_columns(
        status=pl.lit("failed"), strategy=pl.lit("wait_and_retry")
    )
    for table, frame in (("steps", steps), ("recoveries", healed)):
        if frame.height:
            store.write_frame(table, frame)


def test_a_simulated_fleet_is_as_busy_as_it_was_made(root: Path) -> None:
    made = fleet(7, 3, 11, end=date(2026, 11, 2), faults=(), runs_per_day=400, flaws=Flaws())
    store = TimeSeriesStore(root, as_of=datetime(2026, 11, 3, tzinfo=UTC))
    made.write(store)
    found = KpiAnalyzer(store).kpis(period="2026-10-26/2026-11-02")
    runs = made.executions

    # a robot does one run at a time: its busy time is the sum of its runs
    busy_ms = runs["duration_ms"].sum()
    assert found.robots["busy_ms"].sum() == pytest.approx(busy_ms, rel=1e-9)
    robots = runs["robot_id"].n_unique()
    assert found.figure("utilisation").value == pytest.approx(busy_ms / (robots * 7 * 86_400_000) * 100, rel=1e-9)
    waits = (runs["started_at"] - runs["queued_at"]).dt.total_microseconds() / 1000
    assert found.figure("queue_wait").value == pytest.approx(waits.mean(), rel=1e-9)
    assert found.figure("queue_wait_p95").value == pytest.approx(waits.quantile(0.95, "linear"), rel=1e-9)
    # Little's law: on average as much is under way as arrives in an hour, times the hours that it takes
    ended_per_hour = runs.height / (7 * 24)
    hours = found.figure("aht").value
    assert hours is not None
    assert found.figure("in_progress").value == pytest.approx(ended_per_hour * hours / 3_600_000, rel=1e-3)
    retried = made.steps.filter(pl.col("retry_count") > 0)["execution_id"].n_unique()
    assert found.figure("retry_rate").value == pytest.approx(retried / runs.height * 100)
