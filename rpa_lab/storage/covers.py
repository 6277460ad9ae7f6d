"""Which fragments ever went into a day: ranges by writer, packed.

A bot that runs 24,000 times a day is 24,000 writers; packed, they are a quarter of a megabyte and a millisecond to
read.
"""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from functools import lru_cache

from rpa_lab.journal.layout import Fragment

__all__ = ["Covers"]

_KEY = 7
_Range = tuple[bytes, int, int]


class Covers:
    """A set of fragments, kept as ranges of each writer's numbers.

    Examples
    --------
    >>> covers = Covers().plus([Fragment("0123456789ab", 0), Fragment("0123456789ab", 1), Fragment("i0123456789a", 5)])
    >>> Fragment("0123456789ab", 1) in covers, Fragment("0123456789ab", 2) in covers
    (True, False)
    >>> Covers.unpack(covers.pack()) == covers
    True
    """

    __slots__ = ("_highs", "_keys", "_lows")

    def __init__(self, ranges: Iterable[_Range] = ()) -> None:
        ordered = sorted(ranges)
        self._keys = b"".join(key for key, _, _ in ordered)
        self._lows = array("I", (low for _, low, _ in ordered))
        self._highs = array("I", (high for _, _, high in ordered))

    def __contains__(self, fragment: Fragment) -> bool:
        key = _key(fragment.writer)
        at = (
            bisect_right(range(len(self._lows)), (key, fragment.seq), key=lambda i: (self._key_at(i), self._lows[i]))
            - 1
        )
        return at >= 0 and self._key_at(at) == key and fragment.seq <= self._highs[at]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Covers) and self._ranges() == other._ranges()

    def __hash__(self) -> int:
        return hash((self._keys, self._lows.tobytes()))

    def __len__(self) -> int:
        """How many fragments it holds."""
        return sum(self._highs) - sum(self._lows) + len(self._lows)

    def plus(self, fragments: Iterable[Fragment]) -> Covers:
        """The set with these added."""
        ranges = sorted([*self._ranges(), *((_key(writer), seq, seq) for writer, seq in fragments)])
        merged: list[_Range] = []
        for key, low, high in ranges:
            if merged and merged[-1][0] == key and low <= merged[-1][2] + 1:
                merged[-1] = (key, merged[-1][1], max(high, merged[-1][2]))
            else:
                merged.append((key, low, high))
        return Covers(merged)

    def pack(self) -> bytes:
        """As bytes that a footer can hold."""
        numbers = array("I", [*self._lows, *self._highs])
        if sys.byteorder == "big":
            numbers.byteswap()
        return base64.b64encode(zlib.compress(self._keys + numbers.tobytes(), 1))

    @staticmethod
    @lru_cache(maxsize=1024)
    def unpack(packed: bytes) -> Covers:
        """The set that `pack` wrote.

        Raises
        ------
        ValueError
            If these bytes are no such set.
        """
        try:
            data = zlib.decompress(base64.b64decode(packed, validate=True))
        except zlib.error as damage:
            raise ValueError(f"covers can't be unpacked: {damage}") from damage
        count, rest = divmod(len(data), _KEY + 8)
        if rest:
            raise ValueError("covers can't be unpacked: cut short")
        numbers = array("I")
        numbers.frombytes(data[count * _KEY :])
        if sys.byteorder == "big":
            numbers.byteswap()
        covers = Covers()
        covers._keys, covers._lows, covers._highs = data[: count * _KEY], numbers[:count], numbers[count:]
        return covers

    def _key_at(self, at: int) -> bytes:
        return self._keys[at * _KEY : (at + 1) * _KEY]

    def _ranges(self) -> list[_Range]:
        return [(self._key_at(i), low, high) for i, (low, high) in enumerate(zip(self._lows, self._highs, strict=True))]


def _key(writer: str) -> bytes:
    """A writer's 12 characters as 7 bytes: whether it is an importer's, then its hex digits."""
    importer = writer.startswith("i")
    return bytes([importer]) + bytes.fromhex("0" + writer[1:] if importer else writer)
