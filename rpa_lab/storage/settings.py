"""What a store's owner sets: `rpa_lab.toml` in its root.

::

    tz = "Europe/Paris"      # the zone in which days begin and naive times are read; default UTC
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rpa_lab.errors import InputError, quote
from rpa_lab.journal.layout import SETTINGS
from rpa_lab.period import zone_name

__all__ = ["FailureRule", "Settings", "parse_settings", "read_settings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """What makes a failure one of a category: every condition that is said has to hold.

    `contains` are literal texts, one of which has to be in the message, whatever their case; `pattern` is a regular
    expression of Rust's kind, which takes linear time.
    """

    category: str
    contains: tuple[str, ...] = ()
    pattern: str | None = None
    workflow_id: str | None = None
    exception_kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A store's settings."""

    tz: str = "UTC"
    failures: tuple[FailureRule, ...] = ()


def read_settings(root: Path) -> Settings:
    """The settings of a store; defaults where it has no file of them.

    Parameters
    ----------
    root : Path
        The store.

    Returns
    -------
    Settings

    Raises
    ------
    InputError
        If the file can't be understood; names the file and what was expected.

    Examples
    --------
    >>> read_settings(Path("nowhere"))
    Settings(tz='UTC')
    """
    path = root / SETTINGS
    try:
        said = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    return parse_settings(said, place=str(path))


def parse_settings(text: bytes, *, place: str) -> Settings:
    """The settings that a file's bytes say; `place` is how errors name it.

    Raises
    ------
    InputError
        If they can't be understood.
    """
    try:
        said = tomllib.loads(text.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as mistake:
        raise InputError(f"{place} is no TOML: {mistake}") from mistake
    tz = said.get("tz", "UTC")
    if not isinstance(tz, str):
        raise InputError(f"{place}: tz is {quote(tz)}, expected an IANA name such as 'Europe/Paris'")
    try:
        zone_name(tz)
    except InputError as mistake:
        raise InputError(f"{place}: {mistake}") from None
    return Settings(tz=tz)
