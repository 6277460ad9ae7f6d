"""The Hypothesis profile of this run, and the few fixtures that every folder may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.strategies import load_profile

PROFILE = load_profile()


def pytest_report_header() -> str:
    return f"hypothesis profile of rpa_lab: {PROFILE} (RPA_LAB_PROFILE)"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a store may be made; nothing is there yet."""
    return tmp_path / "store"


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder that holds pyproject.toml."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Big real inputs that are not part of the project; tests which need them are skipped where they are absent."""
    folder = Path(__file__).parents[1] / "../shared/data"
    if not folder.is_dir():
        pytest.skip("the shared data is not on this machine")
    return folder.resolve()
