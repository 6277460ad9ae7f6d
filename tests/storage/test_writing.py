from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.storage.compaction import compact
from tests.storage.days import DAY
from tests.storage.runs import AT, IMPORTER, execution, frame


def test_a_repeated_import_changes_nothing_before_and_after_compaction(root: Path) -> None:
    store = TimeSeriesStore(root)
    rows = pl.concat([frame("a", "b"), frame("c", at=AT + timedelta(days=1))])

    first = store.write_frame("executions", rows, writer=IMPORTER)
    again = store.write_frame("executions", rows, writer=IMPORTER)
    compact(root, grace_s=0)
    after = store.write_frame("executions", rows, writer=IMPORTER)

    assert [(w.rows, w.already_there) for w in (first, again, after)] == [(3, 0), (0, 3), (0, 3)]
    assert store.read("executions").height == 3


def test_an_import_that_was_cut_off_is_completed_by_repeating_it(root: Path) -> None:
    store = TimeSeriesStore(root)
    rows = pl.concat([frame("a"), frame("c", at=AT + timedelta(days=1))])
    store.write_frame("executions", rows.head(1), writer=IMPORTER)  # died before the second day

    done = store.write_frame("executions", rows, writer=IMPORTER)
    assert (done.rows, done.already_there) == (1, 1)
    assert store.read("executions").height == 2


def test_a_process_that_forked_writes_under_a_name_of_its_own(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = TimeSeriesStore(root)
    store.write_metrics([execution("a")])
    real = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: real + 1)
    store.write_metrics([execution("b")])

    assert len({path.name[2:14] for path in store.files()}) == 2
    assert store.read("executions").height == 2


def test_threads_never_get_the_same_name_for_two_fragments(root: Path) -> None:
    import sys
    import threading

    from rpa_lab.storage.writing import Writing

    writing, names = Writing(root), list[Any]()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [
            threading.Thread(target=lambda: names.extend([writing._next("steps", DAY) for _ in range(5_000)]))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert len(set(names)) == len(names) == 20_000
