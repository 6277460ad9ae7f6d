"""Context managers and decorators over a collector: the shortest way to record a bot.

::

    with collector.execution("invoices") as run:
        with run.step("open_browser", action_type="click", target_element="#go") as step:
            step.confidence_score = 0.97

Steps nest: the `node_id` of one within another is the path of both names. The open execution and step are carried by
context variables, so threads and asyncio tasks each see their own. Where a bot heals a step by itself, it says so::

        with run.step("submit", target_element="#go") as step:
            try:
                click("#go")
            except NotFound:
                with run.recovery(step, strategy="alternative_selector") as recovery:
                    click("#go-2")
                    recovery.confidence_score = 0.8
"""

from __future__ import annotations

import functools
import os
import sys
from contextlib import suppress
from contextvars import ContextVar, Token
from time import perf_counter, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, cast

from rpa_lab.collection.ledger import BETWEEN, node_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpa_lab.collection.collector import MetricsCollector

__all__ = ["Execution", "Recovery", "Step"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Here = tuple["Execution | None", str]
_HERE: ContextVar[_Here] = ContextVar("rpa_lab_here", default=(None, ""))
"""The execution that is open in this thread or task, and the names of its open steps, outermost first."""
_here, _enter, _leave = _HERE.get, _HERE.set, _HERE.reset


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
        "ids",
        "status",
        "texts",
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
        self.ids = (self.execution_id, workflow_id)
        self.texts = sys.maxsize  # of both ids; known once it is entered
        self.status: str | None = None
        self.context: dict[str, Any] = {}
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
        return Step(self._collector, self, name, action_type, target_element, application)

    def recovery(self, step: Step | str, *, strategy: str) -> Recovery:
        """An attempt to heal a step; arguments as for `MetricsCollector.recovery`."""
        return Recovery(self._collector, self, step, strategy=strategy)

    def __enter__(self) -> Self:
        if self._used:  # entered again: another run
            self.execution_id = self._execution_id or os.urandom(16).hex()
            self.status, self.context = None, {}
        self._used = True
        self.ids = (self.execution_id, self.workflow_id)
        self.texts = sum(map(len, self.ids)) if all(type(one) is str for one in self.ids) else sys.maxsize
        self._collector.record_execution_start(self.execution_id, self.workflow_id, **self._details)
        self._token: Token[_Here] = _enter((self, ""))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        with suppress(ValueError):  # left in another context than entered (a generator closed elsewhere)
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
    node_id : str
        The path of its name, once it is entered.
    recoveries : tuple of Recovery
        The attempts to heal it, in the order in which they were made; `step_id` identifies it then.
    """

    __slots__ = (
        "_action_type",
        "_application",
        "_began",
        "_collector",
        "_name",
        "_names",
        "_run",
        "_token",
        "confidence_score",
        "recoveries",
        "retry_count",
        "status",
        "step_id",
        "target_element",
    )

    def __init__(  # by position: keywords would cost a bot a tenth of a step
        self,
        collector: MetricsCollector,
        run: Execution | None,
        name: str,
        action_type: str | None,
        target_element: str | None,
        application: str | None,
    ) -> None:
        self.step_id: str | None
        self._collector = collector
        self._run = run
        self._name = name
        self._action_type = action_type
        self._application = application
        self.target_element = target_element
        self.confidence_score: float | None = None
        self.retry_count = 0
        self.status: str | None = None
        self.recoveries: tuple[Recovery, ...] = ()

    @property
    def node_id(self) -> str:
        """The path of its name; known once it is entered."""
        return node_of(self._names)

    def __enter__(self) -> Self:
        run, above = _here()
        if self._run is not run:
            if self._run is None:
                self._run = run
            else:
                above = ""
        self._names = names = f"{_text(above)}{BETWEEN}{_text(self._name)}" if above else self._name
        self._token = _enter((self._run, names))
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        ended = perf_counter()
        try:
            _leave(self._token)
        except ValueError:  # left in another context than entered (a generator closed elsewhere): it ends with that
            del self._token
        run, more = self._run, None
        if run is None:  # no execution is open: there is nothing that it could be a step of
            self._collector.record_step(node_id=self.node_id)
            return False
        texts = run.texts
        if error is not None or self.recoveries:
            more = self._more(error)
            texts += len(more[0] or "")
        names, action_type = self._names, self._action_type or self._name
        target, application = self.target_element, self._application
        try:
            texts += len(names) + len(action_type)
            if target is not None:
                texts += len(target)
            if application is not None:
                texts += len(application)
        except TypeError:  # something else than a text
            texts = sys.maxsize
        record = (
            "timed",
            run.ids,
            names,
            action_type,
            target,
            application,
            self._began,
            ended,
            self.status,
            self.confidence_score,
            self.retry_count,
            more,
        )
        # as at the end of record_step: a call for both would take a tenth of the time of a step
        collector = self._collector
        if texts > collector._short:
            collector._say(record)
            return False
        try:
            take = collector._take
            many = take()
        except IndexError:
            collector._say(record)
            return False
        keep = collector._keep
        keep(record)
        if many:
            collector._background.wake()
        return False

    def _more(self, error: BaseException | None) -> tuple[str | None, str | None]:
        """What few steps have: why it failed, and an id."""
        step_id = self.step_id if self.recoveries else None
        if error is None:
            return None, step_id
        if self.status is None:
            self.status = _status_of(error, interrupted="failed")
        return _said(error)[1] if self.status == "failed" else None, step_id

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Record each call of the function as a step of the execution that is open where it is called."""

        def again() -> Step:
            return Step(
                self._collector, self._run, self._name, self._action_type, self.target_element, self._application
            )

        return _decorated(function, again)


class Recovery:
    """One attempt to heal a step, as a ``with`` block; made by `Execution.recovery` or `MetricsCollector.recovery`.

    It recovered if the block ends without an exception. One that was begun while an exception is being handled
    records that as what had gone wrong.

    Attributes
    ----------
    status : str or None
        ``recovered`` or ``failed``; set it to say so where no exception does.
    confidence_score : float or None
        How sure the bot was of the healed target, fraction 0-1.
    """

    __slots__ = (
        "_began",
        "_collector",
        "_details",
        "_run",
        "_started_us",
        "_step",
        "confidence_score",
        "recovery_id",
        "status",
        "strategy",
    )

    def __init__(self, collector: MetricsCollector, run: Execution | None, step: Step | str, *, strategy: str) -> None:
        self._collector = collector
        self._run = run
        self._step = step
        self.strategy = strategy
        self.recovery_id = os.urandom(8).hex()
        self.confidence_score: float | None = None
        self.status: str | None = None

    def __enter__(self) -> Self:
        if self._run is None:
            self._run = self._step._run if isinstance(self._step, Step) else _here()[0]
        if isinstance(self._step, Step):
            if not self._step.recoveries:  # its place among the steps isn't known before it ends
                self._step.step_id = f"{self._run.execution_id if self._run else ''}:{os.urandom(6).hex()}"
            self._step.recoveries += (self,)
        before = sys.exception()
        self._details = _said(before)[1] if before is not None else None
        self._started_us = time_ns() // 1000
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        duration_ms = (perf_counter() - self._began) * 1000
        if self.status is None:
            self.status = "recovered" if error is None else "failed"
        details = self._details or (_said(error)[1] if error is not None else None)
        run, step = self._run, self._step
        self._collector.record_recovery(
            execution_id=run.execution_id if run is not None else None,
            workflow_id=run.workflow_id if run is not None else None,
            node_id=step.node_id if isinstance(step, Step) else step,
            step_id=step.step_id if isinstance(step, Step) else None,
            strategy=self.strategy,
            status=self.status,
            started_at=self._started_us,  # type: ignore[arg-type] # microseconds, which are understood too
            duration_ms=duration_ms,
            confidence_score=self.confidence_score,
            error_details=details,
            recovery_id=self.recovery_id,
        )
        return False


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


def _text(value: object) -> str:
    if type(value) is str:
        return value
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a foreign object may raise anything
        return f"<{type(value).__name__}>"


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
