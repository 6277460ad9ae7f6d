"""The commands of `rpa-lab` that bring other people's records in, and ours out: import …, export."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rpa_lab.cli_options import DEFAULT_STORE, AsOf, Json, PeriodOption, Store, Zone, progress, show

if TYPE_CHECKING:
    from rpa_lab.integrations.event_map import EventMap
    from rpa_lab.integrations.importing import Imported
    from rpa_lab.integrations.source import Importer, Parsed, Source

__all__ = ["exchange", "imports"]

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Read and check, show what would be imported, and write nothing.")
]
MaxMb = Annotated[int, typer.Option("--max-mb", min=1, help="The most that a file may have, also unpacked, MB.")]

_SHOWN = ("execution_id", "node_id", "started_at", "completed_at", "duration_ms", "status")


class _Imports(TyperGroup):
    """Our own importers, and those that installed packages bring."""

    def list_commands(self, ctx: Any) -> list[str]:
        from rpa_lab.integrations.registry import third_party

        own = super().list_commands(ctx)
        return [*own, *(name for name in third_party() if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        from rpa_lab.integrations.registry import origin, third_party

        found = third_party().get(cmd_name)
        return None if found is None else _third_party(cmd_name, origin(found))


imports = typer.Typer(cls=_Imports, help="Bring other people's records into a store.", no_args_is_help=True)
exchange = typer.Typer()


@imports.command("robotframework")
def import_robotframework(
    files: Annotated[list[Path], typer.Argument(help="Robot Framework output.xml files.", metavar="FILE…")],
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    max_mb: MaxMb = 200,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import Robot Framework results: a test or task is an execution, a keyword that calls no other is a step.

    Importing a file twice changes nothing; one malformed file among many, and nothing is imported.

    Examples
    --------
        rpa-lab import robotframework output.xml

        rpa-lab import robotframework results/*.xml --store data/store --tz Europe/Paris
    """
    from rpa_lab.integrations.robotframework import RobotFramework

    done, first = _import(RobotFramework(), files, store=store, tz=tz, max_mb=max_mb, dry_run=dry_run)
    _say(done, first, as_json=as_json)


@imports.command("events")
def import_events(
    files: Annotated[list[Path], typer.Argument(help="CSV, Parquet or XES, gzipped or not.", metavar="FILE…")],
    workflow: Annotated[
        str | None, typer.Option("--workflow", "-w", help="Whose executions they are; default: the file's name.")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Column of the case; several times where several tell it.")
    ] = None,
    activity: Annotated[str | None, typer.Option("--activity", help="Column of what was done.")] = None,
    start: Annotated[str | None, typer.Option("--start", help="Column of when a step began; - for none.")] = None,
    end: Annotated[str | None, typer.Option("--end", help="Column of when it was completed.")] = None,
    enabled: Annotated[
        str | None, typer.Option("--enabled", help="Column of when it could have begun; - for none.")
    ] = None,
    status: Annotated[str | None, typer.Option("--status", help="Column of how it ended; - for none.")] = None,
    resource: Annotated[str | None, typer.Option("--resource", help="Column of who did it; - for none.")] = None,
    lifecycle: Annotated[
        str | None, typer.Option("--lifecycle", help="Column that says start or complete of an event; - for none.")
    ] = None,
    instance: Annotated[
        str | None, typer.Option("--instance", help="Column that tells steps of one activity apart; - for none.")
    ] = None,
    tz: Zone = None,
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="How times are written: '%d/%m/%Y %H:%M'; default ISO 8601.")
    ] = None,
    encoding: Annotated[str | None, typer.Option("--encoding", help="Of CSV, such as cp1252; default UTF-8.")] = None,
    separator: Annotated[
        str | None, typer.Option("--separator", help="Of CSV; default: , ; tab or | by its header.")
    ] = None,
    repeated: Annotated[
        str | None, typer.Option("--repeated", help="Events that stand there twice: refuse (default), drop or keep.")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option("--map", help="TOML file that says all this; options go first.")
    ] = None,
    print_map: Annotated[
        bool, typer.Option("--print-map", help="Print what the columns are taken for as such a file; write nothing.")
    ] = False,
    store: Store = DEFAULT_STORE,
    max_mb: MaxMb = 200,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Import logs of events, as process mining has them: a case is an execution, an activity one of its steps.

    Columns of the usual names are found and shown; where two could be meant, you are asked to say which. Importing a
    file twice changes nothing; one malformed file among many, and nothing is imported.

    Examples
    --------
        rpa-lab import events orders.xes.gz --dry-run

        rpa-lab import events steps.csv --case run_id --case job_name --end ended --workflow ci

        rpa-lab import events loans.csv --print-map > loans.toml && rpa-lab import events loans.csv --map loans.toml
    """
    from rpa_lab.integrations.event_columns import Columns
    from rpa_lab.integrations.event_log import EventLog
    from rpa_lab.integrations.event_map import EventMap, read_map

    kept = read_map(mapping) if mapping else EventMap()
    said: dict[str, Any] = {"activity": activity, "start": start, "end": end, "enabled": enabled, "status": status}
    said |= {"resource": resource, "lifecycle": lifecycle, "instance": instance}
    columns = {role: name or getattr(kept.columns, role) for role, name in said.items()}
    how: dict[str, Any] = {"workflow": workflow, "time_format": time_format, "encoding": encoding}
    how |= {"separator": "\t" if separator == "\\t" else separator, "repeated": repeated}
    how = {name: each or getattr(kept, name) for name, each in how.items()}
    importer = EventLog(
        columns=Columns(case=tuple(case or kept.columns.case), **columns),
        max_unpacked=max_mb * 1024 * 1024,
        **{name: each for name, each in how.items() if each is not None},
    )
    zone = tz or kept.tz
    done, first = _import(importer, files, store=store, tz=zone, max_mb=max_mb, dry_run=dry_run or print_map)
    if print_map:
        print(_map_of(done, EventMap(columns=importer.columns, tz=zone, **how)).to_toml())
        return
    _say(done, first, as_json=as_json)


@exchange.command("export")
def export(
    format: Annotated[str, typer.Argument(help="xes, csv or parquet.", metavar="FORMAT")],  # noqa: A002
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The file; .gz at its end and it is gzipped; default: events.FORMAT."),
    ] = None,
    workflow: Annotated[str | None, typer.Option("--workflow", "-w", help="Only this workflow's.")] = None,
    period: PeriodOption = "30d",
    store: Store = DEFAULT_STORE,
    tz: Zone = None,
    as_of: AsOf = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    as_json: Json = False,
) -> None:
    """Write executions and their steps as a log of events, for process-mining tools or another store.

    What is written as XES comes back by `rpa-lab import events`, each execution and step as it was.

    Examples
    --------
        rpa-lab export xes --period 2026-11 --out november.xes.gz

        rpa-lab export csv --workflow invoices --period all
    """
    from rpa_lab.integrations.export import export_events
    from rpa_lab.storage.store import TimeSeriesStore

    if "://" not in store and not Path(store).is_dir():
        raise typer.BadParameter(f"{store} holds no store; expected a folder that a collector or an import wrote to")
    target = out or Path(f"events.{format}")
    with progress() as bar:
        task = bar.add_task("exporting", total=None)
        done = export_events(
            TimeSeriesStore(store, tz=tz, as_of=as_of),
            target,
            format=format,  # type: ignore[arg-type] # checked there
            period=period,
            workflow_id=workflow,
            force=force,
            on_day=lambda day, n, of: bar.update(task, completed=n - 1, total=of, description=f"exporting {day}"),
        )
    print(json.dumps(done.to_dict(), ensure_ascii=False) if as_json else done)
    if not done.executions and not as_json:
        print("note: no execution began in that time; --period all exports whatever there is", file=sys.stderr)


def _third_party(name: str, package: str) -> Any:
    """The command of an importer that another package brings."""
    alone = typer.Typer()

    def run(
        files: Annotated[list[Path], typer.Argument(metavar="FILE…")],
        store: Store = DEFAULT_STORE,
        tz: Zone = None,
        max_mb: MaxMb = 200,
        dry_run: DryRun = False,
        as_json: Json = False,
    ) -> None:
        from rpa_lab.integrations.registry import load

        done, first = _import(load(name), files, store=store, tz=tz, max_mb=max_mb, dry_run=dry_run)
        _say(done, first, as_json=as_json)

    alone.command(name, help=f"Import by the importer of {package}.")(run)
    return typer.main.get_command(alone)


def _import(
    importer: Importer, files: list[Path], *, store: str, tz: str | None, max_mb: int, dry_run: bool
) -> tuple[Imported, Any]:
    """What was imported, and the first steps of it."""
    import polars as pl

    from rpa_lab.integrations.importing import import_files
    from rpa_lab.storage.store import TimeSeriesStore

    first: list[pl.DataFrame] = []

    def on_parsed(_: Source, parsed: Parsed) -> None:
        if not first and "steps" in parsed.tables:
            rows = parsed.tables["steps"]
            frame = (
                rows.head(5) if isinstance(rows, pl.DataFrame) else pl.DataFrame({k: v[:5] for k, v in rows.items()})
            )
            first.append(frame.select([name for name in _SHOWN if name in frame.columns]))

    with progress() as bar:
        task = bar.add_task("reading", total=len(files))
        done = import_files(
            importer,
            files,
            TimeSeriesStore(store),
            tz=tz,
            max_bytes=max_mb * 1024 * 1024,
            dry_run=dry_run,
            on_file=lambda path: bar.update(task, advance=1, description=f"reading {path.name}"),
            on_parsed=on_parsed,
        )
    return done, first[0] if first else None


def _say(done: Imported, first: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.to_dict(), ensure_ascii=False))
        return
    _show_guesses(done.read_as)
    if done.dry_run and first is not None:
        show(first, title="The first steps (times in UTC)")
    print(done)
    for warning in done.warnings:
        print(f"note: {warning}", file=sys.stderr)


def _show_guesses(read_as: Mapping[str, Mapping[str, str]]) -> None:
    """What each file's columns were taken for: a table for each kind of file."""
    import polars as pl

    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for path, said in read_as.items():
        columns = tuple((role, name) for role, name in said.items() if role != "workflow" or len(read_as) == 1)
        alike.setdefault(columns, []).append(Path(path).name)
    for columns, names in alike.items():
        title = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"
        rows = {"what": [role for role, _ in columns], "column": [name for _, name in columns]}
        print(f"{title} is read as")
        show(pl.DataFrame(rows, schema={"what": pl.String, "column": pl.String}), title="")


def _map_of(done: Imported, how: EventMap) -> EventMap:
    """The mapping by which the first file was read."""
    from dataclasses import replace

    from rpa_lab.integrations.event_columns import NONE, Columns

    found = dict(next(iter(done.read_as.values()), {}))
    none: dict[str, Any] = {role: name for role, name in how.columns.taken() if name == NONE}
    columns = none | {role: name for role, name in found.items() if role in Columns.roles()}
    columns["case"] = how.columns.case or tuple(found["case"].split(" + "))
    return replace(how, workflow=found["workflow"], columns=Columns(**columns))
