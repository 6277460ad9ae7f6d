from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rpa_lab.errors import InputError, SourceError
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.source import Parsed, Source
from rpa_lab.storage.store import TimeSeriesStore


@dataclass(frozen=True)
class Tickets:
    """What somebody outside might write: a run per line, each with one step."""

    name: str = "tickets"
    version: str = "1"
    options: Mapping[str, object] = field(default_factory=dict)

    def parse(self, source: Source) -> Parsed:
        rows = list(csv.DictReader(source.content.decode().splitlines()))
        ids = [row["id"] for row in rows]
        opened = [datetime.fromisoformat(row["opened"]) for row in rows]
        closed = [at + timedelta(minutes=1) for at in opened]
        shared: dict[str, list[Any]] = {
            "execution_id": ids,
            "workflow_id": ["tickets"] * len(ids),
            "started_at": opened,
        }
        shared |= {"completed_at": closed, "duration_ms": [60_000.0] * len(ids)}
        node: dict[str, list[Any]] = {
            "node_id": ["answer"] * len(ids),
            "action_type": ["answer"] * len(ids),
            "step_index": [0] * len(ids),
        }
        status = [row["status"] or None for row in rows]
        return Parsed(
            tables={
                "executions": pl.DataFrame(shared | {"status": status}),
                "steps": shared | node | {"status": status},
            },
            left_out={"empty lines": 2},
            warnings=("this is a test",),
        )


def tickets(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(["id,opened,status", *rows]))
    return path


def contents(root: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def ids(store: TimeSeriesStore, table: str = "executions") -> list[str]:
    return sorted(store.read(table)["execution_id"])


def test_naive_times_are_read_in_the_given_zone_and_aware_ones_as_they_are(tmp_path: Path, root: Path) -> None:
    file = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok")
    aware = tickets(tmp_path / "u.csv", "b,2026-07-01T12:00:00+00:00,ok")
    store = TimeSeriesStore(root)
    done = import_files(Tickets(), [file, aware], store, tz="Europe/Paris")
    assert store.read("executions").sort("execution_id")["started_at"].to_list() == [
        datetime(2026, 7, 1, 10, tzinfo=UTC),
        datetime(2026, 7, 1, 12, tzinfo=UTC),
    ]
    assert done.tz == "Europe/Paris"
    assert import_files(Tickets(), [aware], store, tz="Europe/Paris").tz is None


def test_the_result_says_which_zone_was_assumed(tmp_path: Path, root: Path) -> None:
    file = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok")
    done = import_files(Tickets(), [file], TimeSeriesStore(root, tz="Asia/Tokyo"))
    assert done.tz == "Asia/Tokyo"
    assert any("were read in Asia/Tokyo" in text for text in done.warnings)
    assert TimeSeriesStore(root).read("executions")["started_at"].item() == datetime(2026, 7, 1, 3, tzinfo=UTC)
    with pytest.raises(InputError, match="'Europe/Pariss' is no time zone"):
        import_files(Tickets(), [file], TimeSeriesStore(root), tz="Europe/Pariss")


def test_starts_in_an_hour_that_the_clock_repeats_or_skips_are_counted(tmp_path: Path, root: Path) -> None:
    hours = ["a,2026-10-25T02:30:00,ok", "b,2026-03-29T02:30:00,ok", "c,2026-10-25T03:30:00,ok"]
    done = import_files(Tickets(), [tickets(tmp_path / "t.csv", *hours)], TimeSeriesStore(root), tz="Europe/Paris")
    assert any(text.startswith("2 of the executions start in an hour") for text in done.warnings)


def test_what_was_done_is_counted_and_said_in_one_sentence(tmp_path: Path, root: Path) -> None:
    first = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00Z,ok", "b,2026-07-02T12:00:00Z,error")
    second = tickets(tmp_path / "u.csv", "c,2026-07-03T12:00:00Z,ok")
    seen: list[Path] = []
    done = import_files(Tickets(), [first, second], TimeSeriesStore(root), on_file=seen.append)
    assert str(done) == ("3 executions (2 completed, 1 failed) and 3 steps from 2 files; empty lines: 4 left out")
    assert done.warnings == ("this is a test (in 2 files)",)
    assert seen == [first, second]
    assert "2 completed" in done._repr_html_() or done.to_dict()["executions_by_status"] == {
        "completed": 2,
        "failed": 1,
    }


def test_the_same_file_again_changes_nothing(tmp_path: Path, root: Path) -> None:
    file = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok", "b,2026-07-02T12:00:00,error")
    store = TimeSeriesStore(root)
    assert import_files(Tickets(), [file], store).already_there == 0
    before = contents(root)
    assert import_files(Tickets(), [file], store).already_there == 2
    renamed = file.rename(tmp_path / "other-name.csv")
    assert import_files(Tickets(), [renamed, renamed], TimeSeriesStore(root)).already_there == 4
    assert contents(root) == before


@pytest.mark.parametrize(
    "again",
    [
        (Tickets(version="2"), None),
        (Tickets(options={"strict": True}), None),
        (Tickets(), "Asia/Tokyo"),
    ],
)
def test_executions_from_another_writer_are_left_out_whole(
    tmp_path: Path, root: Path, again: tuple[Tickets, str | None]
) -> None:
    file = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok")
    store = TimeSeriesStore(root)
    import_files(Tickets(), [file], store)
    more = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok", "b,2026-07-01T12:30:00,ok")
    importer, tz = again
    assert import_files(importer, [more], store, tz=tz).already_there == 1
    assert ids(store) == ids(store, "steps") == ["a", "b"]


def test_two_files_with_the_same_run_count_it_once(tmp_path: Path, root: Path) -> None:
    first = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok")
    second = tickets(tmp_path / "u.csv", "a,2026-07-01T12:00:00,ok", "b,2026-07-01T12:00:00,ok")
    store = TimeSeriesStore(root)
    assert import_files(Tickets(), [first, second], store).already_there == 1
    assert ids(store) == ids(store, "steps") == ["a", "b"]


def test_an_import_that_was_killed_is_completed_by_repeating_it(tmp_path: Path, root: Path) -> None:
    file = tickets(tmp_path / "t.csv", "a,2026-07-01T12:00:00,ok", "b,2026-07-02T12:00:00,error")
    import_files(Tickets(), [file], TimeSeriesStore(root))
    whole = contents(root)
    fragments = sorted(name for name in whole if name.endswith(".parquet"))
    assert len(fragments) == 4
    for lost in range(1, 5):  # killed before the last, the last two ... were written
        order = sorted(fragments, key=lambda name: ("/steps/" in name, name))
        for name in order[-lost:]:
            Path(name).unlink()
        import_files(Tickets(), [file], TimeSeriesStore(root))
        assert set(contents(root)) == set(whole)
        assert ids(TimeSeriesStore(root)) == ids(TimeSeriesStore(root), "steps") == ["a", "b"]


def test_one_bad_row_among_many_files_and_nothing_is_imported(tmp_path: Path, root: Path) -> None:
    good = tickets(tmp_path / "good.csv", "a,2026-07-01T12:00:00,ok")
    bad = tickets(tmp_path / "bad.csv", "b,2026-07-01T12:00:00,ok", "c,2026-07-01T12:00:00,")
    with pytest.raises(SourceError, match=r"bad.csv has 1 bad executions, the first: row 1: status is None.*; nothing"):
        import_files(Tickets(), [good, bad], TimeSeriesStore(root))
    assert not root.exists()


def test_columns_of_different_lengths_are_the_importers_mistake_and_said_so(tmp_path: Path, root: Path) -> None:
    class Ragged(Tickets):
        def parse(self, source: Source) -> Parsed:
            rows: dict[str, Sequence[object]] = {"execution_id": ["a", "b"], "status": ["ok"]}
            return Parsed(tables={"executions": rows})

    with pytest.raises(SourceError, match="columns of different lengths"):
        import_files(Ragged(), [tickets(tmp_path / "t.csv")], TimeSeriesStore(root))


def test_no_files_and_files_without_rows_import_nothing(tmp_path: Path, root: Path) -> None:
    assert str(import_files(Tickets(), [], TimeSeriesStore(root))) == "0 executions and 0 steps from 0 files"
    assert import_files(Tickets(), [tickets(tmp_path / "t.csv")], TimeSeriesStore(root)).executions == 0
