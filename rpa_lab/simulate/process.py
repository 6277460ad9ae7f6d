"""What a workflow is: its steps in order, how long each takes, how often each stumbles, and when the work arrives.

Not every run takes every step: some are taken by a `share` of the runs only, and some are repeated, a turn for so many
lines of the case. Consecutive steps with the same number of lines are one loop: a, b, a, b …
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rpa_lab.errors import unknown_name

if TYPE_CHECKING:
    from rpa_lab.simulate.calendar import Rhythm

__all__ = ["ACTIONS", "MEDIAN_LINES", "Action", "Family", "Node", "Process"]

MEDIAN_LINES = 8
"""Lines of the ordinary case: positions of an order, receipts of a report."""

Family = Literal["screen", "sign_in", "service", "file", "document", "rule", "program"]
"""What an action depends on, and so how it fails: a user interface, a password, a network …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """How a kind of action behaves.

    `spread` is the standard deviation of a duration's logarithm; `retry_rate` and `failure_rate` are fractions 0-1 of
    the steps that need a second attempt, and that fail for good. `wait_ms` is what is waited for before it, as a rule
    (the median): an application that is still busy, a queue of documents.
    """

    family: Family
    spread: float
    retry_rate: float
    failure_rate: float
    wait_ms: float


_SCREEN = Action(family="screen", spread=0.35, retry_rate=0.018, failure_rate=0.0025, wait_ms=180)
_SERVICE = Action(family="service", spread=0.45, retry_rate=0.015, failure_rate=0.003, wait_ms=90)
_FILE = Action(family="file", spread=0.30, retry_rate=0.006, failure_rate=0.0015, wait_ms=25)
_RULE = Action(family="rule", spread=0.25, retry_rate=0, failure_rate=0.009, wait_ms=5)

ACTIONS: dict[str, Action] = {
    "click": _SCREEN,
    "type_into": _SCREEN,
    "select": _SCREEN,
    "read_text": _SCREEN,
    "wait_for": Action(family="screen", spread=0.55, retry_rate=0.02, failure_rate=0.004, wait_ms=180),
    "log_in": Action(family="sign_in", spread=0.35, retry_rate=0.012, failure_rate=0.003, wait_ms=250),
    "http_get": _SERVICE,
    "http_post": _SERVICE,
    "query": _SERVICE,
    "download": Action(family="service", spread=0.6, retry_rate=0.02, failure_rate=0.003, wait_ms=90),
    "read_mail": _SERVICE,
    "send_mail": _SERVICE,
    "read_file": _FILE,
    "write_file": _FILE,
    "read_range": _FILE,
    "write_range": _FILE,
    "extract_text": Action(family="document", spread=0.5, retry_rate=0.008, failure_rate=0.007, wait_ms=700),
    "validate": _RULE,
    "match": _RULE,
    "run_transaction": Action(family="program", spread=0.4, retry_rate=0.012, failure_rate=0.0035, wait_ms=350),
    "open_application": Action(family="program", spread=0.4, retry_rate=0.01, failure_rate=0.002, wait_ms=350),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a workflow; `median_ms` is what it takes on an average host and day.

    `share` is the fraction 0-1 of the runs that take it. With `lines_per_turn` it is repeated: a turn for so many lines
    of the case, begun ones too.
    """

    node_id: str
    action_type: str
    application: str
    target_element: str
    median_ms: float
    share: float = 1.0
    lines_per_turn: int | None = None

    @property
    def action(self) -> Action:
        """How its kind of action behaves."""
        return ACTIONS[self.action_type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One workflow; `weight` is its number of runs relative to the average workflow."""

    workflow_id: str
    version: str
    key_prefix: str
    rhythm: Rhythm
    weight: float
    nodes: tuple[Node, ...]

    @property
    def median_ms(self) -> float:
        """What a run is expected to take if each step takes its median, milliseconds."""
        return sum(node.median_ms * node.share * _turns(node) for node in self.nodes)

    def place(self, node_id: str) -> int:
        """The number of a step, among its nodes.

        Raises
        ------
        UnknownNameError
            If it has no such step.
        """
        names = [node.node_id for node in self.nodes]
        if node_id not in names:
            raise unknown_name(f"{self.workflow_id} has no step", node_id, names, most=20)
        return names.index(node_id)


def _turns(node: Node) -> float:
    return 1.0 if node.lines_per_turn is None else MEDIAN_LINES / node.lines_per_turn + 0.5
