"""Steps as ``with`` blocks and decorators, and the attempts to heal them.

Steps nest: the `node_id` of one within another is the path of both names. The open execution and step are carried by a
context variable, so threads and asyncio tasks each see their own.
"""

from __future__ import annotations

import functools
import os
import sys
from contextvars import Context, ContextVar, Token, copy_context
from copy import copy
from time import perf_counter, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar, cast

from rpa_lab.collection.buffer import SHORT
from rpa_lab.collection.nodes import BETWEEN, node_of
from rpa_lab.collection.outcome import is_of_signal, said_of, status_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rpa_lab.collection.collector import MetricsCollector
    from rpa_lab.collection.hooks import Execution

__all__ = ["HERE", "Recovery", "Step", "decorated", "new_step"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
HERE: ContextVar[Execution | Step | None] = ContextVar("rpa_lab_here", default=None)
"""The innermost execution or step that is open in this thread or task."""
_DEEPEST = 100  # executions within each other that are looked at; one that is entered within itself has no end
_here, _enter, _leave = HERE.get, HERE.set, HERE.reset
_new = object.__new__


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

    _collector: MetricsCollector  # where it wasn't made by an execution
    _run: Execution | None
    _name: str
    _names: str
    _action_type: str
    _application: str | None
    _token: Token[Execution | Step | None]
    _began: float
    target_element: str | None
    confidence_score: float | None
    retry_count: int
    status: str | None
    step_id: str | None
    recoveries: tuple[Recovery, ...]

    @property
    def node_id(self) -> str:
        """The path of its name; known once it is entered."""
        return node_of(getattr(self, "_names", self._name))

    def __enter__(self) -> Self:
        above = _here()
        if above is self._run:
            self._names = self._name
            self._token = _enter(self)
        else:
            self._names = self._within(above)
            self._token = _enter(self if self._run is not None else above)
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        ended = perf_counter()
        try:  # noqa: SIM105 - suppress() takes as long as half of all this
            _leave(self._token)
        except (ValueError, RuntimeError):
            pass  # left in another context than entered (a generator closed elsewhere), or twice: it ends with that
        run = self._run
        more: tuple[str | None, str | None, str | None] | None = None
        if run is None:  # no execution is open: there is nothing that it could be a step of
            self._collector.record_step(node_id=self.node_id)
            return False
        texts, names = run.texts, self._names
        action_type, target, status = self._action_type, self.target_element, self.status
        application = self._application
        if error is not None or status is not None or self.recoveries:
            status, more = self._more(error)
            texts = sys.maxsize
        elif application is not None:
            more = (None, None, application)
        try:
            if application is not None:
                texts += len(application)
            texts += len(names) + len(action_type)
            if target is not None:
                texts += len(target)
        except Exception as mistake:  # something else than a text
            if is_of_signal(mistake):
                raise
            texts = sys.maxsize
        record = (
            "timed",
            run.ids,
            names,
            action_type,
            target,
            self._began,
            ended,
            status,
            self.confidence_score,
            self.retry_count,
            more,
        )
        # as at the end of record_step: a call for both would take a tenth of the time of a step
        if texts > SHORT:
            run._collector._say_step(record)
            return False
        try:
            take = run._take
            many = take()
        except IndexError:  # no place left, or this is a forked child, which has a buffer of its own
            run._collector._say_step(record)
            return False
        keep = run._keep
        keep(record)
        if many:
            run._collector._background.wake()
        return False

    def _within(self, above: Execution | Step | None) -> str:
        """Its names, where it isn't simply a step of the execution that it was made for.

        Within executions of other collectors it belongs to the innermost one of its own.
        """
        for _ in range(_DEEPEST):
            if above is None:
                break
            run, names = (above._run, above._names) if isinstance(above, Step) else (above, "")
            if run is None:
                break
            if run is self._run or (self._run is None and run._collector is self._collector):
                self._run = run
                return f"{text_of(names)}{BETWEEN}{text_of(self._name)}" if names else self._name
            above = run._outer
        return self._name

    def _more(self, error: BaseException | None) -> tuple[str | None, tuple[str | None, str | None, str | None]]:
        """Its status, and what not all steps have: why it failed, an id, an application."""
        status, details = self.status, None
        if status is None:
            status = status_of(error, interrupted="failed")
        if error is not None and status == "failed":
            details = said_of(error)[1]
        healed = self.recoveries and self.recoveries[-1].of == self._began  # and not by an earlier use of this object
        return status, (details, self.step_id if healed else None, self._application)

    def __call__(self, function: Callable[_P, _R]) -> Callable[_P, _R]:
        """Record each call of the function as a step of the execution that is open where it is called."""

        def again() -> Step:
            step = copy(self)
            step.confidence_score, step.retry_count, step.status, step.recoveries = None, 0, None, ()
            return step

        return decorated(function, again)


def new_step(
    run: Execution | None,
    name: str,
    *,
    action_type: str | None = None,
    target_element: str | None = None,
    application: str | None = None,
) -> Step:
    """A step of this execution; arguments as for `MetricsCollector.step`."""
    step = _new(Step)  # and not Step(...): calling __init__ too would take a twentieth of a step's time
    step._run = run
    step._name = name
    step._action_type = name if action_type is None else action_type
    step._application = application
    step.target_element = target_element
    step.confidence_score = None
    step.retry_count = 0
    step.status = None
    step.recoveries = ()
    return step


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
        "of",
        "recovery_id",
        "status",
        "strategy",
    )

    def __init__(self, collector: MetricsCollector, run: Execution | None, step: Step | str, *, strategy: str) -> None:
        self._collector = collector
        self._run = run
        self._step = step
        self.strategy = strategy
        self.of = 0.0  # when the step was entered, which tells it from other uses of the same object
        self.recovery_id = os.urandom(8).hex()
        self.confidence_score: float | None = None
        self.status: str | None = None

    def __enter__(self) -> Self:
        if self._run is None:
            here = self._step if isinstance(self._step, Step) else _here()
            self._run = here._run if isinstance(here, Step) else here
        if isinstance(self._step, Step):
            self.of = getattr(self._step, "_began", 0.0)
            if self._step.recoveries and self._step.recoveries[-1].of != self.of:
                self._step.recoveries = ()  # the same object was entered again: another step
            if not self._step.recoveries:  # its place among the steps isn't known before it ends
                self._step.step_id = f"{self._run.execution_id if self._run else ''}:{os.urandom(6).hex()}"
            self._step.recoveries += (self,)
        before = sys.exception()
        self._details = said_of(before)[1] if before is not None else None
        self._started_us = time_ns() // 1000
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        duration_ms = (perf_counter() - self._began) * 1000
        if self.status is None:
            self.status = "recovered" if error is None else "failed"
        details = self._details or (said_of(error)[1] if error is not None else None)
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


def decorated(function: Callable[_P, _R], again: Callable[[], Execution | Step]) -> Callable[_P, _R]:
    """A function whose every call is a block, generators and coroutines too.

    Parameters
    ----------
    function : callable
        What is called.
    again : callable
        Makes the block of one call.

    Returns
    -------
    callable

    Raises
    ------
    TypeError
        If it is an asynchronous generator, which may be left at any time in any task.
    """
    import inspect

    if inspect.isasyncgenfunction(function):
        raise TypeError(f"{function!r} is an asynchronous generator, expected a function; use a with block inside it")
    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def generated(*args: _P.args, **kwargs: _P.kwargs) -> Any:
            # in a context of its own: between two items whoever consumes them is at work, which is no part of it
            context, block = copy_context(), again()
            context.run(block.__enter__)
            try:
                result = yield from _driven(function(*args, **kwargs), context)
            except GeneratorExit:  # nobody wants the rest
                context.run(block.__exit__, None, None, None)
                raise
            except BaseException as error:
                context.run(block.__exit__, type(error), error, error.__traceback__)
                raise
            context.run(block.__exit__, None, None, None)
            return result

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


def _driven(generator: Generator[Any, Any, Any], context: Context) -> Generator[Any, Any, Any]:
    """The same generator, each of whose pieces runs within a context.

    References
    ----------
    PEP 380, section "Formal Semantics": what is sent and thrown goes to the inner generator.
    """
    step, said = generator.send, None
    while True:
        try:
            item = context.run(step, said)
        except StopIteration as end:
            return end.value
        try:
            step, said = generator.send, (yield item)
        except GeneratorExit:
            context.run(generator.close)
            raise
        except BaseException as error:  # noqa: BLE001 - it is the inner generator's
            step, said = generator.throw, error
