"""A gzip file's content in pieces: never more than a limit, so that a bomb is refused and not unpacked.

A log of events shrinks to a tenth or a thirtieth. What grows to more than 60 times its size (beyond the first 16 MB) is
taken for a bomb: 1 MB that would become 100 MB is refused when 60 MB of it are unpacked.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Final

from rpa_lab.integrations.source import MAX_BYTES, Source

__all__ = ["MAX_RATIO", "pieces"]

MAX_RATIO: Final = 60
"""How many times its size a gzip file may become."""

_PIECE: Final = 1 << 18
_ALWAYS: Final = 16 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"


def pieces(source: Source, *, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
    """The content of a file, unpacked if it is a gzip file, piece by piece.

    Parameters
    ----------
    source : Source
        The file.
    max_bytes : int
        The most bytes that it may have, unpacked.

    Yields
    ------
    bytes

    Raises
    ------
    SourceError
        If it grows beyond the limits, or is damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> packed = Source(path=Path("log.csv.gz"), content=gzip.compress(b"case,activity"))
    >>> b"".join(pieces(packed))
    b'case,activity'
    """
    if not source.content.startswith(_GZIP):
        for start in range(0, len(source.content), _PIECE):
            yield source.content[start : start + _PIECE]
        return
    most = min(max_bytes, max(_ALWAYS, MAX_RATIO * len(source.content)))
    unpacked = 0
    try:
        with gzip.GzipFile(fileobj=BytesIO(source.content)) as file:
            while piece := file.read(_PIECE):
                unpacked += len(piece)
                if unpacked > most:
                    expected = f"{max_bytes:,} (--max-mb on the command line)"
                    if most < max_bytes:
                        expected = f"{MAX_RATIO} times its size; if that is right, unpack it yourself"
                    what = f"has {len(source.content):,} bytes and unpacks to more than {most:,}"
                    raise source.error(f"{what}, expected at most {expected}")
                yield piece
    except EOFError:
        raise source.error("is a gzip file that ends too early, expected a whole one") from None
    except (gzip.BadGzipFile, zlib.error) as mistake:
        raise source.error(f"is a damaged gzip file: {mistake}") from None
