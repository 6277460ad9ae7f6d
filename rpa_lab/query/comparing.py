"""Sides in, comparison out: reads the rows of each table once, measures, and holds all sides against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from rpa_lab.errors import InputError, quote
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.inference.shift import LEAST_A_SIDE
from rpa_lab.period import Span, zone
from rpa_lab.query.comparison import COLUMNS, Comparison, against_first, corrected
from rpa_lab.query.day_cells import Cells, Sample, hours_by_day, of_measure, sample_of
from rpa_lab.query.doubts import about_drops, about_period, about_running, is_over
from rpa_lab.query.held_against import Against, Held
from rpa_lab.query.measure import Measure
from rpa_lab.query.recorded import about_periods, about_recorded, common, local_dates, recorded_span
from rpa_lab.query.sides import DAY, Side, rows_of
from rpa_lab.storage.store import TimeSeriesStore
from rpa_lab.units import names_text

__all__ = ["compare_sides", "compared", "measures_named"]


def compare_sides(
    store: TimeSeriesStore,
    sides: Sequence[Side],
    measures: Sequence[Measure],
    *,
    by: str,
    against: str | None = None,
    level: float = 0.95,
    seed: int = 0,
    warnings: Sequence[str] = (),
) -> Comparison:
    """Compare sides of any kind by measures of any table.

    Parameters
    ----------
    store : TimeSeriesStore
        Where the rows are.
    sides : sequence of Side
        Two or more, of different names and one zone.
    measures : sequence of Measure
        From `measures_named`.
    by : str
        What makes a side, in a word.
    against : str, optional
        The side that the others are held against; default the first.
    level : float
        Of the intervals, and 1 less the false discovery rate; fraction from 0.5 on and below 1.
    seed : int
        Of the days that are drawn and exchanged: same rows and seed, same result, whatever the rows' order.
    warnings : sequence of str
        What is already known to be doubtful.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If there are fewer than two sides, two of one name, or none of the name `against`; if the level or the seed is
        none.
    UnknownNameError
        If a table has no column that a side is told by.
    """
    ordered = _in_order(sides, against)
    _check(level, seed)
    tables = list(dict.fromkeys(measure.metric.table.name for measure in measures))

    def read(table: str) -> pl.DataFrame:
        return store.collect(lambda: rows_of(store, ordered, table, _columns(measures, table)))

    rows = {table: read(table) for table in tables}
    spans = [side.span for side in ordered]
    names = [side.name for side in ordered]
    recorded = recorded_span(store, tables)
    table, doubts = compared(rows, spans, measures, names=names, recorded=recorded, level=level, seed=seed)
    today = store.now.astimezone(zone(recorded.tz)).date()
    whole = Span(min(span.start for span in spans), max(span.end for span in spans), spans[0].tz)
    unrecorded = about_recorded(names, spans, recorded, today=today, measures=measures)
    said = [*warnings, *unrecorded, *doubts, *_about_rows(store, rows, spans)]
    return Comparison(
        by=by,
        groups=tuple(names),
        metrics=tuple(measure.name for measure in measures),
        against=names[0],
        time_period=str(whole),
        tz=whole.tz,
        level=level,
        counted=_counted(measures),
        table=table,
        warnings=tuple(dict.fromkeys(said)),
    )


def compared(
    rows: Mapping[str, pl.DataFrame],
    spans: Sequence[Span],
    measures: Sequence[Measure],
    *,
    names: Sequence[str],
    recorded: Span,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[pl.DataFrame, list[str]]:
    """The same of rows that are there already.

    Parameters
    ----------
    rows : mapping of str to DataFrame
        By table: `rpa_lab.query.sides.GROUP`, `rpa_lab.query.sides.DAY` and what the measures read.
    spans : sequence of Span
        The period of each side.
    measures : sequence of Measure
        Which.
    names : sequence of str
        How each side is called; the first is what the others are held against.
    recorded : Span
        From when to when there are records: days before and after count for nothing, not as days without runs.
    level, seed : float, int
        As for `compare_sides`.

    Returns
    -------
    tuple of DataFrame and list of str
        A `Comparison`'s table, and what makes it doubtful.
    """
    dates = _dates(spans, [frame[DAY] for frame in rows.values()], recorded=recorded)
    totals = any(measure.kind == "total" for measure in measures)
    hours = hours_by_day(spans, dates, recorded=recorded) if totals else None
    numbers = {span: number for number, span in enumerate(sorted(set(spans), key=lambda span: (span.start, span.end)))}
    held = Held(
        dates=dates.to_physical().to_numpy().astype(np.int64),
        periods=tuple(numbers[span] for span in spans),
        hypotheses=len(measures) * (len(names) - 1),
        level=level,
        seed=seed,
    )
    samples: dict[tuple[str, str, str | None], Sample | None] = {}
    parts, cells = [], []
    for measure in measures:
        of_table = rows[measure.metric.table.name]
        if measure.sample is not None and measure.sample not in samples:
            samples[measure.sample] = sample_of(of_table, measure, dates=dates, sides=len(names))
        sample = samples[measure.sample] if measure.sample is not None else None
        cells.append(of_measure(of_table, measure, sample, dates=dates, spans=spans, hours=hours))
        parts.append(_rows(measure, names, cells[-1], held.against_first(measure, cells[-1], sample)))
    table = against_first(pl.concat(parts).lazy(), first=names[0]).collect()
    table = corrected(table, level=level).select(COLUMNS)
    doubts = [*about_periods(spans, recorded, measures), *_about_days(names, measures, cells, table, held)]
    return table, doubts


def measures_named(metrics: Sequence[Measure]) -> list[Measure]:
    """The measures, each once.

    Raises
    ------
    InputError
        If there are none.
    """
    found = list(dict.fromkeys(metrics))
    if not found:
        raise InputError("metrics are empty, expected some, such as 'success_rate' or 'p95'")
    return found


def _in_order(sides: Sequence[Side], against: str | None) -> list[Side]:
    names = [side.name for side in sides]
    if len(names) < 2 or len(set(names)) < len(names):
        raise InputError(f"groups are {quote(names)}, expected two or more different ones")
    if against is None:
        return list(sides)
    if against not in names:
        raise InputError(f"against is {quote(against)}, expected one of the groups: {', '.join(names)}")
    return [*(side for side in sides if side.name == against), *(side for side in sides if side.name != against)]


def _check(level: float, seed: int) -> None:
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0.5 <= level < 1:
        raise InputError(f"level is {quote(level)}, expected a fraction from 0.5 on and below 1")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise InputError(f"seed is {quote(seed)}, expected a whole number from 0 on")


def _columns(measures: Sequence[Measure], table: str) -> list[str]:
    of_table = [measure for measure in measures if measure.metric.table.name == table]
    names = [name for measure in of_table for name in measure.metric.columns]
    has_status = table == "executions" or any(measure.status is not None for measure in of_table)
    return list(dict.fromkeys([*names, *(["status"] if has_status else [])]))


def _dates(spans: Sequence[Span], days: Sequence[pl.Series], *, recorded: Span) -> pl.Series:
    """All days of the periods, as far as they are recorded, and those that have rows."""
    found = [*(day.unique().alias("day") for day in days), *(local_dates(common(span, recorded)) for span in spans)]
    return pl.concat(found).drop_nulls().unique().sort()


def _rows(measure: Measure, names: Sequence[str], cells: Cells, found: Against) -> pl.DataFrame:
    """One row per side; the first has nothing but its value."""
    columns: dict[str, Any] = {
        "metric": [measure.name] * len(names),
        "group": names,
        "value": cells.value,
        "n": cells.n,
        "days": (cells.ran > 0).sum(axis=0),
    }
    known = {
        "difference_low": found.difference.low,
        "difference_high": found.difference.high,
        "ratio_low": found.ratio.low,
        "ratio_high": found.ratio.high,
        "effect": found.effect,
        "effect_low": found.effect_bounds.low,
        "effect_high": found.effect_bounds.high,
        "p_value": found.p_value,
    }
    columns |= {name: np.concatenate([[np.nan], values]) for name, values in known.items()}
    columns |= {"basis": [None, *found.basis], "unit": [measure.unit] * len(names)}
    kinds = {"metric": pl.String, "group": pl.String, "n": pl.Int64, "days": pl.Int64, "basis": pl.String}
    kinds |= {"unit": pl.String, "value": pl.Float64} | dict.fromkeys(known, pl.Float64)
    table = pl.DataFrame({name: pl.Series(name, values, dtype=kinds[name]) for name, values in columns.items()})
    return table.with_columns(pl.col(pl.Float64).fill_nan(None))


def _counted(measures: Sequence[Measure]) -> str:
    """Which rows are counted, in words."""
    of: dict[str, list[str]] = {}
    for each in measures:
        rows = each.metric.table.name
        if each.status is not None:
            of.setdefault(f"{each.status} {rows} only", []).append(f"“{each.name}”")
        elif each.sample is not None:
            of.setdefault(f"all {rows} with a value, failed ones too", []).append(f"“{each.name}”")
    said = [
        f"{names_text(names, 'metric', most=6)} {'is' if len(names) == 1 else 'are'} of {which}"
        for which, names in of.items()
    ]
    return "; ".join(said) or "all rows"


def _about_days(
    names: Sequence[str], measures: Sequence[Measure], cells: Sequence[Cells], table: pl.DataFrame, held: Held
) -> list[str]:
    said = []
    ran = [each.ran for measure, each in zip(measures, cells, strict=True) if measure.kind != "total"]
    days, of = np.min([(each > 0).sum(axis=0) for each in ran or [cells[0].ran]], axis=0), np.array(names)
    few, fewer = of[days < LEAST_DAYS], of[days < LEAST_A_SIDE]
    if not days.any():  # whatever it is, it isn't for want of days
        few = fewer = of[:0]
    if len(few):
        said.append(
            f"fewer than {LEAST_DAYS} days with runs of {_some(few)}: intervals there speak of these runs only, not of "
            "the long run"
        )
    if len(fewer):
        said.append(f"fewer than {LEAST_A_SIDE} days with runs of {_some(fewer)}: undecided whether that is chance")
    if extremes := [measure.name for measure in measures if measure.kind == "extreme"]:
        said.append(f"{', '.join(extremes)}: nobody can tell from days how far an extreme can be trusted")
    tested = int(table["p_value"].count())
    if tested and held.least_p * tested > 1 - held.level:
        said.append(
            f"so few days can be exchanged in so few ways that no p-value is below {held.least_p:.2g}: of {tested:,} "
            "differences a single one can't be called significant"
        )
    return said


def _some(names: Any) -> str:
    shown = ", ".join(str(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _about_rows(store: TimeSeriesStore, rows: dict[str, pl.DataFrame], spans: Sequence[Span]) -> list[str]:
    """What a query of the same rows would warn of."""
    said: list[str] = []
    whole = list(dict.fromkeys(spans))
    for table, frame in rows.items():
        for span in whole:
            said += store.warnings(span, tables=[table])
            said += about_drops(store, table, span)
        if table == "executions":
            said += about_running(int((frame["status"] == "running").sum()), frame.height)
    everything = store.span("all")  # which ends at a midnight
    for span in whole:
        said += about_period(span == everything or is_over(span, now=store.now), span)
    return said
