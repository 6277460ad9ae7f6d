"""The commands of `rpa-lab` that ask a store: stats, failures, kpis, query."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from rpa_lab.cli_options import (
    DEFAULT_STORE,
    AsOf,
    Json,
    PeriodOption,
    Store,
    Zone,
    nothing_in,
    print_result,
    show,
    texts,
    working,
)

if TYPE_CHECKING:
    import polars as pl

    from rpa_lab.analysis.failures import Failures
    from rpa_lab.analysis.performance import PerformanceStats
    from rpa_lab.inference.intervals import Interval
    from rpa_lab.period import Span

__all__ = ["commands"]

commands = typer.Typer()

Workflow = Annotated[str | None, typer.Argument(help="Which workflow; default: all.")]

_SIGNS: Final = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "~": "contains", "^": "prefix"}
_INTERVAL: Final = "95 % interval"
_CONDITION: Final = re.compile(r"\s*(\w+)\s*(!=|<=|>=|=|<|>|~|\^)(.*)", re.DOTALL)


@commands.command()
def stats(
    workflow: Workflow = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Side by side: workflow, version, robot, host, step, action, application."),
    ] = None,
    status: Annotated[str | None, typer.Option("--status", help="Only durations of runs that ended so.")] = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """How long runs take: percentiles, each with its 95 % interval, and where the time goes.

    Examples
    --------
        rpa-lab stats --period 30d

        rpa-lab stats invoices --status completed

        rpa-lab stats invoices --by version --json
    """
    from rpa_lab.analysis.breakdown import grouping
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    if workflow is not None and by is None:
        with working("computing statistics"):
            of_one = lab.performance(workflow, period, status=status)
        said = None if _ended(of_one) + of_one.running else nothing_in(lab, period, workflow=workflow)
        print_result(of_one, lambda: _stats(of_one, title=lab.span(period).describe()), as_json=as_json, nothing=said)
        return
    with working("computing statistics"):
        beside = lab.breakdown(workflow, period, by=by or "workflow", status=status)
    what = "steps" if grouping(beside.by)[0] == "steps" else "runs"
    said = None if beside.table.height else nothing_in(lab, period, what=f"{what} that ended", workflow=workflow)
    title = _about(workflow, lab.span(period))
    print_result(beside, lambda: _breakdown(beside.table, title=title), as_json=as_json, nothing=said)


@commands.command()
def failures(
    workflow: Workflow = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Why runs fail: categories, failing steps, and what the runs say, grouped.

    Examples
    --------
        rpa-lab failures --period 7d

        rpa-lab failures invoices --period 2026-11 --json
    """
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    with working("grouping failures"):
        found = lab.failures(workflow, period)
    said = None if found.ended + found.running else nothing_in(lab, period, workflow=workflow)
    print_result(
        found, lambda: _failures(found, title=_about(workflow, lab.span(period))), as_json=as_json, nothing=said
    )


@commands.command()
def kpis(
    workflow: Workflow = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Key figures: throughput, utilisation, waits, retries, service levels, hours saved.

    Targets, costs and working hours are set in the store's rpa_lab.toml: see docs/settings.md.

    Examples
    --------
        rpa-lab kpis --period 2026-11

        rpa-lab kpis invoices --json
    """
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    with working("computing key figures"):
        found = lab.kpis(workflow, period)

    def people() -> None:
        show(_figures(found.figures), title=_about(workflow, lab.span(period)))
        if not found.service_levels.is_empty():
            show(_with_interval(found.service_levels), title="Service levels")

    said = None if found.executions else nothing_in(lab, period, workflow=workflow)
    print_result(found, people, as_json=as_json, nothing=said)


@commands.command()
def query(
    table: Annotated[
        str, typer.Option("--table", "-t", help="executions, steps, resources, recoveries …")
    ] = "executions",
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", "-m", help="count, success_rate, p95, avg(retry_count) …; again for more."),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", "-b", help="A column, or hour, day, week, weekday, hour_of_week; again for more."),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", "-w", help="A condition, such as 'status=failed' or 'duration_ms>5000'; all have to hold."
        ),
    ] = None,
    column: Annotated[list[str] | None, typer.Option("--column", "-c", help="Of rows: which columns.")] = None,
    interval: Annotated[str | None, typer.Option("--interval", help="A time series: 15min, 1h, 1d …")] = None,
    order: Annotated[
        list[str] | None, typer.Option("--order", help="By which column; '-n' from the greatest down.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="At most so many rows.")] = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Ask the store: rows that meet conditions, or metrics of groups of them.

    Conditions are COLUMN, one of = != < <= > >= ~ (contains) ^ (begins with), and a value; "null" is no value.

    Examples
    --------
        rpa-lab query --metric success_rate --metric p95 --by workflow_id --by day

        rpa-lab query -t steps -m count -m p95 -b node_id -w workflow_id=invoices -w status!=skipped --order -count

        rpa-lab query --where status=failed --column execution_id --column error_message --limit 20
    """
    from rpa_lab.lab import Lab

    lab = Lab(store, tz=tz, as_of=as_of)
    with working("asking"):
        found = lab.query(
            table,
            period,
            metrics=metric or (),
            group_by=by or (),
            filters=_conditions(where or (), table=table),
            columns=column or (),
            interval=interval,
            order=order or (),
            limit=limit,
        )
    rows = found.table.is_empty() or ("n" in found.table.columns and not found.table["n"].sum())
    what = f"{table} that meet the conditions" if where else table
    said = nothing_in(lab, period, what=what) if rows else None
    title = f"{table}, {lab.span(period).describe()}"
    print_result(found, lambda: show(found.table, title=title), as_json=as_json, nothing=said)


def _about(workflow: str | None, span: Span) -> str:
    return f"{workflow or 'All workflows'}, {span.describe()}"


def _conditions(said: Iterable[str], *, table: str) -> dict[str, dict[str, Any]]:
    """Conditions as `filters_of` takes them: column to operators and values, which are numbers where the column is."""
    from rpa_lab.errors import InputError, quote
    from rpa_lab.filters import filter_of, operators_of
    from rpa_lab.schema import table_named

    columns, found = table_named(table).readable, dict[str, dict[str, Any]]()
    for text in said:
        parts = _CONDITION.fullmatch(text)
        if parts is None:
            raise InputError(f"--where is {quote(text)}, expected a condition such as 'status=failed'")
        name, op, value = parts[1], _SIGNS[parts[2]], parts[3].strip()
        number = name in columns and columns[name].kind in ("duration", "number", "count")
        wanted = None if value == "null" else _number(value) if number else value
        signs = [sign for sign, one in _SIGNS.items() if name not in columns or one in operators_of(columns[name])]
        if parts[2] not in signs:
            kind = columns[name].kind
            raise InputError(f"--where {quote(text)}: {name} is a {kind}, expected one of {'  '.join(signs)}")
        try:
            filter_of(table, name, op, wanted)
        except InputError as mistake:
            raise InputError(f"--where {quote(text)}: {mistake}") from None
        if op in found.setdefault(name, {}):
            raise InputError(f"--where says {name} {parts[2]} twice, expected one value for it")
        found[name][op] = wanted
    return found


def _number(text: str) -> Any:
    """What a number's text says; other text as it is, for the filter to refuse."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _stats(stats: PerformanceStats, *, title: str) -> None:
    import polars as pl

    from rpa_lab.readable import speaks_of
    from rpa_lab.units import duration_text, percent_text

    def between(interval: Interval | None, text: Any) -> tuple[str, str]:
        if interval is None or interval.low is None or interval.high is None:
            return "–", "" if interval is None else interval.doubt or ""
        return f"{text(interval.low)} to {text(interval.high)}", speaks_of(interval.basis, interval.days)

    n = stats.execution_count
    rows = [
        ("mean", duration_text(stats.avg_duration_ms), *between(stats.avg_interval, duration_text), n),
        ("median", duration_text(stats.median_duration_ms), *between(stats.median_interval, duration_text), n),
        ("95th percentile", duration_text(stats.p95_duration_ms), *between(stats.p95_interval, duration_text), n),
        ("99th percentile", duration_text(stats.p99_duration_ms), *between(stats.p99_interval, duration_text), n),
        ("shortest", duration_text(stats.min_duration_ms), "", "", n),
        ("longest", duration_text(stats.max_duration_ms), "", "", n),
        ("standard deviation", duration_text(stats.std_dev_ms), "", "", n),
    ]
    if stats.success_rate is not None:
        rate = between(stats.success_rate_interval, lambda percent: percent_text(percent / 100))
        rows.append(("success rate", percent_text(stats.success_rate / 100), *rate, _ended(stats)))
    names = ["statistic", "value", "95 % interval", "speaks of", "n"]
    show(pl.DataFrame(rows, schema=names, orient="row"), title=f"{stats.workflow_id}, {title}")
    steps = stats.slowest_steps.select(
        "node_id",
        "n",
        mean=texts(stats.slowest_steps, "mean_duration_ms", duration_text),
        p95=texts(stats.slowest_steps, "p95_duration_ms", duration_text),
        share=texts(stats.slowest_steps, "share", percent_text),
    )
    if not steps.is_empty():
        show(steps, title="The steps that take most time (share of all steps' own time)")


def _failures(found: Failures, *, title: str) -> None:
    beside = [f"{n:,} {name}" for n, name in ((found.cancelled, "cancelled"), (found.abandoned, "abandoned")) if n]
    said = f"{title}: {found.failed:,} of {found.ended:,} runs failed"
    show(_categories(found.categories), title=said + (f"; beside these {', '.join(beside)}" if beside else ""))
    if found.failed:
        steps = found.nodes.select("workflow_id", "node_id", "category", "failures")
        show(steps, title="The steps that failed", most=10)
        show(_messages(found.messages), title="What they said", most=10)


def _breakdown(table: pl.DataFrame, *, title: str) -> None:
    import polars as pl

    from rpa_lab.units import duration_text, percent_text

    names = table.columns[: table.columns.index("ended")]
    shown = table.select(
        *names,
        "ended",
        success=texts(table, "success_rate", lambda rate: percent_text(None if rate is None else rate / 100)),
        mean=texts(table, "mean_ms", duration_text),
        between=pl.Series(
            [
                "–" if low is None else f"{duration_text(low)} to {duration_text(high)}"
                for low, high in table.select("mean_ms_low", "mean_ms_high").iter_rows()
            ],
            dtype=pl.String,
        ),
        median=texts(table, "p50_ms", duration_text),
        p95=texts(table, "p95_ms", duration_text),
    ).rename({"between": "95 % interval of the mean"})
    show(shown, title=f"{title} (--json has all intervals)")


def _categories(table: pl.DataFrame) -> pl.DataFrame:
    from rpa_lab.units import duration_text, percent_text

    return table.select(
        "category",
        "failures",
        share=texts(table, "share", percent_text),
        time_lost=texts(table, "lost_ms", duration_text),
        workflows="workflows",
        last_seen=_moments(table, "last_seen"),
        healing_tried=texts(table, "tried_share", percent_text),
    )


def _messages(table: pl.DataFrame) -> pl.DataFrame:
    return table.select(
        "failures",
        "category",
        last_seen=_moments(table, "last_seen"),
        message=texts(table, "template", lambda text: "(nothing)" if text is None else text.partition("\n")[0][:160]),
    )


def _figures(table: pl.DataFrame) -> pl.DataFrame:
    """The key figures with their units, and the intervals of those that have one."""
    import polars as pl

    from rpa_lab.readable import column_texts

    values = pl.Series("value", column_texts(table)["value"], dtype=pl.String)
    return _with_interval(table).select("label", values, _INTERVAL, "speaks_of", "n", "note")


def _with_interval(table: pl.DataFrame) -> pl.DataFrame:
    """The table with the bounds of its figure as one column of text, and beside it what they speak of."""
    import polars as pl

    from rpa_lab.readable import column_texts, speaks_of

    texts = column_texts(table)
    between = ["–" if "–" in pair else " to ".join(pair) for pair in zip(texts["low"], texts["high"], strict=True)]
    about = ["" if basis is None else speaks_of(basis) for basis in table["basis"]]
    return (
        table.with_columns(low=pl.Series(between, dtype=pl.String), high=pl.Series(about, dtype=pl.String))
        .drop("basis")
        .rename({"low": _INTERVAL, "high": "speaks_of"})
    )


def _ended(stats: PerformanceStats) -> int:
    return stats.completed + stats.failed + stats.cancelled + stats.abandoned


def _moments(table: pl.DataFrame, name: str) -> pl.Series:
    return table[name].dt.strftime("%Y-%m-%d %H:%M")
