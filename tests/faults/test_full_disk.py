"""The disk is full, then there is space again: recorded = stored + dropped, exactly."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def _fill(command: list[str], checkout: Path) -> dict[str, Any]:
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "can't write to" in done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _is_exact(answer: dict[str, Any]) -> None:
    stats, stored = answer["stats"], answer["stored"]
    assert answer["full"] >= answer["kept"] > 0
    assert answer["unchanged by it"]
    assert answer["flushed"]
    assert answer["closed"]
    assert answer["compacted"]
    assert len(stored) == len(set(stored))
    assert stats["dropped"] == stats["dropped_queue_full"] > 0
    assert stats["waiting"] == 0
    assert stats["recorded"] == len(stored) + stats["dropped"]
    assert {f"s{n}" for n in range(answer["kept"])} <= set(stored)


def test_a_full_disk_drops_only_what_is_counted(tmp_path: Path, checkout: Path, tell: Callable[[str], None]) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mount = f"mount -t tmpfs -o size=1m tmpfs '{place}'"
    own = ["unshare", "--mount"]  # a name space of its own: the mount goes with the process, however that ends
    if not shutil.which("unshare") or subprocess.run([*own, "sh", "-c", mount], capture_output=True).returncode:
        own = ["unshare", "--map-root-user", "--mount"]
        if not shutil.which("unshare") or subprocess.run([*own, "sh", "-c", mount], capture_output=True).returncode:
            pytest.skip("a tmpfs can't be mounted here; the limit on the size of files stands in")
    script = f"{mount} && '{sys.executable}' -m tests.faults.full_disk '{place}/store' tmpfs"
    answer = _fill([*own, "sh", "-c", script], checkout)

    _is_exact(answer)
    tell(f"1 MB disk: {answer['stats']['recorded']} = {len(answer['stored'])} + {answer['stats']['dropped']} dropped")


def test_a_limit_on_the_size_of_files_drops_only_what_is_counted(tmp_path: Path, checkout: Path) -> None:
    _is_exact(_fill([sys.executable, "-m", "tests.faults.full_disk", str(tmp_path / "store"), "limit"], checkout))
