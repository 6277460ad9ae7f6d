"""Failpoints: the calls by which a store touches its disk; each of them can be the last, or be refused.

The functions of `os` and the built-in `open` are wrapped, and pyarrow's reading of a footer, which goes by neither.
A call counts if it is about a path below the store's root, or about a descriptor.
"""

from __future__ import annotations

import builtins
import fcntl
import io
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import pyarrow.parquet as pq

__all__ = ["Failpoint", "Tally", "failing"]

_CHANGES = ("fsync", "replace", "rename", "link", "unlink", "mkdir")
_LOOKS = ("listdir", "scandir", "stat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Failpoint:
    """What happens at the n-th call (from 1; 0: nothing, calls are only counted)."""

    at: int
    does: Literal["kill", "stop", "refuse"] = "refuse"
    error: int = 0
    """The errno of a refusal."""
    sticky: bool = False
    """Whether all later calls are refused too."""


@dataclass(slots=True)
class Tally:
    """The calls so far, by name and path."""

    root: Path
    point: Failpoint
    calls: list[str] = field(default_factory=list)

    @property
    def reached(self) -> bool:
        """Whether the failpoint was reached."""
        return 0 < self.point.at <= len(self.calls)

    def pass_by(self, name: str, where: object, *, changes: bool) -> bool:
        """Count a call; whether it is to fail. Nothing is left of a kill by a call that only looks."""
        if not (changes or self.point.does == "refuse") or not self._is_ours(where):
            return False
        self.calls.append(f"{name} {where}")
        n = len(self.calls)
        return n == self.point.at or (self.point.sticky and self.reached)

    def fail(self) -> None:
        """Die; or be stopped, and go on when continued; or refuse."""
        if self.point.does != "refuse":
            os.kill(os.getpid(), signal.SIGKILL if self.point.does == "kill" else signal.SIGSTOP)
            return
        raise OSError(self.point.error, os.strerror(self.point.error))

    def _is_ours(self, where: object) -> bool:
        if isinstance(where, int):
            return True
        path = str(os.path.abspath(str(where)))
        return path == str(self.root) or path.startswith(f"{self.root}/")


class _File:
    """A file being written, whose writes may be torn: half of it is there when the failpoint is reached."""

    def __init__(self, file: Any, tally: Tally) -> None:
        self._file = file
        self._tally = tally

    def write(self, data: Any) -> int:
        if self._tally.pass_by("write", self._file.fileno(), changes=True):
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            self._tally.fail()
            data = data[len(data) // 2 :]
        return int(self._file.write(data))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def failing(root: Path, point: Failpoint) -> Iterator[Tally]:
    """Count the calls that touch a store, and fail at one of them."""
    tally = Tally(root.absolute(), point)
    real_os_open, real_open, real_metadata, real_flock = os.open, builtins.open, pq.read_metadata, fcntl.flock

    def wrapped(name: str, real: Callable[..., Any], *, changes: bool) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            if tally.pass_by(name, args[0] if args else os.curdir, changes=changes):
                tally.fail()
            return real(*args, **more)

        return call

    def os_open(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if tally.pass_by("os.open", path, changes=bool(flags & os.O_CREAT)):
            tally.fail()
        return real_os_open(path, flags, *args, **more)

    def open_(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        writes = bool(set("wxa+") & set(mode))
        by_os_open = isinstance(file, int) or more.get("opener") is not None  # which counts it
        ours = tally._is_ours(file)
        if not by_os_open and tally.pass_by("open", file, changes=writes):
            tally.fail()
        opened = real_open(file, mode, *args, **more)
        return _File(opened, tally) if writes and ours else opened

    def metadata(where: Any, *args: Any, **more: Any) -> Any:
        if isinstance(where, str | os.PathLike) and tally.pass_by("read_metadata", where, changes=False):
            tally.fail()
        return real_metadata(where, *args, **more)

    def flock(descriptor: int, kind: int) -> None:
        if tally.pass_by("flock", descriptor, changes=False):
            tally.fail()
        real_flock(descriptor, kind)

    names = {**dict.fromkeys(_CHANGES, True), **dict.fromkeys(_LOOKS, False)}
    places: list[tuple[Any, str, Any]] = [
        *((os, name, wrapped(name, getattr(os, name), changes=changes)) for name, changes in names.items()),
        (os, "open", os_open),
        (builtins, "open", open_),
        (io, "open", open_),
        (pq, "read_metadata", metadata),
        (fcntl, "flock", flock),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, function in places:
        setattr(place, name, function)
    try:
        yield tally
    finally:
        for place, name, function in before:
            setattr(place, name, function)
