"""Answers that were given before, kept while they are true.

An answer is found again by all that it depends on: the question, the period in UTC and its zone, "now" where it
matters, and the fingerprint of the files behind it. A file is never changed and its seal is in the fingerprint, so an
answer that is found is the one that would be computed; one that isn't true any more is not found, and leaves in time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Final

from rpa_lab.errors import InputError, quote
from rpa_lab.period import Span
from rpa_lab.query.query import Query
from rpa_lab.query.result import QueryResult

__all__ = ["Answers", "CacheView", "Key"]

_MOST_BYTES: Final = 256 * 2**20
"""What all kept answers may take; one of more than a quarter of it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """All that an answer depends on."""

    query: Query
    span: Span
    now: datetime | None
    """What "now" was; None where the answer is the same at any time."""
    is_over: bool
    """Whether the period was: its answer says so otherwise."""
    damage: tuple[str, ...]
    """What is wrong with files behind it; the fingerprint is of those that can be read."""
    fingerprint: str
    """Of the files behind it."""


class Answers:
    """The answers that were used last, for any number of threads.

    Parameters
    ----------
    size : int
        How many are kept; 0: none.
    """

    def __init__(self, size: int) -> None:
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise InputError(f"cache_size is {quote(size)}, expected a whole number from 0 on")
        self.size = size
        self.hits = 0
        self.misses = 0
        self._bytes = 0
        self._kept: OrderedDict[Key, QueryResult] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Key) -> QueryResult | None:
        """The answer; None where there is none. Counted as a hit or a miss, and as a use."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(key)
        return _own(found)

    def keep(self, key: Key, answer: QueryResult) -> None:
        """Keep an answer; those that were used least go."""
        own, size = _own(answer), _bytes(answer)
        if not self.size or size > _MOST_BYTES // 4:
            return
        with self._lock:
            if (before := self._kept.pop(key, None)) is not None:
                self._bytes -= _bytes(before)
            self._kept[key] = own
            self._bytes += size
            while len(self._kept) > self.size or self._bytes > _MOST_BYTES:
                self._bytes -= _bytes(self._kept.popitem(last=False)[1])

    def seen(self) -> dict[Key, QueryResult]:
        """What is kept right now, least used first; looking is no use."""
        with self._lock:
            return dict(self._kept)


class CacheView(Mapping[Key, QueryResult]):
    """What a `QueryEngine` has kept, to be looked at: keys, answers, `hits`, `misses`, `maxsize`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    @property
    def hits(self) -> int:
        """How often an answer was found."""
        return self._answers.hits

    @property
    def misses(self) -> int:
        """How often none was."""
        return self._answers.misses

    @property
    def maxsize(self) -> int:
        """How many answers are kept."""
        return self._answers.size

    def __getitem__(self, key: Key) -> QueryResult:
        return _own(self._answers.seen()[key])

    def __iter__(self) -> Iterator[Key]:
        return iter(self._answers.seen())

    def __len__(self) -> int:
        return len(self._answers.seen())

    def __repr__(self) -> str:
        return f"CacheView({len(self)} of {self.maxsize}, {self.hits} hits, {self.misses} misses)"


def _own(answer: QueryResult) -> QueryResult:
    """The answer with a frame of its own: what is done to that changes no other."""
    return replace(answer, table=answer.table.clone())


def _bytes(answer: QueryResult) -> int:
    return int(answer.table.estimated_size())
