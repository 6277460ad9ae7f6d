"""Runs of Robot Framework: a test or task is an execution, a keyword that does something itself is a step.

A *step* is a keyword (setups and teardowns of tests and keywords too) that was run and holds no other keyword and no
control structure: calls that only lead to others are in its `node_id`, ``Submit Form > Click``. No step holds another,
so their times add up. FOR, IF, TRY, WHILE and GROUP are looked into and not named: all turns of a loop are runs of one
node.

The *workflow* is the test with the suite that holds it, ``Orders.Ship``. The suites above are left out of its name:
they are the folders that somebody gave to ``robot``, and with them ``robot tests`` and ``robot tests/orders.robot``
would run two different workflows. No name comes from a path. The setups and teardowns of suites belong to no test; they
are counted and left out.

Everything takes the model of `robot.result` as installed (4.1 or newer), which also reads what older versions wrote.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from io import BytesIO
from typing import Any, ClassVar, Final

from rpa_lab.errors import InputError, need
from rpa_lab.integrations.output_xml import Outline, outline
from rpa_lab.integrations.source import Parsed, Source
from rpa_lab.records import execution_status, node_path, step_status

__all__ = [
    "RobotFramework",
    "children",
    "duration_ms",
    "execution_id",
    "execution_row",
    "failure",
    "keyword_name",
    "start_time",
    "step_row",
    "workflow_id",
]

_KEYWORDS = frozenset({"KEYWORD", "SETUP", "TEARDOWN"})
_MILLISECOND = timedelta(milliseconds=1)
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[\\/].*", re.DOTALL)
_UNKNOWN_CHILD = re.compile(r"Incompatible child element '(.+?)' for '(.+?)'")
_CONTEXT_TEXT: Final = 4_000  # characters of a documentation or message: a context has room for 20,000 in all
_NOT_RUN, _OF_SUITES = "steps not run", "steps of suite setups and teardowns"
_TASK_UNTIMED, _STEP_UNTIMED = "tasks without a start time", "steps without a start time"

Item = Any
"""A suite, test, keyword or control structure of `robot.result`; its classes differ from version to version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotFramework:
    """Reads the output.xml of Robot Framework 3 to 7.

    Parameters
    ----------
    full_names : bool
        Whether a workflow is named by all suites, ``Tests.Orders.Ship``, not only by the innermost one. For those who
        have suites of the same name in different folders.
    max_depth : int
        How many XML elements may lie within each other.

    Examples
    --------
    >>> from pathlib import Path
    >>> text = b'''<robot schemaversion="5"><suite name="Tests"><suite name="Orders"><test name="Ship">
    ... <status status="PASS" start="2026-11-03T08:00:00" elapsed="1.5"/></test></suite></suite></robot>'''
    >>> parsed = RobotFramework().parse(Source(path=Path("output.xml"), content=text))
    >>> parsed.tables["executions"]["workflow_id"], parsed.tables["executions"]["duration_ms"]
    (['Orders.Ship'], [1500.0])
    """

    name: ClassVar[str] = "robotframework"
    version: ClassVar[str] = "1"

    full_names: bool = False
    max_depth: int = 400

    @property
    def options(self) -> Mapping[str, object]:
        """What changes the rows of a file."""
        return {"full_names": self.full_names}

    def parse(self, source: Source) -> Parsed:
        """The executions and steps of one output.xml.

        Parameters
        ----------
        source : Source
            The file.

        Returns
        -------
        Parsed
            Of the tables executions and steps; times are naive, as Robot Framework writes them.

        Raises
        ------
        SourceError
            If it is no output.xml that the installed Robot Framework can read; names the line or element.
        MissingExtraError
            If Robot Framework isn't installed.
        """
        seen = outline(source, max_depth=self.max_depth)
        result = _load(source, seen)
        about = {"rpa": bool(result.rpa), "generator": seen.generator}
        executions: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        left_out: Counter[str] = Counter()
        homes: dict[str, set[tuple[str, ...]]] = {}
        for suites, test in _tests(result.suite, (), left_out):
            if start_time(test) is None:
                left_out[_TASK_UNTIMED] += 1
                continue
            execution = execution_row(test, suites, full_names=self.full_names, about=about)
            of_test = list(_steps(test, execution, left_out))
            execution |= _totals(of_test)
            executions.append(execution)
            steps += of_test
            homes.setdefault(execution["workflow_id"], set()).add(suites)
        return Parsed(
            tables={"executions": _columns(executions), "steps": _columns(steps)},
            left_out=dict(left_out),
            warnings=tuple(_ambiguous(homes)) if homes else ("holds no test or task that was run",),
        )


def workflow_id(suites: tuple[str, ...], test: str, *, full_names: bool = False) -> str:
    r"""The workflow that a test is a run of.

    Parameters
    ----------
    suites : tuple of str
        The names of the suites that hold it, outermost first.
    test : str
        Its own name.
    full_names : bool
        Whether to name all suites, not only the innermost.

    Returns
    -------
    str
        A suite that somebody named by a path (``--name``) counts by the last part of it.

    Examples
    --------
    >>> workflow_id(("Tests", "Orders"), "Ship"), workflow_id(("Tests", "Orders"), "Ship", full_names=True)
    ('Orders.Ship', 'Tests.Orders.Ship')
    >>> workflow_id((r"C:\robots\orders.robot",), "Ship")
    'orders.Ship'
    """
    return ".".join((*map(_no_path, suites if full_names else suites[-1:]), test))


def execution_id(suites: tuple[str, ...], test: str, *, test_id: str, start: datetime) -> str:
    """The identity of one run of a test: the same from its output.xml, whatever its schema, and from a listener.

    Parameters
    ----------
    suites, test : tuple of str, str
        The names of its suites, outermost first, and its own.
    test_id : str
        Robot Framework's id of the test, ``s1-s2-t3``.
    start : datetime
        When it started, as written: without a zone. Cut to milliseconds, which is all that versions before 7 wrote.

    Returns
    -------
    str
        24 hex digits.

    Examples
    --------
    >>> execution_id(("Orders",), "Ship", test_id="s1-t1", start=datetime(2026, 11, 3, 8, 0, 0, 123456))
    'b3d4213277e68eb27000c01a'
    """
    at = start.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    said = json.dumps([".".join((*suites, test)), test_id, at], ensure_ascii=True)
    return blake2b(said.encode(), digest_size=12).hexdigest()


def execution_row(
    test: Item, suites: tuple[str, ...], *, full_names: bool = False, about: Mapping[str, object] | None = None
) -> dict[str, Any]:
    """A test's result as a row of executions, without what is counted from its steps.

    Parameters
    ----------
    test : robot.result.TestCase
        A finished test with a start time.
    suites : tuple of str
        The names of its suites, outermost first.
    full_names : bool
        As for `workflow_id`.
    about : mapping, optional
        What else its context says.

    Returns
    -------
    dict
        Values by column; times are naive.
    """
    start, elapsed = start_time(test), duration_ms(test)
    if start is None:
        raise InputError(f"test {test.name!r} has no start time, expected a finished test")
    said = {
        "suite": _no_path(suites[-1]) if suites else "",
        "long_name": ".".join((*map(_no_path, suites), test.name)),
        "test_id": test.id,
        "tags": [str(tag) for tag in test.tags],
        "documentation": _cut(test.doc),
        "message": _cut(test.message),
        **(about or {}),
    }
    return {
        "execution_id": execution_id(suites, test.name, test_id=test.id, start=start),
        "workflow_id": workflow_id(suites, test.name, full_names=full_names),
        "started_at": start,
        "completed_at": start + max(elapsed, 0.0) * _MILLISECOND,
        "duration_ms": elapsed,
        "status": execution_status(test.status) or "failed",
        "error_message": test.message if test.status == "FAIL" else None,
        "context": json.dumps({key: value for key, value in said.items() if value not in ("", [])}, ensure_ascii=False),
    }


def step_row(
    keyword: Item, path: tuple[str, ...], *, execution: Mapping[str, Any], index: int
) -> dict[str, Any] | None:
    """A keyword's result as a row of steps; None if it wasn't run or nobody knows when.

    Parameters
    ----------
    keyword : robot.result.Keyword
        One that holds no `children`.
    path : tuple of str
        Names of the keywords around it, outermost first, and its own.
    execution : mapping
        The row of its execution.
    index : int
        Its place among the steps of the execution, from 0.

    Returns
    -------
    dict or None
        Values by column; times are naive.
    """
    start, elapsed = start_time(keyword), duration_ms(keyword)
    if start is None or _not_run(keyword):
        return None
    name, owner = keyword_name(keyword)
    return {
        "execution_id": execution["execution_id"],
        "workflow_id": execution["workflow_id"],
        "node_id": node_path(*path),
        "action_type": name,
        "target_element": str(keyword.args[0]) if keyword.args else None,
        "started_at": start,
        "completed_at": start + max(elapsed, 0.0) * _MILLISECOND,
        "duration_ms": elapsed,
        "status": step_status(keyword.status) or "failed",
        "error_details": failure(keyword),
        "step_index": index,
        "application": owner,
    }


def children(item: Item) -> list[Item]:
    """The keywords and control structures within a test, keyword or structure, in the order in which they ran."""
    return [
        *_fixture(item, "setup"),
        *(child for child in getattr(item, "body", ()) if child.type != "MESSAGE"),
        *_fixture(item, "teardown"),
    ]


def keyword_name(keyword: Item) -> tuple[str, str | None]:
    """A keyword's own name, and the library or resource that it comes from."""
    if hasattr(keyword, "owner"):  # since Robot Framework 7; before, `name` was both
        name, owner = keyword.name, keyword.owner
    else:
        name, owner = keyword.kwname, keyword.libname
    return name or "(no name)", owner or None


def start_time(item: Item) -> datetime | None:
    """When a test or keyword started, as written: without a zone."""
    if hasattr(item, "start_time"):  # since Robot Framework 6.1
        start: datetime | None = item.start_time
        return start
    return datetime.strptime(item.starttime, "%Y%m%d %H:%M:%S.%f") if item.starttime else None  # noqa: DTZ007


def duration_ms(item: Item) -> float:
    """How long a test or keyword took, milliseconds, as Robot Framework itself says."""
    if hasattr(item, "elapsed_time"):  # since Robot Framework 6.1
        elapsed: timedelta = item.elapsed_time
        return elapsed / _MILLISECOND
    return float(item.elapsedtime)


def failure(keyword: Item) -> str | None:
    """Why a keyword failed; None if it didn't."""
    if keyword.status != "FAIL":
        return None
    # before Robot Framework 7 a keyword's status has no message of its own, but the log has
    logged = [m.message for m in getattr(keyword, "body", ()) if m.type == "MESSAGE" and m.level == "FAIL"]
    return getattr(keyword, "message", "") or (logged[-1] if logged else None)


def _load(source: Source, seen: Outline) -> Item:
    api, errors = need("robot.api", "robotframework"), need("robot.errors", "robotframework")
    installed = str(need("robot.version", "robotframework").VERSION)
    if seen.schema >= 5 and int(installed.partition(".")[0]) < 7:
        raise source.error(f"was written by Robot Framework 7 or newer; {installed} is installed, expected at least 7")
    try:
        return api.ExecutionResult(BytesIO(source.content))
    except errors.DataError as mistake:
        said = str(mistake).rpartition("' failed: ")[2]
        if found := _UNKNOWN_CHILD.search(said):
            line = seen.first_line.get((found[2], found[1]))
            what = f"has <{found[1]}> within <{found[2]}>, which Robot Framework {installed} doesn't expect there"
            raise source.error(what, line=line) from None
        raise source.error(f"can't be read by Robot Framework {installed}: {said}") from None


def _tests(suite: Item, above: tuple[str, ...], left_out: Counter[str]) -> Iterator[tuple[tuple[str, ...], Item]]:
    """Each test with the names of its suites."""
    names = (*above, suite.name)
    for fixture in (*_fixture(suite, "setup"), *_fixture(suite, "teardown")):
        keywords = [keyword for keyword, _ in _leaves([fixture], ())]
        left_out[_OF_SUITES] += sum(not _not_run(keyword) for keyword in keywords)
    for test in suite.tests:
        yield names, test
    for inner in suite.suites:
        yield from _tests(inner, names, left_out)


def _steps(test: Item, execution: Mapping[str, Any], left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    index = 0
    for keyword, path in _leaves(children(test), ()):
        step = step_row(keyword, path, execution=execution, index=index)
        if step is None:
            left_out[_NOT_RUN if _not_run(keyword) else _STEP_UNTIMED] += 1
        else:
            index += 1
            yield step


def _leaves(items: list[Item], path: tuple[str, ...]) -> Iterator[tuple[Item, tuple[str, ...]]]:
    """The keywords that hold nothing further, each with the names that lead to it."""
    for item in items:
        within = children(item)
        is_keyword = item.type in _KEYWORDS
        here = (*path, keyword_name(item)[0]) if is_keyword else path
        if within:
            yield from _leaves(within, here)
        elif is_keyword:
            yield item, here


def _fixture(item: Item, which: str) -> list[Item]:
    if getattr(item, f"has_{which}", True) is False:  # asking for one that isn't there makes it
        return []
    fixture = getattr(item, which, None)
    return [fixture] if fixture else []


def _not_run(keyword: Item) -> bool:
    return keyword.status in ("NOT RUN", "NOT_RUN", "NOT SET")


def _totals(steps: list[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(step["status"] for step in steps)
    return {"steps_total": len(steps), "steps_completed": counts["completed"], "steps_failed": counts["failed"]}


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]} if rows else {}


def _ambiguous(homes: Mapping[str, set[tuple[str, ...]]]) -> Iterator[str]:
    for workflow, suites in sorted(homes.items()):
        if len(suites) > 1:
            places = " and ".join(sorted(".".join(names) for names in suites))
            yield f"the runs of {places} are counted as one workflow, {workflow}; full_names keeps them apart"


def _no_path(suite: str) -> str:
    if not _ABSOLUTE.fullmatch(suite):
        return suite
    last = re.split(r"[\\/]", suite.rstrip("\\/"))[-1]
    return last.rpartition(".")[0] or last


def _cut(text: str | None) -> str:
    said = text or ""
    return said if len(said) <= _CONTEXT_TEXT else said[: _CONTEXT_TEXT - 1] + "…"
