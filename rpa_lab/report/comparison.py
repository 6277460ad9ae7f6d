"""The words and figures of the comparison report: what changed between two periods, why, and how far that is sure.

The split of a change is arithmetic: its parts add up to the change. That a part is more than chance is another
question, and that it is the cause a third one, which no report answers: it says what changed, where, and since when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rpa_lab.analysis.attribution.result import Attribution
from rpa_lab.analysis.attribution.tail import TailAttribution
from rpa_lab.analysis.before_after import days_text
from rpa_lab.chart.theme import empty, short
from rpa_lab.chart.waterfall import attribution_waterfall, part_name
from rpa_lab.inference.intervals import DAYS
from rpa_lab.inference.resampling import LEAST_DAYS
from rpa_lab.report.block import Block, Chart, Kpi, Kpis, Table, Text
from rpa_lab.report.comparison_tables import parts_table
from rpa_lab.report.figures import signed_text
from rpa_lab.report.model import Provenance, Report, ReportPeriod
from rpa_lab.units import count_text, duration_text, percent_text

if TYPE_CHECKING:
    import altair as alt

    from rpa_lab.analysis.history import History
    from rpa_lab.storage.store import TimeSeriesStore

__all__ = [
    "begin",
    "caution",
    "doubts",
    "history_words",
    "key_figures",
    "longest_runs",
    "since_when",
    "waterfall",
    "where_to_look",
]

_FAILED_MORE: Final = 0.05
_SIDES: Final = {True: "periods", False: "versions"}


def waterfall(found: Attribution | TailAttribution | None) -> alt.LayerChart:
    """The parts of a change as a chart; where there is none, a chart that says so.

    Parameters
    ----------
    found : Attribution, TailAttribution or None
        Of one workflow, or of its longest runs.

    Returns
    -------
    altair.LayerChart
    """
    if found is None:
        return empty(title="There are too few runs for the longest to be compared", subtitle="400 a side are needed")
    if found.baseline_mean_ms is None or found.current_mean_ms is None:
        return empty(title=f"Runs of {short(found.workflow_id)} can't be compared", subtitle=doubts(found)[0])
    return attribution_waterfall(
        found.parts.with_columns(notable=found.sure),
        workflow_id=found.workflow_id,
        baseline_mean_ms=found.baseline_mean_ms,
        current_mean_ms=found.current_mean_ms,
        longest=isinstance(found, TailAttribution),
        versions=found.compared_versions,
        significant=found.significant if isinstance(found, Attribution) else True,
    )


def begin(found: Attribution, *, store: TimeSeriesStore) -> Report:
    """The report before its first section: title, summary, doubts and provenance.

    Parameters
    ----------
    found : Attribution
        Of one workflow; of one that was chosen by its change, as `Attributions.judged` gives it.
    store : TimeSeriesStore
        Where it comes from: `Lab.store`.

    Returns
    -------
    Report
    """
    starts, ends = zip(*(period.split("/") for period in (found.baseline_period, found.current_period)), strict=True)
    return Report(
        title=_title(found),
        summary=f"{found.sentence}{_chosen(found)}",
        period=ReportPeriod(text=found.sides_text, start=min(starts), end=max(ends), tz=found.tz),
        provenance=Provenance.of(store, n=found.baseline_runs + found.current_runs),
        warnings=doubts(found),
    )


def key_figures(found: Attribution) -> Kpis:
    """The figures at the top of the report, each with what it was counted from.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    Kpis
    """
    before, now = (
        f"{count_text(runs, 'run')} on {count_text(days, 'day')}"
        for runs, days in (
            (found.baseline_runs, found.baseline_days),
            (found.current_runs, found.current_days),
        )
    )
    change = (
        [] if found.change_percent is None else [signed_text(f"{found.change_percent:.3g} %", found.change_percent)]
    )
    if found.change_low_ms is not None and found.change_high_ms is not None:
        ends = (found.change_low_ms, found.change_high_ms)
        between = " to ".join(signed_text(duration_text(end), end) for end in ends)
        change.append(f"{found.level * 100:g} %: {between}")
    chance = {True: "unlikely", False: "possible", None: "undecided"}[found.significant]
    tone = "" if not found.significant else "bad" if (found.change_ms or 0) > 0 else "good"
    first = found.sure_parts.head(1)
    first_name, second_name = (short(name, most=24) for name in found.side_names)
    names = [
        part_name(kind, node, part, before=was, after=now_is, most=28)
        for kind, node, part, was, now_is in first.select("kind", "node_id", "change_ms", "before", "after").rows()
    ]
    return Kpis(
        tiles=(
            Kpi(label=f"Mean {first_name}", value=found.baseline_mean_ms, unit="ms", note=before),
            Kpi(label=f"Mean {second_name}", value=found.current_mean_ms, unit="ms", note=now),
            Kpi(label="Change", value=found.change_ms, unit="ms", note=" · ".join(change), tone=tone, signed=True),
            Kpi(
                label="That it is chance",
                value=chance,
                note=found.chance_text,
            ),
            Kpi(
                label="Largest sure part",
                value=first["change_ms"][0] if names else None,
                unit="ms",
                note=names[0] if names else "no part is sure" if found.basis == DAYS else "too few days",
                signed=True,
            ),
            Kpi(
                label="Did not complete",
                value=found.current_failure_share,
                unit="fraction",
                note=f"{first_name}: {percent_text(found.baseline_failure_share)}",
            ),
        )
    )


def doubts(found: Attribution) -> tuple[str, ...]:
    """What a reader should be wary of: damaged data first, then what rests on too little.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    tuple of str
        One sentence each.
    """
    said = [_sentence(text) for text in found.warnings]
    few = min(found.baseline_days, found.current_days)
    if found.change_ms is not None and found.basis != DAYS:
        said.append(
            f"One of the {_SIDES[found.compared_versions is None]} has runs on {count_text(few, 'day')} only: "
            "intervals speak of these runs, not of what days differ by, and are too short. "
            f"From {LEAST_DAYS} days a side on they speak of the long run."
        )
    before, now = found.baseline_failure_share, found.current_failure_share
    if before is not None and now is not None and abs(now - before) >= _FAILED_MORE:
        first, second = found.side_names
        of = "" if found.compared_versions is None else f" {second}"
        said.append(
            f"{percent_text(now)} of the runs{of} did not complete, {percent_text(before)} {first}: only runs that "
            "completed are compared, and these may be of other kinds."
        )
    return tuple(dict.fromkeys(said))


def longest_runs(found: Attribution, chart: alt.LayerChart) -> tuple[Block, ...]:
    """What became of the longest runs: a chart, its words and its table, or why there are none.

    Parameters
    ----------
    found : Attribution
        Of one workflow.
    chart : altair.LayerChart
        From `waterfall`.

    Returns
    -------
    tuple of blocks
    """
    if found.tail is None:
        return (
            Text(
                text="There are too few runs to say what became of the longest twentieth of them. What made the mean "
                "longer need not be what makes single runs very long."
            ),
        )
    words = Text(
        text=f"{found.tail.sentence} They are the longest twentieth of each side's runs: where other parts stand out "
        "here than above, what makes the average run longer is not what makes runs very long."
    )
    return Chart.of(chart), words, parts_table(found.tail, title="The parts of the longest runs' change")


def since_when(found: History, chart: alt.LayerChart, points: Table, *, of_versions: bool = False) -> tuple[Block, ...]:
    """The history of a workflow: a chart, its words, and a table where anything changed.

    Parameters
    ----------
    found : History
        Of one workflow.
    chart : altair.LayerChart
        `rpa_lab.chart.history.history_timeline` of it.
    points : Table
        `rpa_lab.report.comparison_tables.change_points_table` of it.
    of_versions : bool
        Whether the report is of two versions, while levels are those of all runs.

    Returns
    -------
    tuple of blocks
    """
    if found.days.is_empty():
        return (history_words(found),)
    whose = (Text(text="Levels are those of all runs of the workflow, whatever their version."),) if of_versions else ()
    return Chart.of(chart), *whose, history_words(found), *((points,) if points.rows else ())


def history_words(found: History) -> Text:
    """Since when, in words.

    Parameters
    ----------
    found : History
        Of one workflow.

    Returns
    -------
    Text
    """
    if found.days.is_empty():
        return Text(text=" ".join(["No day has runs enough to know its level.", *map(_sentence, found.warnings)]))
    points = found.change_points.table
    rate = found.change_points.false_alarms_per_year
    often = f"once in {1 / rate:.3g} years" if 0 < rate < 1 else f"{rate:.3g} times a year"
    whole, single = points["node_id"].null_count(), points["node_id"].count()
    found_text = (
        f"{count_text(points.height, 'change')} of level {'is' if points.height == 1 else 'are'} found: "
        f"{whole:,} of whole runs, {single:,} of single steps"
        if points.height
        else "No change of level is found, of whole runs or of single steps"
    )
    slow = found.change_points.drifts.height
    has = "has" if slow == 1 else "have"
    slowly = f" {count_text(slow, 'level')} moved little by little, and {has} no such day." if slow else ""
    return Text(
        text=f"{found_text}.{slowly} Where nothing changes, this finds a change {often} in a workflow's runs, and as "
        "often in its steps. A version, a host or a note near a change is a neighbour in time, not a cause."
    )


def caution(found: Attribution) -> Text:
    """What the split says and what it doesn't, in words.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    Text
    """
    told_apart = (
        f"Runs are told apart by {found.by.removeprefix('context.')}: what comes of other kinds of runs is the mix. "
        if found.by is not None
        else "Runs are not told apart: where other cases came, steps may only seem slower. Name what tells "
        "them apart (by) to see that. "
    )
    return Text(
        text="The parts add up to the change exactly; that is arithmetic. A part is strong where it is sure after "
        "correction for how many parts there are, and pale where it may be chance. What stands beside a change in "
        f"time need not be its cause.{_chosen(found)}\n\n{told_apart}Only runs that completed are compared. "
        "A step's time is its own, without that of the steps within it; waiting is what no step took, and is negative "
        "where steps overlap."
    )


def where_to_look(found: Attribution) -> Text:
    """What to do where the periods can't be compared.

    Parameters
    ----------
    found : Attribution
        Of one workflow.

    Returns
    -------
    Text
    """
    counts = (found.baseline_runs, found.current_runs)
    if found.compared_versions is not None:
        texts = [f"{name}: {count_text(n, 'run')}" for name, n in zip(found.compared_versions, counts, strict=True)]
        return Text(
            text="Both versions need runs that completed, with a known duration. There are: "
            f"{'; '.join(texts)}. Choose a longer period."
        )
    periods = (found.baseline_period, found.current_period)
    texts = [
        f"{days_text(period, tz=found.tz)}: {count_text(n, 'run')}" for period, n in zip(periods, counts, strict=True)
    ]
    return Text(
        text=f"Both periods need runs that completed, with a known duration. There are: {'; '.join(texts)}. Choose a "
        "longer period, or name both (baseline and current)."
    )


def _title(found: Attribution) -> str:
    workflow = short(found.workflow_id, most=120)
    if found.compared_versions is None:
        return f"What changed in {workflow}"
    first, second = (short(name, most=40) for name in found.compared_versions)
    return f"Version {second} against {first} of {workflow}"


def _sentence(text: str) -> str:
    said = text.strip()
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?", ")")) else f"{said}."


def _chosen(found: Attribution) -> str:
    """That the workflow was chosen by what is said of it, where it was."""
    if found.workflows == 1:
        return ""
    return (
        f" The workflow was chosen among {found.workflows:,} for its change: what is called sure is corrected for "
        "that, intervals are not."
    )
