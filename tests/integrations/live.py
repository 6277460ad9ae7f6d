"""Real runs of ``robot`` with the listener, and what it recorded against what the importer reads of the same run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import polars as pl

from rpa_lab.integrations.importing import Imported, import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.storage.store import TimeSeriesStore

CHECKOUT = Path(__file__).parents[2]
FIXTURES = Path(__file__).parent / "fixtures" / "listener"
INVOICES = CHECKOUT / "data" / "sample" / "invoices"
LISTENER = "rpa_lab.integrations.robotframework.Listener"
TZ = "America/New_York"
ENVIRONMENT = os.environ | {"PYTHONPATH": str(CHECKOUT), "TZ": TZ}
ROBOT = (sys.executable, "-B", "-m", "robot", "--log", "NONE", "--report", "NONE", "--outputdir")


def write(folder: Path, files: dict[str, str]) -> Path:
    """The files of a folder, by name."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def command(folder: Path, *words: str | Path, said: str = "") -> list[str]:
    """What starts robot with the listener; its store is `live` in the folder, where the output goes too."""
    return [*ROBOT, str(folder), "--listener", f"{LISTENER}:{folder / 'live'}{said}", *map(str, words)]


def robot(folder: Path, *words: str | Path, said: str = "") -> subprocess.CompletedProcess[str]:
    """A run with the listener, to its end."""
    started = command(folder, *words, said=said)
    return subprocess.run(started, env=ENVIRONMENT, capture_output=True, text=True, check=False, timeout=60)


def rows(store: Path, table: str) -> pl.DataFrame:
    """All rows, less who recorded them: an output.xml doesn't say."""
    frame = TimeSeriesStore(store).read(table)
    order = ["execution_id", *(["step_index"] if table == "steps" else [])]
    return frame.drop("robot_id", "host", strict=False).sort(order)


def expect_the_same(live: Path, output: Path) -> tuple[Imported, pl.DataFrame, pl.DataFrame]:
    """Both ways give the same rows, in every column; and the import, the executions and the steps."""
    apart = live.with_name(f"{live.name}-imported-{output.stem}")
    done = import_files(RobotFramework(), [output], TimeSeriesStore(apart), tz=TZ)
    for table in ("executions", "steps"):
        recorded, imported = rows(live, table), rows(apart, table)
        for name in imported.columns:  # by column: the first that differs is what one wants to see
            assert recorded[name].to_list() == imported[name].to_list(), f"{table}.{name}"
        assert recorded.equals(imported)
    executions, steps = rows(live, "executions"), rows(live, "steps")
    assert (done.executions, done.steps) == (executions.height, steps.height)
    assert not executions["execution_id"].is_duplicated().any()
    return done, executions, steps


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
