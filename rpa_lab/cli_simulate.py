"""`rpa-lab simulate`: a fleet of robots in a store of its own, and the truth about the faults planted in it."""

from __future__ import annotations

import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from rpa_lab.cli_options import Json, progress

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rpa_lab.simulate.simulated import Fleet
    from rpa_lab.storage.store import Written

__all__ = ["command"]

command = typer.Typer()

_MARK = "made-by-rpa-lab-simulate.txt"
_HEAD = "All rows of this store were simulated by rpa-lab simulate: the fleets"
_GROUPS = ("none", "demo", "all")


@command.command()
def simulate(
    store: Annotated[
        Path, typer.Option("--store", "-s", help="Folder of a store of its own; real robots' stores are refused.")
    ] = Path("data/fleet"),
    days: Annotated[int, typer.Option("--days", "-d", help="Length, days of 24 hours.")] = 30,
    workflows: Annotated[int, typer.Option("--workflows", "-w", help="How many different ones.")] = 8,
    executions: Annotated[
        float, typer.Option("--executions-per-day", "-n", help="Of all workflows, on the average day of a week.")
    ] = 400,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another fleet.")] = 0,
    end: Annotated[
        str | None, typer.Option("--end", help="The day after the last: 2026-11-02; default: today.")
    ] = None,
    tz: Annotated[str, typer.Option("--tz", help="The zone whose clock work follows, such as Europe/Berlin.")] = "UTC",
    hosts: Annotated[int, typer.Option("--hosts", help="Machines that the robots share.")] = 4,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--fault",
            "-f",
            metavar="FAULT",
            help="One to plant: its kind, and after commas what else is to be said of it.",
        ),
    ] = None,
    faults: Annotated[
        str | None,
        typer.Option(
            "--faults", help="none, demo (a slow step and a failure burst), all (one of each), or a TOML file."
        ),
    ] = None,
    resources: Annotated[bool, typer.Option("--resources", help="Sample CPU and memory too.")] = False,
    messy: Annotated[
        bool, typer.Option("--messy", help="Records as they are in life: running and killed runs, a clock ahead, gaps.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Simulate a fleet of robots, with known faults, straight into a store, and say what is true of it.

    Kinds of faults: slow_step, longer_waits, more_retries, new_step, mix_shift, failure_burst, drift, memory_leak,
    outage, bad_selector, schedule_collision, stopped_workflow, fix, null_fix. What isn't said of one (workflow_id,
    node_id, onset_day, until_day, host, its size …) is chosen. Without --fault and --faults: demo.

    Examples
    --------
        rpa-lab simulate

        rpa-lab simulate --days 14 --fault drift --fault slow_step,workflow_id=payroll,onset_day=7,factor=2.5

        rpa-lab simulate --workflows 50 --executions-per-day 24000 --faults all --tz Europe/Berlin --json > truth.json

        rpa-lab simulate --faults faults.toml --messy && rpa-lab workflows --store data/fleet --as-of latest
    """
    from rpa_lab.simulate import fleet
    from rpa_lab.simulate.catalogue import average_runs
    from rpa_lab.simulate.flaws import everyday_flaws
    from rpa_lab.storage.store import TimeSeriesStore

    began = time.monotonic()
    wanted = _wanted(fault or [], faults)
    root = _own(store)
    with progress() as bar:
        task = bar.add_task("drawing", total=None)
        made = fleet(
            days,
            workflows,
            seed,
            end=_day(end),
            runs_per_day=average_runs(executions, workflows=workflows, seed=seed),
            faults=wanted,
            tz=tz,
            hosts=hosts,
            resources=resources,
            flaws=everyday_flaws(hosts) if messy else None,
            on_workflow=lambda name, n, of: bar.update(task, description=f"drawing {name}", completed=n, total=of),
        )
        others = _marked(root, made)
        written = made.write(
            TimeSeriesStore(root),
            on_day=lambda day, n, of: bar.update(task, description=f"writing {day}", completed=n, total=of),
        )
    seconds = time.monotonic() - began
    if others:
        print(f"note: {root} holds other simulated fleets too; --store keeps them apart", file=sys.stderr)
    if as_json:
        print(json.dumps(_as_json(made, written, root=root, seconds=seconds), ensure_ascii=False))
    else:
        _say(made, written, root=root, seconds=seconds)


def _wanted(named: list[str], group: str | None) -> list[str | Mapping[str, object]] | None:
    """What is to be planted, as `fleet` takes it."""
    from rpa_lab.simulate.faults.choice import read_faults

    if group is None:
        return list(named) or None
    if group in _GROUPS:
        # the demo's two are what `fleet` chooses by itself when it is told nothing
        if group == "demo" and named:
            raise typer.BadParameter("--faults demo and --fault exclude each other; name the demo's: --fault slow_step")
        return None if group == "demo" else [*(["all"] if group == "all" else []), *named]
    path = Path(group)
    if not path.is_file():
        raise typer.BadParameter(f"--faults is {group!r}, expected none, demo, all, or a TOML file that is there")
    return [*read_faults(path), *named]


def _own(store: Path) -> Path:
    """The folder, if it is empty or holds simulated fleets alone."""
    if store.is_dir() and any(store.iterdir()) and not (store / _MARK).is_file():
        raise typer.BadParameter(f"--store {store} holds something that was not simulated; name another folder")
    return store


def _marked(root: Path, made: Fleet) -> bool:
    """Whether fleets other than this one are in the store, which from now on says that this one is."""
    root.mkdir(parents=True, exist_ok=True)
    mark = root / _MARK
    known = mark.read_text(encoding="utf-8").splitlines() if mark.is_file() else [_HEAD]
    line = f"{made.writer}  seed {made.seed}, {made.start:%Y-%m-%d} to {made.end:%Y-%m-%d}"
    mark.write_text("\n".join(dict.fromkeys((*known, line))) + "\n", encoding="utf-8")
    return bool(set(known[1:]) - {line})


def _day(end: str | None) -> date | None:
    if end is None:
        return None
    try:
        return date.fromisoformat(end)
    except ValueError:
        raise typer.BadParameter(f"--end is {end!r}, expected a day such as 2026-11-02") from None


def _as_json(made: Fleet, written: Mapping[str, Written], *, root: Path, seconds: float) -> dict[str, Any]:
    from rpa_lab.result import plain

    return {
        "store": str(root),
        "seed": made.seed,
        "start": made.start.isoformat(),
        "end": made.end.isoformat(),
        "seconds": round(seconds, 1),
        "rows": {name: one.rows for name, one in written.items()},
        "already_there": {name: one.already_there for name, one in written.items()},
        "truth": plain(made.truth),
        "changes": plain(made.changes),
    }


def _say(made: Fleet, written: Mapping[str, Written], *, root: Path, seconds: float) -> None:
    import polars as pl

    there = sum(one.already_there for one in written.values())
    counts = ", ".join(f"{one.rows:,} {name.replace('_', ' ')}" for name, one in written.items() if one.rows)
    start, end = (at.astimezone(ZoneInfo(made.tz)) for at in (made.start, made.end))
    print(f"{counts or 'Nothing new'}: {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} {made.tz}, seed {made.seed}.")
    if there:
        print(f"{there:,} rows were in the store already.")
    print(f"They are in {root}; it took {seconds:.0f} s.")
    if made.truth.is_empty():
        print("No fault was planted.")
        return
    print(f"\nWhat is true (times in {made.tz}; +: longer, on average, of the runs that complete with it and without):")
    for _, rows in made.truth.group_by("fault", maintain_order=True):
        for line in _sentences(rows.with_columns(pl.col("onset", "until").dt.convert_time_zone(made.tz)).to_dicts()):
            print(line)


def _sentences(rows: list[dict[str, Any]]) -> list[str]:
    """What is true of one fault, in lines of a width that a terminal has."""
    from rpa_lab.units import duration_text

    def shift(ms: float | None, what: str) -> str:
        return f", {what} {'-' if ms < 0 else '+'}{duration_text(abs(ms))}" if ms else ""

    first = rows[0]
    until = f"to {first['until']:%d %b %H:%M}" if first["until"] else "on"
    window = f"from {first['onset']:%d %b %H:%M} {until}"
    size = f"{100 * first['size']:g} %" if first["unit"].startswith("of ") else f"{first['size']:g}"
    lines = [f"  {first['kind'].replace('_', ' ')}: {size} {first['unit']}; {window}; {first['scope']}"]
    for row in rows:
        where = f"{row['workflow_id']}, {row['node_id']}" if row["node_id"] else row["workflow_id"]
        longer = shift(row["true_shift_ms"], "each") + shift(row["true_queue_shift_ms"], "wait for a robot")
        lines.append(f"      {where}: {row['runs']:,} runs{longer}")
    if first["message"]:
        lines.append(f"      {first['message']}")
    return lines
