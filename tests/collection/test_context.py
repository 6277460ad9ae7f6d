from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given

from rpa_lab.collection.context import as_json
from tests import strategies


@given(strategies.json_objects())
def test_what_json_can_hold_comes_back_as_it_was(context: dict[str, Any]) -> None:
    assume(not any(number in repr(context) for number in ("inf", "nan")))
    text, changed = as_json(context)

    assert (json.loads(text) if text else {}) == context
    assert not changed


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")

    def __bool__(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({(1, 2): float("inf")}, {"(1, 2)": None}),
        ("text", {"_invalid": "text"}),
        ({"a": {1}}, {"a": "{1}"}),
        ({"a": Rude()}, {"_invalid": "<dict>"}),
        (Rude(), {"_invalid": "<Rude>"}),
    ],
)
def test_what_json_cannot_hold_is_kept_as_far_as_it_can_be(context: object, expected: object) -> None:
    text, changed = as_json(context)

    assert text is not None
    assert json.loads(text, parse_constant=pytest.fail) == expected
    assert changed is (expected != {"a": "{1}"})
