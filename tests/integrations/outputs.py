"""Outputs of several versions of Robot Framework, and what is read of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.integrations.source import Parsed, read_source

__all__ = ["FIXTURES", "OUTPUTS", "STATUS", "columns", "parsed"]

FIXTURES = Path(__file__).parent / "fixtures" / "robotframework"
OUTPUTS = [FIXTURES / f"robot-{version}.xml" for version in ("4.1", "6.1", "7.5")]


def columns(rows: Parsed, table: str) -> dict[str, list[Any]]:
    of_table = rows.tables[table]
    assert not isinstance(of_table, pl.DataFrame)
    return {name: list(values) for name, values in of_table.items()}


def parsed(path: Path, *, full_names: bool = False) -> tuple[pl.DataFrame, pl.DataFrame, dict[str, int]]:
    rows = RobotFramework(full_names=full_names).parse(read_source(path))
    executions, steps = (pl.DataFrame(columns(rows, table), strict=False) for table in ("executions", "steps"))
    return executions, steps, dict(rows.left_out)


STATUS = '<status status="PASS" start="2026-11-03T08:00:00" elapsed="1"/>'
