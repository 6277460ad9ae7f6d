"""What the comparison report looks at where nobody said it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pytest

from rpa_lab import Lab
from rpa_lab.analysis.attribution.analyzer import AttributionAnalyzer
from rpa_lab.analysis.before_after import periods_of
from rpa_lab.errors import InputError
from rpa_lab.report import comparison_choice as choice
from rpa_lab.report import comparison_tables as tables

if TYPE_CHECKING:
    from rpa_lab.analysis.attribution.result import Attribution


def test_the_versions_to_compare_begin_with_that_of_before(found: Attribution) -> None:
    names = choice.versions_to_compare(found)
    before = dict(found.versions.select("workflow_version", "runs_before").rows())

    assert len(names) > 1
    assert before[names[0]] == max(before.values())
    assert choice.versions_to_compare(replace(found, versions=found.versions.head(1))) == []


def test_the_workflow_that_changed_most_surely_is_looked_at(lab: Lab) -> None:
    everyone = AttributionAnalyzer(lab.store).attribute_all(*periods_of(lab.store, "all"))
    none = pl.DataFrame({"workflow_id": ["b", "a"], "executions": [5, 9]})

    assert choice.most_changed(everyone, otherwise=none) == "order_entry"
    assert choice.most_changed(replace(everyone, table=everyone.table.clear()), otherwise=none) == "a"
    table = tables.workflows_table(everyone)
    assert [row[0] for row in table.rows] == everyone.table["workflow_id"].to_list()


def test_a_workflow_is_not_chosen_where_versions_are_held_against_each_other(lab: Lab) -> None:
    with pytest.raises(InputError, match="workflow_id is None beside versions"):
        choice.most_changed(None, otherwise=lab.workflows("all"))


def test_the_number_of_runs_stands_beside_periods_only(found: Attribution) -> None:
    assert "count" in choice.beside(found)
    assert "count" not in choice.beside(replace(found, compared_versions=("1", "2")))
