"""The set-ups of the model: the protocol as written, each with one rule taken away, and rules that are not needed."""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["AS_WRITTEN", "NOT_NEEDED", "RULES", "Setup"]


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Who works on the day, and which rule is taken away."""

    name: str = ""
    writers: tuple[int, ...] = (2,)
    """Fragments of each writer."""
    retries: int = 0
    """Late retries of a publish that had worked, per writer, at any later time."""
    compactors: tuple[int, ...] = (1, 1)
    """Runs of each."""
    archiver: int = 0
    """Runs."""
    retention: int = 0
    """Runs."""
    reader: str = ""
    """How it lists: "lock", "mtime" or "bare" (neither)."""
    keep: bool = True
    """Whether compactions may keep generations; otherwise they merge everything."""
    crash: bool = True
    power: int = 0
    """1: what a power loss leaves is looked at in each state; 2: everybody also dies once, and fresh ones go on."""
    grace: bool = False
    """Whether no generation published after the reader began to list is a judge; not with "mtime"."""
    forget: bool = False
    """Whether covers may leave out fragments that the listing lacks (without late retries)."""
    broken: str = ""
    """The rule taken away."""


_ONE, _THREE = (1,), (1, 1, 1)
_ARCHIVED = Setup(archiver=1, compactors=_ONE)
_DELETED = Setup(retention=1)
_READ = Setup(reader="lock")

AS_WRITTEN = (
    Setup(name="3 compactors, 3 fragments", writers=(3,), compactors=_THREE),
    Setup(name="3 compactors, late retry", retries=1, compactors=_THREE),
    Setup(name="3 compactors, 2 writers, late retries", writers=(2, 1), retries=1, compactors=_THREE),
    Setup(name="2 writers, late retries, runs 1 + 2", writers=(1, 1), compactors=(1, 2), retries=1),
    Setup(name="late retry, runs 2 + 2", compactors=(2, 2), retries=1),
    Setup(name="archive, 2 compactors, late retry", archiver=1, retries=1),
    Setup(name="archive twice, compactor, late retry", archiver=2, retries=1, compactors=_ONE),
    Setup(name="retention, 2 compactors, late retry", retention=1, retries=1),
    Setup(name="archive, retention, compactor", archiver=1, retention=1, keep=False, compactors=_ONE),
    Setup(name="covers forget", compactors=(1, 2), forget=True),
    Setup(name="reader, 2 compactors, late retry", reader="lock", retries=1),
    Setup(name="reader, runs 1 + 2", reader="lock", compactors=(1, 2)),
    Setup(name="reader, archive, compactor", reader="lock", archiver=1, compactors=_ONE),
    Setup(name="reader, retention, compactor", reader="lock", retention=1, compactors=_ONE),
    Setup(name="reader, covers forget", reader="lock", forget=True),
    Setup(name="reader without lock, 2 compactors", reader="mtime"),
    Setup(name="reader without lock, archive, compactor", reader="mtime", archiver=1, compactors=_ONE),
    Setup(name="reader without lock, retention, compactor", reader="mtime", retention=1, compactors=_ONE),
    Setup(name="reader within the grace, runs 1 + 2", reader="lock", compactors=(1, 2), grace=True),
    Setup(name="reader within the grace, archive", reader="lock", archiver=1, grace=True, compactors=_ONE),
    Setup(name="power, 3 compactors", power=1, crash=False, compactors=_THREE),
    Setup(name="power, covers forget, runs 1 + 2", power=1, compactors=(1, 2), forget=True),
    Setup(name="power, archive, compactor", power=1, archiver=1, compactors=_ONE),
    Setup(name="power comes back, runs 2 + 1", power=2, compactors=(2, 1)),
    Setup(name="power comes back, retention, compactor", power=2, retention=1, compactors=_ONE),
    Setup(name="power comes back, archive twice, compactor", power=2, archiver=2, compactors=_ONE),
)
"""The protocol as written: nothing may break."""

RULES = tuple(
    replace(setup, name=rule, broken=rule)
    for rule, setup in {
        "rename for link": Setup(),
        "number from a later listing": Setup(compactors=_THREE),
        "g not taken again": _DELETED,
        "temp made late": _DELETED,
        "temps swept last": _DELETED,
        "judge seen later": _DELETED,
        "covers not carried on": Setup(),
        "forgets what lies there": Setup(forget=True),
        "retention drops covers": _DELETED,
        "archive names not carried on": _ARCHIVED,
        "archive files of any number": _ARCHIVED,
        "archive's folder not fsynced": replace(_ARCHIVED, power=1),
        "no fsync before link": Setup(power=1, writers=(1, 1)),
        "no fsync before removal": Setup(power=1),
        "missing files skipped": _READ,
        "kept looked up": _READ,
        "neither lock nor time": Setup(reader="bare"),
        "age judged after": Setup(reader="mtime"),
        "grace counts from the writing": replace(_READ, grace=True),
    }.items()
)
"""One rule taken away: each time something must break."""

_LISTED_LATE = Setup(broken="archive listed late", compactors=_ONE)
_UNLOCKED = Setup(reader="bare", grace=True)
NOT_NEEDED = (
    replace(_LISTED_LATE, name="archive listed late", archiver=2),
    replace(_LISTED_LATE, name="archive listed late, retention", archiver=1, retention=1, keep=False),
    replace(_UNLOCKED, name="no lock, but a grace", compactors=(1, 2)),
    replace(_UNLOCKED, name="no lock, but a grace; archive", archiver=1, compactors=_ONE),
)
"""Taken away, nothing breaks."""
