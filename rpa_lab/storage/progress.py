"""A progress bar for who waits at a terminal; nothing, and nothing loaded, elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

__all__ = ["OnStep", "shown"]

OnStep = Callable[[int, int], None]
"""Called with how many are done, and of how many."""


@contextmanager
def shown(doing: str, *, after_s: float = 0) -> Iterator[OnStep | None]:
    """Show how far some work is, while the block lasts.

    Parameters
    ----------
    doing : str
        What is done.
    after_s : float
        Seconds of silence, in case that it is done by then.

    Yields
    ------
    callable or None
        To be called after each step; None where nobody looks.
    """
    if not (sys.stderr and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    began = time.monotonic()
    with ExitStack() as open_until_the_end:
        bar = Progress(console=Console(stderr=True), transient=True)
        task = bar.add_task(doing, total=None)
        begun = False

        def step(done: int, of: int) -> None:
            nonlocal begun
            bar.update(task, completed=done, total=of)
            if not begun and time.monotonic() - began >= after_s:
                begun = True
                open_until_the_end.enter_context(bar)

        if not after_s:
            begun = True
            open_until_the_end.enter_context(bar)
        yield step
