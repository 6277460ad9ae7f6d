"""From a store to a page, through a real kernel; and what stops before one starts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from rpa_lab.errors import InputError, ReportError, UnknownNameError
from rpa_lab.records import ExecutionMetrics, StepMetrics
from rpa_lab.report.block import Chart, Kpis, Table
from rpa_lab.report.generator import Rendered, ReportGenerator, slug
from rpa_lab.report.model import MIME, Report
from rpa_lab.report.progress import Progress
from rpa_lab.storage.store import TimeSeriesStore
from tests.strategies import hostile_text

WORKFLOW = "</script><script>alert(1)</script> ../{invoices} ${7*7} {{7*7}} \"'\\"
START = datetime(2026, 11, 2, 8, tzinfo=UTC)
DURATIONS_MS = [round(float(ms), 3) for ms in np.random.default_rng(11).lognormal(10, 0.5, 90)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety runs of a workflow of hostile name, each of two steps, every tenth failed; one run of another workflow."""
    records: list[ExecutionMetrics | StepMetrics] = []
    for number, ms in enumerate(DURATIONS_MS):
        at = START + timedelta(hours=number)
        ended, ran = at + timedelta(milliseconds=ms), f"run-{number}"
        status = "failed" if number % 10 == 9 else "completed"
        records.append(ExecutionMetrics(ran, WORKFLOW, at, ended, ms, status, 2, 2, 0))
        for index, (node, share) in enumerate((("login", 0.25), (WORKFLOW, 0.75))):
            step = StepMetrics(
                None, ran, WORKFLOW, node, "click", None, at, ended, ms * share, "completed", step_index=index
            )
            records.append(step)
    records.append(ExecutionMetrics("other", "other", START, START, 1.0, "completed", 0, 0, 0))
    root = tmp_path_factory.mktemp("generator") / "store {with} braces"
    TimeSeriesStore(root).write_metrics(records)
    return root


@pytest.fixture(scope="module")
def seen() -> list[Progress]:
    return []


@pytest.fixture(scope="module")
def rendered(store: Path, tmp_path_factory: pytest.TempPathFactory, seen: list[Progress]) -> Rendered:
    out = tmp_path_factory.mktemp("out") / "reports {here}"
    generator = ReportGenerator(store, out=out, tz="Europe/Paris")
    return generator.run("performance", workflow_id=WORKFLOW, formats=("html", "json"), progress=seen.append)


def test_the_report_has_the_statistics_of_the_runs(rendered: Rendered) -> None:
    durations = np.array(DURATIONS_MS)
    expected = {
        "shortest": durations.min(),
        "median": np.median(durations),
        "mean": durations.mean(),
        "95th percentile": np.percentile(durations, 95),
        "99th percentile": np.percentile(durations, 99),
        "longest": durations.max(),
        "standard deviation": durations.std(ddof=1),
    }
    tables = {block.title: block for block in rendered.report.blocks() if isinstance(block, Table)}
    found = {row[0]: row[1] for row in tables["Duration of a run"].rows}
    assert found == pytest.approx(expected, rel=1e-9)
    (kpis,) = (block for block in rendered.report.blocks() if isinstance(block, Kpis))
    assert [tile.value for tile in kpis.tiles[:2]] == [90, 90.0]


def test_the_report_says_where_it_comes_from(rendered: Rendered, store: Path) -> None:
    origin = rendered.report.provenance
    assert (origin.store, origin.tz, origin.n) == (str(store), "Europe/Paris", 90)
    newest = START + timedelta(hours=89, milliseconds=DURATIONS_MS[-1], microseconds=1)  # when what ran last had ended
    assert datetime.fromisoformat(origin.as_of) == newest
    assert rendered.report.period.tz == "Europe/Paris"


def test_the_report_doubts_its_p99(rendered: Rendered) -> None:
    assert any("99th percentile (368 needed)" in text for text in rendered.report.warnings)


def test_the_charts_state_what_they_show(rendered: Rendered) -> None:
    titles = [block.title for block in rendered.report.blocks() if isinstance(block, Chart)]
    assert len(titles) == 4
    assert titles[0].startswith("Half of the runs take under")
    assert titles[2].startswith("9 of 90 runs did not complete (10 %)")
    assert "takes 75 % of the time" in titles[3]


def test_all_files_are_there_and_say_the_same(rendered: Rendered) -> None:
    assert rendered.html is not None
    assert rendered.json is not None
    assert Report.from_dict(json.loads(rendered.json.read_text(encoding="utf-8"))) == rendered.report
    assert rendered.html.read_text(encoding="utf-8") == rendered.report.to_html()
    files = {path.name for path in rendered.notebook.parent.iterdir()}
    assert files == {rendered.notebook.name, rendered.html.name, rendered.json.name}
    assert rendered.notebook.name == f"performance-{slug(WORKFLOW)}-30d.ipynb"


def test_the_notebook_was_run_from_end_to_end_and_shows_its_charts(rendered: Rendered) -> None:
    code = [cell for cell in _cells(rendered.notebook) if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in code)
    kinds = [set(output.get("data", {})) for cell in code for output in cell["outputs"]]
    assert sum("image/svg+xml" in kind for kind in kinds) == 4
    assert MIME in kinds[-1]
    assert not [output for cell in code for output in cell["outputs"] if output["output_type"] == "stream"]


def test_progress_goes_from_nothing_to_all_and_names_the_parts(rendered: Rendered, seen: list[Progress]) -> None:
    assert seen, rendered
    done = [progress.done for progress in seen]
    assert done == sorted(done)
    assert (seen[0].done, seen[-1].done) == (0, seen[-1].total)
    assert {"starting Python", "Day by day", "writing the report"} <= {progress.doing for progress in seen}


def test_a_period_in_which_nothing_ran_makes_a_report_that_says_so(store: Path, tmp_path: Path) -> None:
    report = ReportGenerator(store, out=tmp_path).run(workflow_id="other", period="2020-01").report
    assert report.summary == "No run of this workflow ended in this period."
    assert [section.title for section in report.sections] == ["At a glance", "Where to look"]
    assert "the newest started on 2 November 2026 at 08:00" in str(report.to_dict())


def _cells(notebook: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return cells


def _notebook(path: Path, *cells: str) -> Path:
    parameters = "store = None\nworkflow_id = None\nperiod = None\ntz = None\nas_of = None\nlimit: int = 3"
    sources = [("code", parameters), ("markdown", "## The sums"), *(("code", cell) for cell in cells)]
    made: list[dict[str, Any]] = [
        {
            "cell_type": kind,
            "id": f"c{number}",
            "metadata": {"tags": ["parameters"] if number == 0 else []},
            "source": text,
        }
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for number, (kind, text) in enumerate(sources)
    ]
    kernel = {"name": "no such kernel", "display_name": "Elsewhere", "language": "python"}
    notebook = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_a_failed_notebook_is_kept_and_its_cell_named(store: Path, tmp_path: Path) -> None:
    source = _notebook(tmp_path / "mine.ipynb", "print('before')", "1 / (limit - 5)", "never = 1")
    out = tmp_path / "out"
    with pytest.raises(ReportError) as caught:
        ReportGenerator(store, out=out).run(str(source), parameters={"limit": 5})
    kept = out / "mine-30d.failed.ipynb"
    said = str(caught.value)
    assert "notebook mine failed in cell 5, under “The sums”: ZeroDivisionError: division by zero" in said
    assert str(kept) in said
    assert [path.name for path in out.iterdir()] == [kept.name]
    shown = [output for cell in _cells(kept) for output in cell.get("outputs", [])]
    assert [output.get("text") or output.get("ename") for output in shown] == [["before\n"], "ZeroDivisionError"]


def test_a_notebook_that_shows_no_report_is_refused(store: Path, tmp_path: Path) -> None:
    source = _notebook(tmp_path / "mine.ipynb", "limit")
    with pytest.raises(ReportError, match="it shows no report"):
        ReportGenerator(store, out=tmp_path / "out").run(str(source))


def test_a_kernel_that_dies_leaves_its_last_words(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    dying = "import os\nos.write(2, b'no memory left')\nos._exit(1)"
    source = _notebook(tmp_path / "mine.ipynb", dying)
    with pytest.raises(ReportError, match=r"failed in cell 4, under “The sums”: Kernel died. no memory left"):
        ReportGenerator(store, out=tmp_path / "out").run(str(source))
    assert (tmp_path / "out" / "mine-30d.failed.ipynb").is_file()
    assert "no memory left" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"notebook": "perfomance"}, UnknownNameError, "did you mean 'performance'"),
        ({"notebook": "nowhere.ipynb"}, InputError, "is no file"),
        ({"workflow_id": "othre"}, UnknownNameError, "did you mean 'other'"),
        ({"period": "soon"}, InputError, "can't be understood"),
        ({"formats": ("docx",)}, UnknownNameError, "It has: html, json"),
        ({"parameters": {"perid": "1d"}}, UnknownNameError, "did you mean 'period'"),
        ({"parameters": {"period = 1; import os; x": 1}}, UnknownNameError, "has no parameter"),
        ({"parameters": {"period": float("nan")}}, InputError, "parameter period is nan"),
        ({"parameters": {"period": Path("a")}}, InputError, "expected what JSON can hold"),
        ({"parameters": {"period": [{1: 2}]}}, InputError, "expected what JSON can hold"),
    ],
)
def test_what_can_not_work_is_refused_before_anything_starts(
    store: Path, tmp_path: Path, arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(error, match=said):
        ReportGenerator(store, out=out).run(**arguments)
    assert not out.exists()


@pytest.mark.parametrize(
    ("parameters", "error", "said"),
    [
        ({"by": "version"}, InputError, "by is 'version': a new version would swallow"),
        ({"by": ["host"]}, InputError, "expected 'robot', 'host'"),
        ({"by": "context.country"}, UnknownNameError, "no run says in its context 'country'"),
        ({"baseline": "2026-11-02/2026-11-04", "current": "2026-11-03"}, InputError, "overlap; expected two periods"),
        ({"baseline": "octember"}, InputError, "can't be understood"),
        ({"baseline": "2027-01"}, InputError, "leaves nothing after it"),
        ({"versions": ["1", "1"]}, InputError, "expected two names that differ"),
        ({"versions": ["1", "2"], "baseline": "7d"}, InputError, "baseline is '7d' beside versions"),
        ({"versions": ["1", "2"]}, InputError, "and no run of .* says by which version it was done"),
    ],
)
def test_two_periods_and_what_tells_runs_apart_are_checked_before_anything_starts(
    store: Path, tmp_path: Path, parameters: dict[str, Any], error: type[Exception], said: str
) -> None:
    out = tmp_path / "out"
    with pytest.raises(error, match=said):
        ReportGenerator(store, out=out).run("comparison", workflow_id=WORKFLOW, parameters=parameters)
    assert not out.exists()


def test_files_are_named_for_what_was_asked(store: Path, tmp_path: Path) -> None:
    """Reports of other periods, or by other kinds of runs, don't overwrite one another."""
    source = _notebook(tmp_path / "mine.ipynb", "1 / 0")
    told = json.loads(source.read_text(encoding="utf-8"))
    told["cells"][0]["source"] += "\nbaseline = current = by = versions = None"
    source.write_text(json.dumps(told), encoding="utf-8")
    asked: list[dict[str, Any]] = [
        {},
        {"by": "host"},
        {"baseline": "2026-11-02"},
        {"current": "2026-11-04", "by": "host"},
        {"baseline": "2026-11-02/2026-11-03", "current": "2026-11-04"},
    ]
    names = []
    for number, parameters in enumerate(asked):
        out = tmp_path / str(number)
        with pytest.raises(ReportError, match="ZeroDivisionError"):
            ReportGenerator(store, out=out).run(str(source), workflow_id="other", parameters=parameters)
        (kept,) = out.iterdir()
        names.append(kept.name.removesuffix(".failed.ipynb"))
    assert names == [
        "mine-other-30d",
        "mine-other-30d-by-host",
        "mine-other-30d-against-2026-11-02",
        "mine-other-2026-11-04-by-host",
        f"mine-other-2026-11-04-against-{slug('2026-11-02/2026-11-03')}",
    ]


def test_a_store_that_holds_nothing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no executions yet"):
        ReportGenerator(tmp_path / "store", out=tmp_path / "out").run()
    assert list(tmp_path.iterdir()) == []


@given(hostile_text(), hostile_text())
def test_no_text_makes_a_path_and_no_two_make_the_same(first: str, second: str) -> None:
    name = slug(first)
    assert name
    assert len(name) <= 57
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-")
    assert (name == slug(second)) == (first == second)
