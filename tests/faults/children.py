"""Children that may be killed: forked from a server that has imported everything and used nothing.

Polars hangs in a child whose parent used it, and a new interpreter takes a second; a fork of the server some
milliseconds.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.faults.failpoints import Failpoint, failing
from tests.faults.jobs import JOBS, Log

__all__ = ["die_at", "do", "start", "stop_at"]

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pandas", "tests.faults.children", "tests.faults.crowd"])  # pyarrow loads pandas


def start(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """Run a function in a child."""
    child = _CONTEXT.Process(target=target, args=args, daemon=True)
    child.start()
    return child


def die_at(root: Path, job: str, log: Path, at: int) -> None:
    """Do a job until its n-th change of the disk, and be killed there."""
    with failing(root, Failpoint(at=at, does="kill")):
        JOBS[job].run(root, Log(log))


def stop_at(root: Path, job: str, log: Path, at: int) -> None:
    """Do a job until its n-th change of the disk, stop there until continued, then do the rest."""
    with failing(root, Failpoint(at=at, does="stop")):
        JOBS[job].run(root, Log(log))


def do(root: Path, job: str, log: Path) -> None:
    """Do a job."""
    JOBS[job].run(root, Log(log))
