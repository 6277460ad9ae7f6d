from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from rpa_lab.journal import layout
from rpa_lab.journal.layout import Fragment


@pytest.mark.parametrize("fragment", [Fragment("0123456789ab", 0), Fragment("i0123456789a", 99_999_999)])
def test_a_fragments_name_says_who_wrote_it(fragment: Fragment) -> None:
    assert layout.parse_fragment(layout.fragment_name(fragment)) == fragment


@pytest.mark.parametrize(
    "name",
    [
        "f-0123456789AB-00000000.parquet",
        "f-0123456789ab-0.parquet",
        "f-../../../etc-00000000.parquet",
        "f-0123456789ab-00000000.parquet.tmp",
        ".tmp-f-0123456789ab-00000000-0123456789ab",
        "c-00000001.parquet",
        "f-z123456789ab-00000000.parquet",
    ],
)
def test_nothing_else_is_taken_for_a_fragment(name: str) -> None:
    assert layout.parse_fragment(name) is None


def test_a_generations_temp_bears_its_target() -> None:
    temp = layout.generation_temp(7, "0123456789ab")

    assert layout.parse_temp_target(temp) == 7
    assert layout.parse_generation(temp) is None
    assert layout.parse_temp_target(layout.fragment_temp(Fragment("0123456789ab", 1), "0123456789ab")) is None


def test_days_are_folders_named_as_hive_names_them() -> None:
    day = date(2026, 11, 3)

    assert layout.parse_day(layout.day_name(day)) == day
    assert layout.parse_day("day=2026-02-30") is None
    assert layout.parse_day("2026-11-03") is None
    assert layout.day_folder(Path("s"), "steps", day) == Path("s/_journal/steps/day=2026-11-03")
    assert layout.published_folder(Path("s"), "steps", day) == Path("s/steps/day=2026-11-03")


def test_a_published_name_bears_its_generation_and_its_table() -> None:
    assert layout.parse_published("steps", layout.published_name("steps", 12)) == 12
    assert layout.parse_published("executions", layout.published_name("steps", 12)) is None
