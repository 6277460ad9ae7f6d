from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpa_lab.analysis.attribution.split import Work, least_errors_of_attempts, mix_by_stratum, split, work_of
from tests.oracles import shapley_of_durations


@st.composite
def _works(draw: st.DrawFn, *, strata: int, nodes: int) -> Work:
    """One row of whole microseconds; nodes and strata may be missing, steps may take longer than their runs."""
    runs = draw(st.lists(st.integers(0, 50), min_size=strata, max_size=strata).filter(any))
    size = strata * nodes
    took = draw(st.lists(st.integers(0, 10**9), min_size=strata, max_size=strata))
    tried = draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))
    own = draw(st.lists(st.integers(0, 10**9), min_size=size, max_size=size))
    present = np.asarray(runs, np.float64) > 0
    attempts = np.asarray(tried, np.float64).reshape(strata, nodes) * present[:, None]
    return Work(
        runs=np.asarray([runs], np.float64),
        duration=np.asarray([took], np.float64) * present,
        attempts=attempts[None],
        own=np.asarray(own, np.float64).reshape(1, strata, nodes) * (attempts > 0),
    )


def _size(*works: Work) -> float:
    return max(float((work.duration.sum() + work.own.sum()) / work.runs.sum()) / 1000 for work in works)


def _parts(work: Work) -> dict[str, Any]:
    """Of one stratum, as the oracle takes them."""
    n = Fraction(int(work.runs[0, 0]))
    attempts, own = (part[0, 0].astype(np.int64).tolist() for part in (work.attempts, work.own))
    known = {f"n{place}": (count, time) for place, (count, time) in enumerate(zip(attempts, own, strict=True)) if count}
    return {
        "f": {node: count / n for node, (count, _) in known.items()},
        "m": {node: Fraction(time, 1000 * count) for node, (count, time) in known.items()},
        "g": Fraction(int(work.duration[0, 0]) - sum(own), 1000) / n,
    }


@given(_works(strata=3, nodes=3), _works(strata=3, nodes=3))
def test_parts_add_up_to_the_change(before: Work, now: Work) -> None:
    *parts, change = split(before, now)[0]
    means = [work.duration.sum() / work.runs.sum() / 1000 for work in (before, now)]

    assert change == pytest.approx(means[1] - means[0], abs=1e-9 * _size(before, now))
    assert sum(parts) == pytest.approx(change, abs=1e-9 * max(_size(before, now), 1e-3))


@given(_works(strata=3, nodes=3), _works(strata=3, nodes=3))
def test_with_the_periods_exchanged_each_part_has_the_other_sign_to_the_bit(before: Work, now: Work) -> None:
    assert (split(before, now) == -split(now, before)).all()
    for one, other in zip(mix_by_stratum(before, now), mix_by_stratum(now, before), strict=True):
        assert (one == -other).all()


@settings(max_examples=25)
@given(_works(strata=1, nodes=2), _works(strata=1, nodes=2))
def test_it_is_the_average_over_all_orders_in_which_changes_could_come(before: Work, now: Work) -> None:
    found = split(before, now)[0]
    shares = shapley_of_durations(_parts(before), _parts(now))
    names = [*(("attempts", f"n{place}") for place in range(2)), *(("time", f"n{place}") for place in range(2))]

    for value, name in zip(found[:-2], [*names, ("waiting", None)], strict=True):
        assert value == pytest.approx(float(shares.get(name, Fraction(0))), abs=1e-9 * max(_size(before, now), 1e-3))
    assert found[-2] == 0.0  # one stratum: no mix


@given(_works(strata=3, nodes=1), _works(strata=3, nodes=1))
def test_what_strata_add_is_the_mix_and_the_rest(before: Work, now: Work) -> None:
    *inner, mix, change = split(before, now)[0]
    by_stratum, own = mix_by_stratum(before, now)

    assert by_stratum.sum() == pytest.approx(mix, abs=1e-9 * max(_size(before, now), 1e-3))
    assert own.sum() == pytest.approx(sum(inner), abs=1e-9 * max(_size(before, now), 1e-3))
    assert by_stratum.sum() + own.sum() == pytest.approx(change, abs=1e-9 * max(_size(before, now), 1e-3))


def test_more_runs_of_a_slow_kind_are_mix_and_nothing_else() -> None:
    def of(quick: int, slow: int) -> Work:
        runs = np.asarray([[quick, slow]], np.float64)
        took = runs * [1e6, 3e6]
        return Work(runs=runs, duration=took, attempts=runs[..., None], own=took[..., None])

    attempts, time, waiting, mix, change = split(of(90, 10), of(50, 50))[0]

    assert (attempts, time, waiting) == (0.0, 0.0, 0.0)
    assert mix == pytest.approx(800.0)
    assert change == pytest.approx(800.0)  # from 1.2 s to 2 s
    by_stratum, own = mix_by_stratum(of(90, 10), of(50, 50))
    assert by_stratum.tolist() == pytest.approx([-0.4 * (1000 - 1600), 0.4 * (3000 - 1600)])
    assert own.tolist() == [0.0, 0.0]


def test_days_become_rows_and_what_is_drawn_counts() -> None:
    runs = pl.DataFrame({"unit": [0, 1, 1], "stratum": ["a", "a", "b"], "runs": [1, 2, 4], "duration_us": [10, 20, 40]})
    steps = pl.DataFrame(
        {"unit": [1, 0, 1], "stratum": ["b", "a", "b"], "node_id": ["y", "x", "left out"], "attempts": [7, 3, 9]}
    ).with_columns(own_us=pl.col("attempts") * 2)
    work = work_of(runs, steps, units=2, strata=["a", "b"], nodes=["x", "y"])

    assert work.runs.tolist() == [[1.0, 0.0], [2.0, 4.0]]
    assert work.attempts.tolist() == [[[3.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 7.0]]]
    twice = work.counted(np.asarray([[0.0, 2.0], [1.0, 1.0]]))
    assert twice.duration.tolist() == [[40.0, 80.0], [30.0, 40.0]]
    assert twice.own.tolist() == [[[0.0, 0.0], [0.0, 28.0]], [[6.0, 0.0], [0.0, 14.0]]]
    assert twice.together().runs.tolist() == [[12.0], [7.0]]


def _tried(runs: list[list[int]], ms: float) -> Work:
    """Of each stratum how often each of its runs tried one step."""
    return Work(
        runs=np.array([[len(each) for each in runs]], np.float64),
        duration=np.array([[sum(each) * ms * 1000 for each in runs]]),
        attempts=np.array([[[sum(each)] for each in runs]], np.float64),
        own=np.array([[[sum(each) * ms * 1000] for each in runs]]),
    )


@given(st.lists(st.integers(0, 4), min_size=2, max_size=40), st.lists(st.integers(0, 4), min_size=2, max_size=40))
def test_attempts_vary_as_little_as_whole_numbers_can(one: list[int], other: list[int]) -> None:
    """Whatever the runs did: with one try more and one less on either side their own variances are no smaller."""
    _, asking = least_errors_of_attempts(_tried([one], 1000.0), _tried([other], 1000.0))
    both = np.array([*one, *other])
    if both.any():
        pooled = both.var() * (1 / len(one) + 1 / len(other))
        sides = sum(
            (np.array([*each, np.floor(np.mean(each)), np.floor(np.mean(each)) + 1]).var() + 0.25) / len(each)
            for each in (one, other)
        )
        assert asking[0] <= 1000 * np.sqrt(max(pooled, sides)) + 1e-6


def test_a_step_that_was_never_tried_twice_may_be_and_one_of_a_side_is_as_rare_as_on_both() -> None:
    old, new = [2, *[1] * 39] * 25, [1] * 100  # one in forty, and none of a hundred
    bounding, asking = least_errors_of_attempts(_tried([old], 1000.0), _tried([new], 1000.0))

    own = 26 / 1002 * (1 - 26 / 1002) / 1000 + 1 / 102 * (1 - 1 / 102) / 100
    pooled = 25 / 1100 * (1 - 25 / 1100) * (1 / 1000 + 1 / 100)
    assert bounding[0] == pytest.approx(1000 * np.sqrt(own))
    assert asking[0] == pytest.approx(1000 * np.sqrt(pooled))
    certain = least_errors_of_attempts(_tried([[1] * 500], 1000.0), _tried([[0] * 500], 1000.0))
    assert certain[0][0] < 3  # of 1,000 ms: that it is gone is as good as certain


def test_strata_are_held_apart_since_a_step_of_one_of_them_is_no_coin_of_all() -> None:
    rng = np.random.default_rng(0)
    seen = []
    for _ in range(2_000):
        sides = [[(1 + (rng.random(40) < 0.05)).tolist(), [0] * 40] for _ in range(2)]
        seen.append((split(_tried(sides[0], 1000.0), _tried(sides[1], 1000.0))[0, 0], sides))
    floors = [least_errors_of_attempts(*(_tried(side, 1000.0) for side in sides))[0][0] for _, sides in seen[:200]]

    assert np.mean(floors) == pytest.approx(np.std([part for part, _ in seen]), rel=0.25)
    missing = _tried([[1, 1, 2], []], 1000.0), _tried([[1, 2, 2], [1, 2]], 1000.0)
    assert np.isfinite(least_errors_of_attempts(*missing)).all()
