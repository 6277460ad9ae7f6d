"""Tests of what a comparison refuses, holds against what, and says of records that don't cover its periods."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.analysis.comparison import METRICS, ComparativeAnalyzer
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Span
from tests.strategies import frame


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """Two runs a day of one workflow from 9 September to 2 November, one a day of another.

    1.0 ran on the first 2 days, 2.0 on the next 20, then 3.0. Only in November there are more runs, of 3.0.
    """
    began = datetime(2026, 9, 9, 10, tzinfo=UTC)
    rows = [
        {
            "execution_id": f"{name}{day}-{number}",
            "workflow_id": name,
            "status": "completed",
            "host": "vm-1",
            "started_at": at,
            "completed_at": at + timedelta(seconds=9 + day % 3),
            "duration_ms": 9e3 + day % 3 * 1e3,
            "workflow_version": "1.0" if day < 2 else "2.0" if day < 22 else "3.0",
        }
        for name, runs in (("orders", 2), ("claims", 1))
        for day in range(55)
        for number in range(9 * runs if day > 52 else runs)
        for at in (began + timedelta(days=day, minutes=number),)
    ]
    store = TimeSeriesStore(tmp_path_factory.mktemp("released"), tz="Europe/Paris", as_of="latest")
    store.write_frame("executions", frame("executions", rows))
    return store


def test_versions_are_held_against_the_oldest_that_ran_on_days_enough(released: TimeSeriesStore) -> None:
    analyzer = ComparativeAnalyzer(released)
    found = analyzer.compare("version", period="all", workflow_id="orders")

    assert found.groups == ("2.0", "1.0", "3.0")  # of 1.0 there are two days
    assert analyzer.compare("workflow_version", period="2026-09-25/2026-10-10").groups == (
        "3.0",
        "2.0",
    )  # ten days, six
    assert analyzer.compare("version", period="2026-09-25/2026-10-04").groups == ("2.0", "3.0")  # six days, three
    assert analyzer.compare("version", period="all", groups=["3.0", "1.0"]).groups == ("3.0", "1.0")
    assert analyzer.compare("version", period="all", against="3.0").groups == ("3.0", "2.0", "1.0")


def test_versions_of_several_workflows_are_pooled_with_a_warning(released: TimeSeriesStore) -> None:
    warned = (
        "versions of 2 workflows are pooled by name, and a version of one is another thing in the next: ask for one "
    )
    analyzer = ComparativeAnalyzer(released)

    assert analyzer.compare("version", period="all").warnings[0] == f"{warned}workflow, such as workflow_id='orders'"
    asked: tuple[dict[str, Any], ...] = ({"workflow_id": "orders"}, {"filters": {"workflow_id": "claims"}})
    for one in asked:
        assert not any("pooled" in text for text in analyzer.compare("version", period="all", **one).warnings)
    assert not any("pooled" in text for text in analyzer.compare(period="all").warnings)


def test_the_number_of_runs_is_compared_unasked_of_periods_only(released: TimeSeriesStore) -> None:
    analyzer = ComparativeAnalyzer(released)
    before, now = {"period": "2026-09"}, {"period": "2026-10"}

    assert "count" not in METRICS
    assert analyzer.compare(period="all").metrics == METRICS
    assert analyzer.compare("period", groups=["2026-09", "2026-10"]).metrics == (*METRICS, "count")
    assert analyzer.compare(sides={"a": before, "b": now}).metrics == (*METRICS, "count")
    assert analyzer.compare(sides={"a": before, "b": now | {"workflow_id": "orders"}}).metrics == METRICS
    assert analyzer.compare(sides={"a": {"workflow_id": "orders"}, "b": {"workflow_id": "claims"}}).metrics == METRICS


def test_a_period_without_records_is_not_one_without_runs(released: TimeSeriesStore) -> None:
    found = ComparativeAnalyzer(released).compare("period", groups=["2025-10", "2026-10"])

    unknown = found.table.filter(metric="count").select("value", "n", "difference", "ratio", "effect", "p_value").rows()
    assert unknown == [(None, 0, *[None] * 4), (93.0, 93, *[None] * 4)]
    assert not found.table["significant"].any()
    assert found.sentence == "Nothing can be held against 2025-10: it has no values."
    assert "no day of 2025-10 is recorded, so it isn't compared: records begin on 2026-09-09" in found.warnings
    turned = ComparativeAnalyzer(released).compare("period", groups=["2026-10", "2025-10"])
    assert turned.sentence == "Only 2026-10 has values: there is nothing to hold against it."


def test_days_before_the_first_record_and_after_the_last_are_no_days_without_runs(released: TimeSeriesStore) -> None:
    """In each month there are three runs a day, and only then."""
    analyzer = ComparativeAnalyzer(released)
    found = analyzer.compare("period", groups=["2026-09", "2026-10"], metrics=["count", "avg"])
    count = found.table.filter(metric="count", group="2026-10").row(0, named=True)

    assert count["difference"] == 93 - 66
    assert count["effect"] == pytest.approx(0, abs=0.05)  # per hour, and one day has 25
    assert not count["significant"]
    begins = "22 of 30 days of 2026-09 are recorded: records begin on 2026-09-09"
    assert f"{begins} (count: p, effect and significance are per recorded day)" in found.warnings
    later = ComparativeAnalyzer(released.seen(tz="Europe/Paris", as_of="2026-11-25T12:00Z"))
    ended = later.compare("period", groups=["2026-10", "2026-11"], metrics="avg")
    assert "2 of 24 days of 2026-11 are recorded: records end on 2026-11-02" in ended.warnings
    latest = analyzer.compare("period", groups=["2026-10", "2026-11"], metrics="avg")
    assert not any("recorded" in text for text in latest.warnings)
    gone = later.compare("period", groups=["2026-10", "7d"], metrics="count")
    assert "no day of 7d is recorded, so it isn't compared: records end on 2026-11-02" in gone.warnings
    assert gone.table["value"].to_list() == [93.0, None]


def test_all_that_is_there_is_never_still_to_come(released: TimeSeriesStore, tmp_path: Path) -> None:
    """Though it ends at the midnight after the newest record."""
    now = datetime.now(UTC)
    rows = [
        {"execution_id": name, "workflow_id": name, "status": "completed", "duration_ms": 0.0}
        | {"started_at": now, "completed_at": now}
        for name in ("orders", "claims")
    ]
    store = TimeSeriesStore(tmp_path)
    store.write_frame("executions", frame("executions", rows))

    for each in (released, store):
        assert not any("to come" in text for text in ComparativeAnalyzer(each).compare(period="all").warnings)


def test_two_months_are_not_warned_of_for_their_weekdays_and_a_weekend_is(released: TimeSeriesStore) -> None:
    def warned(*groups: str) -> bool:
        found = ComparativeAnalyzer(released).compare("period", groups=groups, metrics="avg")
        return any("days of the week" in text for text in found.warnings)

    assert not warned("2026-09", "2026-10")
    assert not warned("2026-10-01/2026-10-31", "2026-09-09/2026-10-09")
    assert warned("2026-10-05/2026-10-10", "2026-10-12/2026-10-19")


def test_periods_that_are_spans_are_named_by_days_of_the_zone(released: TimeSeriesStore) -> None:
    september, october = released.span("2026-09"), released.span("2026-10")
    found = ComparativeAnalyzer(released).compare("period", groups=[september, october], metrics="avg")
    hours = [Span(span.start + timedelta(hours=8), span.end, span.tz) for span in (september, october)]

    assert found.groups == ("2026-09-01/2026-10-01", "2026-10-01/2026-11-01")
    by_hour = ComparativeAnalyzer(released).compare("period", groups=hours, metrics="avg")
    assert by_hour.groups[0] == "2026-09-01T08:00/2026-10-01T00:00"
    again = ComparativeAnalyzer(released).compare("period", groups=found.groups, metrics="avg")
    assert again.table.equals(found.table)  # and may be typed like that


def test_what_would_be_ignored_is_refused(released: TimeSeriesStore) -> None:
    two: dict[str, dict[str, Any]] = {"a": {"filters": {"host": "vm-1"}}, "b": {}}
    mistakes: tuple[tuple[dict[str, Any], str], ...] = (
        (
            {"by": "period", "groups": ["2026-09", "2026-10"], "period": "7d"},
            "period is '7d' beside groups that are per",
        ),
        ({"by": "host", "sides": two}, "by is 'host' beside sides"),
        ({"filters": {"workflow_id": "a"}, "workflow_id": "b"}, "workflow_id is 'b' and the filters say 'a'"),
        (
            {"sides": two, "filters": {"host": "vm-2"}},
            "side 'a' wants host 'vm-1' where the whole comparison is of 'vm-2'",
        ),
        (
            {"sides": {"a": {"host": "vm-1"}, "b": {}}},
            "side 'a' has 'host', which is a column: put it into its filters",
        ),
        ({"by": ["workflow", "host"]}, r"by is \['workflow', 'host'\], expected one word"),
    )
    for asked, message in mistakes:
        with pytest.raises(InputError, match=message):
            ComparativeAnalyzer(released).compare(**asked)
    twice: dict[str, Any] = {"filters": {"workflow_id": "orders"}, "workflow_id": "orders"}
    assert ComparativeAnalyzer(released).compare("version", period="all", **twice).table["n"].sum() > 0
    with pytest.raises(UnknownNameError) as refused:
        ComparativeAnalyzer(released).compare("hosts")
    listed = str(refused.value).partition("It has: ")[2].split(", ")
    assert len(listed) == len(set(listed)) > 10


def test_an_empty_answer_says_what_is_missing(released: TimeSeriesStore, tmp_path: Path) -> None:
    analyzer = ComparativeAnalyzer(released)
    with pytest.raises(InputError) as refused:
        analyzer.compare("robot", period="2025-10")
    assert "in 1 October 2025 to 31 October 2025 (Europe/Paris); records are of 2026-09-09 to 2026-11-02" in str(
        refused.value
    )
    with pytest.raises(InputError, match="the store holds none at all"):
        ComparativeAnalyzer(TimeSeriesStore(tmp_path)).compare()
    extreme = analyzer.compare(period="all", metrics="max")
    assert extreme.sentence.startswith("Whether max differs by more than chance can't be told: days don't say how far")
    absent = analyzer.compare(period="all", metrics="avg(resources.cpu_percent)")
    assert absent.sentence == "There is nothing to compare: no group has a value of avg(resources.cpu_percent)."
    assert not any("fewer than" in text for text in absent.warnings)


def test_steps_of_several_workflows_are_pooled_with_a_warning(tmp_path: Path) -> None:
    at = datetime(2026, 11, 3, 10, tzinfo=UTC)
    rows = [
        {"execution_id": run, "workflow_id": run, "node_id": node, "action_type": "click", "status": "completed"}
        | {"step_index": 0, "duration_ms": 100.0, "started_at": at, "completed_at": at}
        for run, node in (("orders", "open"), ("claims", "open"), ("orders", "send"))
    ]
    store = TimeSeriesStore(tmp_path, as_of="2026-11-04T00:00Z")
    store.write_frame("steps", frame("steps", rows))
    analyzer = ComparativeAnalyzer(store)

    [warned] = [text for text in analyzer.compare("step", period="all").warnings if "pooled" in text]
    assert warned.startswith("steps of 2 workflows are pooled by name")
    of_action = [each | {"action_type": "type"} if each["node_id"] == "send" else each for each in rows]
    store.write_frame("steps", frame("steps", of_action))
    assert not any("pooled" in text for text in analyzer.compare("action", period="all").warnings)
