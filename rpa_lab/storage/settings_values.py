"""Reading one table of a settings file: each value checked, each mistake said with file, key, value and expectation.

A `Section` knows where it stands, so that an error names the place as its writer would look for it::

    rpa_lab.toml: sla[2].duration is '5 parsecs', expected a length of time such as '90s', '5min', '1h30min'
    rpa_lab.toml: cost has no key 'curency'; did you mean 'currency'? It has: currency, employee_per_hour, ...
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any, Final

from rpa_lab.errors import InputError, quote, unknown_name
from rpa_lab.period import zone_name

__all__ = ["Section", "parse_duration_ms"]

_UNITS_MS: Final = {"ms": 1.0, "s": 1e3, "min": 60e3, "h": 3_600e3, "d": 86_400e3}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)")
_WHOLE = re.compile(rf"{_PART.pattern}(?:\s*{_PART.pattern})*")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def parse_duration_ms(text: str) -> float | None:
    """A length of time as people write it, in milliseconds; None if it is none, or nothing.

    Examples
    --------
    >>> parse_duration_ms("1h30min"), parse_duration_ms("90 s"), parse_duration_ms("soon")
    (5400000.0, 90000.0, None)
    """
    if not _WHOLE.fullmatch(text.strip()):
        return None
    return sum(float(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text)) or None


@dataclass(frozen=True, slots=True)
class Section:
    """A table of a settings file: what it says, and how errors name it.

    `file` is the file's name, `name` the table's within it (empty at the top).
    """

    file: str
    name: str
    said: Mapping[str, Any]

    @classmethod
    def of(cls, file: str, name: str, said: object) -> Section:
        """The table of that name; an error where something else stands there."""
        if not isinstance(said, Mapping):
            raise InputError(f"{file}: {name} is {quote(said)}, expected a table, [{name}]")
        return cls(file, name, said)

    def only(self, known: Iterable[str]) -> None:
        """Refuse keys that mean nothing here: a misspelt one must not be passed over in silence."""
        names = tuple(known)
        for key in self.said:
            if key not in names:
                raise self.unknown(key, names)

    def unknown(self, key: str, known: Iterable[str]) -> InputError:
        """The error for a key that means nothing here; suggests the closest that does."""
        what = f"{self.file}: {self.name} has no key" if self.name else f"{self.file} has no key"
        return InputError(str(unknown_name(what, key, known, most=20)))

    def wrong(self, key: str, expected: str, *, value: object = None) -> InputError:
        """The error for a wrong value of a key."""
        shown = self.said.get(key) if value is None else value
        return InputError(f"{self.file}: {self.key(key)} is {quote(shown)}, expected {expected}")

    def key(self, key: str) -> str:
        """A key as errors name it: with the tables that it stands in."""
        bare = key if re.fullmatch(r"[A-Za-z0-9_.-]+", key) else quote(key)
        return f"{self.name}.{bare}" if self.name else bare

    def inner(self, key: str) -> Section:
        """The table that stands under a key; empty where none does."""
        return Section.of(self.file, self.key(key), self.said.get(key, {}))

    def many(self, key: str) -> list[Section]:
        """The tables of a list of them, ``[[key]]``, in order; numbered from 1 as a reader counts."""
        said = self.said.get(key, [])
        if not isinstance(said, list) or not all(isinstance(one, Mapping) for one in said):
            raise self.wrong(key, f"tables, [[{key}]]")
        return [Section(self.file, f"{self.key(key)}[{number}]", one) for number, one in enumerate(said, start=1)]

    def text(self, key: str) -> str | None:
        """A text that isn't blank; None where nothing is said."""
        value = self.said.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, "a text in quotes")
        return value.strip()

    def texts(self, key: str) -> tuple[str, ...]:
        """A text, or a list of texts; none of them blank."""
        value = self.said.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
            raise self.wrong(key, "a text in quotes or a list of such texts")
        if key in self.said and not listed:
            raise self.wrong(key, "at least one text")
        return tuple(listed)

    def one_of(self, key: str, choices: tuple[str, ...]) -> str | None:
        """One of a few words; None where nothing is said."""
        value = self.said.get(key)
        if value is not None and value not in choices:
            raise self.wrong(key, " or ".join(f'"{one}"' for one in choices))
        return value

    def number(self, key: str, *, most: float = math.inf, what: str = "a number, 0 or more") -> float | None:
        """A number from 0 to `most`; None where nothing is said."""
        value = self.said.get(key)
        if value is None:
            return None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 <= value <= most or math.isinf(value):
            raise self.wrong(key, what)
        return float(value)

    def duration_ms(self, key: str) -> float | None:
        """A length of time, in milliseconds; None where nothing is said."""
        value = self.said.get(key)
        if value is None:
            return None
        found = parse_duration_ms(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(key, "a length of time such as '90s', '5min', '1h30min'")
        return found

    def clock(self, key: str) -> time | None:
        """A time of day; None where nothing is said. TOML's own ``06:00:00`` is one too."""
        value = self.said.get(key)
        if value is None:
            return None
        if isinstance(value, time) and value.tzinfo is None:
            return value
        found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if not found:
            raise self.wrong(key, "a time of day such as '06:00'")
        return time(int(found[1]), int(found[2]))

    def zone(self, key: str) -> str | None:
        """The IANA name of a time zone; None where nothing is said."""
        value = self.said.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(key, "an IANA name such as 'Europe/Paris'")
        try:
            return zone_name(value)
        except InputError as mistake:
            place = f"{self.file}: {self.name}." if self.name else f"{self.file}: "
            raise InputError(f"{place}{mistake}") from None
