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

import os
import sys
from contextlib import suppress
from contextvars import Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, Self, TypeVar

from rpa_lab.collection.outcome import said_of, status_of
from rpa_lab.collection.steps import HERE, Recovery, Step, decorated, new_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from rpa_lab.collection.buffer import Place, Record
    from rpa_lab.collection.collector import MetricsCollector

__all__ = ["Execution"]

_P = ParamSpec("_P")
_R = TypeVar("_R")


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
        "_keep",
        "_outer",
        "_take",
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
        self.execution_id = os.urandom(16).hex() if execution_id is None else execution_id
        self.ids = (self.execution_id, workflow_id)
        self.texts = sys.maxsize  # of both ids; known once it is entered, and so is where to keep its steps
        self.status: str | None = None
        self.context: dict[str, Any] = {}
        self._used = False
        self._outer: Execution | Step | None = None  # what was open when it was entered

    step = new_step

    def recovery(self, step: Step | str, *, strategy: str) -> Recovery:
        """An attempt to heal a step; arguments as for `MetricsCollector.recovery`."""
        return Recovery(self._collector, self, step, strategy=strategy)

    def __enter__(self) -> Self:
        if self._used:  # entered again: another run
            self.execution_id = os.urandom(16).hex() if self._execution_id is None else self._execution_id
            self.status, self.context = None, {}
        self._used = True
        self.ids = (self.execution_id, self.workflow_id)
        self.texts = sum(map(len, self.ids)) if all(type(one) is str for one in self.ids) else sys.maxsize
        self._collector.record_execution_start(self.execution_id, self.workflow_id, **self._details)
        self._outer = HERE.get()
        self._take: Callable[[], Place]
        self._keep: Callable[[Record], None]
        self._take, self._keep = self._collector._intake()
        self._token: Token[Execution | Step | None] = HERE.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        with suppress(ValueError, RuntimeError):  # left in another context than entered, or twice
            HERE.reset(self._token)
        message: str | None = None
        details: str | None = None
        exception_kind: str | None = None
        status = self.status or status_of(error, interrupted="cancelled")
        if error is not None and status != "completed":
            message, details = said_of(error)
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

        return decorated(function, again)
