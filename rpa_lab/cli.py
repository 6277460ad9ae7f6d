"""`rpa-lab` on the command line: examples stand under each `--help`; what prints a table takes `--json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rpa_lab import __version__
from rpa_lab.cli_analysis import commands as analysis
from rpa_lab.cli_changes import commands as changes
from rpa_lab.cli_exchange import exchange, imports
from rpa_lab.cli_options import DEFAULT_STORE, AsOf, Json, PeriodOption, Store, Versions, Zone, nothing_in, progress
from rpa_lab.cli_simulate import command as simulate_command
from rpa_lab.cli_store import commands
from rpa_lab.errors import RpaLabError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["app", "main"]

app = typer.Typer(
    name="rpa-lab",
    help="What your software robots did, how fast, how reliably, what changed, why, and what to fix first.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(analysis)
app.add_typer(changes)
app.add_typer(imports, name="import")
app.add_typer(exchange)
app.add_typer(commands)
app.add_typer(simulate_command)


def main() -> None:
    """Run the command line; an error of ours is one line on stderr and exit code 1."""
    try:
        app()
    except RpaLabError as mistake:
        print(f"rpa-lab: {mistake}", file=sys.stderr)
        raise SystemExit(1) from None
    except OSError as refusal:
        print(f"rpa-lab: {refusal}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rpa-lab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def workflows(
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """List the workflows: how often they ran, how reliably, how long.

    Examples
    --------
        rpa-lab workflows --period 7d

        rpa-lab workflows --period 2026-11 --json
    """
    from rpa_lab.lab import Lab
    from rpa_lab.result import plain

    lab = Lab(store, tz=tz, as_of=as_of)
    table = lab.workflows(period)
    if as_json:
        print(json.dumps(plain(table), ensure_ascii=False))
    elif table.is_empty():
        print(nothing_in(lab, period))
    else:
        show_workflows(table, title=lab.span(period).describe())


@app.command()
def report(
    notebook: Annotated[str, typer.Argument(help="Which report: performance, reliability, comparison.")],
    workflow: Annotated[
        str | None,
        typer.Option(
            "--workflow",
            "-w",
            help="Which; default: the one with most runs; of reliability all; of comparison what changed most surely.",
        ),
    ] = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = "latest",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="Of comparison: against which period; default: as long before.")
    ] = None,
    current: Annotated[
        str | None, typer.Option("--current", help="Of comparison: which period; default: that of --period.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Of comparison: tell runs apart by robot, host or context.KEY.")
    ] = None,
    versions: Versions = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report.")] = Path("reports"),
) -> None:
    """Run a report's notebook: an executed notebook and a page that opens offline.

    Examples
    --------
        rpa-lab report performance --workflow invoices --period 30d

        rpa-lab report performance --period 2026-11 --tz Europe/Paris --out reports

        rpa-lab report reliability --period 30d

        rpa-lab report comparison --workflow invoices --baseline 2026-10 --current 2026-11 --by host

        rpa-lab report comparison --workflow invoices --versions 2.3 2.4 --period 90d
    """
    from rpa_lab.report.generator import ReportGenerator
    from rpa_lab.report.progress import progress_bar

    both = None if versions is None else list(versions)
    said = {"baseline": baseline, "current": current, "by": by, "versions": both}
    more = {name: value for name, value in said.items() if value is not None}
    generator = ReportGenerator(store, out=out, tz=tz, as_of=as_of)
    with progress_bar() as progress:
        done = generator.run(notebook, workflow_id=workflow, period=period, parameters=more or None, progress=progress)
    print(f"notebook  {done.notebook}\nreport    {done.html}")


@app.command()
def demo(
    folder: Annotated[Path, typer.Option("--folder", help="Where the demo's store is made.")] = Path("data/demo"),
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report.")] = Path("reports"),
) -> None:
    """Show the whole of it: run a real robot, simulate a fleet, analyse both, and make a report.

    Example:

        rpa-lab demo
    """
    from rpa_lab.demo import run_demo

    with progress() as bar:
        task = bar.add_task("starting", total=None)

        def on_stage(name: str, n: int, of: int) -> None:
            bar.update(task, description=name, completed=n, total=of)

        done = run_demo(folder, out=out, on_stage=on_stage)
    print(done.robot)
    for warning in done.warnings:
        print(f"note: {warning}", file=sys.stderr)
    print(f"{done.executions:,} executions and {done.steps:,} steps of a simulated fleet, with two faults planted:")
    for fault in done.faults:
        print(f"  {fault}")
    print()
    show_workflows(done.workflows, title=f"Workflows, {done.period}")
    print(f"\n{done.explained}")
    print(f"\nThe store:     {done.store}\nThe notebook:  {done.notebook}")
    print(f"The reports:   {done.html}\n               {done.reliability}\n               {done.comparison}")
    print("Open them in a browser; they need no network.")


def show_workflows(table: pl.DataFrame, *, title: str) -> None:
    """Print the workflows as a table for people.

    Parameters
    ----------
    table : DataFrame
        From `Lab.workflows`.
    title : str
        What stands above it.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rpa_lab.units import duration_text, name_text

    shown = Table(
        title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
    )
    shown.add_column("workflow", overflow="ellipsis", min_width=16)
    for heading in ("runs", "failed", "success", "median", "p95", "last run"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in table.iter_rows(named=True):
        rate = row["success_rate"]
        shown.add_row(
            Text("unknown" if row["workflow_id"] is None else name_text(row["workflow_id"])),
            f"{row['executions']:,}",
            f"{row['failed']:,}",
            "–" if rate is None else f"{rate:.1f} %",
            duration_text(row["p50_ms"]),
            duration_text(row["p95_ms"]),
            "–" if row["last_started_at"] is None else f"{row['last_started_at']:%d %b %H:%M}",
        )
    Console().print(shown)
