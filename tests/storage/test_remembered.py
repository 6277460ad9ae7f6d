"""A day that was looked at is known again by its folder's times; whatever changes it is noticed all the same."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.journal.fragment import publish_fragment
from rpa_lab.journal.layout import QUARANTINE, Fragment, archive_folder, day_folder, fragment_name, generation_name
from rpa_lab.period import Period
from rpa_lab.storage import snapshot
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.footers import quarantine
from rpa_lab.storage.retention import archive_day, delete_day
from rpa_lab.storage.snapshot import Day, look
from rpa_lab.storage.store import TimeSeriesStore
from tests.storage.days import DAY, WRITER, fragment_bytes, put

_SHORT_S = 0.02


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems here count in milliseconds, so nobody has to wait for two seconds."""
    monkeypatch.setattr(snapshot, "_ALONE_S", _SHORT_S)


def _settled_look(root: Path) -> Day:
    time.sleep(1.5 * _SHORT_S)
    return look(root, "executions", DAY)


def _fresh_look(root: Path) -> Day:
    snapshot._looks.clear()
    return look(root, "executions", DAY)


def _fingerprint(root: Path) -> str:
    return TimeSeriesStore(root, compact=False).fingerprint(Period(str(DAY)), tables=["executions"])


def _new_fragment(root: Path) -> None:
    put(root, ["new"], seq=90)


def _new_generation(root: Path) -> None:
    compact_day(root, "executions", DAY, full=False, grace_s=600)


def _archived(root: Path) -> None:
    archive_day(root, "executions", DAY, grace_s=0)


def _deleted(root: Path) -> None:
    delete_day(root, "executions", DAY, grace_s=0)


def _quarantined(root: Path) -> None:
    quarantine(root, day_folder(root, "executions", DAY) / generation_name(1), "said by somebody else")


def _damaged(root: Path) -> None:
    with (day_folder(root, "executions", DAY) / generation_name(1)).open("r+b") as file:
        file.truncate(100)


def _replaced(root: Path) -> None:
    path = day_folder(root, "executions", DAY) / fragment_name(Fragment(WRITER, 1))
    path.write_bytes(fragment_bytes(["other", "rows"], seq=1))


@pytest.mark.parametrize(
    "change", [_new_fragment, _new_generation, _archived, _deleted, _quarantined, _damaged, _replaced]
)
def test_every_change_is_noticed(change: Callable[[Path], None], root: Path) -> None:
    put(root, ["e0"], seq=0)
    compact_day(root, "executions", DAY, grace_s=0)
    put(root, ["e1"], seq=1)
    before, fingerprint = _settled_look(root), _fingerprint(root)
    assert look(root, "executions", DAY) is before  # it is remembered

    change(root)
    after = look(root, "executions", DAY)
    assert after is not before
    assert _fingerprint(root) != fingerprint
    assert after == _fresh_look(root)


def test_an_archive_file_that_is_gone_is_noticed(root: Path) -> None:
    put(root, ["e0"], seq=0)
    archive_day(root, "executions", DAY, grace_s=0)
    before = _settled_look(root)
    assert look(root, "executions", DAY) is before
    (path,) = archive_folder(root, "executions", DAY).iterdir()
    os.truncate(path, 50)
    assert look(root, "executions", DAY).warnings != before.warnings


def test_a_day_is_known_by_its_times_only_once_it_was_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_ALONE_S", 60.0)
    put(root, ["e0"], seq=0)
    assert look(root, "executions", DAY) is not look(root, "executions", DAY)
    monkeypatch.setattr(snapshot, "_ALONE_S", _SHORT_S)
    assert _settled_look(root) is look(root, "executions", DAY)


def test_what_is_remembered_is_not_listed_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["e0"], seq=0)
    before = _settled_look(root)
    monkeypatch.setattr(snapshot, "list_day", lambda folder: pytest.fail(f"{folder} was listed again"))
    assert look(root, "executions", DAY) is before


def test_a_quarantine_that_names_other_days_changes_nothing(root: Path) -> None:
    put(root, ["e0"], seq=0)
    before, fingerprint = _settled_look(root), _fingerprint(root)
    entry = {"file": "_journal/steps/day=2026-11-03/x.parquet", "inode": 1, "size": 2, "mtime_ns": 3}
    (root / QUARANTINE).write_text(json.dumps(entry) + "\n", encoding="utf-8")
    assert look(root, "executions", DAY) == before
    assert _fingerprint(root) == fingerprint


_CHANGES = st.lists(
    st.sampled_from(["fragment", "late", "compact", "full", "archive", "delete", "damage", "wait", "look"]), max_size=14
)


@given(_CHANGES)
def test_a_look_is_what_a_new_process_would_see(tmp_path_factory: pytest.TempPathFactory, changes: list[str]) -> None:
    root = tmp_path_factory.mktemp("store")
    first = put(root, ["e"], seq=0)
    for n, change in enumerate(changes, 1):
        match change:
            case "fragment":
                put(root, [f"e{n}"], seq=n)
            case "late":
                publish_fragment(day_folder(root, "executions", DAY), Fragment(WRITER, 0), first)
            case "compact" | "full":
                compact_day(root, "executions", DAY, full=change == "full", grace_s=0)
            case "archive":
                archive_day(root, "executions", DAY, grace_s=0)
            case "delete":
                delete_day(root, "executions", DAY, grace_s=0)
            case "damage":
                for path in list(day_folder(root, "executions", DAY).glob("f-*"))[:1]:
                    os.truncate(path, 40)
            case "wait":
                time.sleep(1.5 * _SHORT_S)
        seen = look(root, "executions", DAY)
        if change != "look":
            remembered = dict(snapshot._looks)
            assert seen == _fresh_look(root)
            snapshot._looks.update(remembered)
