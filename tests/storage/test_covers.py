from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.journal.layout import Fragment
from rpa_lab.storage.covers import Covers

WRITERS = ["0123456789ab", "ffffffffffff", "000000000000", "i0123456789a", "ifffffffffff"]
fragments = st.lists(st.builds(Fragment, st.sampled_from(WRITERS), st.integers(0, 12)), max_size=40)


@given(fragments, fragments)
def test_it_is_the_set_of_what_was_added(first: list[Fragment], second: list[Fragment]) -> None:
    covers, expected = Covers().plus(first).plus(second), {*first, *second}

    assert len(covers) == len(expected)
    for writer in WRITERS:
        for seq in range(14):
            assert (Fragment(writer, seq) in covers) == (Fragment(writer, seq) in expected)


@given(fragments)
def test_order_does_not_matter_and_packing_loses_nothing(some: list[Fragment]) -> None:
    covers = Covers().plus(some)

    assert Covers().plus(reversed(some)) == covers
    assert Covers.unpack(covers.pack()) == covers
    assert hash(Covers.unpack(covers.pack())) == hash(covers)


def test_a_bot_per_run_packs_into_a_quarter_of_a_megabyte() -> None:
    choose = random.Random(1)
    covers = Covers().plus(Fragment(f"{choose.getrandbits(48):012x}", 0) for _ in range(24_000))

    assert len(covers.pack()) < 260_000
    assert len(covers) == 24_000


@pytest.mark.parametrize("packed", [b"", b"x", b"AAAA", b"eJwLAAAAAQ=="])
def test_what_is_no_such_set_is_said(packed: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Covers.unpack(packed)
