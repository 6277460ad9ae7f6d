"""From Robot Framework's results to rows: what the importer and the listener share, so that both say the same.

A *step* is a keyword (setups and teardowns of tests and keywords too) that was run and holds no other keyword and no
control structure: calls that only lead to others are in its `node_id`, ``Submit Form > Click``. No step holds another,
so their times add up. FOR, IF, TRY, WHILE and GROUP are looked into and not named: all turns of a loop are runs of one
node.

The *workflow* is the test with the suite that holds it, ``Orders.Ship``. The suites above are left out of its name:
they are the folders that somebody gave to ``robot``, and with them ``robot tests`` and ``robot tests/orders.robot``
would run two different workflows. No name comes from a path. The setups and teardowns of suites belong to no test; they
are left out.

What is known when a test starts is its `context`; tags and documentation, which a test may change, and the message are
its `end_context`. All texts are as output.xml holds them: `as_written` leaves out what can't be in one.

Everything takes the model of `robot.result` as installed (4.1 or newer), which also reads what older versions wrote.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from rpa_lab.records import execution_status, step_status

__all__ = [
    "Identities",
    "Item",
    "as_written",
    "duration_ms",
    "end_of",
    "execution_id",
    "failure",
    "keyword_name",
    "not_run",
    "start_of",
    "start_time",
    "step_row",
    "workflow_id",
]

_MILLISECOND = timedelta(milliseconds=1)
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?[\\/].*", re.DOTALL)
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_CONTEXT_TEXT: Final = 4_000  # characters of a documentation or message: a context has room for 20,000 in all
_MISSING = object()

Item = Any
"""A suite, test, keyword or control structure of `robot.result`; its classes differ from version to version."""


class Identities:
    """Gives each run of a test its identity, and a second one of the same name and millisecond another.

    Examples
    --------
    >>> ids, at = Identities(), datetime(2026, 11, 3, 8, 0, 0, 123456)
    >>> first, second = (ids.of(("Orders",), "Ship", start=at) for _ in range(2))
    >>> first == execution_id(("Orders",), "Ship", start=at), first == second
    (True, False)
    """

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def of(self, suites: tuple[str, ...], test: str, *, start: datetime) -> str:
        """The identity of the next run; arguments as for `execution_id`."""
        first = execution_id(suites, test, start=start)
        nth = self._given[first]
        self._given[first] += 1
        return execution_id(suites, test, start=start, nth=nth) if nth else first


def execution_id(suites: tuple[str, ...], test: str, *, start: datetime, nth: int = 0) -> str:
    """The identity of one run of a test: the same from its output.xml, whatever its schema, and from the listener.

    Parameters
    ----------
    suites, test : tuple of str, str
        The names of its suites, outermost first, and its own. Its number among them (``s1-t3``) doesn't count: it
        changes when the outputs of parallel processes are merged, or tests are taken out of one.
    start : datetime
        When it started, as written: its zone doesn't count. Cut to milliseconds, which is all that versions before 7
        wrote.
    nth : int
        How many runs of this name started before it in the same millisecond.

    Returns
    -------
    str
        24 hex digits.

    Examples
    --------
    >>> execution_id(("Orders",), "Ship", start=datetime(2026, 11, 3, 8, 0, 0, 123456))
    'c8b9567d5e481a003666d36a'
    """
    at = start.replace(tzinfo=None).isoformat(sep=" ", timespec="milliseconds")
    said = json.dumps([*(as_written(name, attribute=True) for name in (*suites, test)), at, *([nth] if nth else [])])
    return blake2b(said.encode(), digest_size=12).hexdigest()


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
    names = (*map(_no_path, suites if full_names else suites[-1:]), test)
    return ".".join(as_written(name, attribute=True) for name in names)


def start_of(
    test: Item,
    suites: tuple[str, ...],
    *,
    identity: str,
    full_names: bool = False,
    about: Mapping[str, object] | None = None,
    local: bool = False,
) -> dict[str, Any]:
    """What is known of an execution when its test starts.

    Parameters
    ----------
    test : robot.result.TestCase
        A test with a start time.
    suites : tuple of str
        The names of its suites, outermost first.
    identity : str
        Its `execution_id`.
    full_names : bool
        As for `workflow_id`.
    about : mapping, optional
        What else its context says.
    local : bool
        As for `start_time`.

    Returns
    -------
    dict
        `execution_id`, `workflow_id`, `started_at` and `context`, a mapping.
    """
    said = {
        "suite": _name(_no_path(suites[-1])) if suites else "",
        "long_name": workflow_id(suites, test.name, full_names=True),
        "test_id": test.id,
        **(about or {}),
    }
    return {
        "execution_id": identity,
        "workflow_id": workflow_id(suites, test.name, full_names=full_names),
        "started_at": start_time(test, local=local),
        "context": {key: value for key, value in said.items() if value != ""},
    }


def end_of(test: Item, *, started_at: datetime) -> dict[str, Any]:
    """What is known of an execution when its test has ended, without what is counted from its steps.

    Parameters
    ----------
    test : robot.result.TestCase
        A finished test.
    started_at : datetime
        From `start_of`.

    Returns
    -------
    dict
        `completed_at`, `duration_ms`, `status`, `error_message` and `end_context`, a mapping.
    """
    elapsed, message = duration_ms(test), as_written(test.message)
    tags = [as_written(str(tag)) for tag in test.tags]
    said = {"tags": [tag for tag in tags if tag], "documentation": _cut(as_written(test.doc)), "message": _cut(message)}
    return {
        "completed_at": started_at + max(elapsed, 0.0) * _MILLISECOND,
        "duration_ms": elapsed,
        "status": execution_status(test.status) or "failed",
        "error_message": message if test.status == "FAIL" else None,
        "end_context": {key: value for key, value in said.items() if value},
    }


def step_row(
    keyword: Item, node_id: str, *, execution: Mapping[str, Any], index: int, local: bool = False
) -> dict[str, Any] | None:
    """A keyword's result as a row of steps; None if it wasn't run or nobody knows when.

    Parameters
    ----------
    keyword : robot.result.Keyword
        One that holds no other keyword and no control structure.
    node_id : str
        The path of the names of the keywords around it, outermost first, and its own.
    execution : mapping
        The row of its execution.
    index : int
        Its place among the steps of the execution, from 0.
    local : bool
        As for `start_time`.

    Returns
    -------
    dict or None
        Values by column.
    """
    start = None if not_run(keyword) else start_time(keyword, local=local)
    if start is None:
        return None
    name, owner = keyword_name(keyword)
    elapsed = duration_ms(keyword)
    return {
        "execution_id": execution["execution_id"],
        "workflow_id": execution["workflow_id"],
        "node_id": node_id,
        "action_type": name,
        "target_element": _first_argument(keyword.args),
        "started_at": start,
        "completed_at": start + max(elapsed, 0.0) * _MILLISECOND,
        "duration_ms": elapsed,
        "status": step_status(keyword.status) or "failed",
        "error_details": failure(keyword),
        "step_index": index,
        "application": owner,
    }


def keyword_name(keyword: Item) -> tuple[str, str | None]:
    """A keyword's own name, and the library or resource that it comes from."""
    if hasattr(keyword, "owner"):  # since Robot Framework 7; before, `name` was both
        name, owner = keyword.name, keyword.owner
    else:
        name, owner = keyword.kwname, keyword.libname
    return _name(name or "") or "(no name)", _name(owner or "") or None


def start_time(item: Item, *, local: bool = False) -> datetime | None:
    """When a test or keyword started.

    Parameters
    ----------
    item : robot.result.TestCase or Keyword
        What started.
    local : bool
        Whether it started on this machine, in this process: the time then says its distance from UTC, which also tells
        the two hours apart when the clock goes back. Otherwise it is as written, without a zone.

    Returns
    -------
    datetime or None
        None if nobody knows.
    """
    found: Any = getattr(item, "start_time", _MISSING)  # since Robot Framework 6.1
    if found is _MISSING:
        found = datetime.strptime(item.starttime, "%Y%m%d %H:%M:%S.%f") if item.starttime else None  # noqa: DTZ007
    start: datetime | None = found
    return start.astimezone() if local and start is not None else start


def duration_ms(item: Item) -> float:
    """How long a test or keyword took, milliseconds, as Robot Framework itself says."""
    elapsed: Any = getattr(item, "elapsed_time", _MISSING)  # since Robot Framework 6.1
    return float(item.elapsedtime) if elapsed is _MISSING else elapsed / _MILLISECOND


def not_run(keyword: Item) -> bool:
    """Whether a keyword was only passed by: after a failure, or in a branch that wasn't taken."""
    return keyword.status in ("NOT RUN", "NOT_RUN", "NOT SET")


def failure(keyword: Item) -> str | None:
    """Why a keyword failed; None if it didn't."""
    if keyword.status != "FAIL":
        return None
    message: str = getattr(keyword, "message", "")
    if not message:  # before Robot Framework 7 a keyword's status has none of its own, but the log has
        logged = [m.message for m in getattr(keyword, "body", ()) if m.type == "MESSAGE" and m.level == "FAIL"]
        message = logged[-1] if logged else ""
    return as_written(message) or None


def as_written(text: str, *, attribute: bool = False) -> str:
    r"""A text as it is when it has been written to output.xml and read again.

    Parameters
    ----------
    text : str
        A name, message or argument.
    attribute : bool
        Whether it is written as an attribute, as names are: these keep their line ends.

    Returns
    -------
    str
        Without the control characters that XML has no place for, and with ``\n`` at the end of each line.

    Examples
    --------
    >>> as_written("one\r\ntwo\x1b"), as_written("one\r\ntwo\x1b", attribute=True)
    ('one\ntwo', 'one\r\ntwo')
    """
    if text.isprintable():  # nearly always, and ten times faster than looking for what is left out
        return text
    text = _UNWRITABLE.sub("", text)
    return text if attribute else text.replace("\r\n", "\n").replace("\r", "\n")


def _name(text: str) -> str:
    return as_written(text, attribute=True)


def _first_argument(arguments: tuple[object, ...]) -> str | None:
    """The first that isn't empty: output.xml leaves out the others."""
    return next((text for text in map(as_written, map(str, arguments)) if text), None)


def _no_path(suite: str) -> str:
    if not _ABSOLUTE.fullmatch(suite):
        return suite
    last = re.split(r"[\\/]", suite.rstrip("\\/"))[-1]
    return last.rpartition(".")[0] or last


def _cut(text: str) -> str:
    """A text as long as a context has room for; its secrets go first, while they are still whole."""
    if len(text) <= _CONTEXT_TEXT:
        return text
    from rpa_lab.journal.redact import redact

    return redact(text, most=_CONTEXT_TEXT)[: _CONTEXT_TEXT - 1] + "…"
