"""What an importer is: one file's bytes in; rows of our tables, what was left out, and warnings out.

An importer only reads: it doesn't know the store. Its times may be naive, as the file wrote them; whoever runs it
(`rpa_lab.integrations.importing.import_files`) reads those in one zone and says which, finds out what the store holds
already, and writes. So an importer for a new kind of file is one class::

    class Tickets:
        name, version = "tickets", "1"
        options: Mapping[str, object] = {}

        def parse(self, source: Source) -> Parsed:
            rows = list(csv.DictReader(source.content.decode().splitlines()))
            return Parsed(
                tables={
                    "executions": {
                        "execution_id": [row["id"] for row in rows],
                        "workflow_id": ["tickets" for _ in rows],
                        "started_at": [datetime.fromisoformat(row["opened"]) for row in rows],
                        "completed_at": [datetime.fromisoformat(row["closed"]) for row in rows],
                        "status": ["completed" for _ in rows],
                    }
                }
            )

`docs/importing.md` shows one from the first line to the command that runs it. Nothing here loads Polars, so that a
listener inside a bot may share an importer's module.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from rpa_lab.errors import SourceError, quote

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MAX_BYTES", "Importer", "Parsed", "Rows", "Source", "read_source"]

MAX_BYTES: Final = 200 * 1024 * 1024
"""The largest file that is read unless somebody says otherwise."""

Rows = Mapping[str, Sequence[Any]]
"""Values by column, all of one length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One file to import: where it lay, for messages, and what it held when it was read, once.

    `tz` is the zone in which times without one are to be read: for an importer that has to order or subtract them.
    """

    path: Path
    content: bytes
    tz: str = "UTC"

    def error(
        self, what: str, *, line: int | None = None, column: str | None = None, unit: str = "line"
    ) -> SourceError:
        """The error for something wrong in this file.

        Parameters
        ----------
        what : str
            What is wrong, and what was expected.
        line : int, optional
            Where.
        column : str, optional
            In which column.
        unit : str
            What `line` counts: a file without lines has rows.

        Returns
        -------
        SourceError
            To be raised by the caller.

        Examples
        --------
        >>> source = Source(path=Path("orders.csv"), content=b"")
        >>> print(source.error("is empty, expected CSV", line=1))
        orders.csv line 1 is empty, expected CSV; nothing was imported
        >>> print(source.error("'31/11/2026' is no date (expected ISO 8601)", line=48, column="end"))
        orders.csv line 48, column 'end': '31/11/2026' is no date (expected ISO 8601); nothing was imported
        """
        place = f" {unit} {line}" if line is not None else ""
        if column is not None:
            place += f"{',' if place else ''} column {quote(column)}:"
        return SourceError(f"{self.path}{place} {what}; nothing was imported")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What one file holds, as rows of our tables.

    `tables` has values by column for each table (steps with a `step_index`, or a `step_id` of their own); times are
    `datetime`, naive where the file says no zone; where no `duration_ms` is given it is from start to end. `left_out`
    counts, in words, what was in the file and isn't here.

    An importer that guesses says in `read_as` what it took for what. One that reads naive times itself, in `source.tz`,
    counts them in `naive`, and in `unclear` the executions that start in an hour which that zone's clock repeats. And
    where the rows follow from more than the bytes, the zone and the options (a workflow named after its file), that is
    said in `identity`: a file that would give other rows is then another import.
    """

    tables: Mapping[str, Rows | pl.DataFrame]
    left_out: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    read_as: Mapping[str, str] = field(default_factory=dict)
    naive: int = 0
    unclear: int = 0
    identity: Mapping[str, object] = field(default_factory=dict)


class Importer(Protocol):
    """Reads one kind of file.

    `name`, `version` and `options` (whatever changes the rows of a file) are part of the identity of what it imports:
    raise the version when it reads the same file differently.
    """

    @property
    def name(self) -> str:
        """What it reads, in one word."""

    @property
    def version(self) -> str:
        """Raised whenever it reads the same file differently."""

    @property
    def options(self) -> Mapping[str, object]:
        """What the user chose, as plain JSON values."""

    def parse(self, source: Source) -> Parsed:
        """The rows of a file; a `SourceError` where it is malformed."""


def read_source(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES, tz: str = "UTC") -> Source:
    """A file's bytes, if it is a plain file of bearable size and no symbolic link.

    Parameters
    ----------
    path : str or path
        The file.
    max_bytes : int
        The most bytes that it may have.
    tz : str
        The zone in which its times without one are to be read.

    Returns
    -------
    Source

    Raises
    ------
    SourceError
        If it can't be read, isn't a plain file, or is larger.
    """
    where = Path(path)
    source = Source(path=where, content=b"", tz=tz)
    try:
        _expect_plain(source, where.lstat())
        with open(where, "rb", opener=_open_itself) as file:
            status = os.fstat(file.fileno())
            _expect_plain(source, status)  # again: another file may have taken the name since
            content = file.read(max_bytes + 1)
    except FileNotFoundError:
        raise source.error("doesn't exist, expected a file") from None
    except OSError as mistake:
        raise source.error(f"can't be read: {mistake.strerror}") from mistake
    except SourceError:
        raise
    except ValueError as mistake:
        raise source.error(f"is no path: {mistake}") from mistake
    if len(content) > max_bytes:
        size = max(status.st_size, len(content))
        raise source.error(
            f"has {size:,} bytes, expected at most {max_bytes:,} (max_bytes, --max-mb on the command line)"
        )
    return Source(path=where, content=content, tz=tz)


def _expect_plain(source: Source, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise source.error("is a symbolic link, expected the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise source.error("is no plain file, expected one")


def _open_itself(path: str, flags: int) -> int:
    """Open what has this name: not what a link points at, and without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
