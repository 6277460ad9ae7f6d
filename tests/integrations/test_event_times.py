from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.integrations.event_table import read_csv
from rpa_lab.integrations.event_times import read_times
from rpa_lab.integrations.source import Source
from tests import strategies
from tests.integrations.logs import at, parsed, rows


def test_naive_times_are_read_in_the_zone_also_where_its_clock_changes() -> None:
    text = "case,activity,start,end\n7,a,2026-03-29T01:30,2026-03-29T03:30\n8,a,2026-10-25T02:50,2026-10-25T02:10\n"
    found = parsed(text, tz="Europe/Paris")
    assert rows(found, "steps", "duration_ms") == [3_600_000.0, 1_200_000.0]  # an hour that isn't; one that is twice
    assert (found.naive, found.unclear) == (4, 1)
    assert rows(parsed(text.replace("02:50", "01:50"), tz="UTC+02:00"), "steps", "started_at")[0] == datetime(
        2026, 3, 28, 23, 30, tzinfo=UTC
    )


@given(
    strategies.moments(),
    st.integers(-14 * 4, 14 * 4),
    st.sampled_from("T "),
    st.sampled_from(["-", "/"]),
    st.booleans(),
)
def test_a_time_is_read_as_pythons_own_parser_reads_it(
    moment: datetime, quarters: int, between: str, dash: str, colon: bool
) -> None:
    offset = timedelta(minutes=15 * quarters)
    local = (moment + offset).replace(tzinfo=None)
    sign = "-" if quarters < 0 else "+"
    zone = f"{sign}{abs(offset) // timedelta(hours=1):02}{':' if colon else ''}{abs(quarters) % 4 * 15:02}"
    text = f"{local:%Y{dash}%m{dash}%d{between}%H:%M:%S.%f}{zone}"
    source = Source(path=Path("log.csv"), content=f"end,n\n{text},1".encode())
    got = read_times(source, read_csv(source), "end").at.item()
    assert got == datetime.fromisoformat(text.replace("/", "-")) == moment


def test_other_ways_to_write_a_time() -> None:
    text = "case;activity;end\n7;a;1793696400\n7;b;1793696400123\n7;c;1793696400123456\n7;d;2026-11-03\n"
    with pytest.raises(
        ValueError, match=r"line 5, column 'end': '2026-11-03' names no zone, '1793696400' of line 2 does"
    ):
        parsed(text)
    found = parsed(text.replace("7;d;2026-11-03\n", ""))
    assert rows(found, "steps", "completed_at") == [
        at(9),
        at(9) + timedelta(milliseconds=123),
        at(9) + timedelta(microseconds=123456),
    ]
    own = parsed("case;activity;end\n7;a;3.11.2026 10:00\n", time_format="%d.%m.%Y %H:%M", tz="Europe/Paris")
    assert rows(own, "steps", "completed_at") == [at(9)]
