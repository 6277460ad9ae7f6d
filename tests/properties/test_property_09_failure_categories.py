"""Property 9: for any failures, each is assigned to one category.

Whatever was said, with rules of the user's own, before and after compaction; and the counts add up to the failures.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.failure_rules import CATEGORIES
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.storage.compaction import compact
from rpa_lab.storage.store import TimeSeriesStore
from tests import strategies


@given(strategies.executions(), strategies.steps(), strategies.recoveries_of_runs(), st.data())
def test_every_failure_has_exactly_one_category(
    tmp_path_factory: Any,
    executions: pl.DataFrame,
    steps: pl.DataFrame,
    recoveries: pl.DataFrame,
    data: st.DataObject,
) -> None:
    root = tmp_path_factory.mktemp("store")
    store = TimeSeriesStore(root, as_of="latest")
    said = [data.draw(strategies.error_texts()) for _ in range(executions.height)]
    plain = [text and text.encode("utf-8", "replace").decode() for text in said]
    runs = executions.with_columns(
        error_message=pl.when(status="failed").then(pl.Series(plain, dtype=pl.String)),
        execution_id=pl.format("e{}", pl.int_range(executions.height)),
    )
    store.write_frame("executions", runs)
    store.write_frame("steps", steps)
    store.write_frame("recoveries", recoveries)
    failed = runs.filter(status="failed")

    for compacted in (False, True):
        if compacted:
            compact(root, grace_s=0)
        analyzer = ReliabilityAnalyzer(store)
        found = analyzer.failed_runs(period="2026-10")
        assert sorted(found["execution_id"]) == sorted(failed["execution_id"])
        assert set(found["category"]) <= set(CATEGORIES)
        told = analyzer.failures(period="2026-10")
        assert told.failed == failed.height
        assert told.categories["failures"].sum() == failed.height
        assert told.nodes["failures"].sum() == failed.height
        assert told.categories["category"].is_unique().all()
        assert analyzer.messages(period="2026-10")["failures"].sum() == failed.height
        assert analyzer.failure_days(period="2026-10")["failures"].sum() == failed.height
