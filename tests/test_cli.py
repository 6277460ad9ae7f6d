from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rpa_lab import Lab, MetricsCollector
from rpa_lab.cli import app

CLI = CliRunner()
FIXTURE = Path(__file__).parent / "integrations" / "fixtures" / "robotframework"


def _rpa_lab(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rpa_lab", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def recorded(root: Path) -> Path:
    with MetricsCollector(root) as collector:
        for _ in range(3):
            with collector.execution("invoices"):
                pass
            collector.flush()
    return root


@pytest.mark.parametrize(
    "command", [[], ["compact"], ["import"], ["import", "robotframework"], ["report"], ["workflows"], ["demo"]]
)
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    shown = CLI.invoke(app, [*command, "--help"])

    assert shown.exit_code == 0
    if command not in ([], ["import"]):
        assert "rpa-lab" in shown.stdout.partition("Example")[2]


def test_import_compact_and_list(root: Path) -> None:
    files = sorted(FIXTURE.glob("*.xml"))
    first = _rpa_lab("import", "robotframework", *files, "--store", root, "--tz", "Europe/Paris", "--json")
    again = _rpa_lab("import", "robotframework", *files, "--store", root, "--tz", "Europe/Paris", "--json")
    assert first.returncode == again.returncode == 0, first.stderr
    said = json.loads(first.stdout)
    assert said["executions"] == json.loads(again.stdout)["already_there"] > 0
    assert said["tz"] == "Europe/Paris"

    compacted = _rpa_lab("compact", "--store", root, "--json")
    assert {day["table"] for day in json.loads(compacted.stdout)} >= {"executions", "steps"}
    listed = _rpa_lab("workflows", "--store", root, "--period", "all", "--json")
    assert sum(row["executions"] for row in json.loads(listed.stdout)) == said["executions"]
    assert sum(Lab(root).workflows("all")["executions"]) == said["executions"]


def test_what_is_printed_for_people(recorded: Path) -> None:
    compacted = CLI.invoke(app, ["compact", "-s", str(recorded)])
    assert "files merged, 2 days of tables published" in compacted.stdout

    listed = CLI.invoke(app, ["workflows", "-s", str(recorded)])
    assert "invoices" in listed.stdout
    assert "100.0 %" in listed.stdout
    empty = CLI.invoke(app, ["workflows", "-s", str(recorded), "-p", "2020-01"])
    assert empty.stdout.startswith("No runs in 1 January 2020 to 31 January 2020 (UTC); the newest run started 20")
    nothing = CLI.invoke(app, ["workflows", "-s", str(recorded / "nowhere")])
    assert "holds none at all" in nothing.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["import", "robotframework", "nowhere.xml"], "nowhere.xml doesn't exist"),
        (["workflows", "--period", "yesterdayish"], "period 'yesterdayish' can't be understood"),
        (["workflows", "--tz", "Mars"], "tz 'Mars' is no time zone"),
        (["report", "perfomance"], "did you mean 'performance'"),
        (["compact"], "holds no store"),
    ],
)
def test_a_mistake_is_one_clear_sentence_and_a_failure(root: Path, arguments: list[str], sentence: str) -> None:
    ran = _rpa_lab(*arguments, "--store", root)

    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr
    assert sentence in " ".join(ran.stderr.replace("│", " ").split())
    assert not root.exists()


def test_what_the_system_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = _rpa_lab("import", "robotframework", FIXTURE / "robot-7.5.xml", "--store", tmp_path / "file")

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith("rpa-lab: ")
    assert "Traceback" not in ran.stderr


def test_following_goes_on_until_it_is_stopped(recorded: Path) -> None:
    import signal

    command = [sys.executable, "-m", "rpa_lab", "compact", "--follow", "--store", str(recorded)]
    going = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        going.wait(timeout=3)
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=30)

    assert going.returncode == 130
    assert b"Traceback" not in said


def test_the_version_is_the_packages() -> None:
    from rpa_lab import __version__

    assert CLI.invoke(app, ["--version"]).stdout.strip() == f"rpa-lab {__version__}"


def test_the_command_line_answers_without_loading_what_it_does_not_need() -> None:
    code = (
        "import sys, rpa_lab.cli; print([n for n in ('polars', 'pyarrow', 'altair', 'papermill') if n in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_the_help_of_report_names_every_notebook() -> None:
    shown = " ".join(CLI.invoke(app, ["report", "--help"]).stdout.replace("│", " ").split())

    for notebook in (Path(__file__).parents[1] / "notebooks").glob("*.ipynb"):
        assert notebook.stem in shown.partition("[required]")[0]
