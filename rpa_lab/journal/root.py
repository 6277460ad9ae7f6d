"""A store's root folder: its format, said once in `_store.json`; a newer one is refused before anything is touched."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Final

from rpa_lab.errors import StoreError, quote
from rpa_lab.journal.fragment import fsync_folder, make_folder, write_new
from rpa_lab.journal.layout import JOURNAL, STORE
from rpa_lab.schema import SCHEMA_VERSION, TABLES

__all__ = ["FORMAT", "check_format", "open_root", "refuse_newer"]

FORMAT: Final = 1


def open_root(root: Path, *, mode: int | None = None) -> None:
    """Make the root folder and say its format there, unless that is done; refuse a newer format.

    Parameters
    ----------
    root : Path
        The folder.
    mode : int, optional
        Permissions of the files that are made, and with x of the folders; default: see `rpa_lab.journal.mode`.

    Raises
    ------
    StoreError
        If the store was written by a newer rpa_lab, or is a copy of published tables.
    OSError
        If the folder can't be made.
    """
    if not (root / JOURNAL).is_dir():
        for table in TABLES:
            if (root / table).is_dir():
                raise StoreError(
                    f"{root} is a copy: it has the published table {table!r} and no {JOURNAL}; write to another folder"
                )
    if check_format(root):
        return
    make_folder(root.absolute(), mode=mode)
    temp = root / f".tmp-store-{secrets.token_hex(6)}"
    write_new(temp, json.dumps({"format": FORMAT, "schema": SCHEMA_VERSION}).encode() + b"\n", mode=mode)
    temp.replace(root / STORE)  # whoever comes second writes the same bytes
    fsync_folder(root)


def check_format(root: Path) -> bool:
    """Whether the root says a format that this version reads.

    Returns
    -------
    bool
        False where there is no store yet.

    Raises
    ------
    StoreError
        If the format is newer, or what stands there can't be understood.
    """
    path = root / STORE
    try:
        said = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return False
    refuse_newer(said, place=str(path))
    return True


def refuse_newer(said: bytes, *, place: str) -> None:
    """Refuse what `_store.json` says if this version can't read such a store.

    Raises
    ------
    StoreError
        If the format is newer, or what stands there can't be understood; names the place.
    """
    try:
        known = int(json.loads(said)["format"])
    except (ValueError, TypeError, KeyError) as damage:
        raise StoreError(f"{place} is damaged: {damage}; expected {{'format': {FORMAT}}}") from damage
    if known > FORMAT:
        raise StoreError(f"{place} says format {quote(known)}, this rpa_lab reads up to {FORMAT}; upgrade rpa-lab")
