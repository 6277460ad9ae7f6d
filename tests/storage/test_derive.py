from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from rpa_lab.storage.derive import with_merged_context, with_state, with_step_id

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


def _state(*, status: str, started_ago_min: float, seen_ago_min: list[float]) -> tuple[str, datetime | None]:
    runs = pl.LazyFrame(
        {
            "execution_id": ["e"],
            "status": [status],
            "started_at": [NOW - timedelta(minutes=started_ago_min)],
            "_writer": ["w"],
        }
    )
    seen = [NOW - timedelta(minutes=ago) for ago in seen_ago_min]
    health = pl.LazyFrame(
        {"writer": ["w"] * len(seen), "timestamp": seen},
        schema={"writer": pl.String, "timestamp": pl.Datetime("us", "UTC")},
    )
    row = with_state(runs, health, as_of=NOW).collect().row(0, named=True)
    return row["status"], row["last_seen_at"]


@pytest.mark.parametrize(
    ("started", "seen", "status", "last"),
    [
        (5, [], "running", 5),
        (20, [], "abandoned", 20),
        (600, [16], "abandoned", 16),
        (600, [400, 14, 30], "running", 14),
        (600, [15], "running", 15),
        (3, [60], "running", 3),
        (600, [30, -5], "abandoned", 30),  # a word from after `as_of` isn't heard yet
    ],
)
def test_a_silent_run_is_abandoned(started: float, seen: list[float], status: str, last: float) -> None:
    said, last_seen = _state(status="running", started_ago_min=started, seen_ago_min=seen)

    assert said == status
    assert last_seen == NOW - timedelta(minutes=last)


def test_a_run_that_ended_stays_as_it_ended() -> None:
    assert _state(status="failed", started_ago_min=600, seen_ago_min=[]) == ("failed", None)


def test_a_step_without_id_is_known_by_its_place() -> None:
    steps = pl.LazyFrame({"step_id": [None, "own", None], "execution_id": ["e"] * 3, "step_index": [0, 1, None]})

    assert with_step_id(steps).collect()["step_id"].to_list() == ["e:0", "own", None]


def test_what_cant_be_merged_is_left_to_the_end() -> None:
    said = [("{}", "{}"), (None, '{"b": 2}'), ('{"a": 1}', None), ("no JSON", '{"b": 2}'), ("[1]", '{"b": 2}')]
    runs = pl.DataFrame(said, schema={"context": pl.String, "end_context": pl.String}, orient="row")

    merged = with_merged_context(runs)["context"].to_list()

    assert merged == ["{}", '{"b": 2}', '{"a": 1}', '{"b": 2}', '{"b": 2}']
