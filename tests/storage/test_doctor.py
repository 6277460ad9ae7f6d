from __future__ import annotations

import os
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from rpa_lab.journal.root import open_root
from rpa_lab.schema import SCHEMA_VERSION
from rpa_lab.storage import doctor as doctoring
from rpa_lab.storage.compaction import MANY, compact
from rpa_lab.storage.doctor import Diagnosis, doctor, file_system_of, monthly_growth
from rpa_lab.storage.snapshot import Day, days_of, look
from tests.storage.days import DAY, put

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def _said(found: Diagnosis, check: str) -> tuple[str, str]:
    state, said = found.findings.filter(check=check).select("state", "said").row(0)
    return state, said


def _looks(root: Path) -> list[Day]:
    return [look(root, "executions", day) for day in days_of(root, "executions")]


def _put(root: Path, day: date, *, rows: int = 1) -> int:
    """A day that was written on that day; the bytes of it."""
    data = put(root, [f"e{n}" for n in range(rows)], seq=0, day=day)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    for path in (root / "_journal").glob(f"*/day={day}/f-*"):
        os.utime(path, (at, at))
    return len(data)


def test_a_sound_store_on_a_local_disk_is_fine(root: Path) -> None:
    open_root(root)
    put(root, ["e"], seq=0)
    found = doctor(root)

    checks = found.findings["check"].to_list()
    assert checks[:5] == ["file system", "writing", "clock", "hard links", "locks"]
    assert checks[5:] == ["free space", "growth", "permissions", "schema", "small files", "damage"]
    for check in ("clock", "hard links", "locks", "permissions", "damage"):
        assert _said(found, check)[0] == "ok"
    assert _said(found, "schema") == ("ok", f"1 files of version {SCHEMA_VERSION}")
    assert not list(root.glob(".tmp-*"))  # it cleans up after itself


def test_where_there_is_no_store_yet_its_place_is_looked_at(tmp_path: Path) -> None:
    found = doctor(tmp_path / "not" / "yet")
    assert _said(found, "store") == ("note", f"there is none in {tmp_path}/not/yet yet")
    assert _said(found, "hard links")[0] == "ok"
    assert found.ok == (_said(found, "file system")[0] != "bad" and _said(found, "free space")[0] != "bad")


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/store", "ext4"),
        ("/mnt/share/store", "nfs4"),
        ("/mnt/share", "nfs4"),
        ("/mnt/shared", "ext4"),
        ("/mnt/my disk/x", "fuse.sshfs"),
        ("/mnt/share/local/x", "xfs"),
    ],
)
def test_the_file_system_is_that_of_the_deepest_mount(folder: str, kind: str) -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\nserver:/x /mnt/share nfs4 rw 0 0\n"
        "me@host: /mnt/my\\040disk fuse.sshfs rw 0 0\n/dev/sdb /mnt/share/local xfs rw 0 0\n"
    )
    assert file_system_of(Path(folder), mounts) == kind


def test_a_network_file_system_is_bad(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, ["e"], seq=0)
    for kind, state in (("nfs4", "bad"), ("fuse.sshfs", "bad"), ("ext4", "ok"), (None, "note")):
        monkeypatch.setattr(doctoring, "file_system_of", lambda *_, kind=kind: kind)
        found = doctor(root)
        assert _said(found, "file system")[0] == state
        if state == "bad":
            assert not found.ok


def test_refused_links_and_useless_locks_are_bad(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    put(root, ["e"], seq=0)

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refuse)
        assert _said(doctor(root), "hard links") == (
            "bad",
            "hard links are refused (Operation not permitted); compaction can't commit without",
        )
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", lambda *_: None)
        state, said = _said(doctor(root), "locks")
        assert (state, said) == ("bad", "flock excludes nobody here; a reader may miss a day's rows")


def test_clocks_that_differ_are_bad() -> None:
    assert doctoring._clock(1000.0, 1001.0).state == "ok"
    assert doctoring._clock(1060.0, 1000.0).said == "a new file is 60 s ahead of this machine's clock; set the clocks"
    assert doctoring._clock(1000.0, 1060.0).said == "a new file is 60 s behind this machine's clock; set the clocks"


def test_growth_is_the_last_seven_closed_days_average_times_thirty(root: Path) -> None:
    sizes = {n: _put(root, (NOW - timedelta(days=n)).date(), rows=10 + 300 * (n > 7)) for n in range(1, 12)}
    _put(root, NOW.date(), rows=500)  # not closed: doesn't count
    assert monthly_growth(_looks(root), at=NOW) == pytest.approx(sum(sizes[n] for n in range(1, 8)) / 7 * 30)


def test_a_store_younger_than_a_week_counts_its_own_days(root: Path) -> None:
    assert monthly_growth([], at=NOW) is None
    sizes = [_put(root, (NOW - timedelta(days=n)).date()) for n in (1, 3)]  # three days, one of them empty
    assert monthly_growth(_looks(root), at=NOW) == pytest.approx(sum(sizes) / 3 * 30)


def test_space_for_less_than_a_month_is_bad(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, growth, state in ((2_000_000_000, 1e9, "ok"), (2_000_000_000, 3e9, "bad"), (900_000_000, None, "bad")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: SimpleNamespace(free=free))
        assert doctoring._space(root, growth).state == state
    assert doctoring._space(root, None).said == "900.0 MB, less than a month's growth or 1 GB"


def test_many_small_files_are_worth_a_note(root: Path) -> None:
    for n in range(MANY + 1):
        put(root, [f"e{n}"], seq=n)
    state, said = _said(doctor(root), "small files")
    assert (state, said) == ("note", f"65 wait for compaction, 65 of executions {DAY}; run rpa-lab compact")
    compact(root, grace_s=0)
    assert _said(doctor(root), "small files") == ("ok", "0 wait for compaction")


def test_known_damage_and_a_newer_format_are_bad(root: Path) -> None:
    open_root(root)
    put(root, ["e"], seq=0)
    path = next((root / "_journal").glob("*/*/f-*"))
    os.truncate(path, 50)
    found = doctor(root)
    assert _said(found, "damage")[0] == "bad"
    assert not found.ok

    (root / "_store.json").write_text('{"format": 99}')
    state, said = _said(doctor(root), "store")
    assert state == "bad"
    assert "says format 99" in said
