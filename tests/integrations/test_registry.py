"""Importers of other packages: the one that docs/importing.md shows, really installed, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpa_lab import TimeSeriesStore
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.integrations.event_log import EventLog
from rpa_lab.integrations.registry import GROUP, load, origin, third_party
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.integrations.source import Importer

PAGE = Path(__file__).parents[2] / "docs" / "importing.md"
TICKETS = (
    "id,opened,closed,state\n1,2026-11-03T09:00,2026-11-03T09:30,solved\n2,2026-11-03T10:00,2026-11-03T11:00,rejected\n"
)


def block(language: str, holding: str) -> str:
    """The code block of the page that holds these words."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (found,) = [each for each in blocks if holding in each]
    return str(found)


def installed(folder: Path, *, code: str, entries: str) -> Path:
    """A folder of packages with one more: a module and its metadata, as an installer leaves them."""
    about = folder / "helpdesk_import-1.2.dist-info"
    about.mkdir(parents=True)
    (folder / "helpdesk_import.py").write_text(code, encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: helpdesk-import\nVersion: 1.2\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\n{entries}\n")
    return folder


def rpa_lab(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(site), str(PAGE.parents[1])])
    env = os.environ | {"PYTHONPATH": paths, "COLUMNS": "100"}
    command = [sys.executable, "-m", "rpa_lab", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    toml = block("toml", GROUP)
    header, entry = toml.strip().splitlines()
    assert header == f'[project.entry-points."{GROUP}"]'
    name, _, value = entry.partition(" = ")
    return installed(
        tmp_path_factory.mktemp("site"), code=block("python", "class Tickets"), entries=f"{name} = {json.loads(value)}"
    )


def test_the_page_shows_an_importer_of_about_twenty_lines() -> None:
    lines = [line for line in block("python", "class Tickets").splitlines() if line.strip()]
    assert len(lines) <= 25


def test_an_importer_of_another_package_is_a_command(site: Path, tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text(TICKETS)
    assert "helpdesk-import 1.2" in rpa_lab(site, "import", "--help").stdout
    assert "FILE…" in rpa_lab(site, "import", "tickets", "--help").stdout

    root = tmp_path / "store"
    done = rpa_lab(site, "import", "tickets", tmp_path / "tickets.csv", "--tz", "Europe/Paris", "-s", root)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 executions (1 completed, 1 failed) and 0 steps from 1 file\n"
    runs = TimeSeriesStore(root).read("executions")
    assert runs["started_at"].to_list() == [datetime(2026, 11, 3, hour, tzinfo=UTC) for hour in (8, 9)]
    assert runs["duration_ms"].to_list() == [1_800_000.0, 3_600_000.0]
    again = rpa_lab(site, "import", "tickets", tmp_path / "tickets.csv", "--tz", "Europe/Paris", "-s", root, "--json")
    assert json.loads(again.stdout)["already_there"] == 2


def test_its_mistakes_are_said_as_ours_are(site: Path, tmp_path: Path) -> None:
    (tmp_path / "tickets.csv").write_text(TICKETS.replace("rejected", "lost"))
    done = rpa_lab(site, "import", "tickets", tmp_path / "tickets.csv", "-s", tmp_path / "store")
    assert done.returncode == 1
    assert done.stderr == (
        f"rpa-lab: {tmp_path / 'tickets.csv'} line 3, column 'state': 'lost' is no state "
        "(expected solved or rejected); nothing was imported\n"
    )
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ("tickets = helpdesk_import:Missing", "of helpdesk-import 1.2 can't be loaded: AttributeError: module"),
        ("tickets = nowhere:Tickets", "can't be loaded: ModuleNotFoundError: No module named 'nowhere'"),
        ("tickets = helpdesk_import:datetime.now", "has no name and no version and no options and no parse; expected"),
    ],
)
def test_one_that_cannot_be_used_is_one_clear_sentence(tmp_path: Path, entries: str, said: str) -> None:
    site = installed(tmp_path / "site", code=block("python", "class Tickets"), entries=entries)
    (tmp_path / "tickets.csv").write_text(TICKETS)
    assert rpa_lab(site, "import", "--help").returncode == 0
    done = rpa_lab(site, "import", "tickets", tmp_path / "tickets.csv", "-s", tmp_path / "store")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_package_takes_the_place_of_an_importer_of_ours(tmp_path: Path) -> None:
    code = block("python", "class Tickets")
    site = installed(tmp_path / "site", code=code, entries="events = helpdesk_import:Tickets")
    assert "--activity" in rpa_lab(site, "import", "events", "--help").stdout
    assert "helpdesk" not in rpa_lab(site, "import", "--help").stdout


def test_importers_are_loaded_by_name(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(site)
    assert origin(third_party()["tickets"]) == "helpdesk-import 1.2"
    importer = load("tickets")
    assert (importer.name, importer.version) == ("tickets", "1")
    with pytest.raises(UnknownNameError, match="did you mean 'tickets'"):
        load("ticket")
    monkeypatch.delitem(sys.modules, "helpdesk_import")


def test_both_importers_of_ours_have_the_shape_that_is_documented() -> None:
    importers: list[Importer] = [RobotFramework(), EventLog()]
    for importer in importers:
        json.dumps([importer.name, importer.version, dict(importer.options)])
    with pytest.raises(InputError, match="repeated is 'twice', expected refuse, drop or keep"):
        EventLog(repeated="twice")  # type: ignore[arg-type]
