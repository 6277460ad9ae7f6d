"""The options that many commands of `rpa-lab` share, and how a command shows its progress and its tables."""

from __future__ import annotations

from datetime import datetime
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DEFAULT_STORE", "AsOf", "Json", "PeriodOption", "Store", "Zone", "number_text", "progress", "show"]

DEFAULT_STORE = "data/store"
_SHORT = 24  # no longer word of a table needs a line of its own
_BETWEEN = 3  # characters between two columns

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
    """Print a frame as a table for people: as many columns and rows as can be read, and what is left out is said.

    No value is cut: what is too long for its column goes on in the next line. Columns for which no room is left, so
    that their words would be broken to pieces, are named below.

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

    console = Console()
    headings = [name.replace("_", " ") for name in rows.columns]
    cells = [[_cell(value) for value in row] for row in rows.head(most).iter_rows()]
    columns = [[heading, *(row[number] for row in cells)] for number, heading in enumerate(headings)]
    widths = _widths(columns, room=console.width)
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for heading, kind, width in zip(headings, rows.dtypes, widths, strict=False):
        table.add_column(heading, justify="right" if kind.is_numeric() else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*map(Text, row[: len(widths)]))
    if title:
        console.print(Text(title, style="italic"))
    console.print(table)
    if len(widths) < len(headings):
        console.print(Text(f"Columns that find no room here (--json has all): {', '.join(headings[len(widths) :])}"))
    if rows.height > most:
        print(f"… and {rows.height - most:,} more (--json has all)")


def _widths(columns: list[list[str]], *, room: int) -> list[int]:
    """How wide each column is, the first at least: as wide as its texts, or else the widest give way at their words."""
    from rich.cells import cell_len

    words = [max(cell_len(word) for text in column for word in text.split(" ")) for column in columns]
    least = [min(width, _SHORT) for width in words]
    widths = [max(map(cell_len, column)) for column in columns]
    room -= 2 - _BETWEEN  # a space on either side
    fit = max(1, sum(width <= room for width in accumulate(width + _BETWEEN for width in least)))
    least, widths = least[:fit], widths[:fit]
    while sum(widths) + _BETWEEN * fit > room and widths != least:
        widest = max((number for number in range(fit) if widths[number] > least[number]), key=lambda at: widths[at])
        widths[widest] -= 1
    return widths


def number_text(value: float) -> str:
    """A number for people: four digits, whole from 10,000 on, never an exponent."""
    if value and abs(value) < 5e-5:
        return "< 0.0001" if value > 0 else "> -0.0001"
    return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


def _cell(value: object) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case float():
            return number_text(value)
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}" if not value.second else f"{value:%Y-%m-%d %H:%M:%S}"
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)
