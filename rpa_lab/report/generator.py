"""Runs a notebook with parameters, and writes what it reports.

All that can be checked is checked before a kernel starts: the store, the workflow, the periods and what tells runs
apart, the names and types of the parameters. What fails later leaves its notebook behind, and an error that says in
which cell and why.
"""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from rpa_lab.errors import InputError, ReportError, need, quote, unknown_name
from rpa_lab.report.bundle import bundled
from rpa_lab.report.html import write_html
from rpa_lab.report.kernel import kernel_manager, last_words
from rpa_lab.report.model import MIME, Report
from rpa_lab.report.progress import Progress
from rpa_lab.storage.store import TimeSeriesStore

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["FORMATS", "Rendered", "ReportGenerator", "slug"]

_LOOKS_HASHED = re.compile(r"(^|-)[0-9a-f]{8}$")

_PERIODS = ("baseline", "current")
_TWO_SIDES = {*_PERIODS, "by", "versions"}  # a notebook that declares all of these holds two sides against each other

FORMATS = ("html", "json")
"""What a report can be written as; the executed notebook is always kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """What was written: the executed notebook, and the report in each format that was asked for."""

    report: Report
    notebook: Path
    html: Path | None = None
    json: Path | None = None

    def _repr_html_(self) -> str:
        return self.report._repr_html_()


class ReportGenerator:
    """Makes reports of a store by running notebooks.

    Parameters
    ----------
    store : str, path or TimeSeriesStore
        What to report on.
    out : str or path
        The folder to write into; made when needed.
    tz : str, optional
        The zone in which days begin; default: the store's.
    as_of : datetime or str, optional
        What relative periods count back from: ``"latest"`` (just after the newest execution, the notebooks' default) or
        an ISO time.
    """

    def __init__(
        self,
        store: str | os.PathLike[str] | TimeSeriesStore = "data/store",
        *,
        out: str | os.PathLike[str] = "reports",
        tz: str | None = None,
        as_of: datetime | str | None = None,
    ) -> None:
        where = store if isinstance(store, TimeSeriesStore) else TimeSeriesStore(store)
        tz = store.tz if isinstance(store, TimeSeriesStore) and tz is None else tz
        self.store = where.seen(tz=tz, as_of="latest" if as_of is None else as_of)
        self.out = Path(out).absolute()
        self._given = {"tz": tz, "as_of": as_of.isoformat() if isinstance(as_of, datetime) else as_of}

    def run(
        self,
        notebook: str = "performance",
        *,
        workflow_id: str | None = None,
        period: str = "30d",
        parameters: Mapping[str, Any] | None = None,
        formats: tuple[str, ...] = ("html",),
        progress: Callable[[Progress], None] | None = None,
        timeout_s: float | None = None,
    ) -> Rendered:
        """Run a notebook, and write what it reports.

        Parameters
        ----------
        notebook : str
            The name of a notebook that comes with the package, or the path of another one, which ends in ``.ipynb``.
        workflow_id : str, optional
            The workflow to report on; without one the notebook chooses.
        period : str
            As `Period` takes it.
        parameters : mapping, optional
            Further parameters that the notebook declares; values are what JSON can hold.
        formats : tuple of str
            Some of `FORMATS`.
        progress : callable, optional
            Is told of each step; see `progress_bar`.
        timeout_s : float, optional
            How long a single cell may take, in seconds; default: as long as it needs.

        Returns
        -------
        Rendered

        Raises
        ------
        UnknownNameError
            If there is no such notebook, workflow, parameter or format.
        InputError
            If a parameter's value or a period can't be used, or two periods overlap.
        ReportError
            If the store is empty, the notebook fails or shows no report.
        """
        source = _find(notebook)
        for name in formats:
            if name not in FORMATS:
                raise unknown_name("reports have no format", name, FORMATS)
        given = {"store": self.store.where, "workflow_id": workflow_id, "period": str(period), **self._given}
        values = {name: value for name, value in given.items() if value is not None} | dict(parameters or {})
        declared = _check_parameters(values, source)
        self._check_store(workflow_id, period)
        if declared >= _TWO_SIDES:
            self._check_two_sides(workflow_id, values)
        base = _file_name(source.stem, values)
        executed, report = _execute(source, self.out / base, values, progress or _silent, timeout_s)
        page = write_html(report, self.out / f"{base}.html") if "html" in formats else None
        data = _write_json(report, self.out / f"{base}.json") if "json" in formats else None
        return Rendered(report=report, notebook=executed, html=page, json=data)

    def _check_store(self, workflow_id: str | None, period: str) -> None:
        self.store.span(period)
        if not self.store.workflow_ids():
            raise ReportError(
                f"the store {self.store.where} holds no executions yet; record some with MetricsCollector, or import "
                "them with rpa-lab import"
            )
        self.store.check_workflow(workflow_id)

    def _check_two_sides(self, workflow_id: str | None, values: Mapping[str, Any]) -> None:
        """What would fail in the notebook: periods that overlap, versions unknown, and what tells no run apart."""
        from rpa_lab.analysis.attribution.period_work import completed_runs, ended_runs
        from rpa_lab.analysis.attribution.sides import check_versions
        from rpa_lab.analysis.attribution.strata import columns_of, with_strata
        from rpa_lab.analysis.before_after import periods_of, two_versions

        by, said, periods = values.get("by"), values.get("versions"), {name: values.get(name) for name in _PERIODS}
        columns = columns_of(by)
        versions = None if said is None else two_versions(said, **periods)
        if versions is None:
            spans = periods_of(self.store, values["period"], **periods)
        else:
            if workflow_id is None:
                raise InputError(f"versions are {quote(said)} without a workflow; name the one whose versions they are")
            check_versions(self.store, workflow_id, versions)
            spans = (self.store.span(values["period"]),) * 2
        if columns:
            ended = ended_runs(self.store, spans, columns=columns, workflow_id=workflow_id, versions=versions)
            if ended.height:
                with_strata(completed_runs(ended), by=by)


def slug(text: str, *, most: int = 48) -> str:
    """A name for a file, of lower-case ASCII letters, digits, ``_`` and ``-``; different texts get different names.

    Parameters
    ----------
    text : str
        Anything.
    most : int
        Its greatest length, without the nine characters of the hash that stands for what was lost.

    Returns
    -------
    str

    Examples
    --------
    >>> slug("30d"), slug("invoices")
    ('30d', 'invoices')
    >>> slug("../Invoices & Orders")
    'invoices-orders-5753ec8a'
    """
    plain = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:most].strip("-")
    if text and plain == text and not _LOOKS_HASHED.search(plain):
        return plain
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{plain}-{digest}" if plain else digest


def _find(notebook: str) -> Path:
    if notebook.endswith(".ipynb"):
        path = Path(notebook).absolute()
        if not path.is_file():
            raise InputError(
                f"notebook {quote(notebook)} is no file; give the path of one, or a name such as 'performance'"
            )
        return path
    known = {path.stem: path for path in sorted(bundled("notebooks").glob("*.ipynb"))}
    if notebook not in known:
        raise unknown_name("there is no notebook", notebook, known)
    return known[notebook]


def _file_name(notebook: str, values: Mapping[str, Any]) -> str:
    """What was asked, as a name: notebook, workflow, period, against which other one, and what tells runs apart.

    Of versions the two stand before the period.
    """
    asked = {name: str(value) for name, value in values.items() if value is not None}
    versions = values.get("versions") or []
    of_versions = " against ".join(map(str, reversed(versions)))
    parts = [notebook, asked.get("workflow_id", ""), of_versions, asked.get("current", asked["period"])]
    for word, name in (("against", "baseline"), ("by", "by")):
        parts += [word, asked[name]] if name in asked else []
    return "-".join(slug(part) for part in parts if part)


def _check_parameters(values: Mapping[str, Any], source: Path) -> set[str]:
    """The names that the notebook declares, among which are those of all parameters."""
    # Papermill executes what stands in a parameter's name, so only names that the notebook itself declares may pass.
    declared = _declared(_read(source))
    for name, value in values.items():
        if name not in declared:
            raise unknown_name(f"notebook {source.stem} has no parameter", name, declared)
        if not _is_plain(value):
            raise InputError(
                f"parameter {name} is {quote(value)}; expected what JSON can hold (text, finite numbers, …)"
            )
    return set(declared)


def _declared(notebook: NotebookNode) -> list[str]:
    """The names that the notebook's `parameters` cell assigns."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            names = [
                target.id
                for statement in ast.parse(cell.source).body
                if isinstance(statement, ast.Assign | ast.AnnAssign)
                for target in (statement.targets if isinstance(statement, ast.Assign) else [statement.target])
                if isinstance(target, ast.Name)
            ]
            return [name for name in names if not name.startswith("_")]
    return []


def _is_plain(value: object) -> bool:
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return isfinite(value)
        case list():
            return all(map(_is_plain, value))
        case dict():
            return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
        case _:
            return False


def _read(path: Path) -> NotebookNode:
    nbformat = need("nbformat", "lab")
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-any-return]
    except (OSError, ValueError) as wrong:  # nbformat's own errors are ValueErrors
        raise ReportError(f"notebook {path} can't be read: {wrong}") from wrong


def _execute(
    source: Path, base: Path, values: dict[str, Any], progress: Callable[[Progress], None], timeout_s: float | None
) -> tuple[Path, Report]:
    """Run the notebook into ``<base>.ipynb``, or ``<base>.failed.ipynb``, and read the report that it shows."""
    papermill = need("papermill", "lab")
    need("ipykernel", "lab")
    from nbclient.exceptions import CellControlSignal, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    try:
        base.parent.mkdir(parents=True, exist_ok=True)
    except OSError as wrong:
        raise ReportError(f"out {str(base.parent)!r} can't be written to: {wrong}") from wrong
    running = base.with_name(f".{base.name}.{uuid4().hex[:12]}.running.ipynb")
    finished, failed = base.with_name(f"{base.name}.ipynb"), base.with_name(f"{base.name}.failed.ipynb")
    steps = _Steps(_read(source), progress)
    progress(steps.now(doing="starting Python"))
    try:
        with TemporaryDirectory(prefix="rpa-lab-", ignore_cleanup_errors=True) as folder:
            try:
                papermill.execute_notebook(
                    _literally(source),
                    _literally(running),
                    parameters=values,
                    kernel_name="python3",
                    language="python",
                    progress_bar=False,
                    kernel_manager_class=kernel_manager(Path(folder)),
                    execution_timeout=timeout_s,
                    on_cell_start=steps.start,
                    on_cell_executed=steps.executed,
                )
            except DeadKernelError as dead:
                raise RuntimeError(f"{dead}. {last_words(Path(folder))}".strip()) from dead
        report = _reported(_read(running))
    except PapermillExecutionError as wrong:
        running.replace(failed)
        what = f"{wrong.ename}: {wrong.evalue}" if wrong.evalue else wrong.ename
        raise ReportError(_failure(source, steps, what, failed)) from wrong
    except (CellControlSignal, RuntimeError, InputError) as wrong:
        if running.exists():
            running.replace(failed)
        raise ReportError(_failure(source, steps, str(wrong), failed)) from wrong
    except BaseException:
        running.unlink(missing_ok=True)
        raise
    running.replace(finished)
    failed.unlink(missing_ok=True)
    progress(steps.now(doing="writing the report", done=steps.total))
    return finished, report


class _Steps:
    """Tells `progress` where papermill is: a cell is named by the heading above it."""

    def __init__(self, notebook: NotebookNode, progress: Callable[[Progress], None]) -> None:
        code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
        self.total = len(code) + 2  # the cell of parameters that papermill adds, and writing
        self.done, self.heading, self.cell = 0, "", 0
        self._progress = progress

    def start(self, cell: NotebookNode, cell_index: int) -> None:
        if cell.cell_type == "markdown":
            found = re.search(r"^#+\s*(.+)$", cell.source, re.MULTILINE)
            self.heading = found[1].strip() if found else self.heading
        elif cell.cell_type == "code":
            self.cell = cell_index + 1
            self._progress(self.now(doing=self.heading))

    def executed(self, cell: NotebookNode, cell_index: int, execute_reply: object) -> None:  # noqa: ARG002
        self.done += 1
        self._progress(self.now(doing=self.heading))

    def now(self, *, doing: str, done: int | None = None) -> Progress:
        return Progress(done=min(self.done if done is None else done, self.total), total=self.total, doing=doing)


def _failure(source: Path, steps: _Steps, what: str, kept: Path) -> str:
    short = what.strip() if len(what) <= 400 else what.strip()[:399] + "…"
    where = f"in cell {steps.cell}" + (f", under “{steps.heading}”" if steps.heading else "")
    return f"notebook {source.stem} failed {where}: {short}\nIt is kept, with all that it showed: {kept}"


def _reported(notebook: NotebookNode) -> Report:
    """The report that the last of the notebook's outputs holds."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    for output in reversed(outputs):
        data = output.get("data", {}).get(MIME)
        if data is not None:
            return Report.from_dict(json.loads(data) if isinstance(data, str) else data)
    raise InputError("it shows no report; end it with a cell that shows a rpa_lab.Report")


def _literally(path: Path) -> str:
    return str(path).replace("{", "{{").replace("}", "}}")  # papermill fills in what stands in braces


def _write_json(report: Report, path: Path) -> Path:
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}")
    temporary.write_text(json.dumps(report.to_dict(), indent=1, allow_nan=False), encoding="utf-8")
    return temporary.replace(path)


def _silent(progress: Progress) -> None:
    """Tell nobody."""
