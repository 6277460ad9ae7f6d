"""The runs of one workflow as arrays: what each did and would have done, before it becomes rows.

Every run has a *path*: all visits of steps that it could make, optional ones and each turn of a loop too. The paths
of all runs lie in flat arrays, one after another, that of run i from `first[i]` on, `counts[i]` visits long. `taken`
says which visits the run makes, and `stop` after how many of its path it ended. So a fault changes the entries that it
says and leaves all else as it was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from rpa_lab.simulate.process import Process

__all__ = [
    "NO_CONFIDENCE",
    "NO_DURATION",
    "Bools",
    "Floats",
    "Ints",
    "Leak",
    "Message",
    "Runs",
    "Short",
    "Small",
    "attempts_us",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Small: TypeAlias = npt.NDArray[np.integer]
Short: TypeAlias = npt.NDArray[np.float32]
Bools: TypeAlias = npt.NDArray[np.bool_]

NO_DURATION, NO_CONFIDENCE = 1, 2
_BACKOFF_US = 1_500_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a failed run says: in one line, in full, and of which kind; ``{key}`` stands for its case."""

    line: str
    trace: str
    exception_kind: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leak:
    """Memory that is lost: so many MB an hour since a time, in the runs whose numbers are given."""

    mb_per_hour: float
    since_us: int
    numbers: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Runs:
    """One workflow's runs, in the order in which they were queued; all times are in microseconds.

    One entry a run: `number`, `queued_us` and `started_us` (since 1970 UTC), `robot` (an index into `robots`), `host`,
    `version` (an index into `versions`), `lines` (the size of its case), `stop`, `failure` (an index into `messages`,
    -1 where it did not fail), `cancelled`, `tail_us` (from its last step to its end), and `cut_us`: how long after its
    start nothing more is heard of it, -1 where all is.

    One entry a visit: `node`, `taken`, `gap_us` (from the end of the visit before), `duration_us`, `retries`, `doubt`
    and `heal` (what confidence and recoveries are made from), and `missing`: what the record lacks, as bits.
    """

    process: Process
    robots: tuple[str, ...]
    versions: tuple[str, ...]
    messages: tuple[Message, ...]
    leaks: tuple[Leak, ...] = ()
    number: Ints
    queued_us: Ints
    started_us: Ints
    robot: Ints
    host: Ints
    version: Ints
    lines: Ints
    stop: Ints
    failure: Ints
    cancelled: Bools
    tail_us: Ints
    cut_us: Ints
    counts: Ints
    node: Small
    taken: Bools
    gap_us: Ints
    duration_us: Ints
    retries: Small
    doubt: Short
    heal: Short
    missing: Small

    @property
    def first(self) -> Ints:
        """Where each run's path begins in the flat arrays."""
        first: Ints = np.cumsum(self.counts) - self.counts
        return first

    def run(self) -> Ints:
        """Whose path each visit belongs to, an index."""
        return np.repeat(np.arange(len(self.number)), self.counts)

    def position(self) -> Ints:
        """The place of each visit in its run's path, from 0."""
        return np.arange(len(self.node)) - np.repeat(self.first, self.counts)

    def made(self) -> Bools:
        """Which visits were made: taken, and before the run ended."""
        made: Bools = self.taken & (self.position() < np.repeat(self.stop, self.counts))
        return made

    def failing(self) -> Bools:
        """The visits at which their runs failed: the last ones of failed runs."""
        failed = np.repeat(self.failure >= 0, self.counts)
        failing: Bools = failed & (self.position() == np.repeat(self.stop - 1, self.counts))
        return failing

    def ends_us(self) -> Ints:
        """When each visit that was made ended, since its run's start; for others, when the one before it did."""
        spent = np.cumsum(np.where(self.made(), self.gap_us + self.duration_us, 0))
        before = np.concatenate([[0], spent])[self.first]
        ends: Ints = spent - np.repeat(before, self.counts)
        return ends

    def length_us(self) -> Ints:
        """How long each run took, or would have, had it been let."""
        lengths: Ints = self.ends_us()[self.first + self.counts - 1] + self.tail_us
        return lengths

    def own_us(self) -> Floats:
        """How long one attempt at each visit took."""
        own: Floats = (self.duration_us - _BACKOFF_US * self.retries) / (1 + self.retries)
        return own

    def first_visits(self, which: Bools) -> Ints:
        """Of some visits the first one of each run: indices into the flat arrays, in the order of runs."""
        at = np.flatnonzero(which)
        runs = self.run()[at]
        return at[np.concatenate([[True], runs[1:] != runs[:-1]])] if len(at) else at

    def pick(self, runs: Ints) -> Runs:
        """Some runs, by index, in that order."""
        counts = self.counts[runs]
        ends = np.cumsum(counts)
        visits = np.arange(int(counts.sum())) + np.repeat(self.first[runs] - (ends - counts), counts)
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        picked: dict[str, Any] = {
            name: array[visits if name in _BY_VISIT else runs]
            for name, array in arrays.items()
            if isinstance(array, np.ndarray)
        }
        return replace(self, **picked)

    def where(self, keep: Bools) -> Runs:
        """The runs that are to be kept."""
        return self.pick(np.flatnonzero(keep))

    def insert(self, at: Ints, **values: npt.NDArray[np.generic]) -> Runs:
        """With further visits, each right after the visit before the given index (ascending), in the same run's path.

        `values` has the new visits' entries by array; nothing of them is missing.
        """
        values = {"missing": np.zeros(len(at), np.int8), **values}
        added = np.bincount(np.searchsorted(self.first, at - 1, side="right") - 1, minlength=len(self.number))
        arrays: dict[str, Any] = {name: np.insert(getattr(self, name), at, values[name]) for name in _BY_VISIT}
        return replace(self, counts=self.counts + added, **arrays)


_BY_VISIT = ("node", "taken", "gap_us", "duration_us", "retries", "doubt", "heal", "missing")


def attempts_us(own_us: Floats, retries: Small) -> Floats:
    """How long a visit takes with so many retries: each a further attempt, after a pause of 1.5 seconds."""
    spent: Floats = own_us * (1 + retries) + _BACKOFF_US * retries
    return spent
