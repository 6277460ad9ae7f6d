"""How the commands show tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from rpa_lab.cli_options import print_result, show, texts, working
from rpa_lab.inference.intervals import THESE_RUNS, Interval

WIDE = pl.DataFrame({"workflow_id": ["customer_address_change"], "n": [11_662], "between": ["33.5 s to 1 min 5 s"]})


@pytest.mark.parametrize("columns", [30, 40, 60, 80, 140])
def test_no_value_is_cut_and_no_line_is_too_long(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    wide = WIDE.with_columns(pl.lit(f"word{number} " * 3).alias(f"text_{number}") for number in range(6))

    show(wide, title="All workflows, 2 October 2026 22:54 to 1 November 2026 22:54 (UTC)")

    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= columns
    assert "customer_address_change" in shown
    for number in range(6):
        left_out = f"text {number}" in " ".join(shown.partition("no room")[2].split())
        assert left_out or shown.count(f"word{number}") == 3


def test_a_narrow_table_does_not_break_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    show(pl.DataFrame({"n": [1]}), title="executions, 2 October 2026 to 1 November 2026 (UTC)")

    assert "executions, 2 October 2026 to 1 November 2026 (UTC)" in capsys.readouterr().out


def test_an_hour_that_the_clock_shows_twice_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    hours = [datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in (0, 1, 2)]
    rows = pl.DataFrame({"hour": hours, "count": [1, 2, 3]}).with_columns(
        pl.col("hour").dt.convert_time_zone("Europe/Paris")
    )
    show(rows, title="")

    said = capsys.readouterr().out
    for text in ("2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00", "2026-10-25 03:00 "):
        assert text in said
    assert "03:00 +" not in said


def test_a_result_is_printed_for_people_with_its_warnings_or_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = Interval(low=1.0, high=2.0, level=0.95, method="Wilson", basis=THESE_RUNS, runs=3, days=1)

    print_result(found, lambda: show(WIDE, title="for people"), as_json=False, nothing=None)
    assert capsys.readouterr().out.startswith("for people\n")
    print_result(found, lambda: show(WIDE, title="for people"), as_json=False, nothing="nothing at all")
    assert capsys.readouterr().out == "nothing at all\n"
    print_result(found, lambda: show(WIDE, title="for people"), as_json=True, nothing="nothing at all")
    assert json.loads(capsys.readouterr().out) == found.to_dict()


def test_a_column_as_texts_says_also_what_is_unknown() -> None:
    table = pl.DataFrame({"ms": [1.0, None]})
    assert texts(table, "ms", lambda ms: "–" if ms is None else f"{ms:g} ms").to_list() == ["1 ms", "–"]
    assert texts(table.clear(), "ms", str).dtype == pl.String


def test_work_is_shown_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    with working("counting"):
        pass
    done = capsys.readouterr()
    assert (done.out, done.err.strip()) == ("", "")
