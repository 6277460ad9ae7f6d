from __future__ import annotations

import io
from pathlib import Path

import pytest

from rpa_lab.storage.compaction import MANY
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.store import TimeSeriesStore
from tests.storage.days import DAY, put


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stderr", "shows"), [(_Terminal(), True), (io.StringIO(), False)], ids=["terminal", "file"])
def test_who_waits_at_a_terminal_for_a_compaction_sees_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, shows: bool
) -> None:
    for n in range(MANY + 1):
        put(root, [f"e{n}"], seq=n)
    monkeypatch.setattr("sys.stderr", stderr)
    monkeypatch.setenv("TERM", "xterm")

    assert TimeSeriesStore(root).read("executions", str(DAY)).height == MANY + 1
    assert look(root, "executions", DAY).head == 1
    assert (f"compacting executions {DAY}" in stderr.getvalue()) == shows
    assert bool(stderr.getvalue()) == shows
