"""Readers loop while a day is compacted: they see a set that only grows, and nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rpa_lab.journal.encode import check, with_origin
from rpa_lab.journal.fragment import encode_parquet
from rpa_lab.journal.layout import Fragment, fragment_name
from rpa_lab.schema import TABLES
from rpa_lab.storage.compaction import compact_day
from tests.faults import crowd
from tests.faults.campaign import CAMPAIGN, cut
from tests.faults.children import start
from tests.faults.jobs import Log
from tests.faults.rows import AT, DAY, TABLE, WRITER, folder_of, published_ids, put, read_ids

_WHO = ("reader", "glob", "DuckDB")


def _many(root: Path, count: int) -> list[str]:
    """Many fragments of one step each, without waiting for the disk; the first goes the usual way."""
    put(root, ["s0"], seq=0)
    for n in range(1, count):
        columns = {
            "step_id": [f"s{n}"],
            "execution_id": ["e"],
            "workflow_id": ["w"],
            "node_id": ["n"],
            "action_type": ["click"],
            "started_at": [AT],
            "completed_at": [AT],
            "duration_ms": [1.0],
            "status": ["completed"],
        }
        fragment = Fragment(WRITER, n)
        rows = with_origin(TABLES[TABLE], check(TABLES[TABLE], columns, 1).rows, fragment)
        (folder_of(root) / fragment_name(fragment)).write_bytes(encode_parquet(TABLES[TABLE], rows))
    return [f"s{n}" for n in range(count)]


@pytest.mark.parametrize("count", [1, 50, 6000] if CAMPAIGN else [1, 50])
def test_readers_see_a_set_that_only_grows_and_nothing_twice(
    count: int, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    root, log, wrong = tmp_path / "store", Log(tmp_path / "writer.log"), tmp_path / "wrong"
    names = _many(root, count)
    log.say("recorded", names)
    log.say("kept", names)
    compact_day(root, TABLE, DAY, full=False, grace_s=600)  # so that the globs find the folder at once
    crew = [
        start(crowd.read, root, tmp_path, wrong),
        start(crowd.glob, root, wrong),
        start(crowd.duck, root, wrong),
    ]
    try:
        for turn in range(cut(5, 200)):
            compact_day(root, TABLE, DAY, full=turn % 3 == 0, grace_s=0)
            late = f"late{turn}"
            log.say("recorded", [late])
            put(root, [late], seq=count + turn)
            log.say("kept", [late])
            names.append(late)
        compact_day(root, TABLE, DAY, grace_s=0)
        readings = [tmp_path / f"{who} readings" for who in _WHO]
        last = time.monotonic() + 60
        while time.monotonic() < last and not all(path.exists() for path in readings):
            time.sleep(0.01)
        assert [child.exitcode for child in crew] == [None, None, None], "a reader ended by itself"
    finally:
        for child in crew:
            child.kill()
            child.join()
    assert not wrong.exists(), wrong.read_text(encoding="utf-8")
    counts = [len(path.read_text(encoding="utf-8").splitlines()) for path in readings]
    assert min(counts) > 0
    assert read_ids(root) == published_ids(root) == sorted(names)
    tell(f"{count} fragments: {', '.join(f'{n} readings by {who}' for n, who in zip(counts, _WHO, strict=True))}")
