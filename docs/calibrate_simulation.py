#!/usr/bin/env python3
"""Prints the table of docs/simulation.md: figures of logs that others made, beside those of a simulated fleet.

    python docs/calibrate_simulation.py ../shared/data

The logs are not part of the project (their names and origins stand in docs/simulation.md).
"""

from __future__ import annotations

import gzip
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.simulate import Fleet, fleet
from rpa_lab.simulate.figures import Figures, figures_of
from rpa_lab.storage.store import TimeSeriesStore

DAYS, WORKFLOWS = 56, 10


def main() -> None:
    """Print the table."""
    logs = dict(logs_of(Path(sys.argv[1] if len(sys.argv) > 1 else "../shared/data")))
    simulated = figures_of_fleet(fleet(DAYS, WORKFLOWS, 1, end=date(2026, 11, 2), faults=()))
    columns = ["figure", *logs, "simulated"]
    rows = [columns, ["---"] * len(columns)]
    found = (*logs.values(), simulated)
    rows += [[name, *(_cell(getattr(one, name)) for one in found)] for name in ("cases", "visits", *Figures.names())]
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows)


def logs_of(data: Path) -> Iterator[tuple[str, Figures]]:
    """The figures of each log, by its name."""
    events = data / "event_logs"
    time, start = "time:timestamp", "start_timestamp"
    xes = {"case:concept:name": "case", "concept:name": "activity", start: "start", time: "end"}
    purchasing = {"case_id": "case", "activity": "activity", "start_time": "start", "end_time": "end"}
    yield "purchasing", figures_of(_log(_read(events / "PurchasingExample.csv.gz"), purchasing))
    yield "loan application", figures_of(_log(_read(events / "LoanApp_simplified.csv.gz"), xes))
    yield "order handling", figures_of(_log(_read(events / "interval_event_log.csv"), xes))
    ends = _read(events / "receipt.csv").with_columns(pl.col(time).alias(start))
    yield "permit receipt", figures_of(_log(ends, xes), tz="Europe/Amsterdam")
    steps = _read(data / "ci_steps" / "github_actions_steps.csv").filter(pl.col("conclusion") == "success")
    steps = steps.with_columns(case=pl.concat_str("run_id", "job_name", separator=" "), occasion="run_id")
    ci = {"case": "case", "step_name": "activity", "started": "start", "ended": "end", "occasion": "occasion"}
    yield "CI jobs", figures_of(_log(steps, ci))
    yield "robot tests", figures_of(_robot_log(data / "robotframework"))


def figures_of_fleet(made: Fleet) -> Figures:
    """The figures of a fleet: the mean of its workflows', each a log of its own."""
    steps = made.steps.select(
        "workflow_id", case="execution_id", activity="node_id", start="started_at", end="completed_at"
    )
    each = [figures_of(log.drop("workflow_id")) for _, log in steps.group_by("workflow_id", maintain_order=True)]
    means = {}
    for name in Figures.names():
        known = [value for found in each if (value := getattr(found, name)) is not None]
        means[name] = float(np.mean(known)) if known else None
    return Figures(cases=made.executions.height, visits=made.steps.height, **means)  # type: ignore[arg-type]


def _robot_log(folder: Path) -> pl.DataFrame:
    """Robot Framework's runs of one suite: a test is a case, a keyword an activity of its test."""
    with tempfile.TemporaryDirectory() as root:
        store = TimeSeriesStore(root)
        import_files(RobotFramework(), sorted(folder.glob("output-*.xml")), store, tz="UTC")
        steps = store.read("steps")
    activity = pl.concat_str("workflow_id", "node_id", separator=": ")
    return steps.select(case="execution_id", activity=activity, start="started_at", end="completed_at")


def _read(path: Path) -> pl.DataFrame:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return pl.read_csv(content, infer_schema=False)


def _log(rows: pl.DataFrame, names: dict[str, str]) -> pl.DataFrame:
    times = [
        pl.col(name).map_elements(_utc, return_dtype=pl.String).str.to_datetime(time_zone="UTC", time_unit="us")
        for name in ("start", "end")
    ]
    return rows.select(pl.col(old).alias(new) for old, new in names.items()).with_columns(times)


def _utc(said: str) -> str:
    """An ISO time as UTC without its zone; one without a zone is taken to be UTC."""
    at = datetime.fromisoformat(said)
    return (at.astimezone(UTC) if at.tzinfo else at).replace(tzinfo=None).isoformat(timespec="microseconds")


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


if __name__ == "__main__":
    main()
