"""Draws charts for real, and six-row frames to draw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
import vl_convert

if TYPE_CHECKING:
    import altair as alt

Draw = Callable[["alt.LayerChart"], str]

MOST_ROWS = 5_000


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Renders a chart to SVG, and holds it to what every chart promises."""

    def svg(chart: alt.LayerChart) -> str:
        import altair as alt

        assert type(chart) is alt.LayerChart
        spec = chart.to_dict()
        assert sum(len(rows) for rows in spec.get("datasets", {}).values()) < MOST_ROWS
        assert "http" not in str({name: part for name, part in spec.items() if name not in {"$schema", "datasets"}})
        drawn: str = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
        return drawn

    return svg


@pytest.fixture
def days() -> pl.DataFrame:
    """Six days with runs out of eight; the fourth and fifth are missing, the sixth has few runs."""
    at = [date(2026, 11, 1) + timedelta(days=number) for number in (0, 1, 2, 5, 6, 7)]
    return pl.DataFrame(
        {
            "day": at,
            "n": [40, 50, 60, 5, 70, 80],
            "completed": [40, 48, 60, 5, 60, 79],
            "failed": [0, 2, 0, 0, 8, 0],
            "cancelled": [0, 0, 0, 0, 2, 1],
            "abandoned": [0, 0, 0, 0, 0, 0],
            "p50_ms": [40e3, 41e3, 39e3, 52e3, 42e3, 38e3],
            "p95_ms": [90e3, 95e3, 85e3, 99e3, 150e3, 91e3],
        }
    )


@pytest.fixture
def nodes() -> pl.DataFrame:
    """Six nodes of a workflow whose steps took 1,000 s in all, 50 s of them at nodes that are not here."""
    total_ms = [400e3, 300e3, 100e3, 80e3, 50e3, 20e3]
    return pl.DataFrame(
        {
            "node_id": ["form > submit", "form > open", "login", "read", "write", "logout"],
            "action_type": ["click"] * 6,
            "n": [100, 100, 100, 200, 100, 100],
            "mean_duration_ms": [4e3, 3e3, 1e3, 400.0, 500.0, 200.0],
            "p95_duration_ms": [9e3, 5e3, 2e3, 700.0, 900.0, 400.0],
            "total_duration_ms": total_ms,
            "share": [value / 1e6 for value in total_ms],
        }
    )
