"""Damaged files: the rest is returned, the damage is named, nothing of it is merged, and nothing is removed for it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rpa_lab.journal.fragment import Unreadable, check_seal
from rpa_lab.journal.layout import Fragment as Identity
from rpa_lab.journal.layout import fragment_name, generation_name
from rpa_lab.storage.compaction import compact_day
from rpa_lab.storage.snapshot import look
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.storage.verify import verify
from tests.faults.campaign import SEED, cut
from tests.faults.rows import DAY, TABLE, WRITER, folder_of, names_in, published_ids, put, read_ids
from tests.storage import days


def _foreign(path: Path) -> None:
    pl.DataFrame({"step_id": ["s3"], "other": [1]}).write_parquet(path)


def _of_another_table(path: Path) -> None:
    path.write_bytes(days.fragment_bytes(["e"], seq=0))


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere.parquet")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


_KINDS: dict[str, Callable[[Path], object]] = {
    "zero length": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "garbage": lambda path: path.write_bytes(random.Random(SEED).randbytes(5000)),
    "garbage within": lambda path: path.write_bytes(b"PAR1" + b"\xff" * 3000 + b"\x10\0\0\0PAR1"),
    "foreign schema": _foreign,
    "of another table": _of_another_table,
    "FIFO": _fifo,
    "dangling link": _dangling,
    "folder": _folder,
}


def _six_fragments(root: Path) -> list[str]:
    for n in range(6):
        put(root, [f"s{n}"], seq=n)
    return [f"s{n}" for n in range(6)]


def _third(root: Path) -> Path:
    return folder_of(root) / fragment_name(Identity(WRITER, 3))


@pytest.mark.parametrize("kind", _KINDS)
def test_a_damaged_fragment_is_left_out_and_named(kind: str, root: Path) -> None:
    rest = [name for name in _six_fragments(root) if name != "s3"]
    _KINDS[kind](_third(root))
    store = TimeSeriesStore(root)

    assert sorted(store.read(TABLE)["step_id"]) == rest
    assert store.warnings() == ("steps 2026-11-03: 1 of 6 files are damaged and left out (see _quarantine.jsonl)",)
    assert _third(root).name in (root / "_quarantine.jsonl").read_text(encoding="utf-8")
    done = compact_day(root, TABLE, DAY, grace_s=0)
    assert (done.merged, done.published) == (5, True)
    assert read_ids(root) == published_ids(root) == rest
    assert _third(root).name in names_in(folder_of(root)), "what is damaged stays, for whoever can mend it"
    assert "1 of 2 files are damaged" in store.warnings()[0]


@pytest.mark.parametrize("kind", _KINDS)
def test_of_a_day_whose_head_is_damaged_nothing_is_merged_or_removed(kind: str, root: Path) -> None:
    put(root, ["s0", "s1", "s2"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    put(root, ["s3"], seq=1)
    compact_day(root, TABLE, DAY, full=False, grace_s=600)
    put(root, ["s4"], seq=2)
    _KINDS[kind](folder_of(root) / generation_name(2))
    before = names_in(folder_of(root))

    assert read_ids(root) == ["s0", "s1", "s2", "s3", "s4"]  # the first generation, and what it doesn't cover
    done = compact_day(root, TABLE, DAY, grace_s=0)
    assert (done.generation, done.removed, done.published) == (None, 0, False)
    assert names_in(folder_of(root)) == before
    assert look(root, TABLE, DAY).head_damaged
    assert TimeSeriesStore(root).warnings()


@pytest.mark.parametrize("kind", _KINDS)
def test_a_damaged_generation_that_is_kept_stays_kept_and_named(kind: str, root: Path) -> None:
    put(root, ["s0", "s1", "s2"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    put(root, ["s3"], seq=1)
    compact_day(root, TABLE, DAY, full=False, grace_s=600)
    put(root, ["s4"], seq=2)
    _KINDS[kind](folder_of(root) / generation_name(1))

    assert read_ids(root) == ["s3", "s4"]
    for _ in range(2):
        compact_day(root, TABLE, DAY, grace_s=0)
        assert read_ids(root) == ["s3", "s4"]
        assert generation_name(1) in names_in(folder_of(root))
        assert "1 of 2 files are damaged" in TimeSeriesStore(root).warnings()[0]


def test_a_fragment_cut_anywhere_is_left_out(root: Path, tell: Callable[[str], None]) -> None:
    _six_fragments(root)
    whole = _third(root).read_bytes()
    step = max(1, len(whole) // cut(60, 1500))
    offsets = range(0, len(whole), step)
    for offset in offsets:
        _third(root).write_bytes(whole[:offset])
        assert read_ids(root) == ["s0", "s1", "s2", "s4", "s5"], f"cut at {offset} of {len(whole)} bytes"
    tell(f"a fragment cut at {len(offsets)} offsets: left out each time")


def test_each_flipped_bit_is_found_by_verify_and_by_the_next_compaction(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    chance = random.Random(SEED)
    flips, compacted = 300, cut(15, 300)
    for number in range(flips):
        root = tmp_path / str(number)
        if number < compacted:
            _six_fragments(root)
        else:
            put(root, ["s3"], seq=3)
        data = bytearray(_third(root).read_bytes())
        bit = chance.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        _third(root).write_bytes(data)
        with pytest.raises(Unreadable, match=_third(root).name):
            check_seal(_third(root))
        if number < compacted:
            damaged = verify(root).damaged["file"].to_list() if number % 2 else None
            assert damaged in (None, [str(_third(root).relative_to(root))])
            compact_day(root, TABLE, DAY, grace_s=0)
            assert read_ids(root) == ["s0", "s1", "s2", "s4", "s5"], f"bit {bit}"
            assert _third(root).name in (root / "_quarantine.jsonl").read_text(encoding="utf-8")
    tell(f"{flips} flipped bits: all found, {compacted} of them by a compaction, every second of these by verify too")


def test_a_damaged_published_file_doesnt_touch_the_readers_of_the_journal(root: Path) -> None:
    ids = _six_fragments(root)
    compact_day(root, TABLE, DAY, grace_s=0)
    published = root / TABLE / folder_of(root).name / f"{TABLE}-00000001.parquet"
    data = bytearray(published.read_bytes())
    published.unlink()  # the head is the same file under another name: a copy is damaged, not that
    data[100] ^= 1
    published.write_bytes(data)

    assert read_ids(root) == ids
    put(root, ["s6"], seq=6)
    compact_day(root, TABLE, DAY, grace_s=0)
    assert read_ids(root) == published_ids(root) == [*ids, "s6"]
