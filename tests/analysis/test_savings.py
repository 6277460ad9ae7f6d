"""Hours and money: by hand, and never 0 for what isn't known."""

from __future__ import annotations

import polars as pl
import pytest

from rpa_lab.analysis.savings import MONTH_HOURS, fleet_cost, with_savings, with_total_savings
from rpa_lab.storage.settings_cost import Cost, Minutes

WORKFLOWS = pl.DataFrame(
    {
        "workflow_id": ["a", "b", "c"],
        "cases_completed": [100, 60, 0],
        "cases": [105, 60, 0],
        "work_ms": [3e6, 1e6, 0.0],
    }
)
ALL = WORKFLOWS.select(pl.lit(None, pl.String).alias("workflow_id"), pl.exclude("workflow_id").sum())
RATES = Cost(
    employee_per_hour=40.0,
    manual_minutes=Minutes(by_workflow=(("a", 6.0), ("b", 10.0))),
    exception_minutes=Minutes(by_workflow=(("a", 12.0),)),
)


def test_hours_and_money_by_hand() -> None:
    each = with_savings(WORKFLOWS, RATES, cost=200.0)
    columns = ["hours_replaced", "exception_hours", "hours_saved", "benefit", "cost", "roi_percent"]
    assert each.select(columns).rows() == [
        (10.0, 1.0, 9.0, 360.0, 150.0, 140.0),
        (10.0, 0.0, 10.0, 400.0, 50.0, 700.0),  # none was left over, so that nobody had to see to one
        (None, 0.0, None, None, 0.0, None),
    ]
    total = with_total_savings(ALL, each, RATES, cost=200.0)
    assert total.select(columns).rows() == [(20.0, 1.0, 19.0, 760.0, 200.0, 280.0)]


@pytest.mark.parametrize(
    ("rates", "unknown"),
    [
        (Cost(), {"hours_replaced", "hours_saved", "benefit", "roi_percent"}),
        (Cost(manual_minutes=Minutes(others=6.0)), {"exception_hours", "hours_saved", "benefit", "roi_percent"}),
        (
            Cost(manual_minutes=Minutes(others=6.0), exception_minutes=Minutes(others=0.0)),
            {"benefit", "roi_percent"},
        ),
    ],
)
def test_what_is_missing_is_unknown_and_not_nothing(rates: Cost, unknown: set[str]) -> None:
    a = with_savings(WORKFLOWS, rates, cost=200.0).row(0, named=True)
    assert {name for name in unknown if a[name] is not None} == set()


def test_the_total_of_some_workflows_has_no_return() -> None:
    rates = Cost(employee_per_hour=40.0, manual_minutes=Minutes(by_workflow=(("b", 10.0),)))
    each = with_savings(WORKFLOWS, rates, cost=200.0)
    total = with_total_savings(ALL, each, rates, cost=200.0).row(0, named=True)
    assert (total["hours_saved"], total["benefit"], total["roi_percent"]) == (10.0, 400.0, None)


def test_a_fleet_costs_by_the_month_the_hour_and_as_a_whole() -> None:
    rates = Cost(robot_per_month=500.0, robot_per_hour=2.0, fixed_per_month=300.0)
    half = fleet_cost(rates, robots=4, busy_hours=10.0, hours=MONTH_HOURS / 2)
    assert half.cost == pytest.approx(1000.0 + 20.0 + 150.0)
    assert half.note == "by robot_per_month and robot_per_hour and fixed_per_month of 4 robots in 0.50 months"
    unknown = fleet_cost(Cost(employee_per_hour=40.0), robots=4, busy_hours=10.0, hours=1.0)
    assert unknown.cost is None
    assert unknown.note == (
        "set one of cost.robot_per_month, cost.robot_per_hour, cost.fixed_per_month in rpa_lab.toml"
    )
