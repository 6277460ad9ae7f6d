"""What a query is answered with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from rpa_lab.query.query import Query
from rpa_lab.result import Result

__all__ = ["QueryResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult(Result):
    """A query's answer: `table` has the columns of `Query.answer`, times in the zone `tz`.

    `time_period` is the period in UTC. `warnings` say what the answer may lack: damaged files, records that collectors
    dropped, runs that haven't ended, a period that isn't over.
    """

    _table: ClassVar[str | None] = "table"

    query: Query
    time_period: str
    tz: str
    table: pl.DataFrame
    warnings: tuple[str, ...] = ()
