"""The table of all workflows: which come first, and which part stands beside each."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from rpa_lab.analysis.attribution.result import Attribution, Attributions
from rpa_lab.analysis.attribution.table import attributions_table
from rpa_lab.analysis.changes import ChangePoint


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


def _table(found: list[Attribution], finer: list[float | None] | None = None) -> pl.DataFrame:
    """Each one's p-value is the same by shorter blocks, unless said."""
    return attributions_table(found, finer or [one.p_value for one in found], level=0.95)


def test_sure_changes_come_first_then_sure_parts_then_by_p() -> None:
    table = _table(FOUND)

    assert table["workflow_id"].to_list() == ["faster", "slower", "hidden", "noisy", "few days"]
    assert table["significant"].to_list() == [True, True, False, False, None]
    assert table["sure_part"].to_list() == [True, True, True, False, False]
    assert table.equals(_table(FOUND[::-1]))


def test_the_part_beside_a_workflow_is_the_sure_one() -> None:
    rows = {row["workflow_id"]: row for row in _table(FOUND).iter_rows(named=True)}

    assert (rows["hidden"]["node_id"], rows["hidden"]["part_ms"]) == ("slow", 40.0)
    assert "Of its parts one is sure" in rows["hidden"]["sentence"]
    assert (rows["noisy"]["node_id"], rows["noisy"]["part_ms"]) == ("a", 300.0)


def test_p_values_are_corrected_for_the_number_of_workflows() -> None:
    rows = {row["workflow_id"]: row for row in _table(FOUND).iter_rows(named=True)}

    assert rows["slower"]["q_value"] == pytest.approx(0.0001 * 4 / 2)  # two of the four that are known are as small
    assert rows["noisy"]["q_value"] == pytest.approx(0.2 * 4 / 3)
    assert rows["few days"]["q_value"] is None


def test_q_is_never_less_than_p_of_the_workflow_by_itself() -> None:
    rows = {row["workflow_id"]: row for row in _table(FOUND, [None, 0.01, 0.9, 0.0001, 0.00005]).iter_rows(named=True)}

    assert (rows["noisy"]["p_value"], rows["noisy"]["q_value"]) == (0.2, 0.2)
    assert rows["slower"]["q_value"] == pytest.approx(0.0001 * 4 / 2)
    assert [row["q_value"] is None for row in rows.values()].count(True) == 1


def test_sentences_say_that_p_is_corrected() -> None:
    rows = {row["workflow_id"]: row["sentence"] for row in _table(FOUND).iter_rows(named=True)}

    assert "no more than chance explains (q = 0.27, p corrected for 5 workflows)" in rows["noisy"]
    assert "p =" not in " ".join(rows.values())


def test_parts_of_few_days_make_no_other_part_surer() -> None:
    few = [replace(_attribution(f"few {n}", None, 9.0, a=(9.0, 1e-6)), basis="these runs only") for n in range(4)]
    rows = {row["workflow_id"]: row for row in _table([FOUND[1], FOUND[2], *few]).iter_rows(named=True)}

    assert rows["hidden"]["parts_factor"] == pytest.approx(2.0)  # of the two workflows whose days are known
    assert not any(rows[one.workflow_id]["sure_part"] for one in few)
    assert rows["few 0"]["parts_factor"] == 6.0


def test_one_that_was_chosen_by_its_result_is_judged_as_among_all() -> None:
    chosen = _attribution("chosen", 0.03, 80.0, a=(80.0, 0.008))
    every = [chosen, *(_attribution(f"other {n}", 0.9, 1.0, a=(1.0, 0.9)) for n in range(7))]
    found = Attributions(baseline_period="", current_period="", tz="UTC", level=0.95, table=_table(every))
    judged = found.judged(chosen)

    assert (chosen.significant, chosen.sure_parts.height) == (True, 1)
    assert judged.p_value == pytest.approx(0.24)
    assert (judged.significant, judged.workflows) == (False, 8)
    assert judged.sure_parts.is_empty()
    assert judged.sentence == found.table.filter(workflow_id="chosen")["sentence"][0]
    assert "(q = 0.24, p corrected for 8 workflows)" in judged.sentence
    assert found.judged(_attribution("elsewhere", 0.03, 80.0, a=(80.0, 0.008))).p_value == 0.03
    alone = replace(found, table=_table([chosen]))
    assert alone.judged(chosen) is chosen


def test_a_change_of_level_belongs_to_the_cause_that_is_still_sure() -> None:
    point = ChangePoint(
        workflow_id="slower", node_id="a", on=date(2026, 11, 2), earliest=date(2026, 11, 1), latest=date(2026, 11, 3),
        before_ms=100, after_ms=180, change_percent=80, low_percent=70, high_percent=90, tz="UTC",
    )  # fmt: skip
    sure, unsure = (replace(one, change_point=point) for one in (FOUND[3], FOUND[1]))
    found = Attributions(baseline_period="", current_period="", tz="UTC", level=0.95, table=_table(FOUND))

    assert found.judged(sure).change_point is point
    assert found.judged(unsure).change_point is None


def test_the_sentence_is_of_the_first_and_speaks_of_hidden_parts() -> None:
    def sentence(found: list[Attribution]) -> str:
        table = _table(found)
        return Attributions(baseline_period="", current_period="", tz="UTC", level=0.95, table=table).sentence

    assert sentence(FOUND).startswith("2 of 5 workflows take longer or less long. Runs of faster take 120 ms less")
    assert sentence(FOUND[:3]).startswith("Of 3 workflows none takes longer or less long for sure. Runs of hidden")
    assert sentence([FOUND[3]]).startswith("1 of 1 workflow takes longer or less long. ")
    assert sentence([]) == "No workflow has completed runs in both periods."
    assert sentence(FOUND[:2]) == "Of 2 workflows none takes longer or less long for sure."


def test_where_the_change_is_not_sure_a_part_needs_a_fifth_of_the_errors() -> None:
    hidden = [_attribution("w", 0.9, 5.0, slow=(40.0, p)) for p in (0.0099, 0.0101)]

    assert [one.sure_parts.height for one in hidden] == [1, 0]
    assert "one is sure" in hidden[0].sentence
    assert "one is sure" not in hidden[1].sentence
    assert _attribution("w", 0.01, 45.0, slow=(40.0, 0.0101)).sure_parts.height == 1
