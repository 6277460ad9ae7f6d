"""What is wrong with a log is one clear sentence, and the store stays as it was."""

from __future__ import annotations

import gzip
import io
import random
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab import MetricsCollector, TimeSeriesStore
from rpa_lab.errors import RpaLabError
from rpa_lab.integrations.event_columns import Columns
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.export import export_events
from rpa_lab.integrations.importing import import_files

HEADER = b"case_id,activity,start_time,end_time\n"
GOOD = b"7,pay,2026-11-03T09:00:00Z,2026-11-03T09:30:00Z\n"


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A file, how it is read, and the sentence that it gives (a pattern, after the file's path)."""

    said: str
    content: bytes = b""
    name: str = "log.csv"
    how: Mapping[str, Any] = field(default_factory=dict)
    tz: str | None = None


def csv(*rows: bytes, header: bytes = HEADER) -> bytes:
    return header + b"".join(row + b"\n" for row in rows)


def xes(events: bytes, *, case: bytes = b'<string key="concept:name" value="7"/>', head: bytes = b"") -> bytes:
    return b'<?xml version="1.0"?>\n' + head + b"<log>\n<trace>\n" + case + b"\n" + events + b"\n</trace>\n</log>\n"


def event(**more: bytes) -> bytes:
    said = {b"concept:name": b"pay", b"time:timestamp": b"2026-11-03T09:30:00Z"}
    said |= {key.encode().replace(b"__", b":"): value for key, value in more.items()}
    return b"<event>%s</event>" % b"".join(b'<string key="%s" value="%s"/>' % pair for pair in said.items() if pair[1])


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def parquet(**columns: list[Any]) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def bomb() -> bytes:
    """100 MB that are 1 MB as a gzip file."""
    noise = random.Random(1).randbytes(1000 * 1000)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(noise) + packer.compress(bytes(99 * 1000 * 1000)) + packer.flush()


LAUGHS = b'<!DOCTYPE log [<!ENTITY a "ha">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(8)
)
TIME = "2026-11-03T09:30:00Z"

BAD = {
    # CSV: what is no table
    "an empty file": Bad(said="is empty, expected a line with the names of its columns, and events"),
    "blank lines only": Bad(content=b"\n\n  \n", said="is empty, expected a line"),
    "a byte order mark and nothing": Bad(content=b"\xef\xbb\xbf", said="is empty, expected a line"),
    "a header only": Bad(content=HEADER, said="has a header and no events, expected at least one"),
    "a row that is too short": Bad(
        content=csv(GOOD.strip(), b"8,pay"), said="line 3 has 2 fields, expected 4 as in the header"
    ),
    "a row that is too long": Bad(
        content=csv(GOOD.strip() + b",x"), said="line 2 has 5 fields, expected 4 as in the header"
    ),
    "a ragged row after one of several lines": Bad(
        content=csv(b'7,"pay\nand ship",2026-11-03T09:00Z,2026-11-03T09:30Z', b"8"),
        said="line 4 has 1 field, expected 4 as in the header",
    ),
    "a quote that stays open": Bad(
        content=csv(GOOD.strip(), b'8,"pay,2026-11-03T09:00Z,2026-11-03T09:30Z'),
        said="line 3 opens a quote that is never closed, expected a closing one",
    ),
    "text after a closing quote": Bad(
        content=csv(b'7,"pay"now,2026-11-03T09:00Z,2026-11-03T09:30Z'),
        said="line 2 goes on after a closing quote, expected a separator there",
    ),
    "a field without end": Bad(
        content=csv(b'7,"' + b"pay\n" * 40_000), said=r"line 2 has a field of more than 131,072 characters, expected"
    ),
    "a column twice": Bad(
        content=csv(GOOD.strip(), header=b"case_id,activity,end_time,end_time\n"),
        said="line 1 names the column 'end_time' twice, expected each once",
    ),
    "separators that tie": Bad(
        content=b"case_id;activity,end_time\n",
        said=r"has a header that ',' or ';' might separate; say which \(--separator\)",
    ),
    "another separator than was said": Bad(
        content=csv(GOOD.strip()), how={"separator": ";"}, said=r"has no column that is known to say the case .*--case"
    ),
    "more rows than may be": Bad(
        content=csv(*[GOOD.strip()] * 3), how={"max_rows": 2}, said="has more than 2 rows, expected at most that many"
    ),
    # encodings
    "Latin-1": Bad(
        content=csv(GOOD.strip(), "8,prüfen".encode("latin-1")),
        said=r"line 3 is not in UTF-8 \(byte 0xfc\); expected UTF-8, or another encoding",
    ),
    "half a character of UTF-16": Bad(
        content=csv(GOOD.strip()).decode().encode("utf-16") + b"\x00", said="is not in UTF-16"
    ),
    "UTF-16 without its mark": Bad(
        content=csv(GOOD.strip()).decode().encode("utf-16-le"), said="line 1 holds a NUL character, expected the text"
    ),
    "no such encoding": Bad(
        content=csv(GOOD.strip()), how={"encoding": "klingon"}, said="encoding is 'klingon', expected one such as utf-8"
    ),
    "a NUL in a name": Bad(
        content=csv(GOOD.strip(), b"8,p\0y,2026-11-03T09:00Z,2026-11-03T09:30Z"), said="line 3 holds a NUL character"
    ),
    "an Excel workbook": Bad(content=b"PK\x03\x04", name="log.xlsx", said=r"is a ZIP archive \(or an Excel workbook\)"),
    # what columns mean
    "two columns for one meaning": Bad(
        content=csv(b"7,7,pay,2026-11-03T09:30Z", header=b"case_id,Case ID,activity,end\n"),
        said=r"has the columns 'case_id' and 'Case ID', each of which might say the case .*\(--case on the command",
    ),
    "no activity": Bad(
        content=csv(b"7,2026-11-03T09:30Z", header=b"case_id,end\n"),
        said=r"has no column that is known to say what was done; say activity \(--activity .*'case_id', 'end'",
    ),
    "a column that isn't there": Bad(
        content=csv(GOOD.strip()),
        how={"columns": Columns(end="ende_time")},
        said="option end: the file has no column 'ende_time'; did you mean 'end_time'",
    ),
    "a blank case": Bad(
        content=csv(GOOD.strip(), b",pay,2026-11-03T09:00Z,2026-11-03T09:30Z"),
        said="line 3, column 'case_id': is blank, expected the case of each event",
    ),
    "a blank activity": Bad(
        content=csv(b"7,,2026-11-03T09:00Z,2026-11-03T09:30Z"),
        said="line 2, column 'activity': is blank, expected the activity of each event",
    ),
    "cases that look alike once joined": Bad(
        content=csv(
            b"a:b,c,x,2026-11-03T09:30Z", b"a,b:c,x,2026-11-03T09:30Z", header=b"run_id,job_name,step_name,ended\n"
        ),
        said="has cases that 'run_id' and 'job_name', joined by ':', don't tell apart",
    ),
    "a case without end": Bad(
        content=csv(b"7" * 291 + b",pay,2026-11-03T09:00Z,2026-11-03T09:30Z"),
        said=r"line 2, column 'case_id': '777+… has 291 characters, expected at most 290",
    ),
    "a word that is no status": Bad(
        content=csv(
            b"7,pay,2026-11-03T09:30Z,ok", b"7,ship,2026-11-03T09:40Z,blue", header=b"case_id,activity,end,status\n"
        ),
        how={"columns": Columns(status="status")},
        said="line 3, column 'status': 'blue' is no status .expected completed, failed or skipped",
    ),
    # times
    "no such day": Bad(
        content=csv(GOOD.strip(), b"7,ship,2026-11-03T09:00Z,31/11/2026"),
        said="line 3, column 'end_time': '31/11/2026' is no date .expected ISO 8601",
    ),
    "no such day in ISO": Bad(
        content=csv(b"7,pay,2026-02-30T09:00Z,2026-03-03T09:00Z"),
        said="line 2, column 'start_time': '2026-02-30T09:00Z' is no date",
    ),
    "day and month in either order": Bad(
        content=csv(b"7,pay,03/11/2026 09:00,03/11/2026 09:30"),
        said="line 2, column 'start_time': '03/11/2026 09:00' is no date",
    ),
    "an offset beyond the Earth": Bad(
        content=csv(b"7,pay,2026-11-03T09:00+25:00,2026-11-03T09:30Z"), said=r"'2026-11-03T09:00\+25:00' is no date"
    ),
    "a zone on some times and none on others": Bad(
        content=csv(GOOD.strip(), b"7,ship,2026-11-03T09:00Z,2026-11-03T09:30"),
        said=r"line 3, column 'end_time': '2026-11-03T09:30' names no zone, '2026-11-03T09:30:00Z' of line 2 does",
    ),
    "a year before computers": Bad(
        content=csv(b"7,pay,1899-12-31T09:00Z,1899-12-31T09:30Z"),
        said=r"'1899-12-31T09:00Z' is out of range \(expected 1970",
    ),
    "an end before its start": Bad(
        content=csv(GOOD.strip(), b"7,ship,2026-11-03T10:00Z,2026-11-03T09:59Z"),
        said="line 3 ends 2026-11-03 09:59:00 UTC, before its start 2026-11-03 10:00:00 UTC",
    ),
    "an event twice": Bad(
        content=csv(GOOD.strip(), b"8" + GOOD[1:].strip(), GOOD.strip()),
        said=r"line 4 repeats line 2 \(case '7', activity 'pay'\), expected each event once",
    ),
    "no event that ended": Bad(
        content=csv(b"7,pay,2026-11-03T09:00Z,"), said="holds no event that was completed, expected at least one"
    ),
    "a format that is none": Bad(
        content=csv(GOOD.strip()), how={"time_format": "dd/mm"}, said="time_format is 'dd/mm', expected"
    ),
    "no such zone": Bad(
        content=csv(GOOD.strip().replace(b"Z", b"")),
        tz="Europe/Pariss",
        said="tz 'Europe/Pariss' is no time zone; expected an IANA",
    ),
    "no such offset": Bad(content=csv(GOOD.strip()), tz="UTC+2", said=r"tz 'UTC\+2' is no time zone"),
    # gzip
    "gzip that was cut": Bad(
        content=packed(csv(*[b"%d" % n + GOOD[1:].strip() for n in range(99)]))[:-9],
        name="log.csv.gz",
        said="is a gzip file that ends too early, expected a whole one",
    ),
    "gzip with a wrong sum": Bad(
        content=packed(csv(GOOD.strip()))[:-8] + bytes(8),
        name="log.csv.gz",
        said="is a damaged gzip file: CRC check failed",
    ),
    "gzip and then noise": Bad(
        content=packed(csv(GOOD.strip())) + b"noise",
        name="log.csv.gz",
        said="is a damaged gzip file: Not a gzipped file",
    ),
    "a bomb of 100 MB": Bad(
        content=bomb(),
        name="log.csv.gz",
        said=r"unpacks to more than 6\d,\d{3},\d{3}, expected at most 60 times its size",
    ),
    # XES
    "a hundred million laughs": Bad(
        content=xes(event(concept__name=b"&i;"), head=LAUGHS + b"]>\n"),
        name="log.xes",
        said="line 2 has a DOCTYPE, which no XES",
    ),
    "an entity from elsewhere": Bad(
        content=xes(event(), head=b'<!DOCTYPE log SYSTEM "file:///etc/passwd">\n'),
        name="log.xes",
        said="line 2 has a DOCTYPE",
    ),
    "XML that ends too early": Bad(
        content=xes(event())[:-9], name="log.xes", said="line 6 is no complete XML: unclosed token, expected XES"
    ),
    "XML of another kind": Bad(
        content=b"<robot/>", name="log.xes", said="line 1 has the root element <robot>, expected <log>"
    ),
    "no XML at all": Bad(content=csv(GOOD.strip()), name="log.xes", said="line 1 is no complete XML: syntax error"),
    "an empty XES": Bad(name="log.xes", said="is empty, expected XES"),
    "a log without cases": Bad(content=b"<log/>", name="log.xes", said="holds no <trace>, expected one for each case"),
    "a log without events": Bad(content=xes(b""), name="log.xes", said="holds no event, expected at least one"),
    "elements in each other without end": Bad(
        content=xes(b"<list>" * 99), name="log.xes", said="line 5 nests <list> deeper than 60 elements"
    ),
    "keys that make a table too wide": Bad(
        content=xes(b"".join(event(**{f"k{n % 990}": b"1"}) for n in range(100))),
        name="log.xes",
        how={"max_values": 9_000},
        said=r"has more than 9,000 values \(events times keys\)",
    ),
    "a table of commas": Bad(
        content=b",".join(b"c%d" % n for n in range(990)) + b"\n" + (b"," * 989 + b"\n") * 100,
        how={"max_values": 90_000},
        said="has more than 90,000 fields, expected at most that many",
    ),
    "a workflow without end": Bad(
        content=csv(GOOD.strip()), how={"workflow": "w" * 201}, said="workflow is 'w+…, expected a name of 1 to 200"
    ),
    "a key twice": Bad(
        content=xes(event() + b"\n" + event().replace(b"</event>", b'<int key="concept:name" value="1"/></event>')),
        name="log.xes",
        said="line 6 says 'concept:name' twice of one event or case, expected it once",
    ),
    "an attribute without a value": Bad(
        content=xes(event() + b'<event><string key="a"/></event>'),
        name="log.xes",
        said="line 5 has a <string> without a value",
    ),
    "a case without a name": Bad(
        content=xes(event(), case=b'<string key="name" value="7"/>'),
        name="log.xes",
        said="has no column that is known to say the case",
    ),
    "a case whose name is blank": Bad(
        content=xes(event(), case=b'<string key="concept:name" value=""/>'),
        name="log.xes",
        said="line 5, column 'case:concept:name': is blank, expected the case of each event",
    ),
    "a completion before its start": Bad(
        content=xes(event(start_timestamp=b"2026-11-03T10:00Z")), name="log.xes", said="line 5 ends .* before its start"
    ),
    "a character that XML can't hold": Bad(
        content=xes(event(note=b"&#1;")),
        name="log.xes",
        said="line 5 is no complete XML: reference to invalid character",
    ),
    "an encoding that nobody knows": Bad(
        content=xes(event()).replace(b'"1.0"', b'"1.0" encoding="klingon"'),
        name="log.xes",
        said="is .*unknown encoding|unreadable",
    ),
    # Parquet
    "half a Parquet file": Bad(
        content=parquet(case_id=["7"], activity=["pay"], end_time=[TIME])[:200],
        name="log.parquet",
        said="is a damaged Parquet file: ",
    ),
    "a Parquet file that is none": Bad(content=b"hello", name="log.parquet", said="doesn't begin like a Parquet file"),
    "a row of Parquet without a case": Bad(
        content=parquet(case_id=["7", None], activity=["pay"] * 2, end_time=[TIME] * 2),
        name="log.parquet",
        said="row 2, column 'case_id': is blank, expected the case of each event",
    ),
    "too many rows of Parquet": Bad(
        content=parquet(case_id=["7"] * 9, activity=["pay"] * 9, end_time=[TIME] * 9),
        name="log.parquet",
        how={"max_rows": 8},
        said="has 9 rows, expected at most 8",
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> TimeSeriesStore:
    """A store that holds something."""
    root = tmp_path_factory.mktemp("held")
    with MetricsCollector(root) as collector, collector.execution("invoices"):
        pass
    return TimeSeriesStore(root, compact=False)


def test_there_are_forty_of_them_at_least() -> None:
    assert len(BAD) >= 40


@pytest.mark.parametrize("what", BAD)
def test_a_malformed_log_is_one_clear_sentence_and_changes_nothing(
    tmp_path: Path, store: TimeSeriesStore, what: str
) -> None:
    bad = BAD[what]
    good, file = tmp_path / "good.csv", tmp_path / bad.name
    good.write_bytes(csv(GOOD.strip()))
    file.write_bytes(bad.content)
    before = store.fingerprint("all")
    files = [file] if bad.how else [good, file]  # one good file doesn't get in before a bad one

    with pytest.raises(RpaLabError) as caught:
        import_files(EventLog(**bad.how), files, store, tz=bad.tz)

    said = str(caught.value)
    assert re.search(bad.said, said), said
    assert "\n" not in said
    assert len(said) < 600
    assert bad.tz or "encoding" in bad.how or "time_format" in bad.how or "workflow" in bad.how or str(file) in said
    assert store.fingerprint("all") == before
    assert store.read("executions").height == 1


def test_an_export_that_somebody_changed_is_one_clear_sentence(tmp_path: Path, store: TimeSeriesStore) -> None:
    export_events(store, tmp_path / "log.xes")
    text = (tmp_path / "log.xes").read_text()
    number = re.search(r'<float key="rpa:duration_ms" value="([^"]*)"', text)
    assert number
    changed = {
        "'soon' is no number": text.replace(f'value="{number[1]}"', 'value="soon"'),
        "'today' is no date": re.sub(r'(key="rpa:started_at" value=)"[^"]*"', r'\1"today"', text),
        "under rpa:json:, expected a string as JSON": text.replace("rpa:status", "rpa:json:status"),
    }
    before = store.fingerprint("all")
    for said, content in changed.items():
        assert content != text
        (tmp_path / "changed.xes").write_text(content)
        with pytest.raises(RpaLabError, match=said):
            import_files(EventLog(), [tmp_path / "changed.xes"], store)
        assert store.fingerprint("all") == before
