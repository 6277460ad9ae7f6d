from __future__ import annotations

import csv
import gzip
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from polars.testing import assert_frame_equal

from tests import strategies
from tests.integrations.logs import at, parsed, rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("pack", [False, True])
def test_encodings_separators_and_gzip(encoding: str, separator: str, pack: bool) -> None:
    lines = ["case,activity,end,note", '7,prüfen,2026-11-03T09:00Z,"two\nlines"', "", '7,"a ""b""",2026-11-03T09:01Z,x']
    content = "\r\n".join(lines).replace(",", separator).encode(encoding)
    how = {"encoding": encoding} if encoding == "cp1252" else {}
    found = parsed(gzip.compress(content) if pack else content, name="orders.csv.gz", **how)
    assert rows(found, "steps", "node_id") == ["prüfen", 'a "b"']
    assert json.loads(rows(found, "executions", "end_context")[0]) == {"steps": {"note": ["two\nlines", "x"]}}


def test_a_parquet_file_gives_what_its_csv_gives(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "case": [7, 7, 8],
            "activity": ["a", "b", "a"],
            "end": [at(9), at(9, 30), at(10)],
            "cost": [1.5, None, 2.0],
            "late": [True, False, True],
        }
    )
    frame.write_parquet(tmp_path / "x.parquet")
    as_text = frame.with_columns(pl.col("end").dt.strftime("%FT%TZ"), pl.col("late").cast(pl.String))
    as_text.write_csv(tmp_path / "x.csv")
    both = [parsed((tmp_path / name).read_bytes(), name=name) for name in ("x.parquet", "x.csv")]
    for table in ("executions", "steps"):
        frames = [pl.DataFrame(found.tables[table]) for found in both]
        assert_frame_equal(frames[0], frames[1])
    assert rows(both[0], "executions", "execution_id") == ["x:7", "x:8"]


@given(strategies.event_rows())
def test_one_log_gives_the_same_rows_as_csv_as_parquet_and_as_xes(events: list[dict[str, str | None]]) -> None:
    frame = pl.DataFrame(events, schema=dict.fromkeys(events[0], pl.String))
    as_csv, as_parquet = io.StringIO(newline=""), io.BytesIO()
    writer = csv.DictWriter(as_csv, fieldnames=list(events[0]))
    writer.writeheader()
    writer.writerows(events)
    frame.write_parquet(as_parquet)
    log = ET.Element("log")
    for case in dict.fromkeys(event["case:concept:name"] for event in events):
        trace = ET.SubElement(log, "trace")
        ET.SubElement(trace, "string", key="concept:name", value=case or "")
        for event in events:
            if event["case:concept:name"] == case:
                element = ET.SubElement(trace, "event")
                for key, value in event.items():
                    if value is not None and not key.startswith("case:"):
                        ET.SubElement(element, "string", key=key, value=value)
    contents = {"x.csv": as_csv.getvalue().encode(), "x.parquet": as_parquet.getvalue(), "x.xes": ET.tostring(log)}
    found = [parsed(content, name=name) for name, content in contents.items()]
    for table in ("executions", "steps"):
        first, *others = [pl.DataFrame(each.tables[table]) for each in found]
        assert first.height == (len(events) if table == "steps" else frame["case:concept:name"].n_unique())
        for other in others:
            assert_frame_equal(first, other)
