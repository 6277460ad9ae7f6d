from __future__ import annotations

import polars as pl
from hypothesis import given

from rpa_lab.integrations.lifecycle import join
from tests import oracles, strategies
from tests.integrations.logs import at, parsed, rows


@given(strategies.lifecycle_events())
def test_starts_and_completions_are_joined_as_a_queue_does(events: pl.DataFrame) -> None:
    pairs, unmatched = oracles.joined_lifecycle(events.to_dicts())
    steps, left_out = join(events)
    got = {row["row"]: row["start"] for row in steps.to_dicts()}
    assert got == {ended["row"]: begun["end"] if begun else None for begun, ended in pairs}
    assert left_out == {"starts that nothing completes": unmatched}


def test_transitions_say_how_a_step_ended() -> None:
    found = parsed(
        "case,activity,lifecycle:transition,time:timestamp\n"
        "7,a,START,2026-11-03T09:00Z\n7,a,complete,2026-11-03T09:30Z\n7,b,schedule,2026-11-03T09:30Z\n"
        "7,b,start,2026-11-03T09:40Z\n7,b,ate_abort,2026-11-03T09:50Z\n7,c,manualskip,2026-11-03T09:55Z\n"
        "7,d,start,2026-11-03T09:56Z\n"
    )
    assert rows(found, "steps", "node_id", "started_at", "status") == [
        ("a", at(9), "completed"),
        ("b", at(9, 40), "failed"),
        ("c", at(9, 50), "skipped"),
    ]
    assert found.left_out == {"events of the transition 'schedule'": 1, "starts that nothing completes": 1}
    assert rows(found, "executions", "status", "error_message", "steps_failed") == [("failed", "b failed", 1)]
