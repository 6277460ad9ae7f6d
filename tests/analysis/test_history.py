from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rpa_lab.analysis.changes import since_text
from rpa_lab.analysis.explaining import explaining
from rpa_lab.analysis.history import HistoryAnalyzer
from rpa_lab.analysis.performance import PerformanceAnalyzer
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Period
from rpa_lab.simulate import FailureBurst, SlowStep, fleet
from rpa_lab.storage.store import TimeSeriesStore

END = date(2026, 11, 2)
ONSET = date(2026, 10, 3)
SLOW = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=30, factor=4)
BURST = FailureBurst(
    workflow_id="order_entry", node_id="fetch order", onset_day=50, until_day=51, share=1.0, message="no such order"
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """60 days of two workflows: a step of the first is slow from the 31st on; on the 51st no run of it completes."""
    store = TimeSeriesStore(tmp_path_factory.mktemp("history"), as_of="latest")
    fleet(60, 2, 7, end=END, faults=[SLOW, BURST], runs_per_day=25, releases_per_month=0).write(store)
    store.note(
        "version 2.4", workflow_id="order_entry", at=datetime(2026, 10, 3, 5, tzinfo=UTC), kind="release", version="2.4"
    )
    store.note("a holiday of another workflow", workflow_id="unknown yet", at=ONSET)
    return store


def test_the_planted_step_and_its_workflow_moved_on_the_day_of_the_release(store: TimeSeriesStore) -> None:
    found = HistoryAnalyzer(store).change_points("order_entry")

    slow = {point.node_id: point for point in found.points if point.change_percent > 0}
    assert set(slow) == {None, "fetch order"}
    for point in slow.values():
        assert abs((point.on - ONSET).days) <= 1
        assert point.nearest_change is not None
        assert (point.nearest_change.kind, point.nearest_change.version) == ("release", "2.4")
    assert slow["fetch order"].low_percent < 300 < slow["fetch order"].high_percent
    assert "since 3 October" in found.sentence
    assert found.warnings == ()


def test_the_other_workflow_has_no_part_in_it(store: TimeSeriesStore) -> None:
    every = HistoryAnalyzer(store).change_points()
    alone = HistoryAnalyzer(store).change_points("order_entry")

    assert every.table.filter(workflow_id="order_entry").equals(alone.table)
    assert every.table["workflow_id"].unique().to_list() == ["order_entry"]
    assert every.workflow_id is None


def test_steps_may_be_left_out(store: TimeSeriesStore) -> None:
    found = HistoryAnalyzer(store).change_points("order_entry", steps=False)

    assert found.table["node_id"].null_count() == found.table.height > 0


def test_change_points_become_plain_data_and_html(store: TimeSeriesStore) -> None:
    found = HistoryAnalyzer(store).change_points("order_entry")

    assert found.to_frame().equals(found.table)
    assert found.to_dict()["table"][0]["on"] == found.points[0].on.isoformat()
    assert "fetch order" in found._repr_html_()
    assert found.points[0].to_dict()["nearest_change"]["version"] == "2.4"


def test_intervals_are_of_the_level_that_was_asked_for(store: TimeSeriesStore) -> None:
    wide, narrow = (HistoryAnalyzer(store).change_points("order_entry", level=level) for level in (0.95, 0.5))

    (step,), (narrow_step,) = (found.table.filter(node_id="fetch order").rows(named=True) for found in (wide, narrow))
    assert narrow_step["high_percent"] - narrow_step["low_percent"] < step["high_percent"] - step["low_percent"]
    assert narrow_step["latest"] - narrow_step["earliest"] <= step["latest"] - step["earliest"]
    assert {point.level for point in narrow.points} == {0.5}


def test_history_has_all_of_it_on_one_axis_in_order_of_time(store: TimeSeriesStore) -> None:
    found = HistoryAnalyzer(store).history("order_entry", "60d")

    kinds = found.events["kind"].to_list()
    assert found.events["at"].is_sorted()
    assert {"release", "change point", "outage"} <= set(kinds)
    assert "note" not in kinds  # of another workflow
    out = found.events.filter(pl.col("kind") == "outage").sort(pl.col("until") - pl.col("at")).row(-1, named=True)
    assert out["at"].date() == date(2026, 10, 23)
    assert out["until"].date() >= date(2026, 10, 24)
    assert found.days["date"].is_sorted()
    by_side = found.days.group_by(pl.col("date") >= ONSET).agg(pl.col("segment_ms").mean(), pl.col("level_ms").mean())
    assert by_side.filter("date")["segment_ms"].item() > 1.05 * by_side.filter(~pl.col("date"))["segment_ms"].item()
    assert by_side["segment_ms"].to_list() == pytest.approx(by_side["level_ms"].to_list(), rel=0.03)
    assert found.change_points.table.equals(HistoryAnalyzer(store).change_points("order_entry", "60d").table)


def test_days_are_those_of_the_zone(store: TimeSeriesStore) -> None:
    tokyo = store.seen(tz="Asia/Tokyo", as_of="latest")
    found = HistoryAnalyzer(tokyo).history("order_entry", "60d")
    runs = tokyo.read("executions", "60d", workflow_id="order_entry").filter(status="completed")
    local = runs["started_at"].dt.convert_time_zone("Asia/Tokyo").dt.date()

    assert found.tz == "Asia/Tokyo"
    for day, n in found.days.select("date", "n").iter_rows():
        assert n == (local == day).sum()


def test_times_are_those_of_the_zone_and_say_so(store: TimeSeriesStore) -> None:
    """The release came at 5 o'clock UTC: 14:00 in Tokyo, and still 2 October in Honolulu."""
    for tz, day, clock in (("Asia/Tokyo", 3, "14:00"), ("Pacific/Honolulu", 2, "19:00")):
        found = HistoryAnalyzer(store.seen(tz=tz, as_of="latest")).history("order_entry", "60d")
        release = found.events.filter(kind="release").row(0, named=True)
        table = found.change_points.table

        assert found.events.schema["at"] == found.events.schema["until"] == pl.Datetime("us", tz)
        assert table.schema["change_at"] == pl.Datetime("us", tz)
        assert release["at"] == datetime(2026, 10, 3, 5, tzinfo=UTC)
        assert (release["at"].day, f"{release['at']:%H:%M}") == (day, clock)
        assert f"2026-10-0{day} {clock}" in found._repr_html_()
        near = {point.nearest_change for point in found.change_points.points} - {None}
        assert [change.sentence for change in near if change] == [f"{day} October: version 2.4."]


def test_a_degradation_says_since_when_and_what_was_changed_then(store: TimeSeriesStore) -> None:
    analyzer = PerformanceAnalyzer(store)
    whole = analyzer.compare_periods("order_entry", timedelta(30), timedelta(28), 5)
    found = analyzer.detect_performance_degradation("order_entry", timedelta(30), timedelta(28), 5)

    assert found == whole
    assert found is not None
    assert found.began is not None
    assert abs((found.began - ONSET).days) <= 1
    assert found.nearest_change is not None
    assert found.nearest_change.version == "2.4"
    assert found.sentence.endswith(f"Runs take longer {since_text(found.began, found.nearest_change)}.")


def test_what_became_no_slower_began_on_no_day(store: TimeSeriesStore) -> None:
    after = PerformanceAnalyzer(store).compare_periods("order_entry", timedelta(12), timedelta(12))
    back = store.seen(as_of=datetime(2026, 10, 2, tzinfo=UTC))
    before = PerformanceAnalyzer(back).compare_periods("order_entry", timedelta(14), timedelta(14))

    for found in (after, before):
        assert (found.began, found.nearest_change) == (None, None)
        assert "Runs take longer" not in found.sentence


def test_what_is_not_surely_slower_began_on_no_day(store: TimeSeriesStore) -> None:
    """A level moved within the baseline's last days, but so few current days don't say that it is slower."""
    seen = store.seen(as_of=datetime(2026, 10, 22, tzinfo=UTC))
    found = PerformanceAnalyzer(seen).compare_periods("order_entry", timedelta(40), timedelta(2))
    moved = HistoryAnalyzer(seen).change_point("order_entry", "42d", near=date(2026, 10, 20), slower=True)

    assert moved is not None
    assert found.increase_ms is not None
    assert found.increase_ms > 0
    assert not found.significant
    assert (found.began, found.nearest_change) == (None, None)
    assert "Runs take longer" not in found.sentence


def test_the_change_point_of_two_periods(store: TimeSeriesStore) -> None:
    history = HistoryAnalyzer(store)
    whole = history.change_point("order_entry", "60d", near=ONSET)
    step = history.change_point("order_entry", "60d", node_id="fetch order")

    assert whole is not None
    assert step is not None
    assert whole in history.change_points("order_entry", "60d").points
    assert step in history.change_points("order_entry", "60d").points
    assert history.change_point("order_entry", "60d", node_id="no such step") is None
    assert history.change_point("order_entry", Period("2026-09-05/2026-10-01")) is None


def test_of_two_changes_the_one_that_explains_more() -> None:
    both = Period("2026-11-01/2026-11-29").resolve()
    points = pl.DataFrame(
        {"on": [date(2026, 11, 3), date(2026, 11, 14)], "before_ms": [10.0, 15.0], "after_ms": [15.0, 12.0]}
    )

    # the first explains 2/14 of its 41 %, the second 13/14 of its 22 %
    assert explaining(points, span=both, near=date(2026, 11, 15))["on"].to_list() == [date(2026, 11, 14)]
    assert explaining(points, span=both, near=date(2026, 11, 15), slower=True)["on"].to_list() == [date(2026, 11, 3)]
    assert explaining(points, span=both, near=date(2026, 11, 4))["on"].to_list() == [date(2026, 11, 3)]
    assert explaining(points.clear(), span=both, near=None).is_empty()


def test_a_few_days_are_no_history_and_it_is_said_what_is_needed(store: TimeSeriesStore, root: Path) -> None:
    found = HistoryAnalyzer(store).history("order_entry", "9d")
    empty = HistoryAnalyzer(TimeSeriesStore(root)).change_points()

    assert found.change_points.points == ()
    assert found.days.height == 5  # working days
    assert found.days["segment_ms"].null_count() == found.days.height
    assert found.warnings == (
        "the workflow has fewer than the 14 days with completed runs that are needed to see a level move",
    )
    assert empty.warnings == (
        "no completed run with a known duration; 14 days with completed runs are needed to see a level move",
    )
    assert (empty.points, empty.sentence) == ((), "")
    assert HistoryAnalyzer(store).change_point("order_entry", "9d") is None


def test_what_is_not_known_or_makes_no_sense_is_refused(store: TimeSeriesStore) -> None:
    history = HistoryAnalyzer(store)

    with pytest.raises(UnknownNameError, match="order_entry"):
        history.change_points("order_entri")
    with pytest.raises(UnknownNameError):
        history.change_point("order_entri", "60d")
    with pytest.raises(InputError, match="level is 95"):
        history.history("order_entry", level=95)
    with pytest.raises(InputError, match="workflow_id is 3"):
        history.change_points(3)  # type: ignore[arg-type]


def test_a_damaged_day_is_left_out_with_a_warning(root: Path) -> None:
    store = TimeSeriesStore(root, as_of="latest")
    fleet(40, 1, 3, end=END, faults=[], runs_per_day=8, releases_per_month=0).write(store)
    whole = HistoryAnalyzer(store).history("order_entry", "40d")
    (file,) = store.files("2026-10-15", table="executions")
    file.write_bytes(file.read_bytes()[:-40])

    again = HistoryAnalyzer(TimeSeriesStore(root, as_of="latest")).history("order_entry", "40d")

    assert date(2026, 10, 15) in whole.days["date"].to_list()
    assert again.days["date"].to_list() == [day for day in whole.days["date"] if day != date(2026, 10, 15)]
    assert any("2026-10-15" in warning and "damaged" in warning for warning in again.warnings)
    assert again.change_points.points == ()
