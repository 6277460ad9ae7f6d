"""What can be interrupted: each job prepares a store, then does the one thing that is killed, refused or delayed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from rpa_lab.collection.collector import MetricsCollector
from rpa_lab.journal.layout import generation_name, published_folder, published_name
from rpa_lab.storage.commit import remove_dead
from rpa_lab.storage.compaction import compact_day, publish
from rpa_lab.storage.retention import archive_day, delete_day
from rpa_lab.storage.snapshot import look
from tests.faults.rows import AT, DAY, TABLE, compacted, folder_of, put, sound

__all__ = ["JOBS", "Job", "Log", "record"]


class Log:
    """Which steps were recorded and which acknowledged, in a file outside the store that outlives its writer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, word: str, names: list[str]) -> None:
        """Add a line: ``recorded`` before recording, ``kept`` once `flush` has returned True."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{word} {name}\n" for name in names))

    def said(self, word: str) -> set[str]:
        """The names after a word; half a line, of who was killed, doesn't count as acknowledged."""
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True) if self.path.exists() else []
        return {line[:-1].partition(" ")[2] for line in lines if line.startswith(f"{word} ") and line.endswith("\n")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job on a store of the one day `rows.DAY`."""

    prepare: Callable[[Path], list[str]]
    """Makes the store; the steps that are in it, all of them acknowledged."""
    run: Callable[[Path, Log], None]
    recover: Callable[[Path], None] = compacted
    published: bool = True
    """Whether recovery publishes the day, rather than ending it."""
    deletes: bool = False
    """Whether recovery leaves no row."""

    def check(self, root: Path, *, recorded: Iterable[str], kept: Iterable[str]) -> list[str]:
        """Check a store after this job was interrupted; see `rows.sound`."""
        return sound(
            root, recorded=recorded, kept=kept, recover=self.recover, published=self.published, deletes=self.deletes
        )


def record(collector: MetricsCollector, names: list[str], log: Log) -> bool:
    """Record some steps, flush, and write down what was promised."""
    log.say("recorded", names)
    for name in names:
        collector.record_step(
            execution_id="e",
            workflow_id="w",
            node_id="n",
            action_type="click",
            step_id=name,
            duration_ms=1.0,
            started_at=AT,
        )
    kept = collector.flush()
    if kept:
        log.say("kept", names)
    return kept


def _flush(root: Path, log: Log) -> None:
    with MetricsCollector(root, flush_interval_sec=3600) as collector:
        record(collector, ["n0", "n1"], log)
        record(collector, ["n2"], log)


def _nothing(root: Path) -> list[str]:
    return []


def _fragments(root: Path) -> list[str]:
    for n in range(3):
        put(root, [f"s{n}"], seq=n)
    return [f"s{n}" for n in range(3)]


def _generations(root: Path) -> list[str]:
    """A published generation, one that keeps it, the dead files of both, and two live fragments."""
    names = [f"s{n}" for n in range(9)]
    put(root, names[:6], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    put(root, names[6:7], seq=1)
    compact_day(root, TABLE, DAY, full=False, grace_s=600)
    put(root, names[7:8], seq=2)
    put(root, names[8:9], seq=3)
    if look(root, TABLE, DAY).keeps != (1,):
        raise RuntimeError("the tiers have changed: this is to be a day whose head keeps another generation")
    return names


def _unpublished(root: Path) -> list[str]:
    """A generation that holds all of the day, and the one before it still published."""
    put(root, ["s0"], seq=0)
    compact_day(root, TABLE, DAY, grace_s=600)
    put(root, ["s1", "s2"], seq=1)
    compact_day(root, TABLE, DAY, grace_s=600)
    folder = published_folder(root, TABLE, DAY)
    (folder / published_name(TABLE, 2)).unlink()
    os.link(folder_of(root) / generation_name(1), folder / published_name(TABLE, 1))
    return ["s0", "s1", "s2"]


def _compact(*, full: bool) -> Callable[[Path, Log], None]:
    def run(root: Path, log: Log) -> None:
        compact_day(root, TABLE, DAY, full=full, grace_s=0)

    return run


def _publish(root: Path, log: Log) -> None:
    publish(root, TABLE, DAY)


def _remove(root: Path, log: Log) -> None:
    remove_dead(root, TABLE, DAY, grace_s=0)


def _archive(root: Path) -> None:
    archive_day(root, TABLE, DAY, grace_s=0)


def _delete(root: Path) -> None:
    delete_day(root, TABLE, DAY, grace_s=0)


def _archived(root: Path) -> list[str]:
    """An archived day with a late row."""
    names = _generations(root)
    _archive(root)
    put(root, ["late"], seq=9)
    return [*names, "late"]


JOBS = {
    "the first flush": Job(prepare=_nothing, run=_flush),
    "flush": Job(prepare=_generations, run=_flush),
    "the first compaction": Job(prepare=_fragments, run=_compact(full=True)),
    "tiered compaction": Job(prepare=_generations, run=_compact(full=False)),
    "full compaction": Job(prepare=_generations, run=_compact(full=True)),
    "publication": Job(prepare=_unpublished, run=_publish),
    "removal": Job(prepare=_generations, run=_remove),
    "archive": Job(prepare=_generations, run=lambda root, log: _archive(root), recover=_archive, published=False),
    "archive of late rows": Job(
        prepare=_archived, run=lambda root, log: _archive(root), recover=_archive, published=False
    ),
    "deletion": Job(
        prepare=_generations, run=lambda root, log: _delete(root), recover=_delete, published=False, deletes=True
    ),
    "deletion of an archived day": Job(
        prepare=_archived, run=lambda root, log: _delete(root), recover=_delete, published=False, deletes=True
    ),
}
