"""Records Robot Framework's runs live: ``robot --listener rpa_lab.integrations.robotframework.Listener:data/store``.

A test's start is recorded when it starts, each step when it ends, and the test's result at its end, so that what a
killed robot had done is in the store. What is recorded is what the importer would read from the output.xml: same
identities, same steps, same values.

The listener never disturbs a run. What goes wrong in it is said once, on stderr, and the robot goes on. Only settings
that can't be meant, and a Robot Framework older than 7, are refused, when it is taken into use: ``robot`` then prints
one error and runs without it.

Nothing here loads Polars.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rpa_lab.errors import InputError, RpaLabError, need
from rpa_lab.integrations.robot_model import Identities, Item, end_of, keyword_name, start_of, start_time, step_row
from rpa_lab.integrations.robot_settings import ListenerSettings, listener_settings
from rpa_lab.records import node_path

if TYPE_CHECKING:
    from rpa_lab.collection.collector import MetricsCollector

__all__ = ["Listener"]

_OLDEST: Final = 7
"""The first version that tells listeners of this kind of keywords."""


class Listener:
    """Records the tests or tasks of ``robot``, and their steps, while they run.

    A dry run (``--dryrun``) runs nothing, so nothing of it is recorded. It can also stand in a library
    (``ROBOT_LIBRARY_LISTENER``); tests that have begun before the library is imported are not recorded then.

    Parameters
    ----------
    store : str or path
        The folder of the store; made with the first flush.
    *settings : str
        Each ``name=value``, as on the command line; see `ListenerSettings`.

    Raises
    ------
    robot.errors.DataError
        If a setting isn't one, or Robot Framework is older than 7.

    Examples
    --------
    >>> import tempfile
    >>> listener = Listener(tempfile.mkdtemp(), "robot_id=r7", "full_names=yes")
    >>> listener.close()
    """

    ROBOT_LISTENER_API_VERSION: ClassVar[int] = 3
    # the last of all listeners: what others change is then changed, as it is when output.xml is written
    # (Robot Framework 7.0 knows no priorities: there, the one that is named last is the last)
    ROBOT_LISTENER_PRIORITY: ClassVar[int] = -1_000_000_000

    def __init__(self, store: str | os.PathLike[str], *settings: str) -> None:
        try:
            _expect_version()
            self._settings = listener_settings(store, settings)
        except RpaLabError as mistake:  # robot shows its own kind of error without a traceback
            raise need("robot.errors", "robotframework").DataError(str(mistake)) from None
        self._collector: MetricsCollector | None = None
        self._identities = Identities()
        self._test: Item = None  # the last test that started
        self._begun: dict[str, Any] | None = None  # what was recorded at its start; None once it has ended
        self._steps: _Steps | None = None  # what is open of its steps; None where none are recorded
        self._ended: dict[int, tuple[Item, str]] = {}  # the tests that ended, and their identities
        self._said = False
        self._handler = logging.StreamHandler(sys.__stderr__)

    def start_test(self, _data: Item, result: Item) -> None:
        """Record the start of a test."""
        try:
            self._start(result)
        except Exception as error:  # noqa: BLE001 - see the module: never disturbs a run
            self._say(error)

    def start_keyword(self, _data: Item, result: Item) -> None:
        """Go into a keyword."""
        try:
            if self._steps is None and _is_test(result.parent):
                self._start(result.parent)  # a listener that came before this one runs keywords when a test starts
            if self._steps is not None:
                self._steps.enter(keyword_name(result)[0], flat=result.tags.robot("flatten"))
        except Exception as error:  # noqa: BLE001
            self._say(error)

    def end_keyword(self, _data: Item, result: Item) -> None:
        """Record a keyword that has ended, if it is a step."""
        steps = self._steps
        if steps is None:
            return
        try:
            node_id = steps.leave()
            if node_id is not None:
                row = step_row(result, node_id, execution=steps.execution, index=steps.count, local=True)
                if row is not None:
                    steps.count += 1
                    self._recorder().record_step(**row)
        except Exception as error:  # noqa: BLE001
            self._say(error)

    def start_body_item(self, _data: Item, _result: Item) -> None:
        """Go into a control structure."""
        if self._steps is not None:
            self._steps.enter(None)

    def end_body_item(self, _data: Item, _result: Item) -> None:
        """Leave a control structure."""
        if self._steps is not None:
            self._steps.leave()

    def end_test(self, _data: Item, result: Item) -> None:
        """Record the end of a test."""
        begun = self._begun
        self._steps = self._begun = None
        if begun is None or result is not self._test:
            return
        try:
            self._end(result, begun)
            self._ended[id(result)] = (result, begun["execution_id"])
        except Exception as error:  # noqa: BLE001
            self._say(error)

    def end_suite(self, _data: Item, result: Item) -> None:
        """Record once more the tests of a suite whose teardown failed: that fails, or skips, all of them."""
        try:
            if self._ended and result.has_teardown and result.teardown.status in ("FAIL", "SKIP"):
                for test in result.all_tests:
                    if id(test) in self._ended:
                        self._end(test, self._start_of(test, self._ended[id(test)][1]))
        except Exception as error:  # noqa: BLE001
            self._say(error)

    def close(self) -> None:
        """Write what is left; called by Robot Framework when all is done. The next run begins anew."""
        collector, self._collector = self._collector, None
        self._test = self._begun = self._steps = None
        self._ended.clear()
        self._identities = Identities()
        try:
            if collector is not None:
                collector.close()
                counts = collector.stats()
                if lost := counts["dropped"]:
                    self._say(f"{lost:,} of {counts['recorded']:,} records are not in {collector.store}")
        except Exception as error:  # noqa: BLE001
            self._say(error)
        finally:
            _say_collectors_warnings(self._handler, said=False)

    def _start(self, test: Item) -> None:
        start = start_time(test)
        if test is self._test or start is None:
            return
        self._test, self._begun, self._steps = test, None, None
        if _is_dry_run():
            return
        begun = self._start_of(test, self._identities.of(_suites(test), test.name, start=start))
        self._recorder().record_execution_start(**begun)
        self._begun, self._steps = begun, _Steps(begun)

    def _end(self, test: Item, begun: dict[str, Any]) -> None:
        end = end_of(test, started_at=begun["started_at"])
        self._recorder().record_execution_complete(
            begun["execution_id"],
            end["status"],
            end["error_message"],
            context=end["end_context"],
            workflow_id=begun["workflow_id"],
            started_at=begun["started_at"],
            completed_at=end["completed_at"],
            duration_ms=end["duration_ms"],
        )

    def _start_of(self, test: Item, identity: str) -> dict[str, Any]:
        about = {"rpa": _is_rpa(test), "generator": _generator()}
        full_names = self._settings.full_names
        return start_of(test, _suites(test), identity=identity, full_names=full_names, about=about, local=True)

    def _recorder(self) -> MetricsCollector:
        if self._collector is None:
            self._collector = _collector(self._settings)
            _say_collectors_warnings(self._handler, said=True)
            if self._settings.resources:
                self._sample(self._collector)
        return self._collector

    def _sample(self, collector: MetricsCollector) -> None:
        """Sample the machine until the collector is closed."""
        try:
            from rpa_lab.collection.resources import ResourceCollector

            ResourceCollector(collector=collector).start()
        except Exception as error:  # noqa: BLE001
            self._say(error)

    def _say(self, what: object) -> None:
        """Say once what went wrong, and record no more steps of this test: where they stand may be lost."""
        self._steps = None
        if self._said or sys.__stderr__ is None:
            return
        self._said = True
        with suppress(Exception):
            said = f"{type(what).__name__}: {what}" if isinstance(what, Exception) else what
            # not sys.stderr: within a keyword, what is written there becomes a message of that keyword
            print(f"rpa_lab: {said}", file=sys.__stderr__)


class _Steps:
    """The keywords and control structures that are open in a test: which one is a step, and where it stands."""

    __slots__ = ("_flat", "_open", "count", "execution")

    def __init__(self, execution: dict[str, Any]) -> None:
        self.execution = execution
        self.count = 0
        self._open: list[list[Any]] = [["", False]]  # of each its node, and whether it holds another
        self._flat = 0  # how many are open from a flattened keyword on: output.xml has nothing of what it holds

    def enter(self, name: str | None, *, flat: bool = False) -> None:
        """Go into a keyword of this name, or a control structure."""
        if self._flat:
            self._flat += 1
            return
        around = self._open[-1]
        around[1] = True
        node_id: str = around[0]
        if name is not None:
            node_id = f"{node_id} > {node_path(name)}" if node_id else node_path(name)
        self._open.append([node_id, False])
        self._flat = 1 if flat else 0

    def leave(self) -> str | None:
        """Leave the innermost; its node if it held no other."""
        if self._flat > 1:
            self._flat -= 1
            return None
        self._flat = 0
        node_id, holds = self._open.pop()
        return None if holds else node_id


def _expect_version() -> None:
    installed = str(need("robot.version", "robotframework").VERSION)
    if int(installed.partition(".")[0]) < _OLDEST:
        raise InputError(
            f"Robot Framework {installed} is installed, but only from {_OLDEST} on it tells listeners of the keywords "
            "that they run; import its output.xml afterwards instead: rpa-lab import robotframework output.xml"
        )


def _collector(settings: ListenerSettings) -> MetricsCollector:
    from rpa_lab.collection.collector import MetricsCollector

    return MetricsCollector(
        settings.store,
        flush_interval_sec=settings.flush_interval_sec,
        robot_id=settings.robot_id,
        host=settings.host,
        workflow_version=settings.workflow_version,
    )


def _say_collectors_warnings(handler: logging.Handler, *, said: bool) -> None:
    """Let the collector's warnings reach stderr, unless somebody else takes them: robot ignores those of its thread."""
    logger = logging.getLogger("rpa_lab")
    if not said:
        logger.removeHandler(handler)
    elif not logger.handlers and sys.__stderr__ is not None:
        logger.addHandler(handler)


def _is_dry_run() -> bool:
    context = need("robot.running.context", "robotframework").EXECUTION_CONTEXTS.current
    return context is not None and bool(context.dry_run)


def _is_test(item: Item) -> bool:
    return isinstance(item, need("robot.result", "robotframework").TestCase)


def _suites(test: Item) -> tuple[str, ...]:
    """The names of the suites that hold a test, outermost first."""
    names: list[str] = []
    suite = test.parent
    while suite is not None:
        names.insert(0, suite.name)
        suite = suite.parent
    return tuple(names)


def _is_rpa(test: Item) -> bool:
    """Whether the run is one of tasks, as output.xml says it of all."""
    suite = test.parent
    while suite.parent is not None:
        suite = suite.parent
    return bool(suite.rpa)


@cache
def _generator() -> str:
    return str(need("robot.version", "robotframework").get_full_version("Robot"))
