from __future__ import annotations

from pathlib import Path

import pytest

from rpa_lab import Lab
from rpa_lab.demo import run_demo
from rpa_lab.errors import InputError


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")

    with pytest.raises(InputError, match="holds something that no demo made"):
        run_demo(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_the_demo_shows_real_and_simulated_robots_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    stages: list[tuple[int, int]] = []
    for _ in range(2):
        done = run_demo(tmp_path / "demo", out=tmp_path / "reports", on_stage=lambda _, n, of: stages.append((n, of)))

    assert stages == [(n, 8) for n in range(9)] * 2
    assert done.html.is_file()
    assert done.reliability.is_file()
    assert done.comparison.is_file()
    assert "because “register > open” takes" in done.explained  # the slow step that was planted
    assert any("step 'register > open' takes" in fault for fault in done.faults)
    assert done.notebook.is_file()
    lab = Lab(done.store)
    assert lab.scan("changes", "all").collect()["text"].str.contains("the portal was updated").sum() == 1
    assert lab.executions("all").height == done.executions + 8
    assert "8 executions (6 completed, 1 failed, 1 cancelled)" in done.robot
    assert len(done.faults) == 2
    assert (done.store / "steps").is_dir()  # published for batch scripts
