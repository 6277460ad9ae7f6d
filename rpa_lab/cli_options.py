"""The options that many commands of `rpa-lab` share, and how a command shows its progress and its tables."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DEFAULT_STORE", "AsOf", "Json", "PeriodOption", "Store", "Zone", "progress", "show"]

DEFAULT_STORE = "data/store"
_SHORT = 20

Store = Annotated[
    str,
    typer.Option(
        "--store", "-s", help="Folder of the store; to read a copy: s3://bucket/prefix.", envvar="RPA_LAB_STORE"
    ),
]
Zone = Annotated[
    str | None, typer.Option("--tz", help="Time zone, such as Europe/Paris; default: the store's, else UTC.")
]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="What 'now' is: a time, or 'latest' for just after the newest start; default: now."),
]
PeriodOption = Annotated[
    str,
    typer.Option(
        "--period", "-p", help="30d, 24h, 2026-11, 2026-11-03, all, or an interval such as 2026-11-03/2026-11-10."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def progress() -> Any:
    """A progress bar on stderr, gone when it is done, and none where nobody looks on; to be used in a `with`."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def show(rows: pl.DataFrame, *, title: str, most: int = 40) -> None:
    """Print a frame as a table for people: all columns, and no more than so many rows.

    Parameters
    ----------
    rows : DataFrame
        What to show.
    title : str
        What stands above it.
    most : int
        How many rows; how many more there are is said below.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    cells = [[_cell(value) for value in row] for row in rows.head(most).iter_rows()]
    for number, (name, kind) in enumerate(rows.schema.items()):
        widest = max((len(row[number]) for row in cells), default=0)
        table.add_column(
            name.replace("_", " "),
            justify="right" if kind.is_numeric() else "left",
            overflow="fold",
            no_wrap=widest <= _SHORT,  # a word or a time is not broken; long texts give way
        )
    for row in cells:
        table.add_row(*map(Text, row))
    Console().print(table)
    if rows.height > most:
        print(f"… and {rows.height - most:,} more (--json has all)")


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}" if not value.second else f"{value:%Y-%m-%d %H:%M:%S}"
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)
