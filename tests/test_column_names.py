"""What the names of columns say."""

from __future__ import annotations

import pytest

from rpa_lab.column_names import bounds_of, heading, unit_of


def test_bounds_have_the_unit_of_what_they_bound() -> None:
    assert unit_of("completed_low", ["completed_share", "completed_low", "completed_high"]) == "fraction"
    assert unit_of("mtbf_high_ms", ["mtbf_ms", "mtbf_low_ms", "mtbf_high_ms"]) == "ms"
    assert unit_of("share", ["share", "kept_percent"]) == "percent"
    assert unit_of("low_percent", ["change_ms", "change_percent", "low_percent", "high_percent"]) == "percent"
    assert heading("mean_ms_low") == "mean low"


@pytest.mark.parametrize(
    ("name", "beside", "bounds"),
    [
        ("change_ms", "change_low_ms change_high_ms", "change_low_ms change_high_ms"),
        ("change_percent", "change_low_ms change_high_ms", ""),
        ("change_percent", "change_low_percent change_high_percent", "change_low_percent change_high_percent"),
        ("change_percent", "low_percent high_percent", "low_percent high_percent"),
        ("change_ms", "low_percent high_percent", ""),
        ("change_ms", "low_ms high_ms", "low_ms high_ms"),
        ("before_ms", "low_ms high_ms", ""),
        ("unrestored", "unrestored_low_ms unrestored_high_ms", ""),
        ("success_rate", "success_low success_high", "success_low success_high"),
    ],
)
def test_a_bound_belongs_to_what_has_its_unit(name: str, beside: str, bounds: str) -> None:
    assert bounds_of(name, [name, *beside.split()]) == tuple(bounds.split())
