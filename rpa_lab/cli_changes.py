"""The commands of `rpa-lab` that say what differs and what changed: compare, attribution, history, note."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rpa_lab.cli_options import (
    DEFAULT_STORE,
    AsOf,
    Json,
    PeriodOption,
    Store,
    Versions,
    Zone,
    nothing_in,
    print_result,
    show,
    texts,
    working,
)

if TYPE_CHECKING:
    import polars as pl

    from rpa_lab.analysis.attribution.result import Attribution, Attributions
    from rpa_lab.analysis.attribution.tail import TailAttribution
    from rpa_lab.analysis.history import History
    from rpa_lab.query.comparison import Comparison

__all__ = ["commands"]

commands = typer.Typer()

_MOST: Final = 12  # parts of a change

Baseline = Annotated[
    str | None,
    typer.Option("--baseline", "-b", help="Against when: a period, or a length right before; default: as long before."),
]
Current = Annotated[
    str | None,
    typer.Option("--current", "-c", help="Which period changed: 28d, 2026-11 …; default: the last four weeks."),
]


@commands.command()
def compare(
    groups: Annotated[
        list[str] | None, typer.Argument(help="Which: names of workflows, versions, …, or periods; default: all.")
    ] = None,
    by: Annotated[str, typer.Option("--by", help="workflow, version, robot, host, step, or period.")] = "workflow",
    metric: Annotated[
        list[str] | None, typer.Option("--metric", "-m", help="p95, success_rate, count …; again for more.")
    ] = None,
    against: Annotated[str | None, typer.Option("--against", help="Which one the others are held against.")] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", "-w", help="Only this workflow's runs.")] = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What differs between workflows, versions, robots, hosts or periods, and whether that is more than chance.

    Examples
    --------
        rpa-lab compare invoices payroll

        rpa-lab compare --by version --workflow invoices -m p95 -m success_rate

        rpa-lab compare --by period 2026-10 2026-11 --workflow invoices
    """
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    with working("comparing"):
        found = lab.compare(
            by, groups=groups or None, period=period, workflow_id=workflow, metrics=metric, against=against
        )
    print_result(found, lambda: _compared(found), as_json=as_json, nothing=None)


@commands.command()
def attribution(
    workflow: Annotated[str | None, typer.Argument(help="Which workflow; default: all, one line each.")] = None,
    baseline: Baseline = None,
    current: Current = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Tell apart more slow runs from slower runs: robot, host, context.KEY.")
    ] = None,
    versions: Versions = None,
    period: Annotated[
        str | None, typer.Option("--period", "-p", help="Where runs of both versions are looked for; default: 30d.")
    ] = None,
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Why runs take longer than before: which steps, retries, waits or kinds of runs, adding up to the change.

    Or than with another version.

    Examples
    --------
        rpa-lab attribution invoices

        rpa-lab attribution invoices --baseline 2026-10 --current 2026-11 --by host

        rpa-lab attribution invoices --versions 2.3 2.4 --period 90d

        rpa-lab attribution --current 14d --json
    """
    from rpa_lab.errors import InputError, quote
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    if workflow is None:
        if by is not None:
            raise InputError(f"--by is {quote(by)} without a workflow; name the one whose runs are to be told apart")
        if versions is not None:
            raise InputError(
                f"--versions are {quote(versions)} without a workflow; name the one whose versions they are"
            )
        if period is not None:
            raise InputError(f"--period is {quote(period)} without versions; name --baseline and --current")
        with working("splitting changes of all workflows"):
            every = lab.attributions(baseline, current)
        said = None if every.table.height else "No workflow has completed runs in both periods."
        print_result(every, lambda: _attributions(every), as_json=as_json, nothing=said)
        return
    with working("splitting the change"):
        found = lab.attribution(workflow, baseline, current, by=by, versions=versions, period=period)
    print_result(found, lambda: _attribution(found), as_json=as_json, nothing=None)


@commands.command()
def history(
    workflow: Annotated[str, typer.Argument(help="Which workflow.")],
    period: PeriodOption = "90d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """What happened to a workflow: versions, hosts, days on which it became slower or faster, outages, notes.

    Examples
    --------
        rpa-lab history invoices

        rpa-lab history invoices --period 365d --json
    """
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    with working("looking back"):
        found = lab.history(workflow, period)
    said = None if found.days.height or found.events.height else nothing_in(lab, period, workflow=workflow)
    print_result(found, lambda: _history(found), as_json=as_json, nothing=said)


@commands.command()
def note(
    text: Annotated[str, typer.Argument(help="What was changed.")],
    workflow: Annotated[str | None, typer.Option("--workflow", "-w", help="Which it touches; default: all.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="When it took effect; default: now.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="release, selector, host, note …")] = "note",
    version: Annotated[str | None, typer.Option("--version", help="The version that it brought.")] = None,
    host: Annotated[str | None, typer.Option("--host", help="The machine that it touches.")] = None,
    author: Annotated[str | None, typer.Option("--author", help="Who writes it down.")] = None,
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
) -> None:
    """Write down a change, so that what happens afterwards can be held against it.

    Examples
    --------
        rpa-lab note "new selector for the order form" --workflow invoices

        rpa-lab note "robots moved to the new data centre" --kind host --at "2026-11-03 18:00"
    """
    import polars as pl

    from rpa_lab.lab import Lab
    from rpa_lab.measures import local_times

    lab = Lab(store, tz=tz)
    is_new = not lab.store.workflow_ids()
    written = lab.note(text, workflow_id=workflow, at=at, kind=kind, version=version, host=host, author=author)
    kept = lab.scan("changes", "all").filter(pl.col("change_id") == written).collect()
    moment = local_times(kept, tz=lab.tz)["at"].item()
    print(f"noted for {workflow or 'all workflows'} at {moment:%Y-%m-%d %H:%M} ({lab.tz}): {written}")
    if is_new:
        print(f"note: {lab.store.where} holds no run of any workflow so far (see --store)", file=sys.stderr)
    elif workflow is not None and workflow not in lab.store.workflow_ids():
        print(f"note: no run of {workflow} is recorded so far", file=sys.stderr)


def _compared(found: Comparison) -> None:
    import polars as pl

    from rpa_lab.readable import figure_text

    print(found.sentence)
    base = found.table.filter(pl.col("group") == found.against).select("metric", base="value")
    others = found.table.filter(pl.col("group") != found.against).join(base, on="metric", maintain_order="left")

    def figures(name: str) -> pl.Series:
        said = [figure_text(value, unit) for value, unit in others.select(name, "unit").iter_rows()]
        return pl.Series(name, said, dtype=pl.String)

    shown = others.select(
        "metric",
        "group",
        "n",
        figures("value"),
        figures("base").alias("against"),
        _differences(others),
        "ratio",
        "q_value",
        surely=_verdicts(others["significant"]),
    )
    show(shown, title=f"Against {found.against} ({found.level * 100:g} % intervals); {found.counted}")


def _differences(table: pl.DataFrame) -> pl.Series:
    """Differences with their intervals: durations as such, rates in points."""
    import polars as pl

    from rpa_lab.units import duration_text, number_text

    rows = table.select("unit", "difference", "difference_low", "difference_high").iter_rows()
    said = []
    for unit, *values in rows:
        text = duration_text if unit == "ms" else number_text
        difference, low, high = ("–" if value is None else text(value) for value in values)
        between = "" if low == "–" else f" ({low} to {high})"
        said.append(f"{difference}{' points' if unit == 'percent' and difference != '–' else ''}{between}")
    return pl.Series("difference", said, dtype=pl.String)


def _attributions(found: Attributions) -> None:
    import polars as pl

    from rpa_lab.units import duration_text, name_text

    print(found.sentence)
    table = found.table
    parts = [
        "–" if kind is None else kind if node is None else f"{name_text(node)}: {kind}"
        for kind, node in table.select("kind", "node_id").iter_rows()
    ]
    shown = table.select(
        "workflow_id",
        before=texts(table, "baseline_mean_ms", duration_text),
        change=_with_bounds(table, "change_ms", "change_low_ms", "change_high_ms"),
        q_value="q_value",
        surely=_verdicts(table["significant"]),
        largest_part=pl.Series(parts, dtype=pl.String),
        of_it=_with_bounds(table, "part_ms", "part_low_ms", "part_high_ms"),
        sure_part=_verdicts(table["sure_part"]),
    )
    show(shown, title=_periods(found))


def _attribution(found: Attribution) -> None:
    print(found.sentence)
    if found.change_ms is None:
        return
    show(_parts(found, found), title=f"{found.sides_text}: parts of the change, adding up to it", most=_MOST)
    if found.strata is not None:
        show(found.strata, title=f"By {found.by}")
    if found.versions.height > 1:
        show(found.versions, title="By version")
    if found.tail is not None:
        show(_parts(found, found.tail), title=found.tail.sentence, most=_MOST)


def _parts(found: Attribution, of: Attribution | TailAttribution) -> pl.DataFrame:
    """The parts of a whole attribution, or of its longest runs."""
    import polars as pl

    from rpa_lab.analysis.attribution.words import cause_text
    from rpa_lab.inference.intervals import DAYS

    parts = of.parts.with_columns(sure=of.sure)
    here = pl.when("notable").then(pl.lit("in these runs" if of.basis != DAYS else "–"))
    causes = [cause_text(part, strata=found.strata, by=found.by) for part in parts.iter_rows(named=True)]
    return parts.select(
        change=_with_bounds(parts, "change_ms", "low_ms", "high_ms"),
        because=pl.Series(causes, dtype=pl.String),
        p_value="p_value",
        surely=parts.select(pl.when("sure").then(pl.lit("yes")).otherwise(here.otherwise(pl.lit("–")))).to_series(),
    )


def _periods(found: Attributions) -> str:
    from rpa_lab.analysis.before_after import days_text

    before, now = (days_text(period, tz=found.tz) for period in (found.baseline_period, found.current_period))
    return f"{now} against {before} ({found.tz})"


def _with_bounds(table: pl.DataFrame, value: str, low: str, high: str) -> pl.Series:
    """A change of durations and its interval as one text a row."""
    import polars as pl

    from rpa_lab.units import duration_text

    said = [
        "–" if change is None
        else duration_text(change) if least is None or most is None
        else f"{duration_text(change)} ({duration_text(least)} to {duration_text(most)})"
        for change, least, most in table.select(value, low, high).iter_rows()
    ]  # fmt: skip
    return pl.Series(said, dtype=pl.String)


def _verdicts(sure: pl.Series) -> pl.Series:
    import polars as pl

    return pl.Series([{True: "yes", False: "–", None: ""}[verdict] for verdict in sure], dtype=pl.String)


def _history(found: History) -> None:
    print(found.sentence or f"Of {found.workflow_id} too few days are known to tell whether a level moved.")
    if found.events.height:
        show(found.events, title=f"{found.workflow_id}: what happened ({found.tz})", most=60)
