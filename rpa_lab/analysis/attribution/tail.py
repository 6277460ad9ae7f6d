"""What made the longest runs longer: the same split, of the longest twentieth of each period's runs.

Which runs are the longest is decided anew in each resample of days: a day that counts twice brings its long runs twice.
So only runs that are among the longest in some resample need to be known by their steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.analysis.attribution.parts import parts_table, with_rare_attempts
from rpa_lab.analysis.attribution.split import Work, split
from rpa_lab.inference.intervals import DAYS
from rpa_lab.inference.two_periods import drawn_days, figures_of_two_periods
from rpa_lab.result import Result
from rpa_lab.units import count_text, duration_text

__all__ = ["LEAST_RUNS", "TAIL", "TailAttribution", "longest_runs", "tail_attribution"]

TAIL: Final = 0.05
"""Which part of the runs the tail is: the longest ⌈0.05 n⌉."""

LEAST_RUNS: Final = 400
"""With fewer runs a side the tail isn't looked at: it would be less than twenty."""

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class TailAttribution(Result):
    """The longest runs of two periods, and what made them longer: fields and `parts` as of `Attribution`.

    `baseline_runs` and `current_runs` are the longest ⌈0.05 n⌉ of each period's completed runs, equal ones by id.
    """

    _table: ClassVar[str | None] = "parts"

    workflow_id: str
    baseline_mean_ms: float
    current_mean_ms: float
    change_ms: float
    change_low_ms: float | None
    change_high_ms: float | None
    baseline_runs: int
    current_runs: int
    basis: str
    level: float
    parts: pl.DataFrame
    compared_versions: tuple[str, str] | None = None

    @property
    def sure(self) -> pl.Expr:
        """Which rows of `parts` are sure: with too few days to know what days differ by, none."""
        return pl.col("notable") if self.basis == DAYS else pl.lit(value=False)

    @property
    def sentence(self) -> str:
        """What it says, in a sentence."""
        longer = "longer" if self.change_ms >= 0 else "less"
        of, before = (
            ("", " before")
            if self.compared_versions is None
            else [f" with {name}" for name in reversed(self.compared_versions)]
        )
        runs = f"The longest {count_text(self.current_runs, 'run')}{of}"
        said = f"{runs} took {duration_text(abs(self.change_ms))} {longer}"
        those = f"the longest {self.baseline_runs:,}{before}"
        if self.change_low_ms is None or self.change_high_ms is None:
            return f"{said} than {those}."
        ends = (self.change_low_ms, self.change_high_ms)
        between = " to ".join(map(duration_text, ends if self.change_ms >= 0 else (-ends[1], -ends[0])))
        return f"{said} ({between}) than {those}."


def longest_runs(
    completed: pl.DataFrame, *, units: tuple[int, int], seed: int, later_first: bool, together: bool = False
) -> pl.DataFrame:
    """The runs that are among the longest of their period, in some resample of its days at least.

    Parameters
    ----------
    completed : DataFrame
        One workflow's, from `rpa_lab.analysis.attribution.period_work.completed_runs`.
    units : tuple of int
        How many days, or groups of runs, each side has.
    seed, later_first, together : int, bool, bool
        As for `rpa_lab.inference.two_periods.figures_of_two_periods`.

    Returns
    -------
    DataFrame
        Its rows, of each side the longest first, equal ones by id.
    """
    drawn = drawn_days(units, seed=seed, later_first=later_first, together=together)
    sides = []
    for side, weights in enumerate(drawn):
        runs = completed.filter(pl.col("side") == side).sort("duration_us", "execution_id", descending=[True, False])
        every = np.vstack([weights, 1.0 - np.eye(units[side]), np.ones(units[side])])
        sides.append(runs.head(_needed(every, runs["unit"].to_numpy())))
    return pl.concat(sides)


def tail_attribution(
    longest: pl.DataFrame,
    completed: pl.DataFrame,
    steps: pl.DataFrame,
    *,
    units: tuple[int, int],
    level: float,
    seed: int,
    later_first: bool,
    together: bool = False,
) -> TailAttribution:
    """Split the change of the longest runs' mean duration.

    Parameters
    ----------
    longest : DataFrame
        From `longest_runs`.
    completed : DataFrame
        All runs of the workflow, of which these are the longest.
    steps : DataFrame
        Of the longest: from `rpa_lab.analysis.attribution.period_work.steps_of_runs`.
    units, seed, later_first, together
        As for `longest_runs`.
    level : float
        Nominal coverage of the intervals, fraction 0-1.

    Returns
    -------
    TailAttribution
    """
    nodes = sorted(steps["node_id"].unique())
    sides = [
        _Longest.of(
            longest.filter(pl.col("side") == side),
            completed.filter(pl.col("side") == side),
            steps,
            nodes=nodes,
            units=units[side],
        )
        for side in (0, 1)
    ]
    figures = figures_of_two_periods(
        lambda first, second: split(sides[0].drawn(first), sides[1].drawn(second)),
        units,
        level=level,
        seed=seed,
        later_first=later_first,
        together=together,
        in_order=completed["basis"][0] == DAYS,
    )
    before, now = (side.drawn(np.ones((1, units[number]))) for number, side in enumerate(sides))
    figures = with_rare_attempts(figures, before, now, level=level)
    means = [float(work.duration[0, 0] / work.runs[0, 0]) / 1000 for work in (before, now)]
    return TailAttribution(
        workflow_id=completed["workflow_id"][0],
        baseline_mean_ms=means[0],
        current_mean_ms=means[1],
        change_ms=float(figures.value[-1]),
        change_low_ms=float(figures.low[-1]),
        change_high_ms=float(figures.high[-1]),
        baseline_runs=int(before.runs[0, 0]),
        current_runs=int(now.runs[0, 0]),
        basis=completed["basis"][0],
        level=level,
        parts=parts_table(figures, before, now, nodes=nodes, with_mix=False, level=level),
    )


@dataclass(frozen=True, slots=True)
class _Longest:
    """One period's longest runs, the longest first, and how many runs each of its days has."""

    unit: Ints
    duration: Floats
    attempts: Floats  # one row per run, one column per node
    own: Floats
    runs: Floats  # of each day, all of them

    @staticmethod
    def of(
        longest: pl.DataFrame, completed: pl.DataFrame, steps: pl.DataFrame, *, nodes: list[str], units: int
    ) -> _Longest:
        place = pl.DataFrame({"node_id": nodes}, schema={"node_id": pl.String}).with_row_index("_node")
        known = steps.join(longest.select("run").with_row_index("_row"), on="run", how="inner", validate="m:1")
        known = known.join(place, on="node_id", how="left", validate="m:1")
        at = known["_row"].to_numpy(), known["_node"].to_numpy()
        work = [np.zeros((longest.height, len(nodes))) for _ in range(2)]
        for table, name in zip(work, ("attempts", "own_us"), strict=True):
            table[at] = known[name].fill_null(0).to_numpy()
        return _Longest(
            unit=longest["unit"].to_numpy(),
            duration=longest["duration_us"].cast(pl.Float64).to_numpy(),
            attempts=work[0],
            own=work[1],
            runs=np.bincount(completed["unit"].to_numpy(), minlength=units).astype(np.float64),
        )

    def drawn(self, weights: Floats) -> Work:
        """The longest of what is drawn; of the last one only as many copies as there is room for."""
        times = weights[:, self.unit]
        room = _room(weights @ self.runs)
        taken = np.clip(room[:, None] - (np.cumsum(times, axis=1) - times), 0.0, times)
        return Work(
            runs=room[:, None],
            duration=(taken @ self.duration)[:, None],
            attempts=(taken @ self.attempts)[:, None],
            own=(taken @ self.own)[:, None],
        )


def _room(runs: Floats) -> Floats:
    """⌈0.05 n⌉, by a division that is exact where n is a multiple of 20."""
    room: Floats = np.ceil(runs / round(1 / TAIL))
    return room


def _needed(weights: Floats, unit: Ints) -> int:
    """How many of the longest runs there must be for the tail of each resample to be among them."""
    room = _room(weights @ np.bincount(unit, minlength=weights.shape[1]))
    count = 4 * int(np.ceil(len(unit) * TAIL))
    while count < len(unit) and (weights @ np.bincount(unit[:count], minlength=weights.shape[1]) < room).any():
        count *= 2
    return min(count, len(unit))
