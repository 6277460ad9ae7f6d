"""Names beside marks on lanes of a time axis, placed so that none runs into another.

Where a name fits beside its mark it stands there, to the right or, at the axis' end, to the left; where it fits on a
further row of the same lane, there. Where it fits nowhere, the mark stands alone, on a row where it covers no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Placed", "place_names"]

_CHARACTER: Final = 5.8  # pixels, on average, of the charts' font at its size on lanes
_GAP: Final = 9.0  # from a mark to its name, and from a name to what comes next


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a mark and its name go: the row of its lane, from 0, and the side of the name, empty where it has none."""

    row: int
    side: str


def place_names(
    marks: Sequence[tuple[float, float, str]], *, width: float, rows: int = 2
) -> tuple[list[Placed], list[int]]:
    """Find places for the names of one lane's marks.

    Parameters
    ----------
    marks : sequence of tuple
        Of each mark its beginning and end along the axis (pixels, 0 to `width`) and its name; those that are named
        first if not all can be come first.
    width : float
        Of the axis, pixels.
    rows : int
        How many rows may have names; there may be one more below them.

    Returns
    -------
    list of Placed
        For each mark.
    list of int
        The rows in use, in order.

    Examples
    --------
    >>> places, used = place_names([(10, 10, "version 2.3"), (40, 40, "version 2.4"), (690, 690, "2.5")], width=700)
    >>> [(place.row, place.side) for place in places], used
    ([(0, 'right'), (1, 'right'), (0, 'left')], [0, 1])
    """
    taken: list[list[tuple[float, float]]] = [[] for _ in range(rows)]
    named: dict[int, Placed] = {}
    for number, (begin, end, name) in enumerate(marks):
        long = _CHARACTER * len(name) + 2 * _GAP
        choices = ((row, side) for row in range(rows) for side in ("right", "left"))
        for row, side in choices if name else ():
            span = (begin - _GAP / 2, end + long) if side == "right" else (begin - long, end + _GAP / 2)
            if (0 <= span[1] <= width + _GAP if side == "right" else span[0] >= 0) and _free(taken[row], span):
                taken[row].append(span)
                named[number] = Placed(row=row, side=side)
                break
    places = [
        named.get(number) or Placed(row=_uncovering(taken, begin, end), side="")
        for number, (begin, end, _) in enumerate(marks)
    ]
    return places, sorted({place.row for place in places})


def _free(taken: Sequence[tuple[float, float]], span: tuple[float, float]) -> bool:
    return all(span[1] <= begin or span[0] >= end for begin, end in taken)


def _uncovering(taken: Sequence[Sequence[tuple[float, float]]], begin: float, end: float) -> int:
    """The first row where a mark without a name covers no other's name, else a row below all names."""
    return next((row for row, spans in enumerate(taken) if _free(spans, (begin - 4, end + 4))), len(taken))
