from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rpa_lab.collection.outcome import said_of, status_of, text_of


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "completed"),
        (SystemExit(), "completed"),
        (SystemExit(3), "failed"),
        (ValueError(), "failed"),
        (KeyboardInterrupt(), "stopped"),
        (GeneratorExit(), "stopped"),
        (asyncio.CancelledError(), "stopped"),
    ],
)
def test_how_work_ended_follows_from_what_was_raised(error: BaseException | None, status: str) -> None:
    assert status_of(error, interrupted="stopped") == status


class Rude(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no")


def test_an_exception_is_said_in_one_line_and_at_length() -> None:
    try:
        raise LookupError("no #go")
    except LookupError as error:
        message, details = said_of(error)

    assert message == "LookupError: no #go"
    assert details.startswith("Traceback")
    assert Path(__file__).name in details


def test_what_cannot_say_itself_is_named_by_its_class() -> None:
    assert "Rude" in said_of(Rude())[0]
    assert text_of(Rude()) == "<Rude>"
    assert (text_of("a"), text_of(5)) == ("a", "5")
