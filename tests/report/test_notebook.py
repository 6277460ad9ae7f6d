"""The notebooks as they are committed."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

from rpa_lab.report.bundle import bundled

if TYPE_CHECKING:
    from pathlib import Path

_NOTEBOOKS = sorted(bundled("notebooks").glob("*.ipynb"))


def _code(path: Path) -> list[dict[str, Any]]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(notebook)
    assert notebook["cells"][0]["source"][0].startswith("# ")
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_clean_and_in_small_cells(path: Path) -> None:
    code = _code(path)
    assert not [cell for cell in code if cell["outputs"] or cell["execution_count"] is not None]
    assert max(len(cell["source"]) for cell in code) <= 15


@pytest.mark.parametrize("path", _NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_declares_what_the_generator_gives(path: Path) -> None:
    (cell,) = (cell for cell in _code(path) if "parameters" in cell["metadata"].get("tags", []))
    names = {node.id for node in ast.walk(ast.parse("".join(cell["source"]))) if isinstance(node, ast.Name)}
    assert {"store", "workflow_id", "period", "tz", "as_of"} <= names
