"""A store's copy in a bucket, as `rpa-lab push` makes it: found by pyarrow, read by Polars, never written.

A bucket has no locks and needs none here: of a day's published files the one of the highest generation counts, so a
reader that comes while one replaces another sees the day once.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

import polars as pl

from rpa_lab.errors import InputError, StoreError, quote
from rpa_lab.journal.fragment import Footer, Unreadable, read_footer
from rpa_lab.journal.layout import SETTINGS, STORE, day_name, parse_day, parse_published
from rpa_lab.journal.root import refuse_newer
from rpa_lab.period import Span
from rpa_lab.schema import TABLES, Table
from rpa_lab.storage.covers import Covers
from rpa_lab.storage.reading import Reading, open_files
from rpa_lab.storage.repeated import Repeated
from rpa_lab.storage.settings import Settings, parse_settings
from rpa_lab.storage.snapshot import Day, LiveFile, newer_schema

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, FileSystem

__all__ = ["Bucket", "RemoteReading", "bucket_of", "local_path"]

_OPTIONS: Final = {
    "aws_access_key_id": "access_key",
    "aws_secret_access_key": "secret_key",
    "aws_session_token": "session_token",
    "aws_region": "region",
    "aws_endpoint_url": "endpoint_override",
}
_AT_ONCE: Final = 16
_CACHE_SIZE: Final = 50_000
_footers: OrderedDict[tuple[str, int, int], Footer] = OrderedDict()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A place in a bucket: how it is called, and the file system and path by which it is reached."""

    uri: str
    path: str
    files: FileSystem = field(repr=False)
    options: Mapping[str, str] = field(repr=False)
    """Polars' storage options; may hold secrets."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes; None where there is no such file."""
        try:
            with self.files.open_input_file(f"{self.path}/{name}") as file:
                data: bytes = file.read()
        except FileNotFoundError:
            return None
        except OSError as refusal:
            raise StoreError(f"{self.uri}/{name} can't be read: {_short(refusal)}") from refusal
        return data

    def listed(self, name: str) -> list[FileInfo]:
        """What lies in a folder; empty where there is none."""
        from pyarrow.fs import FileSelector

        try:
            found: list[FileInfo] = self.files.get_file_info(FileSelector(f"{self.path}/{name}", allow_not_found=True))
        except OSError as refusal:
            raise StoreError(f"{self.uri}/{name} can't be listed: {_short(refusal)}") from refusal
        return found


def local_path(where: str | os.PathLike[str]) -> Path | None:
    """The folder that a path or a ``file://`` URL means; None where it names a bucket.

    Raises
    ------
    InputError
        If it is a URL of another kind.

    Examples
    --------
    >>> local_path("file:///srv/store"), local_path("s3://robots/store")
    (PosixPath('/srv/store'), None)
    """
    text = os.fspath(where)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(where)
    if scheme == "s3":
        return None
    if scheme == "file":
        return Path(unquote(urlsplit(text).path))
    raise InputError(f"{quote(text)} is no place for a store; expected a folder, file:///folder or s3://bucket/prefix")


def bucket_of(uri: str, *, storage_options: Mapping[str, str] | None = None) -> Bucket:
    """The place that an ``s3://`` URI names.

    Parameters
    ----------
    uri : str
        ``s3://bucket`` or ``s3://bucket/prefix``.
    storage_options : mapping of str to str, optional
        aws_access_key_id, aws_secret_access_key, aws_session_token, aws_region, aws_endpoint_url, as Polars calls them;
        what is left out comes from the environment variables of these names in capitals, or from the usual files.

    Returns
    -------
    Bucket

    Raises
    ------
    InputError
        If the URI names no bucket, or there is no such option.
    """
    from pyarrow.fs import S3FileSystem

    name = uri.removeprefix("s3://").strip("/")
    if not name:
        raise InputError(f"{quote(uri)} names no bucket; expected s3://bucket/prefix")
    options = dict(storage_options or {})
    for key in options:
        if key not in _OPTIONS:
            raise InputError(f"storage option {quote(key)} is not known; expected {', '.join(_OPTIONS)}")
    endpoint = options.get("aws_endpoint_url", os.environ.get("AWS_ENDPOINT_URL"))
    given: dict[str, Any] = {_OPTIONS[key]: value for key, value in options.items()}
    if endpoint:
        address = urlsplit(endpoint)
        given["endpoint_override"], given["scheme"] = address.netloc, address.scheme
        options["aws_endpoint_url"] = endpoint
        options["aws_allow_http"] = str(address.scheme == "http").lower()
    region = options.get("aws_region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if region:
        given["region"] = options["aws_region"] = region
    return Bucket(uri=f"s3://{name}", path=name, files=S3FileSystem(**given), options=options)


class RemoteReading(Reading):
    """Finds the published files in a bucket, and makes lazy frames of them."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(Path(bucket.path), compact=False)
        self.bucket = bucket
        self._checked = False
        self._settings: Settings | None = None

    def settings(self) -> Settings:
        """The settings that were pushed with the store."""
        if self._settings is None:
            said = self.bucket.read(SETTINGS)
            place = f"{self.bucket.uri}/{SETTINGS}"
            self._settings = Settings() if said is None else parse_settings(said, place=place)
        return self._settings

    def days(self, table: str) -> list[date]:
        """The UTC days that a table has; refuses a place that holds no store, or one of a newer format."""
        if not self._checked:
            said = self.bucket.read(STORE)
            if said is None:
                raise StoreError(f"{self.bucket.uri} holds no copy of a store; expected one that rpa-lab push made")
            refuse_newer(said, place=f"{self.bucket.uri}/{STORE}")
            self._checked = True
        return sorted(day for entry in self.bucket.listed(table) if (day := parse_day(entry.base_name)))

    def looks(self, table: str, span: Span) -> list[Day]:
        """The UTC days that a span touches, as they are now."""
        first, last = span.start.date(), (span.end - timedelta(microseconds=1)).date()
        days = [day for day in self.days(table) if first <= day <= last]
        with ThreadPoolExecutor(_AT_ONCE) as pool:  # each is a wait for the network
            return list(pool.map(lambda day: self.look(table, day), days))

    def look(self, table: str, day: date) -> Day:
        """One table's UTC day as it is now."""
        place = f"{table}/{day_name(day)}"
        listed = sorted(self.bucket.listed(place), key=lambda entry: entry.base_name, reverse=True)
        damaged, live = 0, list[LiveFile]()
        for entry in listed:
            if parse_published(table, entry.base_name) is None or live:
                continue
            try:
                live.append(LiveFile(Path(entry.path), "published", self._footer(entry)))
            except FileNotFoundError:
                continue  # a newer one took its place; the next look sees that
            except Unreadable:
                damaged += 1
        said = (f"{day}: {damaged} of {damaged + len(live)} files are damaged and left out; push again",)
        warnings = (said if damaged else ()) + newer_schema(day, live)
        folder = Path(self.bucket.path) / place
        return Day(table=table, day=day, folder=folder, covers=Covers(), files=tuple(live), warnings=warnings)

    def source(self, file: LiveFile) -> str:
        """The URI by which any Parquet reader finds a file."""
        return f"s3://{file.path}"

    def _open(self, table: Table, files: Sequence[LiveFile]) -> pl.LazyFrame:
        return open_files(table, [self.source(file) for file in files], storage_options=self.bucket.options)

    def _footer(self, entry: FileInfo) -> Footer:
        key = (f"{self.bucket.options.get('aws_endpoint_url')} {entry.path}", entry.size, entry.mtime_ns)
        if key not in _footers:
            with self.bucket.files.open_input_file(entry.path) as opened:
                _footers[key] = read_footer(Path(entry.path), opened=opened)
            if len(_footers) > _CACHE_SIZE:
                _footers.popitem(last=False)
        return _footers[key]

    def _repeated(self, files: Sequence[LiveFile]) -> Repeated | None:  # noqa: ARG002 - as where files are near
        return None  # each id would be fetched twice

    def _quarantine_damaged(self) -> bool:
        for table in TABLES:
            for day in self.days(table):
                if (damage := self.look(table, day).warnings) and "damaged" in damage[0]:
                    raise StoreError(f"{self.bucket.uri}: {table} {damage[0]}")
        return False


def _short(refusal: Exception) -> str:
    return (str(refusal).splitlines() or ["no reason given"])[0][:200]
