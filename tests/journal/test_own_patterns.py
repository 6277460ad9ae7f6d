from __future__ import annotations

import re
from typing import Any

import pytest

from rpa_lab.errors import InputError
from rpa_lab.journal.redact import Redactor

REDACTOR = Redactor.also([r"\bCUST-\d{6}\b", re.compile("müller", re.IGNORECASE)])


def test_what_a_pattern_matches_is_out_of_texts_names_and_ids() -> None:
    assert (
        REDACTOR.text("order of CUST-123456, Müller: password=x1")
        == "order of [redacted], [redacted]: password=[redacted]"
    )
    assert REDACTOR.name("open CUST-123456") == "open [redacted]"
    assert "CUST-123456" not in REDACTOR.ident("CUST-123456")
    assert REDACTOR.text("CUST-12 stays") == "CUST-12 stays"


def test_what_a_pattern_matches_is_out_of_json_be_it_a_key_a_string_or_a_number() -> None:
    redactor = Redactor.also([r"\b4711\d{4}\b"])

    assert redactor.json({"47110001": [47110002, "is 47110003", {"n": 4711.5}], "ok": True}) == {
        "[redacted]": ["[redacted]", "is [redacted]", {"n": 4711.5}],
        "ok": True,
    }


def test_the_whole_match_goes_whatever_its_groups() -> None:
    assert Redactor.also([r"(\d+)-(?P<x>\d+)?"]).text("case 12-34!") == "case [redacted]!"


def test_what_matches_nothing_at_some_places_changes_nothing_there() -> None:
    assert Redactor.also([r"\b|CUST"]).text("a b") == "a b"


def test_redactors_of_the_same_patterns_are_equal() -> None:
    assert Redactor.also(["x1"]) == Redactor.also(["x1"]) != Redactor()
    assert hash(Redactor.also(["x1"])) == hash(Redactor.also(["x1"]))


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("abc", "redact is 'abc', expected a list of regular expressions"),
        (None, "redact is None, expected a list of regular expressions"),
        ({"a"}, "redact is {'a'}, expected a list"),
        ([5], "redact[0] is 5, expected a regular expression of text"),
        (["a", b"b"], "redact[1] is b'b', expected a regular expression of text"),
        ([re.compile(b"b")], "redact[0] is re.compile(b'b'), expected a regular expression of text"),
        (["ok", "("], "redact[1] is '(', expected a regular expression: missing ), unterminated subpattern"),
        (["a*"], "redact[0] is 'a*', which matches nothing at all"),
        (["(a+)+$"], "redact[0] is '(a+)+$', which repeats what repeats"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_named_at_once(said: Any, words: str) -> None:
    with pytest.raises(InputError, match=re.escape(words)):
        Redactor.also(said)


@pytest.mark.parametrize(
    "pattern",
    [r"(\d+-?)+", r"(?:a*b?)*c", r"((a|b)+)*c", r"(?:x\w*,)+", r"(a{2,})+", r"(?P<n>[)+]+)+", r"(?:(?:\s*a))*b"],
)
def test_what_may_take_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="may take for ever"):
        Redactor.also([pattern])


@pytest.mark.parametrize(
    "pattern", [r"(\d++-?)+", r"(?:ab)+c+", r"[(+*)]+\(+", r"(a{2,5})+", r"\(a+\)+", r"(?:ID|NR)\d+", r"(a+)b(c+)"]
)
def test_harmless_repetitions_are_accepted(pattern: str) -> None:
    assert Redactor.also([pattern]).patterns[0].pattern == pattern
