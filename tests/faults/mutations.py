"""Safety steps of the storage, each as the text that takes it away and the tests that must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MUTATIONS", "Mutation", "copy_of", "run_tests"]

_COMMIT = "tests/storage/test_commit.py"
_COMPACTORS = "tests/faults/test_compactors.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """One safety step taken away from one file; `old` stands there exactly once, and so does what is moved."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    moved: tuple[str, str] | None = None
    """A second place, and its new text, where a step isn't taken away but moved."""

    def apply(self, checkout: Path) -> None:
        """Change the file in a copy of the checkout."""
        path = checkout / self.file
        text = path.read_text(encoding="utf-8")
        for old, new in [(self.old, self.new), *([self.moved] if self.moved else [])]:
            if text.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} stands {text.count(old)} times in {self.file}")
            text = text.replace(old, new)
        path.write_text(text, encoding="utf-8")


def copy_of(checkout: Path, place: Path) -> Path:
    """A copy of package and tests, to be changed and run."""
    for folder in ("rpa_lab", "tests"):
        shutil.copytree(checkout / folder, place / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(checkout / "pyproject.toml", place)
    return place


def run_tests(place: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run some tests of a copy; the exit status is 0 where all passed and 1 where one failed."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHONPATH"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", *tests],
        cwd=place,
        env=settings | {"RPA_LAB_PROFILE": "dev", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


MUTATIONS = (
    Mutation(
        name="a fragment is renamed before it is on disk",
        file="rpa_lab/journal/fragment.py",
        old="        file.flush()\n        os.fsync(file.fileno())\n",
        new="        file.flush()\n",
        tests=("tests/journal/test_fragment.py",),
    ),
    Mutation(
        name="a fragment is acknowledged before its name is on disk",
        file="rpa_lab/journal/fragment.py",
        old="        raise\n    fsync_folder(folder)\n",
        new="        raise\n",
        tests=("tests/journal/test_fragment.py",),
    ),
    Mutation(
        name="a generation is linked before it is on disk",
        file="rpa_lab/storage/commit.py",
        old="        file.flush()\n        os.fsync(file.fileno())\n",
        new="        file.flush()\n",
        tests=(f"{_COMMIT}::test_the_order_on_disk",),
    ),
    Mutation(
        name="no fsync of the folder before the link",
        file="rpa_lab/storage/commit.py",
        old="    fsync_folder(folder)  # what is kept may be another's link, not on disk yet\n",
        new="",
        tests=(f"{_COMMIT}::test_the_order_on_disk",),
    ),
    Mutation(
        name="no fsync of the folder before removal",
        file="rpa_lab/storage/commit.py",
        old="    fsync_folder(folder)\n    dead = ",
        new="    dead = ",
        tests=(f"{_COMMIT}::test_the_order_on_disk",),
    ),
    Mutation(
        name="rename for link",
        file="rpa_lab/storage/commit.py",
        old="    os.link(temp, folder / generation_name(target))",
        new="    os.replace(temp, folder / generation_name(target))",
        tests=(f"{_COMPACTORS}::test_who_comes_second_while_the_first_ones_grace_runs_finds_the_name_taken",),
    ),
    Mutation(
        name="the number from another listing than the inputs",
        file="rpa_lab/storage/commit.py",
        old="    if now.head != target - 1 or now.head_damaged:",
        new="    if now.head_damaged:",
        tests=(f"{_COMMIT}::test_a_listing_that_shows_another_generation_than_the_temp_was_made_for_is_dropped",),
    ),
    Mutation(
        name="the temp made after the listing",
        file="rpa_lab/storage/commit.py",
        old="        os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640))\n",
        new="",
        tests=(f"{_COMMIT}::test_the_temp_bears_its_target_and_is_there_before_the_listing",),
    ),
    Mutation(
        name="a swept temp made again",
        file="rpa_lab/storage/commit.py",
        old="os.open(temp, os.O_WRONLY), ",
        new="os.open(temp, os.O_WRONLY | os.O_CREAT), ",
        tests=(f"{_COMMIT}::test_a_stale_compactor_whose_temp_was_swept_cannot_link_over_a_freed_name",),
    ),
    Mutation(
        name="temps not swept",
        file="rpa_lab/storage/commit.py",
        old="    for path in dead:  # first",
        new="    for path in dead[:0]:  # first",
        tests=(f"{_COMMIT}::test_a_stale_compactor_whose_temp_was_swept_cannot_link_over_a_freed_name",),
    ),
    Mutation(
        name="temps swept last",
        file="rpa_lab/storage/commit.py",
        old="    for path in dead:  # first",
        new="    for path in dead[:0]:  # first",
        moved=("    for path in rest:\n", "    for path in [*rest, *dead]:\n"),
        tests=(f"{_COMMIT}::test_temps_go_before_anything_else_and_nothing_goes_if_one_cannot",),
    ),
    Mutation(
        name="removal without the lock",
        file="rpa_lab/storage/commit.py",
        old=(
            "        with locked(folder, exclusive=True, wait=_LOCK_WAIT_S) as held:\n"
            "            return _remove(folder, archive, archived, judge, facts) if held else 0\n"
        ),
        new="        return _remove(folder, archive, archived, judge, facts)\n",
        tests=(f"{_COMPACTORS}::test_nothing_is_removed_while_somebody_lists",),
    ),
    Mutation(
        name="no grace",
        file="rpa_lab/storage/commit.py",
        old=".st_ctime >= grace_s:",
        new=".st_ctime >= 0:",
        tests=(f"{_COMMIT}::test_what_is_dead_stays_for_the_grace",),
    ),
    Mutation(
        name="covers not carried on",
        file="rpa_lab/storage/compaction.py",
        old="            covers=now.covers.plus(fragments),",
        new="            covers=type(now.covers)().plus(fragments),",
        tests=(f"{_COMPACTORS}::test_a_late_retry_counts_once_however_many_generations_later",),
    ),
    Mutation(
        name="what is kept not carried on",
        file="rpa_lab/storage/compaction.py",
        old="            keeps=tuple(sorted(standing - gone)),",
        new="            keeps=(),",
        tests=("tests/storage/test_snapshot.py::test_kept_generations_count",),
    ),
    Mutation(
        name="archive names not carried on",
        file="rpa_lab/storage/compaction.py",
        old="            archive=now.archive,",
        new="            archive=(),",
        tests=("tests/faults/test_days.py::test_late_rows_of_an_archived_day_count_beside_it",),
    ),
    Mutation(
        name="retention drops covers",
        file="rpa_lab/storage/retention.py",
        old="        return Content(rows=nothing, keeps=(), archive=(), covers=now.covers.plus(fragments))",
        new="        return Content(rows=nothing, keeps=(), archive=(), covers=type(now.covers)())",
        tests=("tests/faults/test_days.py::test_a_late_retry_of_a_deleted_row_does_not_bring_it_back",),
    ),
    Mutation(
        name="the archive's folder not fsynced",
        file="rpa_lab/storage/retention.py",
        old="        fsync_folder(folder)\n    except BaseException",
        new="    except BaseException",
        tests=("tests/faults/test_days.py::test_an_archive_file_is_on_disk_before_a_generation_names_it",),
    ),
    Mutation(
        name="the published file before the link is on disk",
        file="rpa_lab/storage/retention.py",
        old="    fsync_folder(folder)  # the link, before what it replaces goes\n",
        new="",
        tests=("tests/faults/test_days.py::test_an_archive_file_is_on_disk_before_a_generation_names_it",),
    ),
)
