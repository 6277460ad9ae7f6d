"""How often a row is rewritten and how many generations live, over long days of many kinds."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.journal.fragment import Footer
from rpa_lab.journal.layout import generation_name
from rpa_lab.storage.snapshot import LiveFile
from rpa_lab.storage.tiers import level, taken_along

_AT = datetime(2026, 11, 3, tzinfo=UTC)


def _generation(number: int, rows: int) -> LiveFile:
    footer = Footer(table="steps", version=1, rows=rows, first=_AT, last=_AT, seal="", facts={})
    return LiveFile(Path(generation_name(number)), "generation", footer)


def _day(batches: list[int]) -> tuple[int, list[LiveFile], int]:
    """The most rewrites of a batch, what lives in the end, and the most that ever lived."""
    live: list[LiveFile] = []
    made_of: dict[Path, list[int]] = {}
    rewrites: Counter[int] = Counter()
    most = 0
    for number, rows in enumerate(batches, 1):
        taken = taken_along(live, rows=rows)
        new = _generation(number, rows + sum(file.footer.rows for file in taken))
        made_of[new.path] = [number, *(batch for file in taken for batch in made_of[file.path])]
        rewrites.update(made_of[new.path])
        live = [file for file in live if file not in taken] + [new]
        most = max(most, len(live))
    return max(rewrites.values(), default=0), live, most


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=150))
def test_whatever_arrives_few_generations_live_and_rows_climb_with_each_rewrite(batches: list[int]) -> None:
    rewrites, live, _ = _day(batches)
    levels = Counter(level(file.footer.rows) for file in live)

    assert sum(file.footer.rows for file in live) == sum(batches)
    assert max(levels.values()) <= 3
    assert rewrites <= 1 + level(sum(batches)) - level(min(batches))


@pytest.mark.parametrize(
    "batches",
    [[1000] * 1500, list(range(3000, 0, -2)), list(range(1, 3000, 2)), [1, 5000] * 700],
    ids=["steady", "ebbing", "rising", "by turns"],
)
def test_a_long_day_stays_small(batches: list[int]) -> None:
    rewrites, _, most = _day(batches)

    assert rewrites <= 11
    assert most <= 24  # so many files read like one
