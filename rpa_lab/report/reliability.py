"""The words and figures of the reliability report: how often it goes well, why not, and how far that is to be trusted.

A rate stands with its interval and with what it was counted from; an estimate is called one. Where nothing was counted,
nothing is said: a period without a failure has no mean time between breakdowns, and no cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import polars as pl

from rpa_lab.chart.failures import category_name
from rpa_lab.chart.theme import short
from rpa_lab.readable import speaks_of
from rpa_lab.report.block import Kpi, Kpis, Text
from rpa_lab.report.model import Provenance, Report, ReportPeriod
from rpa_lab.units import count_text, duration_text, name_text, names_text, percent_text

if TYPE_CHECKING:
    from rpa_lab.analysis.competing import TimeToCompletion
    from rpa_lab.analysis.recoveries import Recoveries
    from rpa_lab.analysis.reliability import ReliabilityStats
    from rpa_lab.period import Span
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = [
    "begin",
    "completion_title",
    "completion_words",
    "doubts",
    "healing_figures",
    "key_figures",
    "most_broken",
    "scope_name",
    "summary",
]

ALL: Final = "all workflows"
_FEW: Final = 20
_MUCH: Final = 0.2


def scope_name(workflow_id: str | None) -> str:
    """Whose reliability it is: a workflow's, or that of all workflows."""
    return ALL if workflow_id is None else name_text(workflow_id)


def most_broken(groups: pl.DataFrame) -> str | None:
    """The workflow that broke down most often, to look at more closely.

    Parameters
    ----------
    groups : polars.DataFrame
        `ReliabilityAnalyzer.breakdown`: ``workflow_id``, ``breakdowns``, ``ended``.

    Returns
    -------
    str or None
        The first by name among equals; None where there is none.

    Examples
    --------
    >>> most_broken(pl.DataFrame({"workflow_id": ["b", "a"], "breakdowns": [3, 3], "ended": [10, 10]}))
    'a'
    """
    named = groups.filter(pl.col("workflow_id").is_not_null())
    ranked = named.sort("breakdowns", "ended", "workflow_id", descending=[True, True, False])
    return str(ranked["workflow_id"][0]) if ranked.height else None


def begin(stats: ReliabilityStats, *, store: TimeSeriesStore, span: Span, groups: pl.DataFrame | None = None) -> Report:
    """The report before its first section: title, summary, doubts and provenance.

    Parameters
    ----------
    stats : ReliabilityStats
        Of one workflow, or of all.
    groups : polars.DataFrame, optional
        Of all: `ReliabilityAnalyzer.breakdown`, for `summary`.
    store : TimeSeriesStore
        Where they come from: `Lab.store`.
    span : Span
        The period that they cover: `Lab.span`.

    Returns
    -------
    Report
    """
    return Report(
        title=f"Reliability of {short(scope_name(stats.workflow_id), most=120)}",
        summary=summary(stats, groups=groups),
        period=ReportPeriod.of(span),
        provenance=Provenance.of(store, n=stats.ended + stats.running),
        warnings=doubts(stats),
    )


def summary(stats: ReliabilityStats, *, groups: pl.DataFrame | None = None) -> str:
    """What the statistics say, in a few sentences.

    Parameters
    ----------
    stats : ReliabilityStats
        Of one workflow, or of all.
    groups : polars.DataFrame, optional
        Of all: `ReliabilityAnalyzer.breakdown`, which knows the workflows that are out of order by name.

    Returns
    -------
    str
    """
    still = f"{count_text(stats.running, 'run is', 'runs are')} still running." if stats.running else ""
    if not stats.ended or stats.success_rate is None or stats.first_attempt_rate is None:
        return f"No run ended in this period. {still}".strip()
    runs = "The one run" if stats.ended == 1 else f"Of {stats.ended:,} runs"
    if stats.ended == 1:
        said = [f"{runs} {'completed' if stats.completed else 'did not complete'}."]
    else:
        rate, first = percent_text(stats.success_rate / 100), percent_text(stats.first_attempt_rate / 100)
        said = [f"{runs} {rate} completed, {first} at the first attempt."]
    if stats.categories.height:
        name, share = stats.categories.select("category", "share").row(0)
        said.append(f"The most frequent cause of failure is {category_name(name)}: {_of(share, stats.failed)}.")
    if stats.unrestored:
        said.append(f"{_out_of_order(stats, groups)} not completed a run since the last breakdown.")
    return " ".join([*said, *([still] if still else [])])


def key_figures(stats: ReliabilityStats) -> Kpis:
    """The figures at the top of the report, each with what it was counted from; cases only where runs were repeated.

    Parameters
    ----------
    stats : ReliabilityStats
        Of one workflow, or of all.

    Returns
    -------
    Kpis
    """
    bad = [f"{count:,} {name}" for name, count in _not_completed(stats) if count]
    first = _between(stats.first_attempt_low, stats.first_attempt_high, stats.first_attempt_basis)
    mtbf = _between_times(stats.mtbf_low_ms, stats.mtbf_high_ms, about="if breakdowns come alone")
    out = f"{stats.unrestored:,} not over yet" if stats.unrestored else "all are over" if stats.restorations else ""
    success, smooth, between, again = (
        Kpi(
            label="Success rate",
            value=stats.success_rate,
            unit="percent",
            note=_joined(
                _between(stats.success_low, stats.success_high, stats.success_basis),
                ", ".join(bad) or ("all completed" if stats.ended else "none ended"),
            ),
        ),
        Kpi(
            label="At the first attempt",
            value=stats.first_attempt_rate,
            unit="percent",
            note=_joined(first, f"of {count_text(stats.ended, 'run')}"),
        ),
        Kpi(
            label="Work between breakdowns",
            value=stats.mtbf_ms,
            unit="ms",
            note=_joined(mtbf, count_text(stats.breakdowns, "breakdown")),
        ),
        Kpi(
            label="Until it works again",
            value=stats.mttr_ms,
            unit="ms",
            note=f"mean of {count_text(stats.restorations, 'outage')}, {out}" if out else "no outages",
        ),
    )
    attempts = stats.attempts_per_case or 1.0
    cases = Kpi(
        label="Cases that succeed",
        value=stats.case_rate,
        unit="percent",
        note=_joined(
            _between(stats.case_low, stats.case_high, stats.case_basis),
            f"of {count_text(stats.cases, 'case')}, {attempts:.2f} attempts each",
        ),
    )
    return Kpis(tiles=(success, smooth, *((cases,) if attempts > 1 else ()), between, again))


def doubts(stats: ReliabilityStats) -> tuple[str, ...]:
    """What a reader should be wary of: damaged data first, then figures that rest on too little.

    Parameters
    ----------
    stats : ReliabilityStats
        Of one workflow, or of all.

    Returns
    -------
    tuple of str
        One sentence each.
    """
    said = list(stats.warnings)
    if 0 < stats.ended < _FEW:
        said.append(f"Only {count_text(stats.ended, 'run')} ended: read the rates with their intervals.")
    if stats.abandoned:
        said.append(
            f"{count_text(stats.abandoned, 'run')} never reported an end, and the recording bot fell silent: "
            "counted as abandoned, why is not known."
        )
    unknown = int(stats.categories.filter(pl.col("category") == "unknown")["failures"].sum())
    if stats.failed and unknown / stats.failed > _MUCH:
        share = percent_text(unknown / stats.failed)
        said.append(
            f"{share} of the failures say nothing that the rules know; rules of your own (rpa_lab.toml) can tell them "
            "apart."
        )
    return tuple(said)


def completion_title(workflow_id: str, *, of_all: bool) -> str:
    """The heading of the time until runs complete: it names the workflow where the report is one of all.

    Examples
    --------
    >>> completion_title("invoices", of_all=True)
    'How long until a run of invoices completes'
    """
    return f"How long until a run of {short(workflow_id)} completes" if of_all else "How long until a run completes"


def completion_words(found: TimeToCompletion) -> Text:
    """How long it takes until runs complete, in words.

    Parameters
    ----------
    found : TimeToCompletion
        Of one workflow.

    Returns
    -------
    Text
    """
    if not found.n:
        return Text(text="No run of this workflow has a known duration.")
    live = found.running + found.abandoned
    watched = f" {count_text(live, 'run')} without an end count for as long as they were seen." if live else ""
    if not found.completed + found.failed + found.cancelled:
        half = "No run has ended yet: it is too early to tell how long they take."
    elif found.median_ms is None:
        half = "Fewer than half of the runs were seen to complete."
    else:
        low, high = found.median_low_ms, found.median_high_ms
        between = f" (95 %, these runs only: {duration_text(low)} to {duration_text(high)})" if low and high else ""
        half = f"Half of all runs have completed after {duration_text(found.median_ms)}{between}."
    return Text(
        text=f"{half} Runs that fail or are cancelled are part of the whole: they never complete, and are not taken "
        f"for fast ones.{watched}"
    )


def healing_figures(found: Recoveries) -> Kpis:
    """What self-healing did, cost and may have saved.

    Parameters
    ----------
    found : Recoveries
        Of one workflow, or of all.

    Returns
    -------
    Kpis
    """
    rate = _between(found.recovery_low, found.recovery_high, found.recovery_basis)
    tried = f"{found.recovered:,} of {count_text(found.attempts, 'attempt')}" if found.attempts else "nothing was tried"
    rising = found.rising.filter("rising").height
    return Kpis(
        tiles=(
            Kpi(label="Healed", value=found.recovery_rate, unit="percent", note=_joined(rate, tried)),
            Kpi(label="Time it took", value=found.cost_ms, unit="ms", note="measured, failed attempts included"),
            Kpi(
                label="Time saved (estimate)",
                value=found.saved_ms,
                unit="ms",
                note=f"work of {count_text(found.runs_saved, 'run')} not done twice",
            ),
            Kpi(
                label="Steps that need it more",
                value=rising,
                unit="count",
                note=f"of {count_text(found.rising.height, 'step')} tested",
                tone="bad" if rising else "",
            ),
        )
    )


def _of(share: float, failed: int) -> str:
    return "the one failure" if failed == 1 else f"{percent_text(share)} of {failed:,} failures"


def _between(low: float | None, high: float | None, basis: str | None) -> str:
    if low is None or high is None or basis is None:
        return ""
    return f"95 %, {speaks_of(basis)}: {low:.1f} to {high:.1f} %"


def _between_times(low: float | None, high: float | None, *, about: str) -> str:
    return "" if low is None or high is None else f"95 %, {about}: {duration_text(low)} to {duration_text(high)}"


def _out_of_order(stats: ReliabilityStats, groups: pl.DataFrame | None) -> str:
    """Who has not completed a run since the last breakdown, by name where that is known."""
    if stats.workflow_id is not None:
        return "It has"
    known = [] if groups is None else groups.filter(pl.col("unrestored") > 0)["workflow_id"].drop_nulls().to_list()
    if len(known) != stats.unrestored:
        return count_text(stats.unrestored, "workflow has", "workflows have")
    return f"{names_text(sorted(known), 'workflow')} {'has' if len(known) == 1 else 'have'}"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _not_completed(stats: ReliabilityStats) -> tuple[tuple[str, int], ...]:
    return (("failed", stats.failed), ("cancelled", stats.cancelled), ("abandoned", stats.abandoned))
