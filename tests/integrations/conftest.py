"""A real run of the sample suite with the listener."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integrations.live import INVOICES, robot


@pytest.fixture(scope="session")
def invoices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("invoices")
    assert robot(folder, INVOICES).returncode == 1
    return folder
