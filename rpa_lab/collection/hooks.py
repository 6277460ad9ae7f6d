"""Context managers and decorators over a collector: the shortest way to record a bot.

::

    with collector.execution("invoices") as run:
        with run.step("open_browser", action_type="click", target_element="#go") as step:
            step.confidence_score = 0.97

Steps nest: the `node_id` of one within another is the path of both names. The open execution and step are carried by
context variables, so threads and asyncio tasks each see their own.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from contextlib import suppress
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpa_lab.collection.collector import MetricsCollector

__all__ = ["Execution", "Step"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Here = tuple["Execution", str]
_HERE: ContextVar[_Here | None] = ContextVar("rpa_lab_here", default=None)
"""The open execution and the path of its open steps, "" where none is."""


class Execution:
    """One execution, as a ``with`` block or a decorator; made by `MetricsCollector.execution`.

    Attributes
    ----------
    execution_id : str
        Identifies the run.
    status : str or None
        Set it to say how the run ended where no exception does (``"cancelled"``).
    context : dict
        What is put here is recorded with the end of the run.
    """

    __slots__ = (
        "_collector",
        "_details",
        "_execution_id",
        "_token",
        "_used",
        "context",
        "execution_id",
        "status",
        "workflow_id",
    )

    def __init__(
        self, collector: MetricsCollector, workflow_id: str, *, execution_id: str | None, details: dict[str, Any]
    ) -> None:
        self._collector = collector
        self._details = details
        self._execution_id = execution_id
        self.workflow_id = workflow_id
        self.execution_id = execution_id or os.urandom(16).hex()
        self.status: str | None = None
        self.context: dict[str, Any] = {}
        self._token: Any = None
        self._used = False

    def step(
        self,
        name: str,
        *,
        action_type: str | None = None,
        target_element: str | None = None,
        application: str | None = None,
    ) -> Step:
        """A step of this execution; arguments as for `MetricsCollector.step`."""
        return Step(
            self._collector, self, name, action_type=action_type, target_element=target_element, application=application
        )

    def __enter__(self) -> Self:
        if self._used:  # entered again: another run
            self.execution_id = self._execution_id or os.urandom(16).hex()
            self.status, self.context = None, {}
        self._used = True
        self._collector.record_execution_start(self.execution_id, self.workflow_id, **self._details)
        self._token = _HERE.set((self, ""))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        _leave(self._token)
        message: str | None = None
        details: str | None = None
        exception_kind: str | None = None
        status = self.status or _status_of(error, interrupted="cancelled")
        if error is not None and status != "completed":
            message, details = _said(error)
            business = isinstance(error, self._collector.business_exceptions)
            exception_kind = "business" if business else "application"
        self._collector.record_execution_complete(
            self.execution_id,
            status,
            message,
            error_details=details,
            exception_kind=exception_kind,
            context=self.context,
        )
        return False

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Record each call of the function as an execution of its own."""

        def again() -> Execution:
            return Execution(self._collector, self.workflow_id, execution_id=self._execution_id, details=self._details)

        return _decorated(function, again)


class Step:
    """One step, as a ``with`` block or a decorator; made by `Execution.step` or `MetricsCollector.step`.

    Attributes
    ----------
    status : str or None
        Set it to say how the step ended where no exception does (``"skipped"``).
    retry_count : int
        Count it up with each further attempt.
    confidence_score : float or None
        How sure the bot was of its target, fraction 0-1.
    target_element : str or None
        What it was done to.
    """

    __slots__ = (
        "_action_type",
        "_application",
        "_collector",
        "_monotonic_ns",
        "_name",
        "_path",
        "_run",
        "_started_us",
        "_token",
        "confidence_score",
        "retry_count",
        "status",
        "target_element",
    )

    def __init__(
        self,
        collector: MetricsCollector,
        run: Execution | None,
        name: str,
        *,
        action_type: str | None,
        target_element: str | None,
        application: str | None,
    ) -> None:
        self._collector = collector
        self._run = run
        self._name = name
        self._action_type = action_type or name
        self._application = application
        self.target_element = target_element
        self.confidence_score: float | None = None
        self.retry_count = 0
        self.status: str | None = None
        self._path = ""
        self._token: Any = None

    def __enter__(self) -> Self:
        from rpa_lab.records import node_path  # with the first step: it takes as long as all that recording a run needs

        here = _HERE.get()
        if self._run is None and here is not None:
            self._run = here[0]
        name = node_path(str(self._name))
        inside = here is not None and here[0] is self._run and here[1]
        self._path = f"{inside} > {name}" if inside else name
        if self._run is not None:
            self._token = _HERE.set((self._run, self._path))
        self._started_us = time.time_ns() // 1000
        self._monotonic_ns = time.perf_counter_ns()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        duration_ms = (time.perf_counter_ns() - self._monotonic_ns) / 1e6
        _leave(self._token)
        status = self.status or _status_of(error, interrupted="failed")
        run = self._run
        self._collector.record_step(
            execution_id=run.execution_id if run else None,
            workflow_id=run.workflow_id if run else None,
            node_id=self._path,
            action_type=self._action_type,
            target_element=self.target_element,
            application=self._application,
            started_at=cast(Any, self._started_us),
            duration_ms=duration_ms,
            status=status,
            confidence_score=self.confidence_score,
            retry_count=self.retry_count,
            error_details=_said(error)[1] if error is not None and status == "failed" else None,
        )
        return False

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Record each call of the function as a step of the execution that is open where it is called."""

        def again() -> Step:
            return Step(
                self._collector,
                self._run,
                self._name,
                action_type=self._action_type,
                target_element=self.target_element,
                application=self._application,
            )

        return _decorated(function, again)


def _decorated(function: Callable[_P, _R], again: Callable[[], Execution | Step]) -> Callable[_P, _R]:
    import inspect

    if inspect.isasyncgenfunction(function):
        raise TypeError(f"{function!r} is an asynchronous generator, expected a function; use a with block inside it")
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generated(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with again():
                return (yield from cast(Any, function(*args, **kwargs)))

        return cast("Callable[_P, _R]", generated)
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            with again():
                return await function(*args, **kwargs)

        return cast("Callable[_P, _R]", awaited)

    @functools.wraps(function)
    def called(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with again():
            return function(*args, **kwargs)

    return called


def _leave(token: Any) -> None:
    if token is None:
        return
    with suppress(ValueError):  # left in another context than entered (a generator closed elsewhere): it ends with that
        _HERE.reset(token)


def _status_of(error: BaseException | None, *, interrupted: str) -> str:
    if error is None or (isinstance(error, SystemExit) and error.code in (None, 0)):
        return "completed"
    asyncio = sys.modules.get("asyncio")  # where it was never imported, nothing of it was raised
    stopped = (KeyboardInterrupt, GeneratorExit, *((asyncio.CancelledError,) if asyncio else ()))
    return interrupted if isinstance(error, stopped) else "failed"


def _said(error: BaseException) -> tuple[str, str]:
    """The exception in one line, and its traceback."""
    import traceback  # only where something failed: it takes a tenth of the time of importing all the rest

    try:
        message = "".join(traceback.format_exception_only(error)).strip()
        return message, "".join(traceback.format_exception(error)).strip()
    except Exception:  # noqa: BLE001 - an exception's own __str__ may raise
        return type(error).__name__, type(error).__name__
