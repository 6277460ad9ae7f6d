"""Logs of events, as process mining has them."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from hypothesis import strategies as st

from tests.strategies.times import FIRST, moments

__all__ = ["event_rows", "lifecycle_events"]


@st.composite
def event_rows(draw: st.DrawFn) -> list[dict[str, str | None]]:
    """Events as a log has them, all text: of few cases, in any order, with blanks and with text that needs quoting."""
    text = st.text(
        st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\n\t"), min_size=1, max_size=8
    )
    rows: list[dict[str, str | None]] = []
    for number in range(draw(st.integers(1, 12))):
        end = draw(moments())
        begun = draw(st.booleans())
        rows.append(
            {
                "case:concept:name": draw(st.sampled_from(["7", "a:b", "=1+1"])),
                "concept:name": draw(text.filter(str.strip)),
                "start_timestamp": (end - timedelta(seconds=draw(st.integers(0, 99)))).isoformat() if begun else None,
                "time:timestamp": end.isoformat(),
                "org:resource": draw(st.none() | st.sampled_from(["Ann", "Bob"])),
                "note": draw(st.none() | text),
                "number": str(number),  # no two events are alike
            }
        )
    return rows


@st.composite
def lifecycle_events(draw: st.DrawFn) -> pl.DataFrame:
    """Starts and completions of few cases and activities, in any order, many at the same time."""
    count = draw(st.integers(1, 14))
    rows = [
        {
            "row": row,
            "case": draw(st.sampled_from("ab")),
            "activity": draw(st.sampled_from("xy")),
            "instance": draw(st.sampled_from([None, "1"])),
            "lifecycle": draw(st.sampled_from(["start", "complete"])),
            "end": FIRST + timedelta(seconds=draw(st.integers(0, 6))),
        }
        for row in range(count)
    ]
    schema = {"row": pl.Int64, **dict.fromkeys(("case", "activity", "instance", "lifecycle"), pl.String)}
    events = pl.DataFrame(rows, schema={**schema, "end": pl.Datetime("us", "UTC")})
    return events.with_columns(start=pl.lit(None, pl.Datetime("us", "UTC")), status=pl.lit(None, pl.String))
