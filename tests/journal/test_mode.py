from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rpa_lab import MetricsCollector
from rpa_lab.errors import InputError
from rpa_lab.journal.mode import checked_mode, folder_mode, set_mode


@contextmanager
def umask(value: int) -> Iterator[None]:
    before = os.umask(value)
    try:
        yield
    finally:
        os.umask(before)


def modes(root: Path) -> tuple[set[str], set[str]]:
    """Of the files and of the folders below a root, and of the root."""
    paths = [root, *root.rglob("*")]
    said = {path: oct(stat.S_IMODE(path.lstat().st_mode)) for path in paths}
    return {said[path] for path in paths if path.is_file()}, {said[path] for path in paths if path.is_dir()}


@pytest.mark.parametrize(
    ("process_umask", "mode", "files", "folders"),
    [
        (0o022, None, 0o640, 0o750),
        (0o000, None, 0o640, 0o750),
        (0o077, None, 0o600, 0o700),
        (0o077, 0o660, 0o660, 0o770),
        (0o022, 0o600, 0o600, 0o700),
        (0o022, 0o644, 0o644, 0o755),
    ],
)
def test_files_follow_the_umask_unless_a_mode_is_said(
    root: Path, process_umask: int, mode: int | None, files: int, folders: int
) -> None:
    with umask(process_umask), MetricsCollector(root / "deep", mode=mode) as collector, collector.execution("w") as run:
        with run.step("s"):
            pass
        assert collector.flush()

    assert modes(root / "deep") == ({oct(files)}, {oct(folders)})


@pytest.mark.parametrize("mode", [640, -1, 0o1777, 0o444, "rw", 6.0, True])
def test_a_mode_that_is_none_is_said_at_once(root: Path, mode: Any) -> None:
    with pytest.raises(InputError, match=rf"mode is {re.escape(str(mode))}|mode is 'rw'"):
        MetricsCollector(root, mode=mode)


def test_a_mode_goes_to_files_and_with_x_to_folders(tmp_path: Path) -> None:
    assert checked_mode(None) is None
    assert folder_mode(0o604) == 0o705
    set_mode(tmp_path, 0o711)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711
    set_mode(tmp_path, None)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o711
