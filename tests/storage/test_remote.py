from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from rpa_lab import ExecutionMetrics, Lab, StepMetrics, TimeSeriesStore
from rpa_lab.analysis.kpis import KpiAnalyzer
from rpa_lab.errors import InputError, StoreError
from rpa_lab.query.durations import duration_table
from rpa_lab.storage.compaction import compact, compact_day
from rpa_lab.storage.push import push
from rpa_lab.storage.remote import bucket_of, local_path

AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
SETTINGS = """
tz = "Asia/Tokyo"

[[sla]]
p95 = "4min"

[cost]
employee_per_hour = 40

[calendar]
hours = "08:00-18:00"
"""


@pytest.fixture
def pushed(root: Path, bucket: str) -> str:
    """A copy of three days in a bucket."""
    store = TimeSeriesStore(root)
    for n in range(3):
        at = AT.replace(day=1 + n)
        run = ExecutionMetrics(f"e{n}", "invoices", at, at, 1000.0 * n, "completed", 1, 1, 0)
        store.write_metrics([run, StepMetrics(None, f"e{n}", "invoices", "a", "click", None, at, at, 5.0, "completed")])
    (root / "rpa_lab.toml").write_text(SETTINGS)
    for path in (root / "_journal").glob("*/*/*"):
        os.utime(path, (0, 0))
    compact(root, grace_s=0)
    push(root, bucket)
    return bucket


def test_what_the_owner_set_goes_along(pushed: str, root: Path) -> None:
    copy, store = TimeSeriesStore(pushed), TimeSeriesStore(root)
    assert copy.settings == store.settings
    assert (copy.settings.sla[0].share, copy.settings.cost.employee_per_hour) == (95.0, 40.0)
    figures, calendar = KpiAnalyzer(copy).kpis(period="2026-11"), copy.settings.calendar
    assert figures.to_dict() == KpiAnalyzer(store).kpis(period="2026-11").to_dict()
    assert calendar is not None
    assert figures.has_calendar


def test_a_copy_in_a_bucket_reads_as_the_store(pushed: str, root: Path) -> None:
    copy, store = TimeSeriesStore(pushed), TimeSeriesStore(root)
    for table in ("executions", "steps", "resources"):
        assert copy.read(table).equals(store.read(table))
    assert copy.read("executions", "2026-11-02")["execution_id"].to_list() == ["e1"]
    assert copy.tz == "Asia/Tokyo"
    assert copy.now >= datetime(2026, 11, 3, tzinfo=UTC)
    assert TimeSeriesStore(pushed, as_of="latest").now == AT.replace(microsecond=1)


def test_the_lab_answers_from_a_bucket(pushed: str, root: Path) -> None:
    copy, lab = Lab(pushed, as_of="latest"), Lab(root, as_of="latest")
    assert copy.workflows("all").equals(lab.workflows("all"))
    assert copy.performance("invoices", "all").to_dict() == lab.performance("invoices", "all").to_dict()
    assert repr(copy) == f"Lab({pushed!r}, tz='Asia/Tokyo')"
    assert "invoices" in copy._repr_html_()
    assert Lab(copy.store, tz="UTC").tz == "UTC"


def test_its_files_are_uris_that_any_reader_takes(pushed: str) -> None:
    copy = TimeSeriesStore(pushed)
    utc = TimeSeriesStore(pushed, tz="UTC")
    assert utc.uris("2026-11-01", table="steps") == [f"{pushed}/steps/day=2026-11-01/steps-00000001.parquet"]
    with pytest.raises(StoreError, match="is a copy in a bucket, which can only be read"):
        copy.files()


def test_nothing_is_ever_written_into_a_bucket(pushed: str) -> None:
    run = ExecutionMetrics("new", "invoices", AT, AT, 1.0, "completed", 0, 0, 0)
    with pytest.raises(StoreError, match="can only be read"):
        TimeSeriesStore(pushed).write_metrics([run])


def test_a_day_counts_once_while_its_file_is_being_replaced(pushed: str, root: Path) -> None:
    place = bucket_of(pushed)
    folder = f"{place.path}/steps/day=2026-11-03"
    place.files.copy_file(f"{folder}/steps-00000001.parquet", f"{folder}/steps-00000002.parquet")
    assert TimeSeriesStore(pushed).read("steps")["execution_id"].to_list() == ["e0", "e1", "e2"]


def test_a_damaged_file_is_left_out_by_name_and_the_older_one_counts(pushed: str) -> None:
    place = bucket_of(pushed)
    for name, day in (("executions-00000002", "03"), ("executions-00000001", "01")):
        with place.files.open_output_stream(f"{place.path}/executions/day=2026-11-{day}/{name}.parquet") as file:
            file.write(b"PAR1 no more than this")
    copy = TimeSeriesStore(pushed)

    assert copy.read("executions")["execution_id"].to_list() == ["e1", "e2"]
    assert copy.warnings(tables=["executions"]) == (
        "executions 2026-11-01: 1 of 1 files are damaged and left out; push again",
        "executions 2026-11-03: 1 of 2 files are damaged and left out; push again",
    )


def test_a_copy_of_a_newer_format_is_refused(pushed: str) -> None:
    place = bucket_of(pushed)
    with place.files.open_output_stream(f"{place.path}/_store.json") as file:
        file.write(json.dumps({"format": 99}).encode())
    with pytest.raises(StoreError, match=r"_store\.json says format 99, this rpa_lab reads up to 1"):
        TimeSeriesStore(pushed).read("executions")


def test_keys_and_address_may_be_given_instead_of_the_environment(
    pushed: str, s3_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    given = {
        "aws_access_key_id": "someone",
        "aws_secret_access_key": "something",
        "aws_region": "eu-west-1",
        "aws_endpoint_url": s3_address,
    }
    assert TimeSeriesStore(pushed, storage_options=given).read("executions").height == 3
    with pytest.raises(InputError, match="storage option 'key' is not known; expected aws_access_key_id, "):
        TimeSeriesStore(pushed, storage_options={"key": "x"})
    assert "something" not in repr(bucket_of(pushed, storage_options=given))


def test_a_misspelt_place_is_no_empty_store(bucket: str) -> None:
    for nowhere in (bucket, "s3://no-such-bucket-at-all/x"):
        with pytest.raises(StoreError, match=f"{nowhere} holds no copy of a store"):
            TimeSeriesStore(nowhere).read("executions")


def test_a_bucket_that_refuses_is_an_error_that_names_it(pushed: str) -> None:
    wrong = {"aws_endpoint_url": "http://127.0.0.1:1"}
    with pytest.raises(StoreError, match=f"{pushed}/_store.json can't be read"):
        TimeSeriesStore(pushed, tz="UTC", storage_options=wrong).read("executions")


def test_the_fingerprint_of_a_copy_follows_its_files(pushed: str, root: Path) -> None:
    copy = TimeSeriesStore(pushed)
    before = copy.fingerprint("2026-11-03", tables=["steps"])
    assert copy.fingerprint("2026-11-03", tables=["steps"]) == before
    TimeSeriesStore(root).write_metrics(
        [StepMetrics("late", "e2", "invoices", "a", "click", None, AT, AT, 5.0, "completed")]
    )
    for path in (root / "_journal").glob("steps/*/f-*"):
        os.utime(path, (0, 0))
    compact_day(root, "steps", date(2026, 11, 3), grace_s=0)
    push(root, pushed)
    assert copy.fingerprint("2026-11-03", tables=["steps"]) != before
    assert copy.read("steps").height == 4


def test_a_local_copy_counts_the_newer_of_two_files_of_a_day(root: Path, tmp_path: Path) -> None:
    TimeSeriesStore(root).write_metrics([StepMetrics("s", "e", "w", "n", "click", None, AT, AT, 1.0, "completed")])
    for path in (root / "_journal").glob("*/*/f-*"):
        os.utime(path, (0, 0))
    compact(root, grace_s=0)
    copy = tmp_path / "copy"
    push(root, copy)
    folder = copy / "steps/day=2026-11-03"
    (folder / "steps-00000002.parquet").write_bytes((folder / "steps-00000001.parquet").read_bytes())
    assert TimeSeriesStore(copy).read("steps")["step_id"].to_list() == ["s"]


def test_a_path_or_a_url_names_a_folder() -> None:
    assert local_path(Path("a/b")) == Path("a/b")
    assert local_path("file:///srv/my%20store") == Path("/srv/my store")
    assert local_path("s3://b/p") is None


def test_durations_of_a_copy_are_read_from_its_rows(pushed: str, root: Path) -> None:
    asked = {"table": "steps", "span": "all", "by": ["workflow_id"], "quantiles": [0.5, 0.95]}
    here, there = (duration_table(TimeSeriesStore(place), **asked) for place in (root, pushed))  # type: ignore[arg-type]
    assert here.table.height > 0
    assert there.table.equals(here.table)
