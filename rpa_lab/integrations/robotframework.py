"""Runs of Robot Framework: a test or task is an execution, a keyword that does something itself is a step.

`RobotFramework` reads an output.xml afterwards. `Listener` records the same live, inside the robot. What is a step, a
workflow and the identity of a run is said once, in `rpa_lab.integrations.robot_model`; so one run gives the same rows
either way, and counts once where both were used.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

from rpa_lab.errors import need
from rpa_lab.integrations.output_xml import Outline, outline
from rpa_lab.integrations.robot_listener import Listener
from rpa_lab.integrations.robot_model import (
    Identities,
    Item,
    end_of,
    keyword_name,
    not_run,
    start_of,
    start_time,
    step_row,
)
from rpa_lab.integrations.source import Parsed, Source
from rpa_lab.records import node_path

__all__ = ["Listener", "RobotFramework"]

_KEYWORDS = frozenset({"KEYWORD", "SETUP", "TEARDOWN"})
_UNKNOWN_CHILD = re.compile(r"Incompatible child element '(.+?)' for '(.+?)'")
_NOT_RUN, _OF_SUITES = "steps not run", "steps of suite setups and teardowns"
_TASK_UNTIMED, _STEP_UNTIMED = "tasks without a start time", "steps without a start time"


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
    version: ClassVar[str] = "2"

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
        identities = Identities()
        executions: list[dict[str, Any]] = []
        steps: list[dict[str, Any]] = []
        left_out: Counter[str] = Counter()
        homes: dict[str, set[tuple[str, ...]]] = {}
        for suites, test in _tests(result.suite, (), left_out):
            start = start_time(test)
            if start is None:
                left_out[_TASK_UNTIMED] += 1
                continue
            identity = identities.of(suites, test.name, start=start)
            begun = start_of(test, suites, identity=identity, full_names=self.full_names, about=about)
            of_test = list(_steps(test, begun, left_out))
            executions.append(_with_json(begun | end_of(test, started_at=start)) | _totals(of_test))
            steps += of_test
            homes.setdefault(begun["workflow_id"], set()).add(suites)
        tables = {"executions": executions, "steps": steps}
        return Parsed(
            tables={name: _columns(rows) for name, rows in tables.items() if rows},
            left_out=dict(left_out),
            warnings=tuple(_ambiguous(homes)) if homes else ("holds no test or task that was run",),
        )


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
        left_out[_OF_SUITES] += sum(not not_run(keyword) for keyword, _ in _leaves([fixture], ()))
    for test in suite.tests:
        yield names, test
    for inner in suite.suites:
        yield from _tests(inner, names, left_out)


def _steps(test: Item, execution: Mapping[str, Any], left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    index = 0
    for keyword, path in _leaves(_children(test), ()):
        step = step_row(keyword, node_path(*path), execution=execution, index=index)
        if step is None:
            left_out[_NOT_RUN if not_run(keyword) else _STEP_UNTIMED] += 1
        else:
            index += 1
            yield step


def _leaves(items: list[Item], path: tuple[str, ...]) -> Iterator[tuple[Item, tuple[str, ...]]]:
    """The keywords that hold nothing further, each with the names that lead to it."""
    for item in items:
        within = _children(item)
        is_keyword = item.type in _KEYWORDS
        here = (*path, keyword_name(item)[0]) if is_keyword else path
        if within:
            yield from _leaves(within, here)
        elif is_keyword:
            yield item, here


def _children(item: Item) -> list[Item]:
    """The keywords and control structures within a test, keyword or structure, in the order in which they ran."""
    return [
        *_fixture(item, "setup"),
        *(child for child in getattr(item, "body", ()) if child.type != "MESSAGE"),
        *_fixture(item, "teardown"),
    ]


def _fixture(item: Item, which: str) -> list[Item]:
    if getattr(item, f"has_{which}", True) is False:  # asking for one that isn't there makes it
        return []
    fixture = getattr(item, which, None)
    return [fixture] if fixture else []


def _totals(steps: list[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(step["status"] for step in steps)
    return {"steps_total": len(steps), "steps_completed": counts["completed"], "steps_failed": counts["failed"]}


def _with_json(execution: dict[str, Any]) -> dict[str, Any]:
    """The row with its contexts as text: nothing rather than an empty object, as a collector has it."""
    said = {name: execution[name] for name in ("context", "end_context")}
    return execution | {
        name: json.dumps(mapping, ensure_ascii=False) if mapping else None for name, mapping in said.items()
    }


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _ambiguous(homes: Mapping[str, set[tuple[str, ...]]]) -> Iterator[str]:
    for workflow, suites in sorted(homes.items()):
        if len(suites) > 1:
            places = " and ".join(sorted(".".join(names) for names in suites))
            yield f"the runs of {places} are counted as one workflow, {workflow}; full_names keeps them apart"
