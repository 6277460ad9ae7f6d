"""What a change of the mean duration is made of: an exact split, the same whichever period is called the first.

The mean duration of completed runs is D = Σ f m + g: at each node f attempts per run of m ms each (self time), and g ms
in which no step ran. From 10 s to 12 s, where `submit` was tried 1.0 times per run and is now tried 1.5 times, at 4 s
and now 5 s an attempt: more attempts are 0.5 × (4 + 5)/2 = 2.25 s, slower ones 1 × (1.0 + 1.5)/2 = 1.25 s, and the rest
waits 1.5 s less. Each part is what its change does on average over all orders in which changes could come (Shapley).

Where runs are told apart by robot, host or kind of case, each stratum is split so, and counts by its mean share of the
runs, (w0 + w1)/2; that shares themselves changed is one more part, the mix: Σ (w1 - w0) (D0 + D1)/2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

__all__ = ["Work", "least_errors_of_attempts", "mix_by_stratum", "split", "work_of"]

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Work:
    """What runs did: one row per day (or per resample of days), then one column per stratum and node.

    Attributes
    ----------
    runs, duration : numpy.ndarray
        By stratum: how many, and how long they took together (µs).
    attempts, own : numpy.ndarray
        By stratum and node: how often it was tried, and its self time (µs).
    """

    runs: Floats
    duration: Floats
    attempts: Floats
    own: Floats

    def counted(self, weights: Floats) -> Work:
        """The same with each row counting so often; one row for each row of weights. Whole µs add up exactly."""
        return Work(*(_counted(weights, part) for part in (self.runs, self.duration, self.attempts, self.own)))

    def together(self) -> Work:
        """All strata as one."""
        return Work(*(part.sum(axis=1, keepdims=True) for part in (self.runs, self.duration, self.attempts, self.own)))


def work_of(runs: pl.DataFrame, steps: pl.DataFrame, *, units: int, strata: list[str], nodes: list[str]) -> Work:
    """One period's days (or groups of runs) as arrays.

    Parameters
    ----------
    runs : DataFrame
        One row per day and stratum, or several: unit (its number), stratum, runs, duration_us.
    steps : DataFrame
        One row per day, stratum and node, or several: unit, stratum, node_id, attempts, own_us.
    units : int
        How many days.
    strata, nodes : list of str
        What the columns are; steps of other nodes are left out.

    Returns
    -------
    Work
    """
    size = (units, len(strata), len(nodes))
    of_run = runs["unit"].to_numpy() * size[1] + _places(runs, "stratum", strata)
    known = steps.filter(pl.col("node_id").is_in(nodes))
    of_step = known["unit"].to_numpy() * size[1] + _places(known, "stratum", strata)
    of_node = of_step * size[2] + _places(known, "node_id", nodes)
    return Work(
        *(_summed(runs[name], of_run, size[:2]) for name in ("runs", "duration_us")),
        *(_summed(known[name], of_node, size) for name in ("attempts", "own_us")),
    )


def split(before: Work, now: Work) -> Floats:
    """The parts of the change of the mean duration, ms.

    A node, or a stratum, that one period doesn't have takes the other's figures.

    Parameters
    ----------
    before, now : Work
        Of the two periods; as many rows each, or one of them a single row.

    Returns
    -------
    numpy.ndarray
        One row per resample; columns: attempts of each node, time of each node, waiting, mix, and last the change, of
        which these are the parts.

    Examples
    --------
    >>> one = Work(np.array([[2.0]]), np.array([[20e6]]), np.array([[[2.0]]]), np.array([[[8e6]]]))
    >>> two = Work(np.array([[4.0]]), np.array([[48e6]]), np.array([[[6.0]]]), np.array([[[30e6]]]))
    >>> split(one, two).tolist()
    [[2250.0, 1250.0, -1500.0, 0.0, 2000.0]]

    References
    ----------
    Shapley (1953), A value for n-person games; for rates and shares: Das Gupta (1993), Standardization and
    decomposition of rates, U.S. Bureau of the Census P23-186
    """
    (f0, m0, g0, mean0), (f1, m1, g1, mean1) = _shared(_figures(before), _figures(now))
    w0, w1 = _shares(before), _shares(now)
    weight = (w0 + w1) / 2
    wide = weight[..., None]
    attempts = (wide * ((f1 - f0) * ((m0 + m1) / 2))).sum(axis=1)
    time = (wide * ((m1 - m0) * ((f0 + f1) / 2))).sum(axis=1)
    waiting = (weight * (g1 - g0)).sum(axis=1)
    mix = ((w1 - w0) * ((mean0 + mean1) / 2)).sum(axis=1)
    change = now.duration.sum(axis=1) / now.runs.sum(axis=1) - before.duration.sum(axis=1) / before.runs.sum(axis=1)
    return np.concatenate([attempts, time, np.stack([waiting, mix, change], axis=1)], axis=1) / 1000


def mix_by_stratum(before: Work, now: Work) -> tuple[Floats, Floats]:
    """What each stratum adds to the mix, and what its runs' own change adds, ms; of single rows.

    More runs of a stratum make the mean longer where it takes longer than the average run: (w1 - w0) × (its (D0 + D1)/2
    less that of all runs). These add up to the mix; with (D1 - D0) (w0 + w1)/2 of each to the change.
    """
    (*_, mean0), (*_, mean1) = _shared(_figures(before), _figures(now))
    w0, w1 = _shares(before), _shares(now)
    centre = sum(each.duration.sum() / each.runs.sum() for each in (before, now)) / 2
    mix = (w1 - w0) * ((mean0 + mean1) / 2 - centre)
    return mix[0] / 1000, ((mean1 - mean0) * ((w0 + w1) / 2))[0] / 1000


def least_errors_of_attempts(before: Work, now: Work) -> tuple[Floats, Floats]:
    """The least standard errors that the parts of attempts can have, ms; of single rows.

    A hundred runs of which none was tried twice have days without any spread, though one retry in forty runs would
    often leave no trace there. How often a run tries a step is a whole number, and one whose mean is 1.025 varies by
    0.025 × 0.975 at least: f - ⌊f⌋ times its rest. So runs that are independent of each other differ by as much.

    Returns
    -------
    tuple of numpy.ndarray
        Of each node: one to bound the part with, f being that of each side, one more and one less counted on either
        (Agresti and Caffo); and one to ask for chance with, f being that of both sides together where that is more.

    References
    ----------
    Agresti and Caffo (2000), Simple and effective confidence intervals for proportions and differences of proportions
    result from adding two successes and two failures, doi:10.1080/00031305.2000.10474560
    """
    (_, m0, *_), (_, m1, *_) = _shared(_figures(before), _figures(now))
    weight = ((_shares(before) + _shares(now)) / 2)[0][:, None] * (m0 + m1)[0] / 2000
    runs = [side.runs[0][:, None] for side in (before, now)]
    tried = [side.attempts[0] for side in (before, now)]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = sum(_least_variance((_beside(a / n) * n + 1) / (n + 2)) / n for a, n in zip(tried, runs, strict=True))
        pooled = _least_variance(_beside(sum(tried) / sum(runs))) * sum(1 / n for n in runs)
    known = (runs[0] > 0) & (runs[1] > 0)
    bounding, asking = (
        np.sqrt((weight**2 * np.where(known, variance, 0.0)).sum(axis=0)) for variance in (own, np.maximum(own, pooled))
    )
    return bounding, asking


def _beside(often: Floats) -> Floats:
    """What a mean of whole numbers is more than a whole number."""
    beside: Floats = often - np.floor(often)
    return beside


def _least_variance(beside: Floats) -> Floats:
    return beside * (1 - beside)


def _counted(weights: Floats, part: Floats) -> Floats:
    flat = weights @ part.reshape(len(part), -1)
    return flat.reshape(len(weights), *part.shape[1:])


def _places(rows: pl.DataFrame, column: str, names: list[str]) -> npt.NDArray[np.int64]:
    place = pl.DataFrame({column: names, "_place": range(len(names))}, schema={column: pl.String, "_place": pl.Int64})
    found = rows.select(column).join(place, on=column, how="left", maintain_order="left", validate="m:1")
    return found["_place"].to_numpy()


def _summed(values: pl.Series, places: npt.NDArray[np.int64], size: tuple[int, ...]) -> Floats:
    filled = np.bincount(places, values.cast(pl.Float64).to_numpy(), minlength=int(np.prod(size)))
    return filled.astype(np.float64).reshape(size)


def _shares(work: Work) -> Floats:
    share: Floats = work.runs / work.runs.sum(axis=1, keepdims=True)
    return share


def _figures(work: Work) -> tuple[Floats, Floats, Floats, Floats]:
    """f, m, g and D of each stratum; NaN where it has no runs, m also where a node was never tried."""
    with np.errstate(invalid="ignore", divide="ignore"):
        f = work.attempts / work.runs[..., None]
        m = work.own / work.attempts
        g = (work.duration - work.own.sum(axis=-1)) / work.runs
        mean = work.duration / work.runs
    return f, m, g, mean


def _shared(before: tuple[Floats, ...], now: tuple[Floats, ...]) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Both, where what one doesn't have is the other's, and 0 what neither has."""
    pairs = [_either(one, other) for one, other in zip(before, now, strict=True)]
    return tuple(first for first, _ in pairs), tuple(second for _, second in pairs)


def _either(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    first = np.where(np.isnan(one), other, one)
    second = np.where(np.isnan(other), one, other)
    return np.nan_to_num(first), np.nan_to_num(second)
