"""The options that many commands of `rpa-lab` share, and how a command shows its progress and its tables."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import polars as pl

    from rpa_lab.lab import Lab
    from rpa_lab.result import Result

__all__ = [
    "DEFAULT_STORE",
    "AsOf",
    "Json",
    "PeriodOption",
    "Store",
    "Versions",
    "Zone",
    "nothing_in",
    "print_result",
    "progress",
    "show",
    "texts",
    "working",
]

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
Versions = Annotated[
    tuple[str, str] | None,
    typer.Option("--versions", metavar="OLD NEW", help="Two versions of the workflow in place of two periods."),
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


def working(what: str) -> Any:
    """A sign on stderr that something is being done, for work that can't say how far it is; to be used in a `with`.

    Parameters
    ----------
    what : str
        What is being done.
    """
    from rich.console import Console

    return Console(stderr=True).status(what)


def nothing_in(lab: Lab, period: str, *, what: str = "runs", workflow: str | None = None) -> str:
    """That a period holds nothing, and when the newest run started: the period, or the store, may be another one.

    Parameters
    ----------
    lab : Lab
        What was asked.
    period : str
        Of when.
    what : str
        Of what there is none.
    workflow : str, optional
        Of which workflow.

    Returns
    -------
    str
    """
    import polars as pl

    rows = lab.workflows("all")
    ours = rows.filter(workflow is None or pl.col("workflow_id") == workflow)
    starts = ours["last_started_at"].drop_nulls().to_list()
    of = f" of {workflow}" if workflow is not None else ""
    newest = f"{lab.store.where} holds none at all"
    if starts:
        newest = f"the newest run started {max(starts):%Y-%m-%d %H:%M} {lab.tz} (see --period and --as-of latest)"
    return f"No {what}{of} in {lab.span(period).describe()}; {newest}."


def print_result(result: Result, people: Callable[[], None], *, as_json: bool, nothing: str | None) -> None:
    """Print a result as JSON or for people, who are told its warnings as well.

    Parameters
    ----------
    result : Result
        What was found.
    people : callable
        Prints it for people.
    as_json : bool
        Whether they want JSON.
    nothing : str, optional
        What to tell people instead, where there is nothing.
    """
    if as_json:
        print(json.dumps(result.to_dict(), ensure_ascii=False))
        return
    if nothing is None:
        people()
    else:
        print(nothing)
    for warning in getattr(result, "warnings", ()):
        print(f"note: {warning}", file=sys.stderr)


def texts(table: pl.DataFrame, name: str, text: Callable[[Any], str]) -> pl.Series:
    """One column as texts.

    Parameters
    ----------
    table : DataFrame
        Has the column.
    name : str
        Which.
    text : callable
        Says a value, null (None) included.

    Returns
    -------
    Series
    """
    import polars as pl

    return pl.Series([text(value) for value in table[name]], dtype=pl.String)


def show(rows: pl.DataFrame, *, title: str, most: int = 40) -> None:
    """Print a frame as a table for people: as many columns and rows as can be read, and what is left out is said.

    No value is cut: what is too long for its column goes on in the next line. Columns for which no room is left, so
    that their words would be broken to pieces, are named below.

    Parameters
    ----------
    rows : DataFrame
        What to show; the names of its columns say in which unit (see `rpa_lab.readable`).
    title : str
        What stands above it.
    most : int
        How many rows; how many more there are is said below.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from rpa_lab.readable import column_texts, heading

    console = Console()
    headings = list(map(heading, rows.columns))
    texts = list(column_texts(rows, most=most).values())
    columns = [[title, *cells] for title, cells in zip(headings, texts, strict=True)]
    widths = _widths(columns, room=console.width)
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name, kind, width in zip(headings, rows.dtypes, widths, strict=False):
        table.add_column(name, justify="right" if kind.is_numeric() else "left", overflow="fold", width=width)
    for row in zip(*texts, strict=True):
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
