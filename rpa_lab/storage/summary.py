"""Summaries of durations that add up: of files, days and months, without reading their rows again.

A summary holds n, mean, M2 (the sum of squared deviations from the mean), min, max, and a histogram whose buckets are
1/64 as wide as the values in them. So the mean and the standard deviation of merged summaries are exact, and a
quantile is known to 0.8 %: a second lies in bucket 954, which holds 999.424 to 1,007.615 ms.
Buckets are counted in whole microseconds, as durations are stored, below 0.128 ms one for each; they are found
without logarithms, so every machine puts the same value into the same bucket.

References
----------
Masson, Rim and Lee (2019), DDSketch, doi:10.14778/3352063.3352135: buckets of constant relative width.
Chan, Golub and LeVeque (1983), doi:10.1080/00031305.1983.10483115: merging means and sums of squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from rpa_lab.errors import InputError, quote

__all__ = [
    "ACCURACY",
    "MOST_BUCKETS",
    "bounds_of",
    "bucket",
    "buckets_of",
    "locate",
    "merge",
    "quantile_from",
    "summarise",
]

ACCURACY: Final = 1 / 128
"""The greatest relative error of `quantile_from`: half a bucket."""

_PARTS: Final = 64
"""Buckets in each doubling."""
_BITS: Final = 6
_MANTISSA: Final = 52
_BIAS: Final = 1023
MOST_BUCKETS: Final = 2**12
"""A duration of 63 bits lies in bucket 3,775."""
_MOMENTS: Final = ("rows", "n", "mean_ms", "m2", "min_ms", "max_ms")


def bucket(column: str = "duration_ms") -> pl.Expr:
    """Which bucket of the histogram holds a duration; nulls have none.

    Parameters
    ----------
    column : str
        Of which column, milliseconds.

    Returns
    -------
    polars.Expr
        Int32; a longer duration never has a smaller bucket.

    Examples
    --------
    >>> pl.DataFrame({"duration_ms": [0.0, 0.127, 1000.0, 1007.615, None]}).select(bucket()).to_series().to_list()
    [0, 127, 954, 954, None]
    """
    micros = (pl.col(column) * 1000).round().cast(pl.Int64)
    octave = 63 - _BITS - micros.clip(lower_bound=_PARTS).bitwise_leading_zeros().cast(pl.Int64)
    return (octave * _PARTS + micros // _power_of_two(octave)).cast(pl.Int32).alias("bucket")


def buckets_of(durations_ms: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The same for an array without gaps, several times faster: the bits of a float are its octave and its part.

    Examples
    --------
    >>> buckets_of(np.array([0.0, 0.127, 1000.0, 1007.615])).tolist()
    [0, 127, 954, 954]
    """
    micros = durations_ms * 1000
    np.rint(micros, out=micros)
    found = micros.view(np.int64) >> (_MANTISSA - _BITS)
    found -= (_BIAS + _BITS - 1) * _PARTS
    if len(micros) and micros.min() < _PARTS:
        np.copyto(found, micros, where=micros < _PARTS, casting="unsafe")
    return found


def bounds_of(column: str = "bucket") -> tuple[pl.Expr, pl.Expr]:
    """The least and the greatest duration that a bucket holds.

    Parameters
    ----------
    column : str
        Of which column, numbers of buckets.

    Returns
    -------
    tuple of polars.Expr
        Both milliseconds, both within the bucket.

    Examples
    --------
    >>> pl.DataFrame({"bucket": [127, 954]}).select(low=bounds_of()[0], high=bounds_of()[1]).rows()
    [(0.127, 0.127), (999.424, 1007.615)]
    """
    number = pl.col(column).cast(pl.Int64)
    octave = (number // _PARTS - 1).clip(lower_bound=0)
    width = _power_of_two(octave)
    low = (number - octave * _PARTS) * width
    return low / 1000, (low + width - 1) / 1000


def summarise(rows: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Summaries of the durations of executions or steps.

    Parameters
    ----------
    rows : LazyFrame
        With `duration_ms` and the columns of `by`.
    by : sequence of str
        One summary for each of their values; with `status` among them, each status can be counted or left out later.

    Returns
    -------
    LazyFrame
        One row per group, in no particular order: the columns of `by`; rows; n (those of known duration); mean_ms, m2
        (ms²), min_ms, max_ms, null where n is 0; buckets (ascending) and counts, lists of equal length.
    """
    ms = pl.col("duration_ms")
    known = rows.select(*by, ms)
    moments = known.group_by(by).agg(
        rows=pl.len().cast(pl.Int64),
        n=ms.count().cast(pl.Int64),
        mean_ms=ms.mean(),
        m2=pl.when(ms.count() > 0).then(((ms - ms.mean()) ** 2).sum()),
        min_ms=ms.min(),
        max_ms=ms.max(),
    )
    counted = known.filter(ms.is_not_null()).group_by(*by, bucket()).agg(count=pl.len().cast(pl.Int64))
    return _with_histogram(moments, counted, by)


def merge(summaries: pl.LazyFrame, *, by: Sequence[str]) -> pl.LazyFrame:
    """Summaries of what other summaries cover together, computed at once; neither order nor grouping matters.

    Parameters
    ----------
    summaries : LazyFrame
        From `summarise` or `merge`, any number of them below each other.
    by : sequence of str
        Columns by which they are kept apart; those of `summarise`, or fewer.

    Returns
    -------
    LazyFrame
        As `summarise` gives.
    """
    n, mean = pl.col("n"), pl.col("mean_ms")
    total = n.sum()
    together = (n * mean).sum() / total
    some = total > 0
    groups = summaries.group_by(by).agg(
        rows=pl.col("rows").sum(),
        n=total,
        mean_ms=pl.when(some).then(together),
        m2=pl.when(some).then(pl.col("m2").sum() + (n * (mean - together) ** 2).sum()),
        min_ms=pl.col("min_ms").min(),
        max_ms=pl.col("max_ms").max(),
        buckets=pl.col("buckets").explode(empty_as_null=False),
        counts=pl.col("counts").explode(empty_as_null=False),
    )
    # numbers are grouped five times faster than names; collected, since in two runs a group may have two numbers
    numbered = groups.with_row_index("_group").collect().lazy()
    entry = (pl.col("_group").cast(pl.Int64) * MOST_BUCKETS + pl.col("buckets")).alias("_entry")
    histograms = (
        numbered.select("_group", "buckets", "counts")
        .explode("buckets", "counts", empty_as_null=False)
        .group_by(entry)
        .agg(pl.col("counts").sum())
        .sort("_entry")
        .group_by(_group=(pl.col("_entry") // MOST_BUCKETS).cast(pl.get_index_type()), maintain_order=True)
        .agg(buckets=(pl.col("_entry") % MOST_BUCKETS).cast(pl.Int32), counts=pl.col("counts"))
    )
    merged = numbered.drop("buckets", "counts").join(histograms, on="_group", how="left", validate="1:1")
    return merged.with_columns(_no_histogram()).select(*by, *_MOMENTS, "buckets", "counts")


def locate(summaries: pl.LazyFrame, q: float, *, by: Sequence[str]) -> pl.LazyFrame:
    """Which buckets hold a quantile: the first of two passes to its exact value.

    A quantile lies between two neighbours in the order of values (Hyndman and Fan's type 7). A second pass that reads
    the values of these one or two buckets only, in order, finds both.

    Parameters
    ----------
    summaries : LazyFrame
        From `merge`: one row per group.
    q : float
        Fraction 0-1.
    by : sequence of str
        The groups.

    Returns
    -------
    LazyFrame
        One row per group that has durations: the columns of `by`; n; lower_bucket and lower_rank, upper_bucket and
        upper_rank (which values of their buckets, in ascending order from 0, the neighbours are); weight (fraction
        0-1: the quantile is lower + weight × (upper - lower)); min_ms, max_ms.

    Raises
    ------
    InputError
        If q is no fraction.
    """
    if not 0 <= q <= 1:
        raise InputError(f"q is {quote(q)}, expected a fraction from 0 to 1")
    unknown = pl.col("rows") - pl.col("n")
    place = (pl.col("n") - 1) * q + unknown  # Polars counts from the nulls, which stand first: so both round alike
    before = pl.col("count").cum_sum().over(by) - pl.col("count")
    counted = _counted(summaries, by, "rows", "n", "min_ms", "max_ms").with_columns(
        before=before,
        lower=place.floor().cast(pl.Int64) - unknown,
        upper=place.ceil().cast(pl.Int64) - unknown,
        weight=place - place.floor(),
    )

    def holder(which: str) -> pl.LazyFrame:
        rank = pl.col(which) - pl.col("before")
        return (
            counted.filter((rank >= 0) & (rank < pl.col("count")))
            .rename({"bucket": f"{which}_bucket"})
            .with_columns(rank.alias(f"{which}_rank"))
        )

    lower = holder("lower").select(*by, "n", "lower_bucket", "lower_rank", "weight", "min_ms", "max_ms")
    upper = holder("upper").select(*by, "upper_bucket", "upper_rank")
    return lower.join(upper, on=list(by), how="inner", validate="1:1", nulls_equal=True)


def quantile_from(summaries: pl.LazyFrame, q: float, *, by: Sequence[str]) -> pl.LazyFrame:
    """A quantile, as well as the histogram knows it, and the bounds between which it surely lies.

    Parameters
    ----------
    summaries : LazyFrame
        From `merge`: one row per group.
    q : float
        Fraction 0-1.
    by : sequence of str
        The groups.

    Returns
    -------
    LazyFrame
        One row per group that has durations: the columns of `by`; n; value_ms, at most 0.8 % (`ACCURACY`) from the
        linearly interpolated quantile; low_ms and high_ms, between which that lies.

    Raises
    ------
    InputError
        If q is no fraction.

    Examples
    --------
    >>> rows = pl.LazyFrame({"workflow_id": ["w"] * 3, "duration_ms": [100.0, 200.0, 400.0]})
    >>> quantile_from(summarise(rows, by=["workflow_id"]), 0.5, by=["workflow_id"]).collect().row(0)[-2:]
    (198.656, 200.703)
    """
    lower, upper = bounds_of("lower_bucket"), bounds_of("upper_bucket")

    def between(a: pl.Expr, b: pl.Expr) -> pl.Expr:
        value = a + pl.col("weight") * (b - a)
        return value.clip("min_ms", "max_ms")

    low, high = between(lower[0], upper[0]), between(lower[1], upper[1])
    value = between((lower[0] + lower[1]) / 2, (upper[0] + upper[1]) / 2)
    return locate(summaries, q, by=by).select(*by, "n", value_ms=value, low_ms=low, high_ms=high)


def _power_of_two(exponent: pl.Expr) -> pl.Expr:
    return pl.lit(2, dtype=pl.Int64).pow(exponent)


def _counted(summaries: pl.LazyFrame, by: Sequence[str], *more: str) -> pl.LazyFrame:
    """One row per group and bucket that is not empty, in the order of buckets."""
    some = summaries.filter(pl.col("n") > 0).select(*by, *more, bucket="buckets", count="counts")
    return some.explode("bucket", "count")


def _with_histogram(moments: pl.LazyFrame, counted: pl.LazyFrame, by: Sequence[str]) -> pl.LazyFrame:
    """The moments of each group with its histogram beside them."""
    histogram = counted.sort("bucket").group_by(by, maintain_order=True).agg(buckets="bucket", counts="count")
    joined = moments.join(histogram, on=list(by), how="left", validate="1:1", nulls_equal=True)
    return joined.with_columns(_no_histogram()).select(*by, *_MOMENTS, "buckets", "counts")


def _no_histogram() -> list[pl.Expr]:
    """Empty lists for the groups that have no durations."""
    kinds = {"buckets": pl.Int32, "counts": pl.Int64}
    return [pl.col(name).fill_null(pl.lit([], pl.List(kind))) for name, kind in kinds.items()]
