"""From arrays to columns: frames in the public columns of a table, whatever of these is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rpa_lab.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rpa_lab.simulate.runs import Bools, Ints, Small

__all__ = ["frame_of", "look_up", "only", "padded", "schema_of", "times"]

_TIME = pl.Datetime("us", "UTC")


def schema_of(table: str) -> pl.Schema:
    """The public columns of a table and their Polars types.

    Parameters
    ----------
    table : str
        Its name.

    Returns
    -------
    polars.Schema

    Examples
    --------
    >>> list(schema_of("recoveries").items())[0]
    ('recovery_id', String)
    """
    full = pl.Schema(TABLES[table].arrow)
    return pl.Schema({name: full[name] for name in TABLES[table].names})


def frame_of(table: str, **columns: pl.Series) -> pl.DataFrame:
    """The columns given, the others null, in the table's order and types."""
    schema = schema_of(table)
    count = len(next(iter(columns.values())))
    return pl.DataFrame(
        {
            name: columns[name].cast(dtype) if name in columns else pl.repeat(None, count, dtype=dtype, eager=True)
            for name, dtype in schema.items()
        }
    )


def look_up(values: Sequence[str], index: Small) -> pl.Series:
    """The strings at these places."""
    return pl.Series(values, dtype=pl.String).gather(index.astype(np.uint32, copy=False))


def only(keep: Bools, values: pl.Series) -> pl.Series:
    """The values that are to be kept, null for the others."""
    return values.zip_with(pl.Series(keep), pl.Series([None], dtype=values.dtype))


def times(at_us: Ints) -> pl.Series:
    """Microseconds since 1970 UTC as times."""
    return pl.Series(at_us.astype(np.int64, copy=False)).cast(_TIME)


def padded(numbers: Ints, width: int) -> pl.Series:
    """Numbers as strings of at least so many digits.

    Examples
    --------
    >>> padded(np.array([7, 12345]), 3).to_list()
    ['007', '12345']
    """
    return pl.Series(numbers).cast(pl.String).str.zfill(width)
