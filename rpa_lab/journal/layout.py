"""Names and places of a store's files; no I/O.

::

    <root>/_store.json   rpa_lab.toml   _quarantine.jsonl
    <root>/_journal/<table>/day=2026-11-03/f-0123456789ab-00000000.parquet      a fragment
                                           c-00000001.parquet                   a generation
                                           .tmp-…                               never read
    <root>/_archive/<table>/day=2026-11-03/…                                    archived days
    <root>/_rollup/<table>/day=2026-11-03/<seal>.parquet                        the summary of one file
                           month=2026-11/<hash of seals>.parquet                that of all files of a month
    <root>/<table>/day=2026-11-03/<table>-00000001.parquet                      the published table
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "ARCHIVE",
    "JOURNAL",
    "QUARANTINE",
    "ROLLUP",
    "SETTINGS",
    "STAGING",
    "STORE",
    "Fragment",
    "archive_folder",
    "archive_name",
    "day_folder",
    "day_name",
    "fragment_name",
    "fragment_temp",
    "generation_name",
    "generation_temp",
    "parse_day",
    "parse_fragment",
    "parse_generation",
    "parse_published",
    "parse_temp_target",
    "published_folder",
    "published_name",
    "rollup_file",
    "rollup_folder",
    "rollup_month",
]

JOURNAL: Final = "_journal"
ARCHIVE: Final = "_archive"
STAGING: Final = "_publish"
ROLLUP: Final = "_rollup"
STORE: Final = "_store.json"
SETTINGS: Final = "rpa_lab.toml"
QUARANTINE: Final = "_quarantine.jsonl"

_DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")
_FRAGMENT = re.compile(r"f-([0-9a-f]{12}|i[0-9a-f]{11})-(\d{8})\.parquet")
_GENERATION = re.compile(r"c-(\d{8})\.parquet")
_TEMP_TARGET = re.compile(r"\.tmp-c-(\d{8})-[0-9a-f]{12}")


class Fragment(NamedTuple):
    """What identifies a fragment: who wrote it, and its number among that writer's in this table and day."""

    writer: str
    seq: int


def day_name(day: date) -> str:
    """The folder name of a UTC day.

    Examples
    --------
    >>> day_name(date(2026, 11, 3))
    'day=2026-11-03'
    """
    return f"day={day.isoformat()}"


def parse_day(name: str) -> date | None:
    """The UTC day that a folder's name says, or None.

    Examples
    --------
    >>> parse_day("day=2026-11-03"), parse_day("day=2026-13-03")
    (datetime.date(2026, 11, 3), None)
    """
    found = _DAY.fullmatch(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def day_folder(root: Path, table: str, day: date) -> Path:
    """Where the journal of one table and UTC day lies."""
    return root / JOURNAL / table / day_name(day)


def archive_folder(root: Path, table: str, day: date) -> Path:
    """Where the archive of one table and UTC day lies."""
    return root / ARCHIVE / table / day_name(day)


def published_folder(root: Path, table: str, day: date) -> Path:
    """Where the published file of one table and UTC day lies."""
    return root / table / day_name(day)


def fragment_name(fragment: Fragment) -> str:
    """The file name of a fragment.

    Examples
    --------
    >>> fragment_name(Fragment("0123456789ab", 7))
    'f-0123456789ab-00000007.parquet'
    """
    return f"f-{fragment.writer}-{fragment.seq:08d}.parquet"


def parse_fragment(name: str) -> Fragment | None:
    """The fragment that a file name says, or None."""
    found = _FRAGMENT.fullmatch(name)
    return Fragment(found[1], int(found[2])) if found else None


def fragment_temp(fragment: Fragment, token: str) -> str:
    """The name under which a fragment is written before it is published."""
    return f".tmp-f-{fragment.writer}-{fragment.seq:08d}-{token}"


def rollup_folder(root: Path, table: str, day: date) -> Path:
    """Where the summaries of one table and UTC day lie."""
    return root / ROLLUP / table / day_name(day)


def rollup_file(root: Path, table: str, day: date, seal: str) -> Path:
    """Where the summary of the file that has this seal lies."""
    return rollup_folder(root, table, day) / f"{seal}.parquet"


def rollup_month(root: Path, table: str, month: date, key: str) -> Path:
    """Where the summary of a month lies whose files' seals have this hash; the month is told by any of its days."""
    return root / ROLLUP / table / f"month={month:%Y-%m}" / f"{key}.parquet"


def generation_name(number: int) -> str:
    """The file name of a generation.

    Examples
    --------
    >>> generation_name(3), parse_generation("c-00000003.parquet")
    ('c-00000003.parquet', 3)
    """
    return f"c-{number:08d}.parquet"


def parse_generation(name: str) -> int | None:
    """The number of the generation that a file name says, or None."""
    found = _GENERATION.fullmatch(name)
    return int(found[1]) if found else None


def generation_temp(number: int, token: str) -> str:
    """The name under which a generation is written; it bears its target, so that removal can judge it."""
    return f".tmp-c-{number:08d}-{token}"


def parse_temp_target(name: str) -> int | None:
    """The generation that a commit's temp wants to become, or None if the name isn't such a temp's."""
    found = _TEMP_TARGET.fullmatch(name)
    return int(found[1]) if found else None


def archive_name(number: int, token: str) -> str:
    """The name of an archive file: the generation that is to name it, and what tells attempts apart.

    Examples
    --------
    >>> archive_name(3, "0123456789ab")
    'a-00000003-0123456789ab.parquet'
    """
    return f"a-{number:08d}-{token}.parquet"


def published_name(table: str, number: int) -> str:
    """The name of a day's published file, which bears the generation that it is."""
    return f"{table}-{number:08d}.parquet"


def parse_published(table: str, name: str) -> int | None:
    """The generation that a published file's name says, or None."""
    found = re.fullmatch(re.escape(table) + r"-(\d{8})\.parquet", name)
    return int(found[1]) if found else None
