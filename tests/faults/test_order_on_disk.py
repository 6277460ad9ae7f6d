"""The order in which the kernel is asked: file fsync < rename or link < folder fsync < unlink, as strace sees it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults.jobs import JOBS

_CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"


class _Call(NamedTuple):
    """One system call: what it did, and the last part of each path that it was about."""

    what: str
    names: tuple[str, ...]


def _traced(command: list[str], checkout: Path, out: Path) -> list[_Call]:
    """The calls of a command that change names or wait for the disk, in their order."""
    strace = shutil.which("strace")
    if strace is None or subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True).returncode:
        if os.environ.get("RPA_LAB_STRACE") == "require":
            pytest.fail("strace is required (RPA_LAB_STRACE) and can't trace here")
        pytest.skip("strace isn't here, or may not trace")
    run = [strace, "-f", "-y", "-s", "4096", "-e", f"trace={_CALLS}", "-e", "signal=none", "-o", str(out), *command]
    subprocess.run(run, cwd=checkout, check=True, timeout=120, capture_output=True)
    calls = []
    for line in out.read_text(encoding="utf-8").splitlines():
        found = re.match(r"\d+ +(\w+)\((.*)\) += 0", line)
        if found:
            paths = re.findall(r'"([^"]+)"|<(/[^>]+)>', found[2])
            names = tuple(Path(quoted or named).name for quoted, named in paths if "AT_FDCWD" not in (quoted, named))
            calls.append(_Call(re.sub(r"at2?$", "", found[1]), names))
    return calls


def _job(name: str, root: Path, checkout: Path, out: Path) -> list[_Call]:
    code = (
        "import sys; from pathlib import Path; from tests.faults.jobs import JOBS, Log;"
        "JOBS[sys.argv[1]].run(Path(sys.argv[2]), Log(Path(sys.argv[2] + '.log')))"
    )
    return _traced([sys.executable, "-c", code, name, str(root)], checkout, out)


def _at(calls: list[_Call], what: str, name: str, *, after: int = -1) -> int:
    """Where the first such call stands whose last path ends (or begins) like this."""
    for at, call in enumerate(calls):
        if at > after and call.what == what and call.names and re.fullmatch(name, call.names[-1]):
            return at
    raise AssertionError(f"no {what} of {name} after {after} in {calls}")


def test_a_flush_waits_for_the_file_then_names_it_then_waits_for_the_folder(
    root: Path, checkout: Path, tmp_path: Path
) -> None:
    calls = _job("the first flush", root, checkout, tmp_path / "trace")
    written = _at(calls, "fsync", r"\.tmp-f-.*")
    named = _at(calls, "rename", r"f-.*\.parquet")
    assert calls[named].names[-2] == calls[written].names[-1]
    assert written < named < _at(calls, "fsync", r"day=2026-11-03", after=named)
    assert written < _at(calls, "rename", r"f-.*\.parquet", after=named), "each fragment has a file of its own"
    for place in ("steps", "_journal"):
        assert _at(calls, "fsync", place) < written, "a new folder's entry is on disk before anything lies in it"


def test_a_compaction_waits_for_the_folder_before_and_after_the_link_then_removes(
    root: Path, checkout: Path, tmp_path: Path
) -> None:
    JOBS["full compaction"].prepare(root)
    calls = _job("full compaction", root, checkout, tmp_path / "trace")
    written = _at(calls, "fsync", r"\.tmp-c-00000003-.*")
    before = _at(calls, "fsync", r"day=2026-11-03", after=written)
    linked = _at(calls, "link", r"c-00000003\.parquet")
    assert written < before < linked
    after = _at(calls, "fsync", r"day=2026-11-03", after=linked)
    removed = [at for at, call in enumerate(calls) if call.what == "unlink" and re.match("[cf]-", call.names[-1])]
    assert len(removed) == 6
    assert after < min(removed)
