"""One question, several engines, each in a process of its own; asked in turn, so that a busy moment hits them all."""

from __future__ import annotations

import multiprocessing
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, fields
from datetime import date
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from benchmarks.querying.engines import Asked, Rows, answer

__all__ = ["Heat", "contest", "new_process_s"]

_ROUNDS, _LEAST = 9, 3
_PATIENCE_S, _SLOW_S = 20.0, 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """What one engine needed: seconds of its first answer and of the later ones, peak memory, and what it said."""

    first_s: float
    warm_s: tuple[float, ...]
    peak_bytes: int
    rows: Rows

    @property
    def median_s(self) -> float:
        return median(self.warm_s)

    def ratio(self, peer: Heat) -> float:
        """The median ratio of answers that were given one after the other."""
        return median(own / other for own, other in zip(self.warm_s, peer.warm_s, strict=False))


def contest(asked: Asked, engines: list[str], *, rounds: int = _ROUNDS) -> dict[str, Heat]:
    """Let engines answer a question in turn: once, and then up to `rounds` times, at least thrice, for 20 s.

    One whose first answer took more than 15 s is asked only once more.
    """
    context = multiprocessing.get_context("spawn")  # a fork would share this process's peak
    ends: dict[str, Connection] = {}
    workers = []
    for engine in engines:
        ends[engine], far = context.Pipe()
        workers.append(context.Process(target=_serve, args=(far, engine, asked), daemon=True))
        workers[-1].start()
    taken: dict[str, list[tuple[float, int, Rows]]] = {engine: [] for engine in engines}
    began = time.monotonic()
    for turn in range(rounds + 1):
        if turn > _LEAST and time.monotonic() - began > _PATIENCE_S:
            break
        for engine in engines[turn % len(engines) :] + engines[: turn % len(engines)]:
            if turn > 1 and taken[engine][0][0] > _SLOW_S:
                continue
            ends[engine].send("ask")
            taken[engine].append(ends[engine].recv())
    for end, worker in zip(ends.values(), workers, strict=True):
        end.send("go")
        worker.join()
    return {
        engine: Heat(
            first_s=answers[0][0],
            warm_s=tuple(seconds for seconds, _, _ in answers[1:]),
            peak_bytes=answers[-1][1],
            rows=answers[-1][2],
        )
        for engine, answers in taken.items()
    }


def _serve(end: Connection, engine: str, asked: Asked) -> None:
    while end.recv() == "ask":
        began = time.perf_counter()
        rows = answer(engine, asked)
        seconds = time.perf_counter() - began
        end.send((seconds, _peak_bytes(), rows))


def _peak_bytes() -> int:
    """The most memory that this process ever had; on Linux `ru_maxrss` may be that of whoever started it."""
    about = Path("/proc/self/status")
    if about.exists():
        return int(about.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def new_process_s(asked: Asked, engine: str, *, rounds: int = 3) -> float:
    """Median seconds of a process that starts, imports what it needs, answers once and ends."""
    said = [str(getattr(asked, field.name)) for field in fields(Asked)]
    command = [sys.executable, "-m", "benchmarks.querying.contest", engine, *said]
    taken = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
        taken.append(time.perf_counter() - began)
    return median(taken)


if __name__ == "__main__":
    _engine, _question, _folder, _end, _days, _workflow = sys.argv[1:]
    answer(
        _engine,
        Asked(
            question=_question,
            folder=Path(_folder),
            end=date.fromisoformat(_end),
            days=int(_days),
            workflow_id=_workflow,
        ),
    )
