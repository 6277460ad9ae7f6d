"""The storage protocol as a model: each step of each process, so that every interleaving can be tried.

What is modelled is one day's folder, and its archive's. A fragment is one row. A listing takes time: it returns each
name that was there all along, and any subset of those that came or went meanwhile. A process may sleep between any two
steps for as long as the others run; it may also die there, and a fresh one goes on in its place. Who dies holding the
lock frees it. The remover judges by any generation there is: the grace is only looked at where a set-up says so.

The steps, and what they are in the code:

=============  ============================================================================
``idle``       `commit`: look for the highest generation, make the temp for the next
``list``       `commit`: `look`, which gives number and inputs; then ``make`` reads these
``file``       the archive file written, read again; ``filesync``: its folder fsynced
``sync``       `fsync_folder` before the link
``link``       `os.link` to the generation's name
``archlist``   `remove_dead`: list the archive's folder
``judge``      `remove_dead`: choose the generation that all is judged by
``lock``       `locked`, then list the day again
``fsync``      `fsync_folder` before removal
``sweep``      temps go
``remove``     generations, fragments and archive files go
=============  ============================================================================

Not modelled: damage and quarantine, publication of the table's one file, removal of writers' temps by age, clocks that
jump, Windows, network file systems.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.commits import HOLDERS, Commits, Steps, subsets
from tests.faults.promises import Process, State
from tests.faults.setups import Setup

__all__ = ["Model", "explore"]


def explore(setup: Setup, *, limit: int, symmetric: bool = True) -> tuple[str | None, list[str], int, bool]:
    """Try every interleaving, breadth first, so that the trace to a broken promise is a shortest one.

    Returns
    -------
    tuple
        The broken promise or None, its trace, the states seen, and whether these were all.
    """
    model = Model(setup, symmetric=symmetric)
    start = model.initial()
    came: dict[State, tuple[State, str] | None] = {start: None}
    level = [start]
    while level:
        following = []
        for state in level:
            for label, after, broken in model.steps(state):
                if after in came and not broken:
                    continue
                if said := broken or model.check(after):
                    return said, _trace(came, state, label), len(came), False
                came[after] = (state, label)
                following.append(after)
            if len(came) > limit:
                return None, [], len(came), False
        level = following
    return None, [], len(came), True


def _trace(came: dict[State, tuple[State, str] | None], state: State, label: str) -> list[str]:
    trace = [label]
    while step := came[state]:
        state, label = step
        trace.append(label)
    return trace[::-1]


class Model(Commits):
    """One set-up's processes and all that they may do next."""

    def initial(self) -> State:
        """An empty day, and nobody has begun."""
        runs = iter(self.setup.compactors)
        begin: dict[str, Callable[[], Process]] = {
            "W": lambda: ("write", 0, self.setup.retries),
            "C": lambda: ("idle", next(runs)),
            "A": lambda: ("idle", self.setup.archiver),
            "T": lambda: ("idle", self.setup.retention),
            "R": lambda: ("begin", 0, 0, 0),
        }
        none = (None,) * (self.n_commits + 1)
        processes = tuple(begin[kind]() for kind in self.kinds)
        return (0, none, 0, (None,) * self.setup.archiver, processes, (0, 0, (0, 0, 0, none, 0), 0, 0))

    def steps(self, state: State) -> Steps:
        """Every (label, next state, broken promise of a reader or None)."""
        move = {"W": self.write, "C": self.commit, "A": self.commit, "T": self.commit, "R": self.read}
        for i, kind in enumerate(self.kinds):
            yield from move[kind](state, i, state[4][i], self.who[i])
        book = state[5]
        if book[3]:  # the coarse clock ticks
            reader = state[4][-1]
            reader = (*reader[:3], 0, *reader[4:]) if reader[0] == "list" and reader[3] == 2 else reader
            yield "the clock ticks", self.put(state, -1, reader, book=(*book[:3], 0, *book[4:])), None
        if self.setup.power == 2 and not book[4]:
            fresh = [
                ("write", p[1], 0)
                if k == "W"
                else p
                if p[0] == "end"
                else ("idle", p[1])
                if p[0] in ("idle", "list")
                else self.run_ends(p)
                for k, p in zip(self.kinds, state[4], strict=False)
            ]
            for d, g, a in self.after_power_loss(state):
                rows = self.look(d, d, g, a, state[3])[0]
                gone = book[1] & ~rows  # an unsynced deletion may be undone by this
                yield (
                    f"power loss, {self.named(d)} is left",
                    (d, g, a, state[3], tuple(fresh), (rows | gone, gone, (rows, gone, d, g, a), 0, 1)),
                    None,
                )

    def write(self, state: State, i: int, p: Process, me: str) -> Steps:
        day, generations, _, _, _, book = state
        step, n, retries = p
        first = sum(self.setup.writers[:i])
        if step == "ack":
            durable = book[2]
            durable = (durable[0] | 1 << (first + n - 1), book[1], day, generations, durable[4])
            yield (
                f"{me} fsyncs, acknowledges",
                self.put(state, i, ("write", n, retries), book=(*book[:2], durable, *book[3:])),
                None,
            )
            return
        if n < self.setup.writers[i]:
            b = 1 << (first + n)
            yield (
                f"{me} publishes {self.named(b)}",
                self.put(
                    state,
                    i,
                    ("ack" if self.setup.power else "write", n + 1, retries),
                    day=day | b,
                    book=(book[0] | b, *book[1:]),
                ),
                None,
            )
        if retries:
            for b in (1 << (first + k) for k in range(n)):
                yield (
                    f"{me} retries {self.named(b)} late",
                    self.put(state, i, ("write", n, retries - 1), day=day | b),
                    None,
                )

    def read(self, state: State, i: int, p: Process, me: str) -> Steps:
        day, generations, archived, files, processes, (published, deleted, _, hot, _) = state
        c, (step, owed, gone, flag) = self.setup, p[:4]
        if step in ("begin", "again"):
            if step == "begin":
                owed, gone = published & ~deleted, deleted
            if c.reader == "lock" and any(q[0] in HOLDERS for q in processes):
                return
            if hot and c.broken != "age judged after":  # the folder's time isn't 20 ms back: wait
                return
            flag = self.head(day) + 1 if c.grace else 2 * hot  # 2: changes within this tick leave no trace
            yield f"{me} begins to list", self.put(state, i, ("list", owed, gone, flag, day, 0)), None
        elif step == "list":
            if c.reader == "mtime" and (flag == 1 or hot):
                if flag == 1:
                    yield f"{me} lists again", self.put(state, i, ("again", owed, gone, 0)), None
                return
            for more in subsets(p[5]):
                yield (
                    f"{me} listed {self.named(p[4] | more)}",
                    self.put(state, i, ("open", owed, gone, flag, p[4] | more)),
                    None,
                )
        elif step == "open":
            rows, twice, missing = self.look(
                p[4],
                day,
                generations,
                archived,
                files,
                looked_up=c.broken == "kept looked up",
                skip=c.broken == "missing files skipped",
            )
            if missing:
                bad = "reader: a file that it listed is gone" if c.grace else None
                yield f"{me} misses a file, starts over", self.put(state, i, ("again", owed, gone, 0)), bad
                return
            bad = self.verdict(rows, twice, missing, published, owed & ~deleted, gone)
            yield f"{me} reads {self.named(rows)}", self.put(state, i, ("end", 0, 0, 0)), bad and f"reader: {bad}"
