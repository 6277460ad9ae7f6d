"""What is asked of a store: filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from rpa_lab.schema import TABLES
from tests.strategies.times import moments
from tests.strategies.values import words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["filters"]


@st.composite
def filters(draw: st.DrawFn, table: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Conditions on a few columns, as a user says them; most of the values are found in the rows."""
    said: dict[str, Any] = {}
    for column in draw(st.lists(st.sampled_from(list(TABLES[table].readable.values())), max_size=3, unique=True)):
        seen = [row[column.name] for row in rows if row[column.name] is not None]
        values: st.SearchStrategy[Any] = st.sampled_from(seen) if seen else st.nothing()
        match column.kind:
            case "time":
                values |= moments()
                values |= moments().map(
                    lambda at: draw(st.sampled_from([at.replace(tzinfo=None), at.date(), at.isoformat()]))
                )
                operators = ["eq", "ne", "lt", "le", "gt", "ge", "in"]
            case "duration" | "number" | "count":
                values |= st.integers(0, 5)
                operators = ["eq", "ne", "lt", "le", "gt", "ge", "in"]
            case "status":
                values |= st.sampled_from(TABLES[table].statuses)
                operators = ["eq", "ne", "in"]
            case _:
                values |= words(min_size=0, max_size=2) | st.sampled_from(
                    ["e", ".", "%", "robot", ".*", "\\", "(", "vm-1"]
                )
                operators = ["eq", "ne", "in", "contains", "prefix"]
        if draw(st.booleans()):
            said[column.name] = draw(values | st.none() | st.lists(values | st.none(), max_size=4))
        else:
            chosen = draw(st.lists(st.sampled_from(operators), min_size=1, max_size=2, unique=True))
            said[column.name] = {op: draw(st.lists(values, max_size=4) if op == "in" else values) for op in chosen}
    return said
