"""What the robots saved: hours of people's work, and money.

::

    hours saved = completed cases × manual minutes / 60 − other cases × exception minutes / 60
    benefit     = hours saved × what a person's hour costs
    cost        = robots × robot_per_month × months + busy hours × robot_per_hour + fixed_per_month × months
    ROI         = (benefit − cost) / cost × 100

What isn't known is None, never 0, and a sentence says which setting is missing. 100 completed cases of 6 minutes and 5
others of 12 minutes saved 10 − 1 = 9 hours. The costs of the fleet are shared out among workflows by the time that
their executions took, idle time along with it, so that the workflows' costs add up to the fleet's.

References
----------
Return on investment as in Phillips and Phillips (2007), *Show Me the Money*. Shares by time: Kaplan and
Anderson (2004), *Time-Driven Activity-Based Costing*, Harvard Business Review 82(11), which would leave idle time out.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rpa_lab.storage.settings_cost import Cost, Minutes

__all__ = ["MONTH_HOURS", "FleetCost", "fleet_cost", "with_savings", "with_total_savings"]

MONTH_HOURS = 365.25 * 24 / 12
"""Hours of an average month."""

_HOURS = ("hours_replaced", "exception_hours", "hours_saved")
_RATES = ("robot_per_month", "robot_per_hour", "fixed_per_month")


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetCost:
    """What a fleet cost in a period; `cost` None is unknown, and `note` says why, or what it is made of."""

    cost: float | None
    note: str


def fleet_cost(rates: Cost, *, robots: int, busy_hours: float, hours: float) -> FleetCost:
    """What robots cost in a period.

    Parameters
    ----------
    rates : Cost
        What time costs; of the three rates of robots those that aren't set cost nothing, but one has to be.
    robots : int
        Robots that were at work in the period; each costs for the whole of it.
    busy_hours : float
        How long they were busy.
    hours : float
        How long the period is.

    Returns
    -------
    FleetCost

    Examples
    --------
    >>> fleet_cost(Cost(robot_per_month=500.0), robots=2, busy_hours=100.0, hours=MONTH_HOURS).cost
    1000.0
    >>> fleet_cost(Cost(), robots=2, busy_hours=100.0, hours=MONTH_HOURS).cost is None
    True
    """
    said = [name for name in _RATES if getattr(rates, name) is not None]
    if not said:
        return FleetCost(cost=None, note=f"set one of {', '.join(f'cost.{name}' for name in _RATES)} in rpa_lab.toml")
    months = hours / MONTH_HOURS
    cost = (
        robots * (rates.robot_per_month or 0.0) * months
        + busy_hours * (rates.robot_per_hour or 0.0)
        + (rates.fixed_per_month or 0.0) * months
    )
    return FleetCost(cost=cost, note=f"by {' and '.join(said)} of {robots} robots in {months:.2f} months")


def with_savings(workflows: pl.DataFrame, rates: Cost, *, cost: float | None) -> pl.DataFrame:
    """The workflows with what each saved.

    Parameters
    ----------
    workflows : DataFrame
        workflow_id, cases_completed, cases, work_ms.
    rates : Cost
        What time costs.
    cost : float or None
        Of the fleet.

    Returns
    -------
    DataFrame
        The same rows, with hours_replaced (completed cases by manual minutes), exception_hours, hours_saved, benefit,
        cost, roi_percent; null where a setting is missing.

    Examples
    --------
    >>> rates = Cost(manual_minutes=Minutes(others=6.0), exception_minutes=Minutes(by_workflow=(("a", 12.0),)))
    >>> counted = {"cases_completed": [100, 100], "cases": [105, 105], "work_ms": [1.0, 1.0]}
    >>> with_savings(pl.DataFrame({"workflow_id": ["a", "b"], **counted}), rates, cost=None)["hours_saved"].to_list()
    [9.0, None]
    """
    other_cases = pl.col("cases") - pl.col("cases_completed")
    total_ms = workflows["work_ms"].sum()
    return (
        workflows.with_columns(
            hours_replaced=pl.col("cases_completed") * _minutes(rates.manual_minutes) / 60,
            exception_hours=pl.when(other_cases == 0)
            .then(0.0)
            .otherwise(other_cases * _minutes(rates.exception_minutes) / 60),
        )
        .with_columns(
            hours_saved=pl.col("hours_replaced") - pl.col("exception_hours"),
            cost=pl.col("work_ms") / total_ms * pl.lit(cost, pl.Float64) if total_ms else pl.lit(None, pl.Float64),
        )
        .with_columns(benefit=pl.col("hours_saved") * pl.lit(rates.employee_per_hour, pl.Float64))
        .with_columns(roi_percent=_roi_percent(pl.col("benefit"), pl.col("cost")))
    )


def with_total_savings(every: pl.DataFrame, each: pl.DataFrame, rates: Cost, *, cost: float | None) -> pl.DataFrame:
    """The row of all workflows with what they saved together.

    Hours are the sums over those workflows for which they are known; ROI is null unless they are known for all that had
    cases, since the costs are those of all.

    Parameters
    ----------
    every : DataFrame
        One row, or none.
    each : DataFrame
        As `with_savings` makes it.
    rates : Cost
        What time costs.
    cost : float or None
        Of the fleet.

    Returns
    -------
    DataFrame
        `every` with the further columns of `each`.
    """
    sums = {name: each[name].sum() if each[name].count() else None for name in _HOURS}
    with_cases = each.filter(pl.col("cases") > 0)
    complete = bool(with_cases.height) and not with_cases["hours_saved"].null_count()
    return (
        every.with_columns(pl.lit(value, pl.Float64).alias(name) for name, value in sums.items())
        .with_columns(cost=pl.lit(cost, pl.Float64))
        .with_columns(benefit=pl.col("hours_saved") * pl.lit(rates.employee_per_hour, pl.Float64))
        .with_columns(roi_percent=_roi_percent(pl.when(complete).then("benefit"), pl.col("cost")))
    )


def _roi_percent(benefit: pl.Expr, cost: pl.Expr) -> pl.Expr:
    """(benefit − cost) / cost, percent; null where one is unknown or nothing was paid."""
    return pl.when(cost > 0).then((benefit - cost) / cost * 100)


def _minutes(minutes: Minutes) -> pl.Expr:
    if not minutes.by_workflow:
        return pl.lit(minutes.others, pl.Float64)
    return pl.col("workflow_id").replace_strict(
        dict(minutes.by_workflow), default=minutes.others, return_dtype=pl.Float64
    )
