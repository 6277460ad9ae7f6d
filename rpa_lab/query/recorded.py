"""Which days of periods are recorded, and what else makes periods unlike.

A September of which records begin on the 9th has 22 days, not 8 of them without a run; a year before the first record
has none, and isn't one in which nothing ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from rpa_lab.period import Period, Span, zone
from rpa_lab.query.measure import Measure
from rpa_lab.schema import table_named
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.units import names_text

__all__ = ["about_periods", "about_recorded", "common", "local_dates", "recorded_span"]

_EDGE: Final = timedelta(days=2)  # how much of a store is looked at first for where records begin and end
_LONGER: Final = 1.1  # from this ratio on periods are called of different length
_OTHER_DAYS: Final = 0.1  # whole months differ by up to 0.084


def recorded_span(store: TimeSeriesStore, tables: Sequence[str] = ()) -> Span:
    """From the first day that has records to the last one, or to now where that is on this day.

    Parameters
    ----------
    store : TimeSeriesStore
        Of its executions; where it has none, of the first of `tables` that has rows.
    tables : sequence of str
        Other tables.

    Returns
    -------
    Span
        Whole days of the store's zone; empty where nothing is recorded.

    Examples
    --------
    >>> import tempfile
    >>> recorded_span(TimeSeriesStore(tempfile.mkdtemp())).length
    datetime.timedelta(0)
    """
    whole, now = store.span("all"), store.now
    edges = Span(whole.start, whole.start + _EDGE, whole.tz), Span(whole.end - _EDGE, whole.end, whole.tz)
    for table in dict.fromkeys(["executions", *tables]):
        first, last = _ends(store, table, edges[0])[0], _ends(store, table, edges[1])[1]
        if first is None or last is None:
            first, last = _ends(store, table, whole)
        if first is not None and last is not None:
            days = [Period(each.astimezone(zone(store.tz)).date()).resolve(tz=store.tz) for each in (first, last)]
            return Span(days[0].start, now if last < now < days[1].end else days[1].end, store.tz)
    return Span(now, now, store.tz)


def _ends(store: TimeSeriesStore, table: str, span: Span) -> tuple[datetime | None, datetime | None]:
    """The first and the last record in a period."""
    columns = table_named(table).day_of
    at = pl.coalesce(*columns)
    row = store.collect(lambda: store.scan(table, span, columns=columns).select(first=at.min(), last=at.max())).row(0)
    return row[0], row[1]


def common(span: Span, recorded: Span) -> Span | None:
    """What of a period is recorded; None where nothing is."""
    start, end = max(span.start, recorded.start), min(span.end, recorded.end)
    return Span(start, end, span.tz) if start < end else None


def local_dates(span: Span | None) -> pl.Series:
    """The days of the zone that a period touches, in order."""
    if span is None:
        return pl.Series("day", [], dtype=pl.Date)
    clock = zone(span.tz)
    first: date = span.start.astimezone(clock).date()
    last: date = (span.end - timedelta(microseconds=1)).astimezone(clock).date()
    return pl.date_range(first, last, eager=True).alias("day")


def about_recorded(
    names: Sequence[str], spans: Sequence[Span], recorded: Span, *, today: date, measures: Sequence[Measure]
) -> list[str]:
    """That records begin after a period's start or end before its end; of one period of all only if it has none.

    Parameters
    ----------
    names : sequence of str
        How each side is called.
    spans : sequence of Span
        The period of each.
    recorded : Span
        From `recorded_span`.
    today : date
        Up to which a period can be recorded at all.
    measures : sequence of Measure
        What is compared.

    Returns
    -------
    list of str
    """
    held, said = local_dates(common(recorded, recorded)), []
    several = len(set(spans)) > 1
    for span in dict.fromkeys(spans):
        of = names_text([name for name, each in zip(names, spans, strict=True) if each == span], "group")
        days = local_dates(span)
        known = len(local_dates(common(span, recorded)))
        if not len(held):
            said.append("nothing is recorded in this store")
            continue
        begin, end = held[0], held[-1]
        days = days.filter((days < today) | (days <= end))  # today's first record may be to come
        why = f"records begin on {begin}" if not len(days) or days[0] < begin else ""
        if not why or (len(days) and days[-1] > end):
            why += f"{' and' if why else 'records'} end on {end}"
        if not known:
            why = f"records begin on {begin}" if span.end <= recorded.start else f"records end on {end}"
            said.append(f"no day of {of} is recorded, so it isn't compared: {why}")
        elif several and known < len(days):
            totals = ", ".join(measure.name for measure in measures if measure.kind == "total")
            per_day = f" ({totals}: p, effect and significance are per recorded day)" if totals else ""
            said.append(f"{known} of {len(days)} days of {of} are recorded: {why}{per_day}")
    return list(dict.fromkeys(said))


def about_periods(of_sides: Sequence[Span], recorded: Span, measures: Sequence[Measure]) -> list[str]:
    """That periods overlap, are of different length, or hold other days of the week."""
    spans = list(dict.fromkeys(of_sides))
    if len(spans) < 2:
        return []
    said = []
    ordered = sorted(spans, key=lambda span: (span.start, span.end))
    if any(earlier.end > later.start for earlier, later in pairwise(ordered)):
        said.append("the periods overlap: what lies in both is on both sides, and they differ less than they seem to")
    lengths = [span.length / timedelta(days=1) for span in spans]
    if max(lengths) > _LONGER * min(lengths):
        totals = [measure.name for measure in measures if measure.kind == "total" and measure.unit != "per h"]
        longest = f"the periods are of {min(lengths):,.3g} to {max(lengths):,.3g} days"
        if totals:
            longest += (
                f": {', '.join(totals)} of the longer one is higher for that alone (p, effect and significance are "
                "per day; rate_per_hour is a value that can be compared)"
            )
        said.append(longest)
    shares = [_weekdays(days) for span in spans if len(days := local_dates(common(span, recorded)))]
    if any(np.maximum(one - other, 0).sum() > _OTHER_DAYS for one in shares for other in shares):
        said.append("the periods hold different days of the week: what is slower on Mondays is in one of them oftener")
    return said


def _weekdays(days: pl.Series) -> np.ndarray:
    """What part of a period's days each day of the week is."""
    weekdays = days.dt.weekday().to_numpy()
    return np.array([(weekdays == weekday).mean() for weekday in range(1, 8)])
