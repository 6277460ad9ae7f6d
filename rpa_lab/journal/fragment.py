"""One immutable file: sealed in memory, published so that it is there whole or not at all.

A seal is a BLAKE2b over the whole file, computed with the seal's own 64 bytes zeroed and then written in their place,
so that each byte of the file is covered and no name needs a hash.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from stat import S_ISGID, S_ISREG
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rpa_lab.journal.layout import Fragment, fragment_name, fragment_temp
from rpa_lab.journal.mode import FILE_MODE, FOLDER_MODE, folder_mode, set_mode
from rpa_lab.schema import SCHEMA_VERSION, Table

__all__ = [
    "Footer",
    "Unreadable",
    "check_bytes",
    "check_seal",
    "encode_parquet",
    "fsync_folder",
    "make_folder",
    "publish_fragment",
    "read_footer",
    "read_sealed",
    "write_new",
]

_PREFIX: Final = b"rpa_lab."
_BLANK: Final = b"0" * 64
_GROUP: Final = 8192
"""The most rows of a row group in a compacted file."""
_ALONE: Final = 1024
"""A workflow of so many rows has row groups of its own."""
_FEW: Final = 100
"""Rows of a fragment up to which it is written in the quickest way."""
_LARGE: Final = 1_000_000
"""Bytes from which threads read a file faster than one does: they cost more than a fragment."""


class Unreadable(Exception):  # noqa: N818 - it says what the file is
    """A file is damaged: not Parquet, cut short, or its seal doesn't match."""


@dataclass(frozen=True, slots=True)
class Footer:
    """What a file says of itself: its table, schema version, rows, and the first and last time in it.

    `facts` has what a commit adds (keeps, archive, covers), as written.
    """

    table: str
    version: int
    rows: int
    first: datetime | None
    last: datetime | None
    seal: str
    facts: Mapping[str, bytes]


def encode_parquet(
    table: Table,
    rows: pa.Table,
    *,
    compacted: bool = False,
    level: int | None = None,
    facts: Mapping[str, bytes] | None = None,
) -> bytes:
    """Rows as the bytes of a sealed Parquet file.

    Parameters
    ----------
    table : Table
        Whose rows they are.
    rows : pyarrow.Table
        In the table's Arrow schema.
    compacted : bool
        Whether to spend time on a small file that one workflow's query reads little of.
    level : int, optional
        Of zstd, 1-22; default 3 where compacted, else 1.
    facts : mapping of str to bytes, optional
        What a commit says in the footer.

    Returns
    -------
    bytes
    """
    sink = pa.BufferOutputStream()
    first, last = _time_range(table, rows)
    entries = {
        b"table": table.name.encode(),
        b"version": str(SCHEMA_VERSION).encode(),
        b"rows": str(rows.num_rows).encode(),
        b"first": (first.isoformat() if first else "").encode(),
        b"last": (last.isoformat() if last else "").encode(),
        **{key.encode(): value for key, value in (facts or {}).items()},
        b"seal": _BLANK,
    }
    few = rows.num_rows <= _FEW and level is None
    options = _options(table, compacted=compacted, few=few) | ({} if level is None else {"compression_level": level})
    with pq.ParquetWriter(sink, table.arrow, **options) as writer:
        for start, end in _row_groups(rows) if compacted else [(0, rows.num_rows)]:
            writer.write_table(rows.slice(start, end - start))
        writer.add_key_value_metadata({_PREFIX + key: value for key, value in entries.items()})
    return _sealed(sink.getvalue().to_pybytes())


def read_footer(path: Path, *, opened: pa.NativeFile | None = None) -> Footer:
    """What a file's footer says; the seal is not checked.

    Parameters
    ----------
    path : Path
        Which.
    opened : pyarrow.NativeFile, optional
        The file, where it doesn't lie on this machine.

    Raises
    ------
    Unreadable
        If it is no whole Parquet file of ours.
    FileNotFoundError
        If it is gone.
    OSError
        If the machine refuses to read it, which says nothing of the file.
    """
    try:
        return _footer(pq.read_metadata(opened or path))
    except (pa.ArrowException, OSError, ValueError) as damage:
        if isinstance(damage, OSError) and damage.errno:  # gone, or the machine refuses: that says nothing of the file
            raise
        raise _unreadable(path.name, damage) from damage


def read_sealed(path: Path, table: Table) -> tuple[Footer, pa.Table]:
    """The rows of a file whose seal and count are right, in the table's present schema.

    Raises
    ------
    Unreadable
        If a byte of it has changed, or it isn't of this table.
    FileNotFoundError
        If it is gone.
    """
    data = _bytes_of(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        footer = _sealed_footer(file.metadata, data)
        rows = file.read(use_threads=len(data) > _LARGE)
        if footer.table != table.name or rows.num_rows != footer.rows:
            raise ValueError(f"it says {footer.rows} rows of {footer.table}, and has {rows.num_rows}")
        if rows.schema.equals(table.arrow):
            return footer, rows.replace_schema_metadata(table.arrow.metadata)
        known = {name: rows[name] for name in table.arrow.names if name in rows.column_names}
        full = [known.get(f.name, pa.nulls(rows.num_rows, f.type)) for f in table.arrow]
        return footer, pa.table(full, names=table.arrow.names).cast(table.arrow)
    except (pa.ArrowException, OSError, ValueError) as damage:
        raise _unreadable(path.name, damage) from damage


def check_seal(path: Path) -> Footer:
    """The footer of a file no byte of which has changed.

    Raises
    ------
    Unreadable
        If one has.
    FileNotFoundError
        If it is gone.
    """
    return check_bytes(_bytes_of(path), name=path.name)


def check_bytes(data: bytes, *, name: str) -> Footer:
    """The footer of a whole file's bytes, none of which has changed; `name` is how errors call it.

    Raises
    ------
    Unreadable
        If one has.
    """
    try:
        return _sealed_footer(pq.read_metadata(pa.BufferReader(data)), data)
    except (pa.ArrowException, OSError, ValueError) as damage:
        raise _unreadable(name, damage) from damage


def publish_fragment(folder: Path, fragment: Fragment, data: bytes, *, mode: int | None = None) -> None:
    """Make a fragment visible under its name, whole and durably: temp, fsync, replace, fsync of the folder.

    Parameters
    ----------
    folder : Path
        The day's folder; made where it is missing.
    fragment : Fragment
        Its identity. A retry must pass the same, so that it can't count twice.
    data : bytes
        From `encode_parquet`.
    mode : int, optional
        Permissions of the file, and of folders that are missing; default: see `rpa_lab.journal.mode`.

    Raises
    ------
    OSError
        If the disk refuses; nothing is visible then, or (where only the last fsync failed) the same bytes as after a
        retry.
    """
    make_folder(folder, mode=mode)
    temp = folder / fragment_temp(fragment, secrets.token_hex(6))
    try:
        write_new(temp, data, mode=mode)
        os.replace(temp, folder / fragment_name(fragment))  # noqa: PTH105 - one name for each call, as strace shows it
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)  # noqa: PTH108
        raise
    fsync_folder(folder)


def write_new(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file that must not exist yet, and fsync it; `mode` as for `publish_fragment`."""
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, FILE_MODE)) as file:
        set_mode(path, mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path, *, mode: int | None = None) -> None:
    """Make a folder and its parents; each new entry is fsynced in its parent. `mode` is that of the files in them."""
    try:
        _make_one(folder, mode)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(folder.parent, mode=mode)
        with contextlib.suppress(FileExistsError):
            _make_one(folder, mode)
    fsync_folder(folder.parent)


def _make_one(folder: Path, mode: int | None) -> None:
    os.mkdir(folder, FOLDER_MODE)  # noqa: PTH102
    if mode is not None:
        inherited = folder.stat().st_mode & S_ISGID  # its files shall belong to the group that the store belongs to
        set_mode(folder, folder_mode(mode) | inherited)


def fsync_folder(folder: Path) -> None:
    """Make a folder's entries durable; Windows has no such call."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _options(table: Table, *, compacted: bool, few: bool = False) -> dict[str, Any]:
    if not compacted:
        if few:  # the codec and a dictionary for each column would take longer than the rows
            return {"compression": "snappy", "use_dictionary": False, "store_schema": True}
        return {"compression": "zstd", "compression_level": 1, "store_schema": True}
    repeating = {
        "name",
        "status",
        "text",
        "json",
        "number",
    }  # no two durations are alike: a dictionary costs a third more
    delta = {"id": "DELTA_BYTE_ARRAY", "time": "DELTA_BINARY_PACKED", "count": "DELTA_BINARY_PACKED"}
    return {
        "compression": "zstd",
        "compression_level": 3,
        "use_dictionary": [column.name for column in table.columns if column.kind in repeating or column.hidden],
        "column_encoding": {
            column.name: delta[column.kind] for column in table.columns if column.kind in delta and not column.hidden
        },
    }


def _row_groups(rows: pa.Table) -> Iterator[tuple[int, int]]:
    """Where row groups begin and end: of one workflow each, or of several that have few rows.

    So who asks for one workflow reads no other's rows, or a few.
    """
    many = "workflow_id" in rows.column_names and rows.num_rows
    ends = pc.run_end_encode(rows["workflow_id"].combine_chunks()).run_ends.to_pylist() if many else [rows.num_rows]
    start = begun = 0  # of the group that is being filled, of this workflow
    for end in ends:
        count = end - begun
        if count >= _ALONE:
            if start < begun:
                yield start, begun
            parts = -(-count // _GROUP)
            yield from ((begun + count * n // parts, begun + count * (n + 1) // parts) for n in range(parts))
            start = end
        elif end - start >= _ALONE:
            yield start, end
            start = end
        begun = end
    if start < rows.num_rows or not rows.num_rows:
        yield start, rows.num_rows


def _time_range(table: Table, rows: pa.Table) -> tuple[datetime | None, datetime | None]:
    time = rows[table.day_of[0]]
    for other in table.day_of[1:]:
        time = pc.coalesce(time, rows[other])
    bounds = pc.min_max(time).as_py()
    return bounds["min"], bounds["max"]


def _footer(metadata: pq.FileMetaData) -> Footer:
    said = {
        key.removeprefix(_PREFIX).decode(): value
        for key, value in (metadata.metadata or {}).items()
        if key.startswith(_PREFIX)
    }
    if not said.keys() >= {"table", "version", "rows", "first", "last", "seal"}:
        raise ValueError("it is no file of an rpa_lab store")
    own = {name: said.pop(name).decode() for name in ("table", "version", "rows", "first", "last", "seal")}
    return Footer(
        table=own["table"],
        version=int(own["version"]),
        rows=int(own["rows"]),
        first=datetime.fromisoformat(own["first"]) if own["first"] else None,
        last=datetime.fromisoformat(own["last"]) if own["last"] else None,
        seal=own["seal"],
        facts=said,
    )


def _sealed(data: bytes) -> bytes:
    at = _seal_at(data, _BLANK)
    if at is None:
        raise RuntimeError("the Parquet writer left no room for the seal")
    return data[:at] + _digest(data, at) + data[at + len(_BLANK) :]


def _seal_at(data: bytes, seal: bytes) -> int | None:
    """Where the seal's value lies: behind its key, in the footer, whose key-value entries come after all statistics."""
    key = _PREFIX + b"seal"
    found = data.rfind(key)
    if found < 0:
        return None
    at = data.find(seal, found + len(key), found + len(key) + 16 + len(seal))
    return at if at >= 0 else None


def _digest(data: bytes, at: int) -> bytes:
    view = memoryview(data)
    state = blake2b(view[:at], digest_size=32)
    state.update(_BLANK)
    state.update(view[at + len(_BLANK) :])
    return state.hexdigest().encode()


def _sealed_footer(metadata: pq.FileMetaData, data: bytes) -> Footer:
    """The footer of a file's bytes; a ValueError where one of them has changed."""
    footer = _footer(metadata)
    at = _seal_at(data, footer.seal.encode())
    if at is None or _digest(data, at) != footer.seal.encode():
        raise ValueError("its seal doesn't match its bytes")
    return footer


def _bytes_of(path: Path) -> bytes:
    if not S_ISREG(path.lstat().st_mode):
        raise Unreadable(f"{path.name}: not a regular file")
    return path.read_bytes()


def _unreadable(name: str, damage: Exception) -> Unreadable:
    return Unreadable(f"{name}: {(str(damage).splitlines() or ['no Parquet file'])[0][:200]}")
