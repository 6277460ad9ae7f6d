import json
import re
from dataclasses import FrozenInstanceError, dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import ClassVar

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab
from rpa_lab.inference.intervals import Interval
from rpa_lab.period import Period, Span
from rpa_lab.readable import value_text
from rpa_lab.result import Result, plain
from rpa_lab.simulate import SlowStep, fleet
from tests.strategies import executions, hostile_text, hostile_values, steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Slow(Result):
    _table: ClassVar[str | None] = "table"

    workflow_id: str
    span: Span
    p95_ms: float | None
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate(Result):
    n: int
    percent: float | None
    at: datetime


SPAN = Period("2026-11").resolve(tz="Europe/Paris")


@given(steps(), st.floats(), hostile_text())
def test_a_result_is_data_that_json_can_hold(table: pl.DataFrame, number: float, text: str) -> None:
    result = Slow(workflow_id=text, span=SPAN, p95_ms=number, table=table, warnings=(text,))
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert list(told) == ["workflow_id", "span", "p95_ms", "table", "warnings"]
    assert told["workflow_id"] == text
    assert told["warnings"] == [text]
    assert told["span"] == {
        "start": "2026-10-31T23:00:00+00:00",
        "end": "2026-11-30T23:00:00+00:00",
        "tz": "Europe/Paris",
    }
    assert [row["duration_ms"] for row in told["table"]] == table["duration_ms"].to_list()
    assert told["p95_ms"] == (number if abs(number) < float("inf") else None)


@given(hostile_values())
def test_plain_takes_any_value_and_gives_json(value: object) -> None:
    json.dumps(plain({"a": [value, (value,)]}), allow_nan=False)


@given(executions())
def test_a_frames_times_and_numbers_come_back_from_json(runs: pl.DataFrame) -> None:
    told = json.loads(json.dumps(plain(runs), allow_nan=False))
    started = [datetime.fromisoformat(row["started_at"]) for row in told]
    assert started == runs["started_at"].to_list()


def test_plain_of_each_kind() -> None:
    assert plain(date(2026, 11, 3)) == "2026-11-03"
    assert plain(timedelta(seconds=1.5)) == 1500.0
    assert plain(float("-inf")) is None
    assert plain({1: {2}}) == {"1": [2]}
    assert plain(True) is True


def test_to_frame_is_the_table_or_else_one_row_of_facts() -> None:
    table = pl.DataFrame({"node_id": ["a"], "n": [3]})
    assert Slow(workflow_id="w", span=SPAN, p95_ms=1.0, table=table).to_frame() is table
    facts = Rate(n=3, percent=None, at=datetime(2026, 11, 3, tzinfo=UTC)).to_frame()
    assert facts.to_dicts() == [{"n": 3, "percent": None, "at": "2026-11-03T00:00:00+00:00"}]


@given(hostile_text())
def test_html_holds_no_markup_of_a_bot(text: str) -> None:
    nasty = "<script>alert(1)</script>" + text
    table = pl.DataFrame({"node_id": [nasty.replace("\x00", "").encode("utf-8", "replace").decode()]})
    html = Slow(workflow_id=nasty, span=SPAN, p95_ms=None, table=table, warnings=(nasty,))._repr_html_()
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict(Result):
    workflow_id: str | None
    time_period: str
    tz: str
    p_value: float
    share: float
    level: float
    shift_ms: float
    shift_interval: Interval
    success_rate: float
    success_low: float
    success_high: float
    success_basis: str

    @property
    def sentence(self) -> str:
        return "Runs take longer <now>."


def test_html_says_the_sentence_the_units_and_the_intervals() -> None:
    interval = Interval(low=-90e3, high=95e3, level=0.9, method="", basis="days", runs=60, days=31)
    html = Verdict(
        workflow_id=None,
        time_period=str(SPAN),
        tz=SPAN.tz,
        p_value=0.0076,
        share=0.0737,
        level=0.9,
        shift_ms=-1500.0,
        shift_interval=interval,
        success_rate=97.35,
        success_low=69.94,
        success_high=99.2,
        success_basis="these runs only",
    )._repr_html_()
    text = unescape(re.sub(r"<[^>]+>", " ", html))
    text = " ".join(text.split())

    assert text.startswith(
        "Verdict · all workflows · 1 November 2026 to 30 November 2026 (Europe/Paris) Runs take longer <now>."
    )
    assert "p value 0.0076 share 7.4 % level 90 %" in text
    assert "shift -1.5 s -1 min 30 s to 1 min 35 s · 90 %, the long run (31 days)" in text
    assert text.endswith("success rate 97.3 % 70 % to 99.2 % · 90 %, these runs only")


def test_html_shows_facts_in_a_readable_way() -> None:
    html = Rate(n=12345, percent=None, at=datetime(2026, 11, 3, tzinfo=UTC))._repr_html_()
    assert "12,345" in html
    assert "–" in html
    assert "<b>Rate</b>" in html


def test_a_result_cannot_be_changed() -> None:
    rate = Rate(n=1, percent=100.0, at=datetime(2026, 11, 3, tzinfo=UTC))
    with pytest.raises(FrozenInstanceError):
        rate.n = 2  # type: ignore[misc]


def test_only_dataclasses_are_results() -> None:
    class Bare(Result):
        pass

    with pytest.raises(TypeError, match="Bare is no dataclass"):
        Bare().to_dict()


@dataclass(frozen=True, kw_only=True, slots=True)
class Part(Result):
    n: int
    said: str

    @property
    def sentence(self) -> str:
        return self.said


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole(Result):
    workflow_id: str
    part: Part
    other: Part
    silent: Part

    @property
    def sentence(self) -> str:
        return self.part.sentence


def test_a_result_as_text_is_its_sentence_and_so_is_one_within_another() -> None:
    whole = Whole(
        workflow_id="w",
        part=Part(n=1, said="It moved."),
        other=Part(n=2, said="It <stood>."),
        silent=Part(n=3, said=""),
    )
    text = " ".join(unescape(re.sub(r"<[^>]+>", " ", whole._repr_html_())).split())

    assert str(whole) == "It moved."
    assert text == "Whole · w It moved. other It <stood>. silent see .silent"
    assert str(whole.silent) == repr(whole.silent) == "Part(n=3, said='')"


def test_in_results_of_a_store_each_interval_stands_below_what_has_its_unit(tmp_path: Path) -> None:
    """Percent beside bounds in ms, ms beside bounds in percent, and results within results."""
    slow = SlowStep(workflow_id="order_entry", node_id="fetch order", onset_day=28, factor=4)
    made = fleet(56, 2, 7, end=date(2026, 11, 2), faults=[slow], runs_per_day=10, releases_per_month=0)
    made.write(tmp_path / "store")
    lab = Lab(tmp_path / "store", tz="Europe/Paris", as_of="latest")
    lab.note("moved to the new portal", workflow_id="order_entry", at="2026-10-05 00:30")
    one, every = lab.attribution("order_entry"), lab.attributions()
    points, history = lab.change_points("order_entry"), lab.history("order_entry")

    for result in (one, every, points, points.points[0], history):
        assert str(result) == result.sentence != ""
        html = result._repr_html_()
        assert "(workflow_id=" not in html
        assert "shape: (" not in html
        for low, high in re.findall(r"<small[^>]*>(\S+ ?[^<·]*?) to ([^<·]*)", html):
            assert ("%" in low) == ("%" in high)
    assert one.change_ms is not None
    assert one.change_percent is not None
    facts = one._repr_html_()
    assert f"change percent</span> <b>{value_text(one.change_percent, 'percent')}</b></div>" in facts
    between = f"{value_text(one.change_low_ms, 'ms')} to {value_text(one.change_high_ms, 'ms')} · 95 %"
    assert f"change</span> <b>{value_text(one.change_ms, 'ms')}</b><br><small style='opacity:.75'>{between}" in facts
    (first, *_) = every.table.rows(named=True)
    of_all = every._repr_html_()
    assert f">{value_text(first['change_percent'], 'percent')}</td>" in of_all
    part = one.parts.row(0, named=True)
    below = f"{value_text(part['low_ms'], 'ms')} to {value_text(part['high_ms'], 'ms')}"
    assert f">{value_text(part['change_ms'], 'ms')}<br><small style='opacity:.75'>{below}" in facts
    row = points.table.row(0, named=True)
    below = f"{value_text(row['low_percent'], 'percent')} to {value_text(row['high_percent'], 'percent')}"
    assert f">{value_text(row['change_percent'], 'percent')}<br><small style='opacity:.75'>{below}" in (
        points._repr_html_()
    )
