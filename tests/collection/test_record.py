from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rpa_lab.collection.record import kept, size_of

AT = datetime(2026, 11, 3, tzinfo=UTC)


class Foreign:
    def __str__(self) -> str:
        return "said" * 10_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("short", "short"),
        ("x" * 30_000, "x" * 24_000),
        (b"x" * 30_000, b"x" * 24_000),
        (Foreign(), "said" * 6_000),
        (["a", "b"], "['a', 'b']"),
        (("e", "w" * 30_000), ("e", "w" * 24_000)),
        (AT, AT),
        (5, 5),
        (None, None),
    ],
)
def test_no_more_is_kept_than_will_be_read_and_nothing_foreign(value: Any, expected: Any) -> None:
    assert kept(("step", value)) == ("step", expected)
    assert kept(("start", {"business_key": value})) == ("start", {"business_key": expected})


def test_a_context_is_kept_as_far_as_it_is_read_as_json() -> None:
    said = {"context": "x" * 2_000_000, "end_context": "x" * 30_000}
    assert {name: len(text) for name, text in kept(("start", said))[1].items()} == {
        "context": 1_000_000,
        "end_context": 30_000,
    }


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (("step", 5, None, 1.5, AT), 4),
        (("start", {"a": "xy", "b": ("z", 3)}), 8),
        (("step", 2**8_000), 4 + 1_000),
        (("step", b"12345"), 4 + 5),
    ],
)
def test_texts_and_absurd_numbers_take_room(record: tuple[Any, ...], size: int) -> None:
    assert size_of(record) == size


def test_wide_characters_take_more_room() -> None:
    assert size_of(("x" * 1000,)) == 1000
    assert size_of(("漢" * 1000,)) >= 2000
    assert size_of(("😀" * 1000,)) >= 4000
