"""`rpa-lab import events` and `rpa-lab export`, as a user meets them."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rpa_lab import TimeSeriesStore
from rpa_lab.cli import app
from rpa_lab.errors import RpaLabError

CLI = CliRunner()
LOG = "run_id,job_name,step_name,conclusion,started,ended\n1,build,test,success,2026-11-03 09:00,2026-11-03 09:10\n"


def rpa_lab(*arguments: object, store: Path) -> Result:
    return CLI.invoke(app, [*map(str, arguments), "--store", str(store)], env={"COLUMNS": "120"})


def failed(*arguments: object, store: Path) -> str:
    done = rpa_lab(*arguments, store=store)
    assert done.exit_code != 0
    assert isinstance(done.exception, RpaLabError)  # `main` makes it one line
    return str(done.exception)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "ci.csv"
    file.write_text(LOG)
    return file


@pytest.mark.parametrize("command", [["import", "events"], ["export"]])
def test_every_command_explains_itself_with_an_example(command: list[str]) -> None:
    shown = CLI.invoke(app, [*command, "--help"])
    assert shown.exit_code == 0
    assert "rpa-lab" in shown.stdout.partition("Example")[2]


def test_an_import_shows_what_it_took_for_what(log: Path, root: Path) -> None:
    done = rpa_lab("import", "events", log, "--tz", "Europe/Paris", store=root)
    assert done.exit_code == 0, done.output
    said = [" ".join(line.split()) for line in done.stdout.splitlines() if line.strip() and "─" not in line]
    assert said == [
        "ci.csv is read as",
        "what column",
        "workflow ci",
        "case run_id + job_name",
        "activity step_name",
        "start started",
        "end ended",
        "status conclusion",
        "1 execution (1 completed) and 1 step from 1 file",
    ]


def test_a_dry_run_shows_the_first_steps_and_writes_nothing(log: Path, root: Path) -> None:
    done = rpa_lab("import", "events", log, "--dry-run", store=root)
    assert "The first steps (times in UTC)" in done.stdout
    assert "ci:1:build" in done.stdout
    assert done.stdout.endswith("nothing was written\n")
    assert not root.exists()


def test_a_mapping_that_was_printed_reads_the_next_file_alike(log: Path, root: Path, tmp_path: Path) -> None:
    options = ["--status", "-", "--tz", "Asia/Tokyo", "--repeated", "drop"]
    printed = rpa_lab("import", "events", log, *options, "--print-map", store=root)
    assert not root.exists()
    assert tomllib.loads(printed.stdout) == {
        "workflow": "ci",
        "tz": "Asia/Tokyo",
        "repeated": "drop",
        "columns": {
            "case": ["run_id", "job_name"],
            "activity": "step_name",
            "start": "started",
            "end": "ended",
            "status": "-",
        },
    }
    (tmp_path / "ci.toml").write_text(printed.stdout)
    other = log.rename(tmp_path / "november.csv")
    done = rpa_lab("import", "events", other, "--map", tmp_path / "ci.toml", "--json", store=root)
    said = json.loads(done.stdout)
    assert (said["tz"], said["executions"]) == ("Asia/Tokyo", 1)
    assert said["read_as"][str(other)]["workflow"] == "ci"
    assert TimeSeriesStore(root).read("executions")["started_at"].item().hour == 0
    loud = rpa_lab(
        "import", "events", other, "--map", tmp_path / "ci.toml", "--workflow", "other", "--json", store=root
    )
    assert json.loads(loud.stdout)["read_as"][str(other)]["workflow"] == "other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("workflow = 3", "workflow is 3, expected text"),
        ("columns = 3", "columns is 3, expected a table of columns by role"),
        ("flow = 'x'", "a mapping has no 'flow'; did you mean 'workflow'"),
        ("[columns]\nends = 'x'", "there is no role 'ends'; did you mean 'end'"),
        ("[columns]\ncase = [3]", "columns.case is 3, expected text"),
        ("[columns", "is no TOML: "),
        ("é".encode("latin-1"), "is no TOML: "),
    ],
)
def test_a_mapping_that_is_wrong_is_one_clear_sentence(
    log: Path, root: Path, tmp_path: Path, text: str | bytes, said: str
) -> None:
    file = tmp_path / "map.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert said in failed("import", "events", log, "--map", file, store=root)
    assert "doesn't exist" in failed("import", "events", log, "--map", tmp_path / "gone.toml", store=root)


def test_many_files_are_shown_once_for_each_kind(log: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "two.csv").write_text(LOG)
    (tmp_path / "three.csv").write_text("case,activity,end\n7,pay,2026-11-03T09:00Z\n")
    done = rpa_lab("import", "events", log, tmp_path / "two.csv", tmp_path / "three.csv", store=root)
    assert "ci.csv and 1 more is read as" in done.stdout
    assert "three.csv is read as" in done.stdout
    assert "unknown for its first (three.csv)" in done.stderr


def test_an_export_goes_into_another_store(log: Path, root: Path, tmp_path: Path) -> None:
    rpa_lab("import", "events", log, store=root)
    target = tmp_path / "out.xes.gz"
    done = rpa_lab("export", "xes", "--period", "2026-11", "--out", target, store=root)
    assert done.stdout == f"1 executions and 1 steps of 1 November 2026 to 30 November 2026 (UTC) in {target}\n"
    back = rpa_lab("import", "events", target, "--json", store=tmp_path / "again")
    assert json.loads(back.stdout)["executions"] == 1
    assert TimeSeriesStore(tmp_path / "again").read("steps").equals(TimeSeriesStore(root).read("steps"))
    assert "is there already" in failed("export", "xes", "--out", target, store=root)
    again = rpa_lab("export", "csv", "--out", tmp_path / "out.csv", "--period", "2020", "--json", store=root)
    assert again.exit_code != 0


def test_an_export_of_no_store_makes_no_file(tmp_path: Path) -> None:
    done = rpa_lab("export", "csv", "--out", tmp_path / "out.csv", store=tmp_path / "nowhere")
    assert done.exit_code == 2
    assert "holds no store" in " ".join(done.stderr.replace("│", " ").split())
    assert not (tmp_path / "out.csv").exists()


def test_an_export_of_nothing_says_how_to_get_everything(log: Path, root: Path, tmp_path: Path) -> None:
    rpa_lab("import", "events", log, store=root)
    done = rpa_lab("export", "csv", "--out", tmp_path / "out.csv", "--period", "2020-01", store=root)
    assert "--period all exports whatever there is" in done.stderr
