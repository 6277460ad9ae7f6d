"""Why runs fail, and when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.day_axis import at_midnight, day_axis, written
from rpa_lab.chart.days import MOST_DAYS
from rpa_lab.chart.theme import COLOURS, empty, finish, short
from rpa_lab.units import count_text, percent_text

if TYPE_CHECKING:
    from datetime import date

    import altair as alt

__all__ = ["category_name", "failure_categories", "failures_by_day"]

_HUES: Final = ("#4a7fb5", "#c8553d", "#dba13a", "#4f9484", "#8d7aa8")
_OTHER_HUE: Final = "#9b9b9b"
_OTHER: Final = "other"


def category_name(category: str) -> str:
    """A category of failures as a reader sees it.

    Examples
    --------
    >>> category_name("element_not_found")
    'element not found'
    """
    return short(category.replace("_", " "))


def failure_categories(categories: pl.DataFrame, *, scope: str, ended: int) -> alt.LayerChart:
    """Failures by category, most frequent first, each with its share.

    Parameters
    ----------
    categories : polars.DataFrame
        `Failures.categories`: one row per category with ``category``, ``failures``, ``share``, ``workflows``, ``nodes``
        and ``recovery_tried``.
    scope : str
        Whose failures they are: a workflow, or ``"all workflows"``.
    ended : int
        How many runs ended, however they did.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> categories = pl.DataFrame(
    ...     {
    ...         "category": ["timeout", "network"],
    ...         "failures": [30, 10],
    ...         "share": [0.75, 0.25],
    ...         "workflows": [2, 1],
    ...         "nodes": [3, 1],
    ...         "recovery_tried": [5, 0],
    ...     }
    ... )
    >>> failure_categories(categories, scope="invoices", ended=800).title.text
    '75 % of the failures are of one kind: timeout'
    """
    import altair as alt

    ranked = categories.sort("failures", "category", descending=[True, False])
    n = int(ranked["failures"].sum())
    subtitle = f"{short(scope)} · {count_text(n, 'failure')} of {count_text(ended, 'run')} that ended"
    if ranked.is_empty():
        return empty(title="No run failed", subtitle=subtitle)
    drawn = ranked.with_columns(name=_names(ranked["category"]), percent=_percents(ranked["share"])).with_columns(
        note=pl.format("{} · {}", "percent", "failures")
    )
    axis = alt.Axis(title=None, labelLimit=330, labelOpacity=0.95, labelPadding=8, grid=False)
    top = float(drawn["failures"][0])
    x = alt.X("failures:Q", axis=None, scale=alt.Scale(domain=[0, top * 1.3], nice=False))
    base = alt.Chart(drawn).encode(
        x=x,
        y=alt.Y("name:N", sort=drawn["name"].to_list(), axis=axis, scale=alt.Scale(paddingInner=0.35)),
        tooltip=[
            alt.Tooltip("category:N", title="category"),
            alt.Tooltip("failures:Q", title="failures", format=",d"),
            alt.Tooltip("percent:N", title="share"),
            alt.Tooltip("workflows:Q", title="workflows", format=",d"),
            alt.Tooltip("nodes:Q", title="steps", format=",d"),
            alt.Tooltip("recovery_tried:Q", title="healing tried", format=",d"),
        ],
    )
    bars, text = base.mark_bar(color=COLOURS["strong"]), base.mark_text(align="left", dx=6).encode(text="note:N")
    height = max(26 * drawn.height, 60)
    return finish(bars, text, title=_categories_title(ranked), subtitle=subtitle, height=height)


def failures_by_day(days: pl.DataFrame, *, scope: str, time_zone: str, most: int = 5) -> alt.LayerChart:
    """Failures of each day, stacked by category.

    Parameters
    ----------
    days : polars.DataFrame
        `ReliabilityAnalyzer.failure_days`: one row per day and category with a failure: ``day`` (Date), ``category``,
        ``failures``.
    scope : str
        Whose failures they are.
    time_zone : str
        The zone in which a day begins.
    most : int
        So many categories have a colour of their own, at most 5; the rest is *other*.

    Returns
    -------
    altair.LayerChart

    Examples
    --------
    >>> from datetime import date
    >>> days = pl.DataFrame({"day": [date(2026, 11, 3)], "category": ["timeout"], "failures": [4]})
    >>> failures_by_day(days, scope="invoices", time_zone="UTC").title.text
    'All 4 failures came on 3 Nov'
    """
    import altair as alt

    dated = days.filter(pl.col("day").is_not_null())
    n = int(dated["failures"].sum()) if dated.height else 0
    n_days = dated["day"].n_unique()
    subtitle = f"{short(scope)} · {count_text(n, 'failure')} on {count_text(n_days, 'day')} · days in {time_zone}"
    if not n:
        return empty(title="No run failed on any day", subtitle=subtitle)
    ranked = (
        dated.group_by("category")
        .agg(pl.col("failures").sum())
        .sort("failures", "category", descending=[True, False])["category"]
    )
    leading = ranked.head(min(most, len(_HUES))).to_list()
    last = dated["day"].unique().sort().tail(MOST_DAYS)
    other = pl.when(pl.col("category").is_in(leading)).then("category").otherwise(pl.lit(_OTHER))
    long = (
        dated.filter(pl.col("day").is_in(last.implode()))
        .group_by("day", category=other)
        .agg(pl.col("failures").sum())
        .with_columns(total=pl.col("failures").sum().over("day"), at=at_midnight(), written=written())
        .sort("day", "category")
    )
    seen = [name for name in (*leading, _OTHER) if name in set(long["category"])]
    names = dict(zip(seen, _names(pl.Series(seen)), strict=True))
    drawn = long.with_columns(
        category=pl.col("category").replace_strict(names, return_dtype=pl.String),
        order=pl.col("category").replace_strict({name: at for at, name in enumerate(seen)}, return_dtype=pl.Int8),
        day="written",
    ).drop("written")
    hues = [_OTHER_HUE if name == _OTHER else hue for name, hue in zip(seen, [*_HUES, _OTHER_HUE], strict=False)]
    bars = (
        alt.Chart(drawn)
        .mark_bar()
        .encode(
            x=day_axis(drawn, time_zone, bars=True),
            y=alt.Y(
                "failures:Q", stack="zero", axis=alt.Axis(title="failures", tickCount=5, tickMinStep=1, format=",d")
            ),
            color=alt.Color("category:N", scale=alt.Scale(domain=list(names.values()), range=hues), sort=None),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("category:N", title="category"),
                alt.Tooltip("failures:Q", title="failures", format=",d"),
                alt.Tooltip("total:Q", title="of", format=",d"),
            ],
        )
    )
    return finish(bars, title=_days_title(dated, n), subtitle=subtitle, height=200)


def _names(categories: pl.Series) -> pl.Series:
    """Names to draw, no two alike: users name categories as they like."""
    names: list[str] = []
    for category in categories:
        name = again = category_name(category)
        count = 1
        while again in names:
            count += 1
            again = f"{name} ({count})"
        names.append(again)
    return pl.Series(names, dtype=pl.String)


def _percents(shares: pl.Series) -> pl.Series:
    return pl.Series([percent_text(share) for share in shares], dtype=pl.String)


def _categories_title(ranked: pl.DataFrame) -> str:
    first, n = float(ranked["share"][0]), int(ranked["failures"].sum())
    name = category_name(ranked["category"][0])
    if ranked.height == 1:
        return f"All {n:,} failures are of one kind: {name}" if n > 1 else f"The one failure: {name}"
    if first >= 0.5:
        return f"{percent_text(first)} of the failures are of one kind: {name}"
    both = percent_text(float(ranked["share"].head(2).sum()))
    return f"“{name}” and “{category_name(ranked['category'][1])}” cause {both} of the failures"


def _days_title(dated: pl.DataFrame, n: int) -> str:
    by_day = dated.group_by("day").agg(pl.col("failures").sum()).sort("failures", "day")
    day: date
    day, most = by_day.row(-1)
    on = f"{day.day} {day:%b}"
    if by_day.height == 1:
        return f"All {n:,} failures came on {on}" if n > 1 else f"The one failure came on {on}"
    top = dated.filter(pl.col("day") == day).sort("failures", "category", descending=[True, False])
    name, count = category_name(top["category"][0]), int(top["failures"][0])
    if most < 2 * (n - most) / (by_day.height - 1):
        return f"Failures are spread over the days: at most {most:,} on one, {on}"
    of_kind = f"all of them {name}" if count == most else f"{count:,} of them {name}"
    return f"Failures peak on {on}: {most:,}, {of_kind}"
