"""What the comparison report looks at, where nobody said it: which workflow, which versions, which metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.analysis.attribution.strata import UNKNOWN
from rpa_lab.errors import InputError
from rpa_lab.report.performance import busiest

if TYPE_CHECKING:
    from rpa_lab.analysis.attribution.result import Attribution, Attributions

__all__ = ["beside", "most_changed", "versions_to_compare"]

_BESIDE: Final = ("success_rate", "p50 of completed", "p95 of completed")


def most_changed(found: Attributions | None, *, otherwise: pl.DataFrame) -> str:
    """The workflow that changed most surely: in its mean, else in one of its parts.

    Parameters
    ----------
    found : Attributions, optional
        Of all workflows; where versions are held against each other there are none.
    otherwise : polars.DataFrame
        `Lab.workflows` of all time: where none ran in both periods, the busiest of these is meant.

    Returns
    -------
    str
        The first of `found`.

    Raises
    ------
    InputError
        If there is nothing to choose by.
    """
    if found is None:
        raise InputError("workflow_id is None beside versions, expected the workflow whose versions they are")
    return str(found.table["workflow_id"][0]) if found.table.height else str(busiest(otherwise))


def versions_to_compare(found: Attribution, *, most: int = 6) -> list[str]:
    """The versions of a workflow to hold against one another: that with most runs before comes first.

    Parameters
    ----------
    found : Attribution
        Of one workflow.
    most : int
        How many: those with most runs.

    Returns
    -------
    list of str
        Empty where there are fewer than two.
    """
    if "workflow_version" not in found.versions.columns:
        return []
    runs = pl.col("runs_before") + pl.col("runs_after")
    named = found.versions.filter(pl.col("workflow_version") != UNKNOWN)
    kept = named.sort(runs, "workflow_version", descending=[True, False]).head(most)
    first = kept.sort("runs_before", runs, "workflow_version", descending=[True, True, False])
    return first["workflow_version"].to_list() if kept.height > 1 else []


def beside(found: Attribution) -> tuple[str, ...]:
    """The metrics that stand side by side. The mean does not: it is what the report is about, and judged once.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    tuple of str
        Of periods the number of runs, too; of versions that says only how many robots were given each.
    """
    return _BESIDE if found.compared_versions else (*_BESIDE, "count")
