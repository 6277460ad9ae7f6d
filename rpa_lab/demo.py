"""The whole of it in a minute: a real robot runs, a fleet is simulated, both are analysed, and a report is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rpa_lab.errors import InputError, RpaLabError

if TYPE_CHECKING:
    import polars as pl

    from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["Demo", "run_demo"]

_MARK: Final = "made-by-rpa-lab-demo.txt"
_DAYS: Final = 30
_SEED: Final = 11
_STAGES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo did, and where its results are."""

    robot: str
    executions: int
    steps: int
    faults: tuple[str, ...]
    workflows: pl.DataFrame
    period: str
    store: Path
    notebook: Path
    html: Path
    reliability: Path
    comparison: Path
    explained: str
    warnings: tuple[str, ...]


def run_demo(
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "reports",
    on_stage: Callable[[str, int, int], None] | None = None,
) -> Demo:
    """Run the demo.

    Parameters
    ----------
    folder : str or path
        Where its store is made. An earlier demo's is replaced; anything else there is left alone, with an error.
    out : str or path
        Folder for the report.
    on_stage : callable, optional
        Called with what is being done, how many stages are done, and how many there are.

    Returns
    -------
    Demo

    Raises
    ------
    InputError
        If the folder holds something that no demo made.
    RpaLabError
        If the robot could not be run.
    """
    from rpa_lab.lab import Lab
    from rpa_lab.report.generator import ReportGenerator
    from rpa_lab.simulate import fleet
    from rpa_lab.storage.compaction import compact
    from rpa_lab.storage.store import TimeSeriesStore

    def stage(name: str, n: int) -> None:
        if on_stage:
            on_stage(name, n, _STAGES)

    root = _fresh(Path(folder))
    store = TimeSeriesStore(root, as_of="latest")
    stage("running the sample robot (reads invoices, checks them, writes results)", 0)
    robot, warnings = _run_robot(store)
    stage("simulating a fleet of robots over 30 days, two faults planted", 1)
    simulated = fleet(days=_DAYS, workflows=8, seed=_SEED, end=datetime.now(UTC).date())
    stage("writing it as Parquet by day", 2)
    simulated.write(store)
    slow, since = simulated.truth.filter(kind="slow_step").select("workflow_id", "onset").row(0)
    store.note("the portal was updated (simulated)", workflow_id=slow, at=since)
    stage("compacting and publishing the tables", 3)
    compact(root)
    stage("computing statistics", 4)
    lab = Lab(store)
    workflows = lab.workflows("30d")
    stage(f"running the report's notebook on {slow}", 5)
    generator = ReportGenerator(store, out=out)
    done = generator.run("performance", workflow_id=slow, period="30d")
    stage("running the reliability report's notebook on the whole fleet", 6)
    of_all = generator.run("reliability", period="30d")
    stage(f"running the comparison report's notebook on {slow}", 7)
    changed = generator.run("comparison", workflow_id=slow, period="30d")
    if done.html is None or of_all.html is None or changed.html is None:
        raise RpaLabError("the reports were not written as HTML")
    stage("done", _STAGES)
    return Demo(
        robot=robot,
        executions=simulated.executions.height,
        steps=simulated.steps.height,
        faults=tuple(_fault(row) for row in simulated.truth.iter_rows(named=True)),
        workflows=workflows,
        period=lab.span("30d").describe(),
        store=root,
        notebook=done.notebook,
        html=done.html,
        reliability=of_all.html,
        comparison=changed.html,
        explained=changed.report.summary,
        warnings=warnings,
    )


def _fresh(folder: Path) -> Path:
    """An empty folder for the store, in place of an earlier demo's."""
    root = folder.absolute()
    if root.is_dir() and any(root.iterdir()):
        if not (root / _MARK).is_file():
            raise InputError(f"{root} holds something that no demo made; name another folder with --folder")
        shutil.rmtree(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / _MARK).write_text("The next rpa-lab demo replaces this folder.\n", encoding="utf-8")
    return root


def _run_robot(store: TimeSeriesStore) -> tuple[str, tuple[str, ...]]:
    """Run the sample suite with Robot Framework itself and import what it wrote; a sentence, and notes."""
    from rpa_lab.errors import MissingExtraError, need
    from rpa_lab.integrations.importing import import_files
    from rpa_lab.integrations.robotframework import RobotFramework
    from rpa_lab.report.bundle import bundled

    try:
        need("robot.api", "robotframework")
    except MissingExtraError as missing:
        return "The sample robot was left out.", (str(missing),)
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-B", "-m", "robot", "--outputdir", out, "--log", "NONE", "--report", "NONE"]
        suite = str(bundled("sample") / "invoices")
        utc = {**os.environ, "TZ": "UTC"}  # Robot Framework writes local times without saying their zone
        ran = subprocess.run([*command, suite], capture_output=True, text=True, check=False, env=utc)
        output = Path(out) / "output.xml"
        if not output.is_file():
            raise RpaLabError(f"Robot Framework wrote no output.xml: {(ran.stderr or ran.stdout).strip()[-500:]}")
        done = import_files(RobotFramework(), [output], store, tz="UTC")
    return f"A real robot ran: {done}.", ()


def _fault(row: dict[str, object]) -> str:
    onset = row["onset"]
    when = f"{onset:%d %B}" if isinstance(onset, datetime) else "the start"
    if row["kind"] == "slow_step":
        return f"{row['workflow_id']}: step {row['node_id']!r} takes {row['size']:g} times as long from {when} on"
    return f"{row['workflow_id']}: a burst of failures on {when}: {row['message']}"
