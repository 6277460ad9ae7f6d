"""The steps of a commit and of the removal after it, as the model takes them; `model` says which code each is."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.promises import Book, Files, Generation, Generations, Process, Processes, Promises, State, bits
from tests.faults.setups import Setup

__all__ = ["HOLDERS", "Commits", "Steps", "subsets"]

Steps = Iterator[tuple[str, State, str | None]]
"""What was done, the state after it, and the promise that a reader found broken."""
HOLDERS = ("late", "fsync", "sweep", "remove")
"""Steps of a remover that holds the lock."""
_WITH_TEMP = ("list", "file", "filesync", "sync", "link")


def subsets(mask: int) -> Iterator[int]:
    sub = mask
    while sub:
        yield sub
        sub = (sub - 1) & mask
    yield 0


class Commits(Promises):
    """The processes that change a day by commits, and what they may do next."""

    def __init__(self, setup: Setup, *, symmetric: bool = True) -> None:
        super().__init__(setup)
        self.kinds = (
            "W" * len(setup.writers)
            + "C" * len(setup.compactors)
            + "A" * (setup.archiver > 0)
            + "T" * (setup.retention > 0)
            + "R" * bool(setup.reader)
        )
        self.who = [kind + str(self.kinds[:i].count(kind) + 1) for i, kind in enumerate(self.kinds)]
        first = self.kinds.find("C")
        alike = symmetric and len(set(setup.compactors)) == 1
        self.alike = slice(first, first + len(setup.compactors)) if alike else None

    def retemp(self, processes: Processes, old: int, new: int, targets: range) -> list[Process]:
        """The processes, where each temp in state `old` with one of the targets is now in state `new`."""
        return [
            (*p[:3], new, *p[4:]) if k in "CAT" and p[0] in _WITH_TEMP and p[3] == old and p[2] in targets else p
            for k, p in zip(self.kinds, processes, strict=True)
        ]

    def put(
        self,
        state: State,
        i: int,
        process: Process,
        *,
        day: int | None = None,
        generations: Generations | None = None,
        archived: int | None = None,
        files: Files | None = None,
        book: Book | None = None,
        processes: list[Process] | None = None,
    ) -> State:
        """The state after process i has become `process`; what changed in the folder reaches each listing under way."""
        day0, generations0, archived0, files0, processes0, book0 = state
        out = list(processes or processes0)
        out[i] = process
        if day is None or (day == day0 and generations is None):
            day = day0
        else:
            changed = day ^ day0
            for j, p in enumerate(out):
                if p[0] == "list" and j != i:
                    out[j] = (*p[:4], p[4] & day, p[5] | changed, *p[6:])
                    if self.kinds[j] == "R" and self.setup.reader == "mtime" and p[3] == 0:
                        out[j] = (*p[:3], 1, *out[j][4:])  # the folder's time moves: the reader sees it
            if self.setup.reader == "mtime":
                book = (*(book or book0)[:3], 1, *book0[4:])
        if self.alike:
            out[self.alike] = sorted(out[self.alike])
        return (
            day,
            generations or generations0,
            archived0 if archived is None else archived,
            files or files0,
            tuple(out),
            book or book0,
        )

    def run_ends(self, p: Process) -> Process:
        return ("idle", p[1] - 1) if p[1] > 1 else ("end", 0)

    def removal(self, p: Process) -> Process:
        return ("archlist", p[1]) if self.setup.archiver else ("judge", p[1], 0)

    def commit(self, state: State, i: int, p: Process, me: str) -> Steps:
        day, _generations, _archived, _files, processes, _book = state
        c, step = self.setup, p[0]
        if step == "end":
            return
        if step == "idle":  # look for g; make the temp for g + 1; then list
            temp = int(c.broken != "temp made late")
            for t in range(1, self.head(day) + 2):
                yield f"{me} makes a temp for c{t}", self.put(state, i, ("list", p[1], t, temp, day, 0)), None
            return
        if step in HOLDERS or (c.crash and step != "list"):
            freed = self.retemp(processes, 2, 1, range(self.n_commits + 1)) if step in HOLDERS else None
            yield f"{me} dies", self.put(state, i, self.run_ends(p), processes=freed), None
        yield from getattr(self, "do_" + step)(state, i, p, me)

    def do_list(self, state: State, i: int, p: Process, me: str) -> Steps:
        """One listing gives g, the judge of what is covered, and the inputs; then the inputs are read."""
        day, generations, archived, files, _, _ = state
        _, r, t, temp, must, may = p
        kind, c = self.kinds[i], self.setup
        out = {self.removal(p): "drops its work"}  # another g, a file gone, or nothing to do
        for more in subsets(may & day):
            listed = must | more
            h = self.head(listed)
            if h + 1 != t and c.broken != "g not taken again":
                continue
            _, _, keeps, names, covers = generations[h] if h else (0,) * 5
            fragments = listed & self.all_fragments & ~covers
            lives = [h] * (h > 0) + bits(keeps)
            every = sum(1 << g - 1 for g in lives)
            old = covers & listed if c.forget and c.broken != "forgets what lies there" else 0 if c.forget else covers
            covers = fragments if c.broken == "covers not carried on" else fragments | old
            for merged in subsets(every) if kind == "C" and c.keep else [every]:
                parts = [generations[g] for g in bits(merged)] if kind != "T" else []
                if kind == "A":
                    parts += [files[a - 1][1:] if archived >> (a - 1) & 1 else None for a in bits(names)]
                if None in parts:
                    continue
                rows, twice = fragments, 0
                for part in parts:
                    twice |= part[1] | rows & part[0]
                    rows |= part[0]
                if kind == "C":
                    if not fragments and len(parts) < 2:
                        continue
                    names = 0 if c.broken == "archive names not carried on" else names
                    body = (rows, twice, every & ~merged, names, covers)
                elif kind == "A":
                    if (not fragments and len(lives) == 1 and not generations[h][0]) or not rows:
                        continue
                    body = (rows, twice, 0, 0, covers)  # the rows go to the archive file
                else:
                    if not lives and not fragments:
                        continue
                    body = (0, 0, 0, 0, 0 if c.broken == "retention drops covers" else covers)
                after = "file" if kind == "A" else "sync" if c.power and c.broken != "no fsync before link" else "link"
                out[(after, r, t, temp, body)] = f"lists {self.named(listed)}" + (
                    f", merges {self.named(rows)}" if kind != "T" else ""
                )
        for q, label in out.items():
            yield f"{me} {label}", self.put(state, i, q), None

    def do_file(self, state: State, i: int, p: Process, me: str) -> Steps:
        """The archive file: written, read again, its folder fsynced, all before the link."""
        _, r, t, temp, (rows, twice, _, _, covers) = p
        a = self.setup.archiver - r  # a new name in each run
        synced = self.setup.power and self.setup.broken != "archive's folder not fsynced"
        link = ("sync" if self.setup.power else "link", r, t, temp, (0, 0, 0, 1 << a, covers))
        yield (
            f"{me} writes a{a + 1} for c{t}",
            self.put(
                state,
                i,
                ("filesync", *link[1:]) if synced else link,
                archived=state[2] | 1 << a,
                files=(*state[3][:a], (t, rows, twice), *state[3][a + 1 :]),
            ),
            None,
        )

    def do_filesync(self, state: State, i: int, p: Process, me: str) -> Steps:
        book = state[5]
        yield (
            f"{me} fsyncs the archive's folder",
            self.put(state, i, ("sync", *p[1:]), book=(*book[:2], (*book[2][:4], state[2]), *book[3:])),
            None,
        )

    def synced(self, state: State) -> Book:
        """The book after an fsync of the day's folder."""
        book = state[5]
        return (*book[:2], (book[2][0], book[1], state[0], state[1], book[2][4]), *book[3:])

    def do_sync(self, state: State, i: int, p: Process, me: str) -> Steps:
        yield f"{me} fsyncs the folder", self.put(state, i, ("link", *p[1:]), book=self.synced(state)), None

    def do_link(self, state: State, i: int, p: Process, me: str) -> Steps:
        day, generations, _, _, _, book = state
        _, _r, t, temp, body = p
        if self.setup.broken == "number from a later listing":
            t = self.head(day) + 1
        if (not temp and self.setup.broken != "temp made late") or (
            day & self.bit(t) and self.setup.broken != "rename for link"
        ):
            yield f"{me} can't link c{t}", self.put(state, i, self.removal(p)), None
            return
        if self.kinds[i] == "T":
            book = (book[0], book[1] | body[4], *book[2:]) if body[4] else (book[0], book[0], *book[2:])
        yield (
            f"{me} links c{t} (rows {self.named(body[0])}; keeps {bits(body[2])}; covers {self.named(body[4])})",
            self.put(
                state,
                i,
                self.removal(p),
                day=day | self.bit(t),
                generations=(*generations[:t], body, *generations[t + 1 :]),
                book=book,
            ),
            None,
        )

    def do_archlist(self, state: State, i: int, p: Process, me: str) -> Steps:
        yield f"{me} lists the archive's folder", self.put(state, i, ("judge", p[1], state[2])), None

    def do_judge(self, state: State, i: int, p: Process, me: str) -> Steps:
        """h: any generation there is. With `grace`, none that was published after the reader began to list."""
        day, generations = state[0], state[1]
        reader = state[4][-1]
        young = (
            self.setup.grace and reader[0] in ("list", "open") and self.setup.broken != "grace counts from the writing"
        )
        newest = reader[3] - 1 if young else self.n_commits
        for h in range(1, min(self.head(day), newest) + 1):
            if generations[h]:
                yield f"{me} will judge by c{h}", self.put(state, i, ("lock", p[1], h, generations[h], p[2])), None
        yield f"{me} removes nothing", self.put(state, i, self.run_ends(p)), None

    def do_lock(self, state: State, i: int, p: Process, me: str) -> Steps:
        _, r, h, head, listed_archive = p
        reading = self.setup.reader == "lock" and state[4][-1][0] == "list"
        if reading or any(q[0] in HOLDERS for q in state[4]):
            return
        if self.setup.broken == "judge seen later":
            yield (
                f"{me} locks, begins to list",
                self.put(
                    state,
                    i,
                    ("late", r, 0, 0, listed_archive),
                    processes=self.retemp(state[4], 1, 2, range(self.n_commits + 1)),
                ),
                None,
            )
        else:
            if self.setup.broken == "archive listed late":
                listed_archive = state[2]
            yield from self.doom(state, i, p, me, h, head, listed_archive, self.retemp(state[4], 1, 2, range(h + 1)))

    def do_late(self, state: State, i: int, p: Process, me: str) -> Steps:
        """Broken: the judge is whatever the day's own listing shows, which began before that judge was there."""
        h = self.head(state[0])
        young = range(h + 1, self.n_commits + 1)
        yield from self.doom(state, i, p, me, h, state[1][h], p[4], self.retemp(state[4], 2, 1, young))

    def doom(
        self,
        state: State,
        i: int,
        p: Process,
        me: str,
        h: int,
        head: Generation,
        listed_archive: int,
        processes: list[Process],
    ) -> Steps:
        """Lists what is dead by h: temps (marked in their processes), generations, fragments, archive files."""
        _, _, keeps, names, covers = head
        day = state[0]
        below = (self.bit(h) - 1) & self.all_generations
        dead = day & below & ~(keeps << self.n_fragments) | day & self.all_fragments & covers
        numbered = sum(
            1 << a - 1
            for a in bits(listed_archive)
            if state[3][a - 1][0] <= h or self.setup.broken == "archive files of any number"
        )
        dead_archive = numbered & ~names
        temps = any(q[0] in _WITH_TEMP and q[3] == 2 for q in processes)
        if not (dead or dead_archive or temps):
            yield f"{me} finds nothing dead", self.put(state, i, self.run_ends(p)), None
            return
        at = (
            "fsync"
            if self.setup.power and self.setup.broken != "no fsync before removal"
            else "sweep"
            if temps and self.setup.broken != "temps swept last"
            else "remove"
        )
        yield (
            f"{me} locks, lists: dead by c{h}: {self.named(dead)}"
            + (" and temps" if temps else "")
            + "".join(f" a{a}" for a in bits(dead_archive)),
            self.put(state, i, (at, p[1], dead, dead_archive), processes=processes),
            None,
        )

    def do_fsync(self, state: State, i: int, p: Process, me: str) -> Steps:
        yield f"{me} fsyncs the folder", self.put(state, i, ("sweep", *p[1:]), book=self.synced(state)), None

    def do_sweep(self, state: State, i: int, p: Process, me: str) -> Steps:
        yield (
            f"{me} removes the temps",
            self.put(
                state,
                i,
                ("remove", *p[1:]) if p[2] | p[3] else self.run_ends(p),
                processes=self.retemp(state[4], 2, 0, range(self.n_commits + 1)),
            ),
            None,
        )

    def do_remove(self, state: State, i: int, p: Process, me: str) -> Steps:
        day, generations, archived = state[:3]
        _, r, dead, dead_archive = p
        done = ("sweep", r, 0, 0) if self.setup.broken == "temps swept last" else self.run_ends(p)
        for b in (1 << n - 1 for n in bits(dead)):  # in any order
            q = ("remove", r, dead & ~b, dead_archive)
            g = self.head(b)
            yield (
                f"{me} removes {self.named(b)}",
                self.put(
                    state,
                    i,
                    q if q[2] | q[3] else done,
                    day=day & ~b,
                    generations=(*generations[:g], None, *generations[g + 1 :]) if g else None,
                ),
                None,
            )
        for b in (1 << n - 1 for n in bits(dead_archive)):
            q = ("remove", r, dead, dead_archive & ~b)
            yield (
                f"{me} removes a{b.bit_length()}",
                self.put(state, i, q if q[2] | q[3] else done, archived=archived & ~b),
                None,
            )
