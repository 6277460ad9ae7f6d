"""The commands of `rpa-lab` that look after a store: compact, archive, retain, verify, doctor, days, files, push."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rpa_lab.cli_options import DEFAULT_STORE, Json, PeriodOption, Store, progress, show

if TYPE_CHECKING:
    from datetime import date

    from rpa_lab.storage.verify import Verified

__all__ = ["commands"]

commands = typer.Typer()

_RECORDED = ("executions", "steps", "resources", "recoveries", "collector_health")

Table = Annotated[str | None, typer.Option("--table", "-t", help="Only this table: executions, steps, …")]
Grace = Annotated[float, typer.Option("--grace", min=0, help="Seconds that replaced files stay for who is reading.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@commands.command()
def compact(
    store: Store = DEFAULT_STORE,
    follow: Annotated[bool, typer.Option("--follow", help="Go on: a day whenever it has 64 small files.")] = False,
    grace: Grace = 600.0,
    as_json: Json = False,
) -> None:
    """Merge small files into one a day, and publish the tables that batch scripts read.

    Examples
    --------
        rpa-lab compact --store data/store && python nightly.py

        rpa-lab compact --follow
    """
    from rpa_lab.storage import compaction, following

    root = _folder(store)
    if follow:
        following.follow(root, grace_s=grace, on_day=lambda day: print(_day_line(day, as_json=as_json), flush=True))
        return
    with progress() as bar:
        task = bar.add_task("compacting", total=None)
        days = compaction.compact(
            root,
            grace_s=grace,
            on_day=lambda day, n, of: bar.update(task, completed=n, total=of, description=f"{day.table} {day.day}"),
        )
    merged, removed = sum(day.merged for day in days), sum(day.removed for day in days)
    published = sum(day.published for day in days)
    if as_json:
        print(json.dumps([_plain(day) for day in days]))
    else:
        print(f"{merged:,} files merged, {published:,} days of tables published, {removed:,} replaced files removed")
    refused = tuple(f"{day.table} {day.day} stays as it is: {day.refused}" for day in days if day.refused)
    _note(refused, quiet=as_json)
    if refused:
        raise typer.Exit(1)


@commands.command()
def archive(
    store: Store = DEFAULT_STORE,
    before: Annotated[
        str | None, typer.Option("--before", help="Days before this month or day: 2026-08, 2026-08-15.")
    ] = None,
    older_than: Annotated[str | None, typer.Option("--older-than", help="Days older than that: 90d.")] = None,
    table: Annotated[
        str | None, typer.Option("--table", "-t", help="Only this table; default: all that bots record.")
    ] = None,
    grace: Grace = 600.0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Move old days into the archive: smaller, out of the published tables, and still in every answer of rpa-lab.

    Examples
    --------
        rpa-lab archive --before 2026-08

        rpa-lab archive --older-than 90d --table steps --dry-run
    """
    from datetime import UTC, datetime

    from rpa_lab.period import Period
    from rpa_lab.schema import table_named
    from rpa_lab.storage.retention import retain

    if (before is None) == (older_than is None):
        raise typer.BadParameter("say one of --before 2026-08 and --older-than 90d")
    now = datetime.now(UTC)
    if before is not None:
        if not re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", before):
            raise typer.BadParameter(f"--before is {before!r}, expected a month or day such as 2026-08")
        days = (now.date() - Period(before).resolve(as_of=now).start.date()).days
    else:
        days = _days(older_than or "", option="--older-than")
    if days < 1:
        said = f"--before is {before!r}" if before is not None else f"--older-than is {older_than!r}"
        raise typer.BadParameter(f"{said}, expected what began or passed before today")
    policy = dict.fromkeys([table_named(table).name] if table else _RECORDED, days)
    done = retain(_folder(store), policy, then="archive", dry_run=dry_run, as_of=now, grace_s=grace)
    _say_retained(done, as_json=as_json)


@commands.command()
def retain(
    store: Store = DEFAULT_STORE,
    table: Annotated[
        list[str] | None, typer.Option("--table", "-t", help="A table and the days that its rows stay: steps=90.")
    ] = None,
    then: Annotated[str, typer.Option("--then", help="What becomes of older ones: archive or delete.")] = "archive",
    grace: Grace = 600.0,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Archive or delete what is older than its table's retention period; tables that aren't named are left alone.

    Examples
    --------
        rpa-lab retain --table steps=90 --table executions=365 --then archive

        rpa-lab retain --table resources=30 --then delete --dry-run
    """
    from rpa_lab.storage import retention

    if not table:
        raise typer.BadParameter("say which tables, such as --table steps=90")
    if then not in ("archive", "delete"):
        raise typer.BadParameter(f"--then is {then!r}, expected archive or delete")
    policy = {}
    for entry in table:
        name, _, days = entry.partition("=")
        if name in policy:
            raise typer.BadParameter(f"--table {entry}: {name!r} is named twice; expected one period for each table")
        policy[name] = _days(days, option=f"--table {entry}")
    done = retention.retain(
        _folder(store), policy, then="delete" if then == "delete" else "archive", dry_run=dry_run, grace_s=grace
    )
    _say_retained(done, as_json=as_json)


@commands.command()
def verify(store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """Read every byte of a store: what is damaged, quarantined or left over. Exit code 1 if something is damaged.

    Examples
    --------
        rpa-lab verify --store data/store

        rpa-lab verify --json | jq .damaged
    """
    from rpa_lab.storage.verify import verify as verify_store

    with _by_day("verifying") as on_day:
        found = verify_store(_folder(store, copy=True), on_day=on_day)
    if as_json:
        print(json.dumps({**found.to_dict(), "ok": found.ok}, ensure_ascii=False))
    else:
        _show_verified(found)
    if not found.ok:
        raise typer.Exit(1)


@commands.command()
def doctor(store: Store = DEFAULT_STORE, as_json: Json = False) -> None:
    """Look at a store and its machine: file system, links, locks, clock, space, growth. Exit code 1 if one is bad.

    Examples
    --------
        rpa-lab doctor --store data/store

        rpa-lab doctor --json
    """
    from rpa_lab.storage.doctor import doctor as examine

    found = examine(Path(store))
    if as_json:
        print(json.dumps({**found.to_dict(), "ok": found.ok}, ensure_ascii=False))
    else:
        show(found.findings, title=found.store)
    if not found.ok:
        raise typer.Exit(1)


@commands.command()
def days(store: Store = DEFAULT_STORE, table: Table = None, as_json: Json = False) -> None:
    """List the days: closed and published ones are complete, which is what a batch job waits for.

    Examples
    --------
        rpa-lab days --table steps

        rpa-lab days --json | jq '.[] | select(.closed and .published)'
    """
    import polars as pl

    from rpa_lab.result import plain
    from rpa_lab.schema import table_named
    from rpa_lab.storage.days import days as days_of

    listed = days_of(_folder(store, copy=True))
    if table:
        listed = listed.filter(pl.col("table") == table_named(table).name)
    if as_json:
        print(json.dumps(plain(listed)))
    else:
        words = (
            pl.when("archived").then(pl.lit("archived")).when("published").then(pl.lit("yes")).otherwise(pl.lit("no"))
        )
        show(listed.with_columns(published=words).drop("archived"), title=f"Days of {store} (UTC)", most=1000)


@commands.command()
def files(
    period: PeriodOption = "all", store: Store = DEFAULT_STORE, table: Table = None, as_json: Json = False
) -> None:
    """List the files whose rows count right now, one a line: what is read of a period, and nothing twice.

    Examples
    --------
        rpa-lab files --period 2026-11 --table steps

        rpa-lab files --period 7d --json
    """
    from rpa_lab.storage.store import TimeSeriesStore

    where = store if "://" in store else _folder(store, copy=True)
    found = TimeSeriesStore(where, compact=False).uris(period, table=table)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    for uri in () if as_json else found:
        print(uri)


@commands.command()
def push(
    target: Annotated[str, typer.Argument(help="s3://bucket/prefix, a folder, or file:///folder.")],
    store: Store = DEFAULT_STORE,
    as_json: Json = False,
) -> None:
    """Copy the published files of closed days to another place: only what is new, and read back after.

    A bucket's keys and address come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and AWS_ENDPOINT_URL.

    Examples
    --------
        rpa-lab compact && rpa-lab push s3://robots/store

        rpa-lab push /mnt/backup/store --json
    """
    from rpa_lab.storage.push import push as push_store

    with _by_day("pushing") as on_day:
        done = push_store(_folder(store, copy=True), target, on_day=on_day)
    if as_json:
        print(json.dumps(done.to_dict(), ensure_ascii=False))
    else:
        print(done)
    _note(done.warnings, quiet=as_json)


def _folder(store: str, *, copy: bool = False) -> Path:
    """The store's folder, which must be there; a copy has published files only."""
    from rpa_lab.journal.layout import JOURNAL, STORE

    root = Path(store)
    if (root / JOURNAL).is_dir() or (copy and (root / STORE).is_file()):
        return root
    raise typer.BadParameter(f"{store} holds no store; expected a folder that a collector or an import wrote to")


def _days(text: str, *, option: str) -> int:
    number = text.removesuffix("d")
    if not (number.isascii() and number.isdigit()):
        raise typer.BadParameter(f"{option}: {text!r} is no number of days; expected such as 90")
    return int(number)


@contextmanager
def _by_day(what: str) -> Iterator[Callable[[str, date, int, int], None]]:
    with progress() as bar:
        task = bar.add_task(what, total=None)

        def on_day(table: str, day: date, done: int, of: int) -> None:
            bar.update(task, completed=done, total=of, description=f"{table} {day}")

        yield on_day


def _show_verified(found: Verified) -> None:
    show(found.tables, title=found.store)
    for title, rows in (
        ("Damaged", found.damaged),
        ("Quarantined", found.quarantined),
        ("Left over, not read", found.left_over),
        ("Step ids that repeat", found.repeated_steps),
        ("Steps without their execution", found.orphans),
    ):
        if rows.height:
            show(rows, title=title)
    _note(found.warnings, quiet=False)
    damaged = found.damaged.height
    said = f"{damaged:,} damaged" if damaged else "every seal and count is right"
    print(f"{found.files:,} files, {found.rows:,} live rows: {said}")


def _say_retained(done: Any, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(done.to_dict(), ensure_ascii=False))
    else:
        verb = {"archive": "archived", "delete": "deleted"}[done.then]
        print(f"{done.rows:,} rows of {done.days:,} days {'would be ' if done.dry_run else ''}{verb}")
        if done.then == "delete" and done.rows and not done.dry_run:
            print("No query finds them any more; their files go with the first run after the grace (--grace 0: now).")
    _note(done.warnings, quiet=as_json)
    if done.warnings:
        raise typer.Exit(1)


def _note(warnings: tuple[str, ...], *, quiet: bool) -> None:
    for warning in () if quiet else warnings:
        print(f"note: {warning}", file=sys.stderr)


def _plain(day: Any) -> dict[str, Any]:
    return {
        "table": day.table,
        "day": day.day.isoformat(),
        "generation": day.generation,
        "merged": day.merged,
        "published": day.published,
        "removed": day.removed,
        "refused": day.refused,
    }


def _day_line(day: Any, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(_plain(day))
    if day.refused:
        return f"{day.table} {day.day}: stays as it is: {day.refused}"
    return f"{day.table} {day.day}: {day.merged} files merged" + (", published" if day.published else "")
