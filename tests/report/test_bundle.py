"""The files that come with the package."""

from __future__ import annotations

from pathlib import Path

import pytest

from rpa_lab.errors import UnknownNameError
from rpa_lab.report.bundle import bundled


def test_the_notebooks_of_the_checkout_are_found() -> None:
    assert bundled("notebooks") == Path(__file__).resolve().parents[2] / "notebooks"
    assert bundled("notebooks").joinpath("performance.ipynb").is_file()


@pytest.mark.parametrize("name", ["../secrets", "", "Notebooks"])
def test_nothing_else_is_found(name: str) -> None:
    with pytest.raises(UnknownNameError, match="It has: notebooks, sample"):
        bundled(name)
