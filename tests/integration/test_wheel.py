"""The built wheel carries notebooks, sample and templates: installed in a fresh environment, it runs elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    checkout, out = Path(__file__).parents[2], tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return next(out.glob("*.whl"))


def test_it_carries_what_it_needs(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "rpa_lab/py.typed",
        "rpa_lab/_bundle/notebooks/performance.ipynb",
        "rpa_lab/_bundle/sample/invoices/invoices.robot",
        "rpa_lab/_bundle/sample/invoices/invoices.csv",
        "rpa_lab/report/templates/report.html.j2",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_it_runs_the_demo_in_a_fresh_environment_elsewhere(wheel: Path, tmp_path: Path) -> None:
    """Installed with the locked versions of what it depends on, from uv's cache where that has them."""
    checkout, uv = Path(__file__).parents[2], [sys.executable, "-m", "uv", "--quiet"]
    clean = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    export = ["export", "--locked", "--no-dev", "--extra", "lab", "--extra", "robotframework", "--no-emit-project"]
    locked = subprocess.run(
        [*uv, *export, "--no-hashes"], cwd=checkout, check=True, capture_output=True, text=True, env=clean
    )
    (tmp_path / "locked.txt").write_text(locked.stdout, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "fresh")], check=True)
    python = tmp_path / "fresh" / "bin" / "python"
    into = ["pip", "install", "--python", str(python)]
    subprocess.run([*uv, *into, "-r", str(tmp_path / "locked.txt")], check=True, env=clean)
    subprocess.run([*uv, *into, "--no-deps", str(wheel)], check=True, env=clean)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    demo = [str(tmp_path / "fresh" / "bin" / "rpa-lab"), "demo"]
    ran = subprocess.run(demo, cwd=elsewhere, capture_output=True, text=True, env=clean, timeout=300, check=False)

    assert ran.returncode == 0, ran.stderr
    assert "A real robot ran: 8 executions" in ran.stdout
    reports = sorted(path.suffix for path in (elsewhere / "reports").iterdir())
    assert reports == [*[".html"] * 3, *[".ipynb"] * 3]  # of performance, reliability and comparison
    assert (elsewhere / "data" / "demo" / "_journal").is_dir()
