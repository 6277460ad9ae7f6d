"""Dispatching against a plain loop, and the host's load against its definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.simulate.conditions import conditions
from rpa_lab.simulate.dispatch import dispatch

_JOBS = st.lists(st.tuples(st.integers(0, 10**15), st.integers(0, 10**12)), max_size=40)


@given(_JOBS, st.integers(1, 7))
def test_robots_take_turns_and_do_one_run_at_a_time(jobs: list[tuple[int, int]], robots: int) -> None:
    jobs.sort()
    free = [0] * robots
    expected = []
    for i, (queued, length) in enumerate(jobs):
        start = max(queued, free[i % robots])
        free[i % robots] = start + length
        expected.append(start)
    queued_us, length_us = (np.asarray([job[i] for job in jobs], np.int64) for i in (0, 1))
    assert dispatch(queued_us, length_us, robots=robots).tolist() == expected


def test_load_has_its_standard_deviation_and_is_correlated_from_hour_to_hour() -> None:
    year = conditions(["a", "b"], seed=4, start_us=0, hours=24 * 1000, load_sd=0.07)
    for values in year.log_factor:
        by_hour = values.reshape(-1, 24)
        load = (by_hour - by_hour.mean(axis=0)).reshape(-1)
        assert load.std() == pytest.approx(0.07, rel=0.1)
        assert np.corrcoef(load[:-1], load[1:])[0, 1] == pytest.approx(0.8, abs=0.03)
        assert np.corrcoef(load[:-48], load[48:])[0, 1] == pytest.approx(0, abs=0.05)
