"""The task suite that ships as sample: a real run of it, imported."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from rpa_lab.integrations.importing import Imported, import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.storage.store import TimeSeriesStore


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    suite = Path(__file__).parents[2] / "data" / "sample" / "invoices"
    call = [sys.executable, "-B", "-m", "robot", "--outputdir", str(folder), "--report", "NONE", "--log", "NONE"]
    subprocess.run([*call, str(suite)], capture_output=True, check=False, timeout=60)
    return folder


@pytest.fixture
def imported(results: Path, root: Path) -> tuple[Imported, TimeSeriesStore]:
    store = TimeSeriesStore(root)
    return import_files(RobotFramework(), [results / "output.xml"], store), store


def test_one_task_fails_for_a_business_reason_and_one_finds_no_work(
    imported: tuple[Imported, TimeSeriesStore],
) -> None:
    done, store = imported
    assert done.executions_by_status == {"completed": 6, "failed": 1, "cancelled": 1}
    failed = store.read("executions").filter(status="failed").row(0, named=True)
    assert failed["workflow_id"] == "Invoices.Book Couriers"
    assert failed["error_message"].startswith("invoice INV-2017 of Delta Couriers: the lines add up to 134.05 EUR")


def test_the_retry_shows_as_two_failed_runs_of_a_step_and_a_completed_one(
    imported: tuple[Imported, TimeSeriesStore],
) -> None:
    rates = imported[1].read("steps").filter(pl.col("action_type") == "Fetch Exchange Rate").sort("step_index")
    assert rates["status"].to_list() == ["failed", "failed", "completed"]
    assert rates["node_id"].n_unique() == 1


def test_each_invoice_is_checked_and_what_adds_up_is_booked(
    imported: tuple[Imported, TimeSeriesStore], results: Path
) -> None:
    steps = imported[1].read("steps")
    assert steps.filter(action_type="Check Fields").height == 25
    with (results / "bookings.csv").open(encoding="utf-8", newline="") as file:
        booked = [row["number"] for row in csv.DictReader(file)]
    assert "INV-2017" not in booked
    assert len(booked) == steps.filter(action_type="Book Invoice", status="completed").height == 22
