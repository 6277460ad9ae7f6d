"""The table of all workflows: which come first, and which part stands beside each."""

from __future__ import annotations

import polars as pl
import pytest

from rpa_lab.analysis.attribution.result import Attribution, Attributions
from rpa_lab.analysis.attribution.table import attributions_table


def _attribution(name: str, p: float | None, change: float, **parts: tuple[float, float]) -> Attribution:
    """Of a mean of 1,000 ms; parts: change and corrected p-value by step, those up to 0.05 notable."""
    rows = [
        {"kind": "time", "node_id": node, "change_ms": ms, "low_ms": ms - 1, "high_ms": ms + 1, "share": ms / change,
         "before": 100.0, "after": 100.0 + ms, "notable": q <= 0.05, "p_value": q}
        for node, (ms, q) in parts.items()
    ]  # fmt: skip
    return Attribution(
        workflow_id=name,
        baseline_period="2026-10-05T00:00:00Z/2026-11-02T00:00:00Z",
        current_period="2026-11-02T00:00:00Z/2026-11-30T00:00:00Z",
        tz="UTC",
        baseline_mean_ms=1_000.0,
        current_mean_ms=1_000.0 + change,
        change_ms=change,
        change_low_ms=change - 1,
        change_high_ms=change + 1,
        change_percent=change / 10,
        baseline_runs=500,
        current_runs=500,
        baseline_days=28,
        current_days=28,
        baseline_failure_share=0.0,
        current_failure_share=0.0,
        significant=None if p is None else p <= 0.05,
        p_value=p,
        parts=pl.DataFrame(rows),
        strata=None,
        versions=pl.DataFrame(),
        tail=None,
        basis="days",
        level=0.95,
    )


FOUND = [
    _attribution("few days", None, 900.0, a=(900.0, 0.9)),
    _attribution("noisy", 0.2, 300.0, a=(300.0, 0.3)),
    _attribution("hidden", 0.9, 5.0, loud=(-60.0, 0.8), slow=(40.0, 0.0005)),
    _attribution("slower", 0.0001, 80.0, a=(80.0, 0.0005)),
    _attribution("faster", 0.0001, -120.0, a=(-120.0, 0.0005)),
]


def test_sure_changes_come_first_then_sure_parts_then_by_p() -> None:
    table = attributions_table(FOUND, level=0.95)

    assert table["workflow_id"].to_list() == ["faster", "slower", "hidden", "noisy", "few days"]
    assert table["significant"].to_list() == [True, True, False, False, None]
    assert table["sure_part"].to_list() == [True, True, True, False, False]
    assert table.equals(attributions_table(FOUND[::-1], level=0.95))


def test_the_part_beside_a_workflow_is_the_sure_one() -> None:
    rows = {row["workflow_id"]: row for row in attributions_table(FOUND, level=0.95).iter_rows(named=True)}

    assert (rows["hidden"]["node_id"], rows["hidden"]["part_ms"]) == ("slow", 40.0)
    assert "Of its parts one is sure" in rows["hidden"]["sentence"]
    assert (rows["noisy"]["node_id"], rows["noisy"]["part_ms"]) == ("a", 300.0)


def test_p_values_are_corrected_for_the_number_of_workflows() -> None:
    rows = {row["workflow_id"]: row for row in attributions_table(FOUND, level=0.95).iter_rows(named=True)}

    assert rows["slower"]["q_value"] == pytest.approx(0.0001 * 4 / 2)  # two of the four that are known are as small
    assert rows["noisy"]["q_value"] == pytest.approx(0.2 * 4 / 3)
    assert rows["few days"]["q_value"] is None


def test_the_sentence_is_of_the_first_and_speaks_of_hidden_parts() -> None:
    def sentence(found: list[Attribution]) -> str:
        table = attributions_table(found, level=0.95)
        return Attributions(baseline_period="", current_period="", tz="UTC", level=0.95, table=table).sentence

    assert sentence(FOUND).startswith("2 of 5 workflows take longer or less long. Runs of faster take 120 ms less")
    assert sentence(FOUND[:3]).startswith("Of 3 workflows none takes longer or less long for sure. Runs of hidden")
    assert sentence(FOUND[:2]) == "Of 2 workflows none takes longer or less long for sure."
