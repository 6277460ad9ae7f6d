"""What the campaign counted is printed at its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.campaign import CAMPAIGN, SEED


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says a line in the summary at the end of the run."""
    return lambda line: record_property("faults", line)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [str(line) for report in reports for name, line in report.user_properties if name == "faults"]
    if lines:
        size = "whole" if CAMPAIGN else "small cut"
        terminalreporter.section(f"fault campaign ({size}), RPA_LAB_SEED={SEED}")
        for line in lines:
            terminalreporter.write_line(line)
