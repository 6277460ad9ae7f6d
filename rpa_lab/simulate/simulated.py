"""What a simulated fleet left behind: frames of the store's tables, made when they are asked for, or days for a store.

`Fleet.write` makes a day's rows at a time, so that a month of millions of steps never lies in memory as a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.schema import TABLES
from rpa_lab.simulate.calendar import DAY_US
from rpa_lab.simulate.columns import frame_of, schema_of, times
from rpa_lab.simulate.flaws import Flaws, skew_us
from rpa_lab.simulate.releases import changes_of
from rpa_lab.simulate.rows import Rows, ids_of, rows_of
from rpa_lab.simulate.streams import digest
from rpa_lab.storage.store import TimeSeriesStore, Written

if TYPE_CHECKING:
    from pathlib import Path

    from rpa_lab.simulate.faults.fault import Fault
    from rpa_lab.simulate.runs import Runs
    from rpa_lab.simulate.world import World


__all__ = ["Fleet"]

_ALIVE_EVERY_US = 5 * 60 * 1_000_000
_TIME_OF = {"executions": "started_at", "steps": "started_at", "recoveries": "started_at", "resources": "timestamp"}


class Fleet:
    """A simulated fleet; `rpa_lab.simulate.fleet` makes it.

    Attributes
    ----------
    faults : tuple
        What was planted.
    truth : polars.DataFrame
        One row per planted fault and workflow (see `rpa_lab.simulate.faults.truth.plant_all`).
    flaws : Flaws
        What is wrong with its records.
    seed : int
        Its seed.
    start, end : datetime
        The time in which runs were queued; those that would have been done by the end without faults are there.
    tz : str
        The zone whose clock its work follows.
    writer : str
        Says to a store who wrote it.

    Examples
    --------
    >>> from datetime import date
    >>> from rpa_lab.simulate import fleet
    >>> made = fleet(2, 2, end=date(2026, 11, 4), faults=["new_step"])
    >>> made.truth["kind"].to_list(), made.steps.filter(node_id=made.faults[0].node_id).height > 0
    (['new_step'], True)
    """

    def __init__(
        self,
        runs: Sequence[Runs],
        *,
        world: World,
        faults: tuple[Fault, ...],
        truth: pl.DataFrame,
        flaws: Flaws,
        resources: bool,
        writer: str,
    ) -> None:
        self.faults, self.truth, self.flaws = faults, truth, flaws
        self.seed, self.start, self.tz, self.writer = world.seed, world.start, world.here.tz, writer
        self.end = world.start + timedelta(days=world.days)
        self._runs, self._world, self._resources = tuple(runs), world, resources

    def __repr__(self) -> str:
        return (
            f"Fleet({len(self._runs)} workflows, {self.n_executions:,} executions, {self.n_steps:,} steps, "
            f"{len(self.faults)} faults, {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d})"
        )

    @property
    def n_executions(self) -> int:
        """How many executions there are."""
        return sum(len(runs.number) for runs in self._runs)

    @cached_property
    def n_steps(self) -> int:
        """How many steps were made; those that flaws leave out of the record count too."""
        return sum(int(runs.made().sum()) for runs in self._runs)

    @property
    def executions(self) -> pl.DataFrame:
        """The executions, in the public columns of the table: workflow by workflow, as they were queued."""
        return self._rows.executions

    @property
    def steps(self) -> pl.DataFrame:
        """The steps, likewise."""
        return self._rows.steps

    @property
    def recoveries(self) -> pl.DataFrame:
        """The recoveries, likewise."""
        return self._rows.recoveries

    @property
    def resources(self) -> pl.DataFrame:
        """The samples of CPU and memory; none unless they were asked for."""
        return self._rows.resources

    @cached_property
    def changes(self) -> pl.DataFrame:
        """What somebody changed and wrote down: releases, and fixes."""
        rows = [
            row
            for name, plan in self._world.plans.items()
            for row in changes_of(name, plan.releases, hosts=self._world.hosts, id_prefix=plan.id_prefix)
        ]
        rows += [row for fault in self.faults for row in fault.changes(self._world)]
        frame = pl.DataFrame(rows, schema=schema_of("changes"))
        return frame.filter(pl.col("at") < self.end).sort("at", "change_id")

    @cached_property
    def collector_health(self) -> pl.DataFrame:
        """What the collector of the runs still at work said: that it lives, every five minutes until the end."""
        end_us = self._world.end_us
        at_work = [
            runs.started_us[(runs.cut_us >= 0) & (runs.started_us + runs.cut_us == end_us)] for runs in self._runs
        ]
        since = min((int(starts.min()) for starts in at_work if len(starts)), default=end_us)
        at_us = np.arange(end_us, since, -_ALIVE_EVERY_US)[::-1]
        required = [column.name for column in TABLES["collector_health"].columns if not column.nullable]
        counts = {name: pl.repeat(0, len(at_us), dtype=pl.Int64, eager=True) for name in required}
        known = {"timestamp": times(at_us), "writer": pl.repeat(self.writer, len(at_us), eager=True)}
        return frame_of("collector_health", **(counts | known))

    def write(
        self, store: TimeSeriesStore | str | Path, *, on_day: Callable[[date, int, int], None] | None = None
    ) -> dict[str, Written]:
        """Write all of it into a store, a UTC day at a time; the same fleet written again changes nothing.

        An execution that the store already holds from elsewhere (the same fleet with other faults) is left out, whole.

        Parameters
        ----------
        store : TimeSeriesStore, str or Path
            Where to; of a path the store there, which is made where there is none.
        on_day : callable, optional
            Called with each day as it is written, how many are done, and how many there are.

        Returns
        -------
        dict of str to Written
            By table: rows written, and rows that were there already.
        """
        if not isinstance(store, TimeSeriesStore):
            store = TimeSeriesStore(store)
        killed_by = "i" + digest(("killed", self.writer), digits=11)
        held = self._held(store, killed=False, writer=self.writer) | self._held(store, killed=True, writer=killed_by)
        nothing = Written(rows=0, already_there=0, corrected=0)
        counts = dict.fromkeys((*_TIME_OF, "changes", "collector_health"), nothing)
        for done, (day, of, rows) in enumerate(self._by_day()):
            if on_day:
                on_day(day, done, of)
            for name, frame in rows.items():
                ours = frame.filter(~pl.col("execution_id").is_in(held)) if held else frame
                counts[name] = _sum(counts[name], replace(nothing, already_there=frame.height - ours.height))
                if name == "executions" and self.flaws.abandoned:  # a collector of theirs, which says no more
                    theirs = ours.filter(self._is_killed(ours))
                    counts[name] = _sum(counts[name], store.write_frame(name, theirs, writer=killed_by))
                    ours = ours.filter(~self._is_killed(ours))
                counts[name] = _sum(counts[name], store.write_frame(name, ours, writer=self.writer))
        for name, frame in (("changes", self.changes), ("collector_health", self.collector_health)):
            counts[name] = store.write_frame(name, frame, writer=self.writer)
        return counts

    @cached_property
    def _rows(self) -> Rows:
        return _joined([self._rows_of(runs) for runs in self._runs])

    def _rows_of(self, runs: Runs) -> Rows:
        return rows_of(runs, world=self._world, flaws=self.flaws, resources=self._resources)

    @cached_property
    def _ids(self) -> pl.DataFrame:
        """Of each run its id, its start as recorded, and whether it was killed."""
        ahead_us = skew_us(self.flaws, self._world.hosts)
        parts = [
            pl.DataFrame(
                {
                    "execution_id": ids_of(runs, world=self._world),
                    "started_at": times(runs.started_us + ahead_us[runs.host]),
                    "killed": pl.Series((runs.cut_us >= 0) & (runs.started_us + runs.cut_us < self._world.end_us)),
                }
            )
            for runs in self._runs
        ]
        return pl.concat(parts)

    def _is_killed(self, executions: pl.DataFrame) -> pl.Series:
        killed = self._ids.filter("killed")["execution_id"]
        return executions["execution_id"].is_in(killed.implode())

    def _held(self, store: TimeSeriesStore, *, killed: bool, writer: str) -> set[str]:
        ids = self._ids.filter(pl.col("killed") == killed)
        return store.held_by_others(ids.select("execution_id", "started_at"), writer=writer)

    def _by_day(self) -> Iterator[tuple[date, int, dict[str, pl.DataFrame]]]:
        """Each UTC day with rows, how many there are, and the rows by table: a store keeps them by their own times."""
        ahead_us = skew_us(self.flaws, self._world.hosts)
        day_of = [(runs.started_us + ahead_us[runs.host]) // DAY_US for runs in self._runs]
        found = [int(bound) for days in day_of if len(days) for bound in (days.min(), days.max())]
        first, last = (min(found), max(found)) if found else (0, -1)
        left = {name: pl.DataFrame(schema=schema_of(name)) for name in _TIME_OF}
        day = first
        while day <= last or any(frame.height for frame in left.values()):
            on = date(1970, 1, 1) + timedelta(days=day)
            begun = [
                self._rows_of(runs.pick(np.flatnonzero(days == day)))
                for runs, days in zip(self._runs, day_of, strict=True)
            ]
            rows = {}
            for name, new in _joined(begun)._asdict().items():
                both = pl.concat([left[name], new]) if left[name].height else new
                today = both[_TIME_OF[name]].dt.date() == on
                rows[name], left[name] = both.filter(today), both.filter(~today)
            yield on, max(last, day) - first + 1, rows
            day += 1


def _joined(parts: Sequence[Rows]) -> Rows:
    return Rows(*(pl.concat(frames, rechunk=False) for frames in zip(*parts, strict=True)))


def _sum(one: Written, other: Written) -> Written:
    return Written(
        rows=one.rows + other.rows,
        already_there=one.already_there + other.already_there,
        corrected=one.corrected + other.corrected,
    )
