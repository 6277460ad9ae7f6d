"""How far a report is: one value per step, for whoever wants to show it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Progress", "progress_bar"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`done` of `total` steps lie behind; now comes `doing`, in the words of the notebook's headings."""

    done: int
    total: int
    doing: str


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None]]:
    """A progress bar in the terminal, fed by what this gives; it goes away when done.

    Yields
    ------
    callable
        To be passed as `progress` to `ReportGenerator.run`.

    Examples
    --------
    >>> with progress_bar() as progress:
    ...     progress(Progress(done=1, total=2, doing="Where the time goes"))
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def show(progress: Progress) -> None:
            bar.update(task, completed=progress.done, total=progress.total, description=progress.doing)

        yield show
