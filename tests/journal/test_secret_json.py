from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from rpa_lab.journal.redact import HOUSE, MARK, redact_json, redact_json_text

SECRET = "hunter2SECRET0"


def test_keys_are_found_by_name_at_any_depth() -> None:
    value = {"a": [{"clientSecret": SECRET, "user": "bot"}], "TOKEN": 5, "keyboard": "us", "password": None}

    assert redact_json(value) == {
        "a": [{"clientSecret": MARK, "user": "bot"}],
        "TOKEN": MARK,
        "keyboard": "us",
        "password": None,
    }
    assert value["TOKEN"] == 5  # the caller's own is as it was


@pytest.mark.parametrize("value", [SECRET, 1234, 12.5, True, "", [SECRET], {"of": SECRET}, [[{"x": [SECRET, 1]}]]])
def test_the_whole_value_of_a_secret_key_is_hidden(value: Any) -> None:
    assert redact_json({"pin": value, "x": {"Passwort": value}}) == {"pin": MARK, "x": {"Passwort": MARK}}


def test_counts_stay_and_what_else_stands_under_a_plural_does_not() -> None:
    said = {
        "tokens": {"input": 512, "refresh": SECRET},
        "cookies": 3,
        "pass": 12,
        "max_tokens": 4096,
        "token_type": "x",
    }

    assert redact_json(said) == said | {"tokens": {"input": 512, "refresh": MARK}}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "password", "value": SECRET},
        {"value": SECRET, "key": "apiKey"},
        {"fields": [{"id": "user", "value": "bot"}, {"Label": "Passwort", "Value": SECRET}]},
        {"headers": [["Authorization", SECRET], ["Accept", "*/*"]]},
        [("x-api-key", SECRET)],
        ["login", "--password", SECRET],
        {"argv": ["-token", SECRET, "--verbose"]},
    ],
)
def test_pairs_of_a_name_and_a_value_are_understood(value: Any) -> None:
    assert SECRET not in str(redact_json(value))


def test_pairs_and_lists_of_other_things_stay() -> None:
    said = {"fields": [{"name": "user", "value": "bot"}], "columns": ["password", "email"], "argv": ["--verbose", "x"]}

    assert redact_json(said) == said


def test_json_within_json_is_searched() -> None:
    inner = json.dumps({"password": SECRET, "note": 'a "quoted" word'})
    for _ in range(3):
        assert SECRET not in redact_json_text(json.dumps({"body": inner}))
        inner = json.dumps({"body": inner})


def test_json_that_is_text_is_redacted_as_json_and_other_text_as_text() -> None:
    assert json.loads(redact_json_text(json.dumps({"pwd": [SECRET]}))) == {"pwd": MARK}
    assert json.loads(redact_json_text('{"p\\u0061ssword": "' + SECRET + '"}')) == {"password": MARK}
    assert SECRET not in redact_json_text(f"{{broken: password={SECRET}")


def test_other_objects_are_taken_as_text() -> None:
    assert redact_json({"at": datetime(2026, 11, 3, 10), "url": _Url()}) == {  # noqa: DTZ001
        "at": "2026-11-03 10:00:00",
        "url": f"https://bot:{MARK}@x",
    }


class _Url:
    def __str__(self) -> str:
        return f"https://bot:{SECRET}@x"


def test_no_depth_and_no_length_raises() -> None:
    deep: Any = {"password": SECRET}
    for _ in range(5_000):
        deep = [deep]
    assert SECRET not in str(redact_json({"x": deep}))
    assert SECRET not in HOUSE.json_part("[" * 100_000 + f"password={SECRET}", most=20_000)[0]
    assert SECRET not in redact_json_text("[" * 300 + f'{{"password": "{SECRET}"}}' + "]" * 300)

    long = json.dumps({"n": list(range(200_000)), "password": SECRET})
    part, is_whole = HOUSE.json_part(long, most=20_000)
    assert not is_whole
    assert 20_000 < len(part) < 200_000 < len(long)


def test_half_a_character_does_not_stop_what_is_written() -> None:
    redact_json_text('{"a": "\\ud800", "b": "é"}').encode()
