"""Steps that need self-healing more and more."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import scipy.stats

from rpa_lab.analysis.healing_trend import FEWEST_ATTEMPTS, FEWEST_DAYS, healing_by_day, healing_trends
from rpa_lab.errors import InputError
from rpa_lab.simulate import BadSelector, fleet

END = date(2026, 11, 25)
FIRST = date(2026, 11, 1)


def _days(healed: list[int], *, visits: int = 50, node: str = "go") -> pl.DataFrame:
    on = [FIRST + timedelta(days=number) for number in range(len(healed))]
    return pl.DataFrame({"workflow_id": "w", "node_id": node, "day": on, "visits": visits, "healed": healed})


@pytest.mark.parametrize("seed", range(4))
def test_p_values_are_those_of_all_orders_of_the_days(seed: int) -> None:
    rng = np.random.default_rng(seed)
    visits = rng.integers(30, 80, 12)
    healed = rng.binomial(visits, np.linspace(0.02, 0.12, 12))
    days = _days(healed.tolist()).with_columns(visits=pl.Series(visits))
    excess = healed - visits * healed.sum() / visits.sum()
    exact = scipy.stats.permutation_test(
        (excess,), lambda values: values @ np.arange(12.0), permutation_type="pairings", alternative="greater",
        n_resamples=20_000, rng=rng,
    )  # fmt: skip

    assert healing_trends(days.lazy())["p_value"].item() == pytest.approx(exact.pvalue, rel=0.25, abs=0.004)


def test_a_steady_rise_is_named_and_a_fall_and_a_level_are_not() -> None:
    rise, fall, level = list(range(14)), list(range(14))[::-1], [5, 6] * 7
    days = pl.concat([_days(rise, node="rise"), _days(fall, node="fall"), _days(level, node="level")])
    found = {row["node_id"]: row for row in healing_trends(days.lazy()).to_dicts()}

    assert {name for name, row in found.items() if row["rising"]} == {"rise"}
    assert found["rise"]["early_share"] == pytest.approx(sum(range(7)) / 350)
    assert found["rise"]["late_share"] == pytest.approx(sum(range(7, 14)) / 350)
    q = scipy.stats.false_discovery_control([found[name]["p_value"] for name in ("rise", "level", "fall")])
    assert [found[name]["q_value"] for name in ("rise", "level", "fall")] == pytest.approx(list(q))


def test_too_few_days_or_attempts_are_not_tested_and_constant_ones_rise_not() -> None:
    short = _days([1] * (FEWEST_DAYS - 1), node="short")
    rare = _days([0] * 10 + [FEWEST_ATTEMPTS - 1], node="rare")
    always = _days([50] * 10, node="always")
    found = healing_trends(pl.concat([short, rare, always]).lazy())

    assert found.select("node_id", "rising").rows() == [("always", False)]
    assert healing_trends(short.lazy()).is_empty()
    with pytest.raises(InputError, match="level is 5, expected a fraction above 0 and below 1"):
        healing_trends(short.lazy(), level=5)


def test_visits_and_those_that_needed_healing_are_counted_by_local_day() -> None:
    at = datetime(2026, 11, 3, 20, tzinfo=UTC)
    steps = pl.LazyFrame(
        {
            "workflow_id": "w",
            "node_id": ["go", "go", "go", "stop"],
            "started_at": [at, at, at - timedelta(hours=10), at],
            "status": ["completed", "failed", "skipped", "completed"],
        }
    )
    tried = pl.LazyFrame(
        {
            "workflow_id": "w",
            "node_id": "go",
            "execution_id": ["a", "a", "b", "c"],
            "step_id": ["a1", "a1", "b1", "c1"],
            "started_at": [at] * 4,
        }
    )

    assert healing_by_day(steps, tried, tz="Asia/Tokyo").collect().rows() == [
        ("w", "go", date(2026, 11, 4), 2, 2),  # a1 was tried twice; more steps than visits can't have been
        ("w", "stop", date(2026, 11, 4), 1, 0),
    ]


def _rising(seed: int, *faults: BadSelector, days: int) -> tuple[set[tuple[str, ...]], list[float]]:
    made = fleet(days, 3, seed, end=END, faults=faults)
    found = healing_trends(healing_by_day(made.steps.lazy(), made.recoveries.lazy(), tz="UTC"))
    return set(found.filter("rising").select("workflow_id", "node_id").rows()), found["p_value"].to_list()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_selector_that_goes_bad_is_found_in_a_fleet(seed: int) -> None:
    node = ("invoice_processing", "log in to portal")
    bad = BadSelector(workflow_id=node[0], node_id=node[1], onset_day=8, share=0.2, ramp_days=10)

    assert node in _rising(seed, bad, days=21)[0]


def test_fleets_without_a_fault_rarely_alarm() -> None:
    named, p_values = zip(*(_rising(seed, days=30) for seed in range(30)), strict=True)
    every = np.concatenate(p_values)

    # of thirty fleets 1.5 alarm on average; that six or more do has a chance of 0.3 %
    assert sum(bool(one) for one in named) <= 5
    assert 0.02 < np.mean(every < 0.05) < 0.09
