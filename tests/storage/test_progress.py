"""Who waits at a terminal sees how far it is, but not what is over at once."""

from __future__ import annotations

import io
import time

import pytest

from rpa_lab.storage.progress import shown


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("after_s", "shows"), [(0.0, True), (0.05, True), (60.0, False)])
def test_it_shows_after_a_while(monkeypatch: pytest.MonkeyPatch, after_s: float, shows: bool) -> None:
    terminal = _Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with shown("counting steps", after_s=after_s) as on_part:
        assert on_part is not None
        on_part(1, 3)
        time.sleep(0.06)
        on_part(2, 3)
    assert ("counting steps" in terminal.getvalue()) == shows


def test_nobody_looks_at_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with shown("counting steps") as on_part:
        assert on_part is None
