from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from rpa_lab.analysis.attribution import chance, period_work
from rpa_lab.analysis.attribution.analyzer import Attribution, AttributionAnalyzer
from rpa_lab.analysis.changes import ChangePoint, RecordedChange
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.simulate import SlowStep, fleet
from rpa_lab.storage.store import TimeSeriesStore
from tests import oracles, strategies
from tests.analysis.attribution.recorded import START, days_of, run_of, store_of

BEFORE, NOW = "2026-10", "2026-11"


def _attribute(store: TimeSeriesStore, **said: Any) -> Attribution:
    return AttributionAnalyzer(store).attribute("w", BEFORE, NOW, **said)


def _part(found: Attribution, kind: str, node: str | None = None) -> dict[str, Any]:
    return found.parts.filter((pl.col("kind") == kind) & pl.col("node_id").eq_missing(pl.lit(node))).row(0, named=True)


def test_six_runs_by_hand(tmp_path: Path) -> None:
    runs = [
        run_of("a", 0, 10_000, [("open", 2_000, 0), ("submit", 4_000, 0)]),
        run_of("b", 1, 10_000, [("open", 2_000, 0), ("submit", 4_000, 0)]),
        run_of("c", 2, 99_000, [("open", 2_000, 0)], status="failed"),
        run_of("d", 31, 11_000, [("open", 2_000, 0), ("submit", 5_000, 0)]),
        run_of("e", 32, 13_000, [("open", 2_000, 0), ("submit", 10_000, 1)]),
        run_of("f", 33, 12_000, [("open", 2_000, 0), ("check", 3_000, 0)], status="cancelled"),
    ]
    found = _attribute(store_of(tmp_path, runs))

    assert (found.baseline_mean_ms, found.current_mean_ms, found.change_ms) == (10_000.0, 12_000.0, 2_000.0)
    assert found.change_percent == pytest.approx(20.0)
    assert (found.baseline_runs, found.current_runs, found.baseline_days, found.current_days) == (2, 2, 2, 2)
    assert (found.baseline_failure_share, found.current_failure_share) == pytest.approx((1 / 3, 1 / 3))
    more = _part(found, "attempts", "submit")
    assert more["change_ms"] == pytest.approx(0.5 * 4_500)
    assert (more["before"], more["after"], more["share"]) == pytest.approx((1.0, 1.5, 1.125))
    slower = _part(found, "time", "submit")
    assert slower["change_ms"] == pytest.approx(1_000 * 1.25)
    assert (slower["before"], slower["after"]) == (4_000.0, 5_000.0)
    waited = _part(found, "waiting")
    assert (waited["change_ms"], waited["before"], waited["after"]) == (-1_500.0, 4_000.0, 2_500.0)
    assert found.parts["change_ms"].abs().is_sorted(descending=True)
    assert set(found.parts["node_id"].drop_nulls()) == {"open", "submit"}  # `check` was only in a cancelled run
    assert (found.change_low_ms, found.significant, found.p_value, found.basis) == (None, None, None, "these runs only")
    assert found.parts["low_ms"].null_count() == found.parts.height
    assert not found.parts["notable"].any()
    assert "undecided whether that is more than chance" in found.sentence
    assert any(text.startswith("fewer than 10 runs a side") for text in found.warnings)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strategies.runs_of_two_periods())
def test_it_is_what_rows_give_one_by_one(
    tmp_path_factory: pytest.TempPathFactory, rows: tuple[pl.DataFrame, pl.DataFrame]
) -> None:
    runs, steps = rows
    store = TimeSeriesStore(tmp_path_factory.mktemp("store"), as_of=datetime(2027, 3, 1, tzinfo=UTC))
    store.write_frame("executions", runs)
    if steps.height:
        store.write_frame("steps", steps)
    periods = ("2026-10-01/2026-12-15", "2026-12-15/2027-02-28")
    workflow = strategies.WORKFLOWS[0]
    found = AttributionAnalyzer(store).attribute(workflow, *periods)
    back = AttributionAnalyzer(store).attribute(workflow, *reversed(periods))
    sides = [
        oracles.duration_parts([r for r in runs.to_dicts() if r["execution_id"].startswith(side)], steps.to_dicts())
        for side in ("0-", "1-")
    ]

    for mean_ms, side in zip((found.baseline_mean_ms, found.current_mean_ms), sides, strict=True):
        assert mean_ms == (None if side["D"] is None else pytest.approx(float(side["D"]), abs=1e-9))
    if found.change_ms is None:
        assert found.parts.is_empty()
        return
    assert found.parts["change_ms"].sum() == pytest.approx(found.change_ms, abs=1e-6)
    for node in set(found.parts["node_id"].drop_nulls()):
        tried, took = _part(found, "attempts", node), _part(found, "time", node)
        for place, side in zip(("before", "after"), sides, strict=True):
            assert tried[place] == pytest.approx(float(side["f"].get(node, 0)), abs=1e-9)
            assert took[place] == (pytest.approx(float(side["m"][node]), abs=1e-9) if node in side["m"] else None)
    waited = _part(found, "waiting")
    assert (waited["before"], waited["after"]) == pytest.approx([float(side["g"]) for side in sides], abs=1e-9)
    order = ["kind", "node_id"]
    assert back.change_ms == -found.change_ms
    mirrored = back.parts.sort(order).with_columns(-pl.col("change_ms"))
    assert mirrored["change_ms"].to_list() == found.parts.sort(order)["change_ms"].to_list()


def test_all_workflows_at_once_give_the_same_as_each_by_itself(tmp_path: Path) -> None:
    slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=28, factor=5)
    made = fleet(56, 3, 4, end=date(2026, 11, 2), runs_per_day=15, faults=[slow])
    store = TimeSeriesStore(tmp_path, as_of=datetime(2026, 11, 2, tzinfo=UTC))
    store.write_frame("executions", made.executions)
    store.write_frame("steps", made.steps.drop("step_id"))
    analyzer, periods = AttributionAnalyzer(store), ("2026-09-07/2026-10-05", "2026-10-05/2026-11-02")
    together = analyzer.attribute_all(*periods)

    assert together.table.height == 3
    for row in together.table.iter_rows(named=True):
        alone = analyzer.attribute(row["workflow_id"], *periods)
        same = ("baseline_runs", "current_mean_ms", "change_ms", "change_low_ms", "change_high_ms", "basis", "p_value")
        for name in same:
            assert row[name] == getattr(alone, name)
        first = alone.parts.row(0, named=True)
        part = [row[name] for name in ("kind", "node_id", "part_ms", "part_low_ms", "part_high_ms")]
        assert part == [first[name] for name in ("kind", "node_id", "change_ms", "low_ms", "high_ms")]
    worst = together.table.row(0, named=True)
    assert (worst["workflow_id"], worst["kind"], worst["node_id"]) == ("order_entry", "time", "fetch order")
    assert worst["part_low_ms"] < made.truth["true_shift_ms"][0] < worst["part_high_ms"]
    assert (together.table["q_value"] >= together.table["p_value"]).all()
    assert "“fetch order” takes" in worst["sentence"]


def test_shorter_blocks_make_q_and_leave_p_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fleet(28, 3, 5, end=date(2026, 11, 2), runs_per_day=15, faults=[])
    store = TimeSeriesStore(tmp_path, as_of=datetime(2026, 11, 2, tzinfo=UTC))
    store.write_frame("executions", made.executions)
    periods = ("2026-10-05/2026-10-19", "2026-10-19/2026-11-02")  # 6^4 = 1,296 ways in blocks of two days
    usual = AttributionAnalyzer(store).attribute_all(*periods).table.sort("workflow_id")
    monkeypatch.setattr(chance, "_WAYS_EACH", 450)
    finer = AttributionAnalyzer(store).attribute_all(*periods).table.sort("workflow_id")

    assert finer["p_value"].equals(usual["p_value"])
    assert not finer["q_value"].equals(usual["q_value"])
    assert (finer["q_value"] >= finer["p_value"]).all()


def test_a_run_keeps_its_steps_of_the_next_day(tmp_path: Path) -> None:
    late = START + timedelta(days=3, hours=23, minutes=59)
    run, rows = run_of("late", 0, 3_600_000, [("first", 1_000, 0), ("second", 2_000, 0)], started_at=late)
    rows[1] |= {"started_at": late + timedelta(minutes=50), "completed_at": late + timedelta(minutes=51)}
    found = _attribute(store_of(tmp_path, [[run, rows], run_of("other", 40, 4_000, [("first", 1_000, 0)])]))

    assert _part(found, "attempts", "second")["before"] == 1.0
    assert _part(found, "waiting")["before"] == 3_597_000.0


def test_read_a_day_at_a_time_it_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs over midnight with nested steps on both sides of it, and one that lasts three days."""
    runs = []
    for day, name, hours in ((2, "a", 0.2), (4, "b", 70.0), (35, "c", 0.3), (36, "d", 0.1)):
        late = START + timedelta(days=day, hours=23, minutes=57)
        steps: list[tuple[str, float | None, int]] = [
            ("form", 240_000, 0),
            ("form > type", 60_000 + 1_000 * day, 1),
            ("close", 5_000, 0),
        ]
        run, rows = run_of(name, 0, hours * 3_600_000, steps, started_at=late)
        for row, minutes in zip(rows, (0.0, 3.5, hours * 60 - 1), strict=True):
            row["started_at"] = late + timedelta(minutes=minutes)
            row["completed_at"] = row["started_at"] + timedelta(milliseconds=row["duration_ms"])
        runs.append([run, rows])
    store = store_of(tmp_path, runs)
    whole = _attribute(store)
    monkeypatch.setattr(period_work, "_ROWS_OF_ONE", 0)
    by_day = _attribute(store)

    assert by_day.parts.equals(whole.parts)
    assert _part(by_day, "attempts", "close")["before"] == 1.0
    assert _part(by_day, "time", "form > type")["before"] == (62_000 + 64_000) / 4
    assert _part(by_day, "time", "form")["after"] == 240_000 - (95_000 + 96_000) / 2


def test_children_are_taken_from_their_parent_and_overlap_is_said(tmp_path: Path) -> None:
    runs = [
        run_of("a", 0, 10_000, [("form", 8_000, 0), ("form > submit", 5_000, 0), ("load", 1_000, 0)]),
        run_of("b", 31, 10_000, [("form", 8_000, 0), ("form > submit", 9_000, 0), ("load", 6_000, 0)]),
    ]
    store = store_of(tmp_path, runs)
    found = _attribute(store)

    assert [_part(found, "time", "form")[side] for side in ("before", "after")] == [3_000.0, 0.0]
    assert [_part(found, "waiting")[side] for side in ("before", "after")] == [1_000.0, -5_000.0]
    assert found.warnings[-2].startswith("in 1 run steps ran side by side")
    row = AttributionAnalyzer(store).attribute_all(BEFORE, NOW).table.row(0, named=True)
    assert row["part_ms"] == found.parts["change_ms"][0]
    assert row["doubts"] == "; ".join(found.warnings[:-1])  # but for the tail


def test_what_is_not_known_is_said(tmp_path: Path) -> None:
    runs = [run_of("a", 0, 1_000, []), run_of("b", 31, 2_000, [("open", None, 0)])]
    found = _attribute(store_of(tmp_path, runs))

    assert "no run in the baseline has a step: parts say nothing, all of their time counts as waiting" in found.warnings
    assert "of 1 steps it isn't known how long they took: their time counts as waiting" in found.warnings
    assert _part(found, "waiting")["change_ms"] == 1_000.0
    some = _attribute(store_of(tmp_path / "some", [*runs, run_of("c", 1, 1_000, [("open", 500, 0)])]))
    assert "1 run without a step: all of their time counts as waiting" in some.warnings


def test_a_slow_step_is_named_with_its_bounds(tmp_path: Path) -> None:
    runs = [*days_of(0, 31, 1_000), *days_of(31, 30, 1_300, seed=1)]
    found = _attribute(store_of(tmp_path, runs))

    assert (found.basis, found.significant, found.warnings[:-1]) == ("days", True, ())
    slower = found.parts.row(0, named=True)
    assert (slower["kind"], slower["node_id"], slower["notable"]) == ("time", "submit", True)
    assert 280 < slower["low_ms"] < slower["change_ms"] < slower["high_ms"] < 320
    assert found.parts.filter("notable").height == 1
    assert found.sentence.startswith("Runs of w take 296 ms longer (20 %), of which 296 ms (289 ms to 303 ms)")
    assert "because “submit” takes 30 % longer since 1 November." in found.sentence

    change = RecordedChange(
        at=datetime(2026, 11, 1, tzinfo=UTC), kind="version", workflow_id="w", version="2.4", host=None,
        text="version 2.4 went live", days_away=0.0,
    )  # fmt: skip
    point = ChangePoint(
        workflow_id="w", node_id=None, on=date(2026, 11, 1), earliest=date(2026, 10, 31), latest=date(2026, 11, 2),
        before_ms=1_500, after_ms=1_800, change_percent=20, low_percent=15, high_percent=25, tz="UTC",
        nearest_change=change,
    )  # fmt: skip
    said = replace(found, change_point=point).sentence
    assert "takes 30 % longer since 1 November, when version 2.4 went live." in said


def test_nothing_is_called_sure_where_nothing_changed(tmp_path: Path) -> None:
    found = _attribute(store_of(tmp_path, [*days_of(0, 31, 1_000), *days_of(31, 30, 1_000, seed=1)]))

    assert found.significant is False
    assert "no more than chance explains" in found.sentence
    assert "because" not in found.sentence


def test_of_few_days_runs_are_drawn_and_it_says_so(tmp_path: Path) -> None:
    runs = [*days_of(0, 9, 1_000, per_day=8), *days_of(31, 9, 1_300, per_day=8, seed=1)]
    found = _attribute(store_of(tmp_path, runs))

    assert found.basis == "these runs only"
    assert found.warnings[0].startswith("with fewer than 10 days with runs a side intervals speak of these runs only")
    assert found.change_low_ms is not None
    assert found.change_low_ms < 300 < (found.change_high_ms or 0)
    assert found.parts["notable"][0]
    assert found.sure_parts.is_empty()
    assert ", of which in these runs 297 ms" in found.sentence
    assert "sure" not in found.sentence
    assert not AttributionAnalyzer(TimeSeriesStore(tmp_path)).attribute_all(BEFORE, NOW).table["sure_part"].any()
    ten = [*days_of(0, 10, 1_000, per_day=8), *days_of(31, 10, 1_300, per_day=8, seed=1)]
    assert _attribute(store_of(tmp_path / "ten", ten)).basis == "days"


def test_with_too_few_days_for_a_verdict_no_part_is_called_sure(tmp_path: Path) -> None:
    runs = [*days_of(0, 3, 1_000, per_day=40), *days_of(31, 3, 1_300, per_day=40, seed=1)]
    found = _attribute(store_of(tmp_path, runs))

    assert found.sentence.startswith("Runs of w take ")
    assert "undecided whether that is more than chance: 5 days a side are needed at least" in found.sentence
    assert "In these runs one part differs: 297 ms" in found.sentence
    assert "don't tell whether days differ by as much" in found.sentence
    assert ".sure" not in found.sentence
    assert found.change_point is None


def test_a_sure_part_is_never_denied(tmp_path: Path) -> None:
    """Of a change of which only a small part, or one against it, is sure: it is named."""
    found = _attribute(store_of(tmp_path, [*days_of(0, 31, 1_000), *days_of(31, 30, 1_300, seed=1)]))
    rows: dict[str, list[float | bool]] = {
        "change_ms": [280.0, 3.0],
        "low_ms": [-9.0, 2.0],
        "high_ms": [500.0, 4.0],
        "notable": [False, True],
    }
    small = replace(found, parts=found.parts.head(2).with_columns(**{name: pl.Series(at) for name, at in rows.items()}))
    assert ", of which for sure only 3 ms (2 ms to 4 ms) because" in small.sentence
    against = replace(small, parts=small.parts.with_columns(pl.col("change_ms") * pl.Series([1, -1])))
    assert "; none of its parts in that direction is sure by itself, the largest is 280 ms" in against.sentence
    assert "Against that, 3 ms (" in against.sentence
    neither = replace(small, parts=small.parts.with_columns(notable=False))
    assert "; none of its parts is sure by itself, the largest is 280 ms" in neither.sentence


def test_what_was_changed_stands_in_brackets_within_a_list(tmp_path: Path) -> None:
    found = _attribute(store_of(tmp_path, [*days_of(0, 31, 1_000), *days_of(31, 30, 1_300, seed=1)]))
    change = RecordedChange(
        at=datetime(2026, 11, 2, tzinfo=UTC), kind="note", workflow_id="w", version=None, host=None,
        text="new selector", days_away=1.0,
    )  # fmt: skip
    point = ChangePoint(
        workflow_id="w", node_id=None, on=date(2026, 11, 1), earliest=date(2026, 10, 31), latest=date(2026, 11, 2),
        before_ms=1_500, after_ms=1_800, change_percent=20, low_percent=15, high_percent=25, tz="UTC",
        nearest_change=change,
    )  # fmt: skip
    two = pl.concat([found.parts.head(1), found.parts.head(1).with_columns(node_id=pl.lit("check"))])
    said = replace(found, change_point=point, parts=two).sentence

    assert 'longer since 1 November (1 day before "new selector"), 296 ms' in said


def test_more_runs_of_a_slow_host_are_mix(tmp_path: Path) -> None:
    quick = [*days_of(0, 20, 1_000, per_day=9, host="a"), *days_of(31, 20, 1_000, per_day=5, host="a", seed=1)]
    slow = [*days_of(0, 20, 3_000, per_day=2, host="b", seed=2), *days_of(31, 20, 3_000, per_day=6, host="b", seed=3)]
    rare = [*days_of(0, 20, 1_000, per_day=2, host="c", seed=4)]
    store = store_of(tmp_path, [*quick, *slow, *rare])
    plain, found = _attribute(store), _attribute(store, by="host")

    assert (plain.parts["kind"][0], plain.strata) == ("time", None)
    first = found.parts.row(0, named=True)
    assert (first["kind"], first["node_id"], first["notable"]) == ("mix", None, True)
    assert first["share"] > 0.95
    assert found.change_ms == plain.change_ms
    assert found.parts["change_ms"].sum() == pytest.approx(found.change_ms or 0, abs=1e-6)
    assert "because more runs are of host b" in found.sentence
    strata = found.strata
    assert strata is not None
    assert set(strata["stratum"]) == {"a", "b", "(others)"}  # host c has no run in November
    others = strata.filter(stratum="(others)").row(0, named=True)
    assert [others[name] for name in ("runs_before", "runs_after", "mean_after_ms")] == [40, 0, None]
    assert strata["mix_ms"].sum() == pytest.approx(first["change_ms"])
    assert "what has fewer than 30 runs on one of the sides is one stratum, (others)" in found.warnings
    assert strata.select(pl.col("mix_ms").sum() + pl.col("inner_ms").sum()).item() == pytest.approx(found.change_ms)


def test_strata_may_be_what_a_context_says_at_its_start_or_end(tmp_path: Path) -> None:
    plain = [*days_of(0, 12, 1_000, per_day=4), *days_of(31, 12, 1_000, per_day=3, seed=1)]
    slow = [
        *days_of(0, 12, 2_000, per_day=3, seed=2, context='{"variant": "plain"}', end_context='{"variant": "slow"}'),
        *days_of(31, 12, 2_000, per_day=9, seed=3, context='{"variant": "slow"}'),
    ]
    found = _attribute(store_of(tmp_path, [*plain, *slow]), by="context.variant")

    assert found.strata is not None
    assert found.strata.sort("stratum").select("stratum", "runs_before", "runs_after").rows() == [
        ("(unknown)", 48, 36),
        ("slow", 36, 108),
    ]
    assert "because more runs have variant = slow" in found.sentence
    with pytest.raises(UnknownNameError, match="no run says in its context 'kind'"):
        _attribute(TimeSeriesStore(tmp_path), by="context.kind")


def test_versions_are_a_view_and_no_strata(tmp_path: Path) -> None:
    runs = [
        *days_of(0, 12, 1_000, workflow_version="1"),
        *days_of(31, 6, 1_000, seed=1, workflow_version="1"),
        *days_of(37, 6, 1_600, seed=2, workflow_version="2"),
    ]
    store = store_of(tmp_path, runs)
    found = _attribute(store)

    assert found.versions.sort("workflow_version").select("workflow_version", "runs_before", "runs_after").rows() == [
        ("1", 36, 18),
        ("2", 0, 18),
    ]
    total = found.versions.select(pl.col("mix_ms").sum() + pl.col("inner_ms").sum()).item()
    assert total == pytest.approx(found.change_ms)
    assert found.parts.row(0, named=True)["node_id"] == "submit"
    for by in ("version", "workflow_version"):
        with pytest.raises(InputError, match=r"the result's \.versions"):
            _attribute(store, by=by)
    with pytest.raises(UnknownNameError, match=r"robot, host, context\.<key>|context"):
        _attribute(store, by="robots")


def test_the_tail_is_split_the_same_way(tmp_path: Path) -> None:
    """One run of twenty-five is long, and these became longer; the others did not."""
    rng = np.random.default_rng(0)

    def days(first: int, long_ms: float) -> list[list[Any]]:
        return [
            run_of(f"{first}-{day}-{n}", day, ms + 500, [("submit", ms, 0)])
            for day in range(first, first + 20)
            for n in range(25)
            for ms in [(long_ms if n == 0 else 1_000.0) * (1 + rng.normal(0, 0.05))]
        ]

    runs = [*days(0, 5_000), *days(31, 9_000)]
    found = _attribute(store_of(tmp_path, runs))
    tail = found.tail

    assert tail is not None
    assert (tail.baseline_runs, tail.current_runs) == (25, 25)
    longest = [
        sorted(
            (run["duration_ms"] for run, _ in runs if (run["started_at"] < datetime(2026, 11, 1, tzinfo=UTC)) == side)
        )
        for side in (True, False)
    ]
    for mean_ms, durations in zip((tail.baseline_mean_ms, tail.current_mean_ms), longest, strict=True):
        assert mean_ms == pytest.approx(np.mean(durations[-25:]), abs=1e-3)
    assert tail.parts["change_ms"].sum() == pytest.approx(tail.change_ms, abs=1e-6)
    first = tail.parts.row(0, named=True)
    assert (first["kind"], first["node_id"], first["notable"]) == ("time", "submit", True)
    assert first["low_ms"] < 0.8 * 4_000 < first["high_ms"]
    assert "The longest 25 runs took" in tail.sentence


def test_without_400_runs_a_side_there_is_no_tail(tmp_path: Path) -> None:
    found = _attribute(store_of(tmp_path, [*days_of(0, 14, 1_000), *days_of(31, 14, 1_000, seed=1)]))

    assert found.tail is None
    assert found.warnings[-1] == "the longest runs are not looked at: 400 a side are needed, one has 42"


def test_what_makes_no_sense_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path, days_of(0, 3, 1_000))
    analyzer = AttributionAnalyzer(store)

    with pytest.raises(UnknownNameError, match="the store has no workflow 'v'"):
        analyzer.attribute("v", BEFORE, NOW)
    overlap = "baseline 1 October 2026 to 31 October 2026 .UTC. and current 15 October 2026 to 14 November 2026 .UTC."
    with pytest.raises(InputError, match=f"{overlap} overlap; expected two periods without a run in common"):
        analyzer.attribute("w", "2026-10", "2026-10-15/2026-11-15")
    with pytest.raises(InputError, match="level is 95"):
        analyzer.attribute_all(BEFORE, NOW, level=95)
    found = analyzer.attribute("w", BEFORE, NOW)
    assert (found.change_ms, found.baseline_runs, found.current_runs, found.parts.height) == (None, 9, 0, 0)
    assert found.sentence.endswith("no completed run with a known duration in the current period.")
    everything = analyzer.attribute_all(BEFORE, NOW)
    assert everything.table.is_empty()
    assert everything.warnings == ("1 workflow without completed runs in one of the periods left out",)


def test_it_shows_itself_and_becomes_plain_data(tmp_path: Path) -> None:
    found = _attribute(store_of(tmp_path, [*days_of(0, 12, 1_000), *days_of(31, 12, 1_300, seed=1)]), by="host")

    assert found.to_dict()["parts"][0]["kind"] == "time"
    assert found.to_frame() is found.parts
    assert "“submit” takes" in found._repr_html_()


def test_days_are_those_of_the_stores_zone(tmp_path: Path) -> None:
    runs = days_of(0, 3, 1_000)
    for run, _ in runs:
        run["started_at"] = run["started_at"].replace(hour=0)
    new_york = _attribute(store_of(tmp_path, [*runs, *days_of(31, 3, 1_000)], tz="America/New_York"))

    assert new_york.tz == "America/New_York"
    assert new_york.baseline_days == 2  # midnight of 1 October UTC is still September there
