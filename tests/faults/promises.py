"""What must hold in every state of the model, and after a power loss in any of them.

The state is a tuple ``(day, generations, archived, files, processes, book)``:

- ``day``: the names in the day's folder, a bit mask: fragments, then generations
- ``generations``: what each generation's name means now; a freed name may come to mean another file
- ``archived``: the names in the archive's folder, one per archive run; ``files``: what these files are
- ``processes``: writer ``(step, next, retries)``; reader ``(step, owed, deleted, flag, …)``; all others
  ``(step, runs left, target, temp, …)`` where temp is 0 gone, 1 there, 2 there and listed by the remover
- ``book``: ``(published, deleted, durable, hot, lost)``; ``durable`` is ``(acknowledged, deleted, day, generations,
  archived)`` as of the last fsync, ``hot`` says that the folder changed within this tick of a coarse clock, ``lost``
  that power was lost

Store, in every state, for an instantaneous look: each row published and not deleted is there, once; no row that
retention deleted comes back; no kept or named file is missing. After a power loss the same for acknowledged rows and
fsynced deletions.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from tests.faults.setups import Setup

__all__ = ["Book", "Files", "Generation", "Generations", "Look", "Process", "Processes", "Promises", "State", "bits"]

Generation = tuple[int, int, int, int, int]
"""Rows, those of them held twice, generations kept, archive files named, fragments covered: bit masks all."""
Generations = tuple[Any, ...]
"""Of each number a `Generation`, or None where there is none of this name."""
Files = tuple[Any, ...]
"""Of each archive file the generation it was written for, its rows, those held twice; None where it is not written."""
Process = tuple[Any, ...]
Processes = tuple[Process, ...]
Book = tuple[int, int, tuple[Any, ...], int, int]
State = tuple[int, Generations, int, Files, Processes, Book]
Look = tuple[int, int, bool]


def bits(mask: int) -> list[int]:
    """Numbers of the bits set, from 1."""
    return [n + 1 for n in range(mask.bit_length()) if mask >> n & 1]


class Promises:
    """The promises of the protocol for one set-up."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.n_fragments = sum(setup.writers)
        self.n_commits = sum(setup.compactors) + setup.archiver + setup.retention
        self.all_fragments = (1 << self.n_fragments) - 1
        self.all_generations = ((1 << self.n_commits) - 1) << self.n_fragments
        self._seen: dict[tuple[Any, ...], str | None] = {}

    def bit(self, generation: int) -> int:
        """The bit of a generation's name."""
        return 1 << (self.n_fragments + generation - 1)

    def head(self, names: int) -> int:
        """The highest generation among some names."""
        return max((names & self.all_generations).bit_length() - self.n_fragments, 0)

    def named(self, names: int) -> str:
        """Names as text."""
        return " ".join(
            [f"f{n}" for n in bits(names & self.all_fragments)] + [f"c{n}" for n in bits(names >> self.n_fragments)]
        )

    def look(
        self,
        listed: int,
        day: int,
        generations: Generations,
        archived: int,
        files: Files,
        *,
        looked_up: bool = False,
        skip: bool = False,
    ) -> Look:
        """(rows, twice, missing): what a look finds that listed `listed` and opens the files now, by name."""
        rows = twice = 0
        missing = False
        fragments = listed & self.all_fragments
        if h := self.head(listed):
            parts = [generations[h]]
            if generations[h]:
                _, _, keeps, names, covers = generations[h]
                fragments &= ~covers
                if looked_up:
                    keeps &= listed >> self.n_fragments
                parts += [generations[k] for k in bits(keeps)]
                parts += [files[a - 1][1:] if archived >> (a - 1) & 1 else None for a in bits(names)]
            for part in parts:
                if part is None:
                    missing = True
                else:
                    twice |= part[1] | rows & part[0]
                    rows |= part[0]
        missing |= bool(fragments & ~day)
        fragments &= day
        return rows | fragments, twice | rows & fragments, missing and not skip

    def check(self, state: State) -> str | None:
        """The first promise that this state breaks, or None."""
        day, generations, archived, files, _, (published, deleted, durable, _, _) = state
        key = (day, generations, archived, files, published, deleted, durable)
        if key not in self._seen:
            look = self.look(day, day, generations, archived, files)
            self._seen[key] = self.verdict(*look, published, published & ~deleted, deleted)
            if self.setup.power and not self._seen[key]:
                for d, g, a in self.after_power_loss(state):
                    rows, twice, missing = self.look(d, d, g, a, files)
                    if bad := self.verdict(rows, twice, missing, published, durable[0] & ~deleted, durable[1]):
                        self._seen[key] = f"power loss that leaves {self.named(d)}: {bad}"
                        break
        return self._seen[key]

    def verdict(self, rows: int, twice: int, missing: bool, published: int, owed: int, gone: int) -> str | None:
        if missing:
            return "a kept or named file is missing"
        if twice:
            return f"{self.named(twice)} counts twice"
        if owed & ~rows:
            return f"{self.named(owed & ~rows)} is lost"
        if rows & gone:
            return f"{self.named(rows & gone)} was deleted and is back"
        if rows & ~published:
            return "rows that nobody published"
        return None

    def after_power_loss(self, state: State) -> Iterator[tuple[int, Generations, int]]:
        """Every (day, generations, archived) that a power loss now may leave."""
        day, generations, archived, _, _, (_, _, (_, _, day0, generations0, archived0), _, _) = state
        changes = [("day", 1 << n - 1) for n in bits(day ^ day0)] + [
            ("archive", 1 << n - 1) for n in bits(archived ^ archived0)
        ]
        for n in range(len(changes) + 1):
            for kept in combinations(changes, n):
                d = day0 ^ sum(b for where, b in kept if where == "day")
                a = archived0 ^ sum(b for where, b in kept if where == "archive")
                yield (
                    d,
                    (
                        None,
                        *tuple(
                            generations[g] or generations0[g] if d & self.bit(g) else None
                            for g in range(1, self.n_commits + 1)
                        ),
                    ),
                    a,
                )
