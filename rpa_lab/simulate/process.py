"""What a workflow is: its steps in order, how long each takes, how often each stumbles, and when the work arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rpa_lab.simulate.calendar import Rhythm

__all__ = ["ACTIONS", "Action", "Family", "Node", "Process"]

Family = Literal["screen", "sign_in", "service", "file", "document", "rule", "program"]
"""What an action depends on, and so how it fails: a user interface, a password, a network …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """How a kind of action behaves.

    `spread` is the standard deviation of a duration's logarithm; `retry_rate` and `failure_rate` are fractions 0-1 of
    the steps that need a second attempt, and that fail for good.
    """

    family: Family
    spread: float
    retry_rate: float
    failure_rate: float


_SCREEN = Action(family="screen", spread=0.35, retry_rate=0.018, failure_rate=0.0025)
_SERVICE = Action(family="service", spread=0.45, retry_rate=0.015, failure_rate=0.003)
_FILE = Action(family="file", spread=0.30, retry_rate=0.006, failure_rate=0.0015)
_RULE = Action(family="rule", spread=0.25, retry_rate=0, failure_rate=0.009)

ACTIONS: dict[str, Action] = {
    "click": _SCREEN,
    "type_into": _SCREEN,
    "select": _SCREEN,
    "read_text": _SCREEN,
    "wait_for": Action(family="screen", spread=0.55, retry_rate=0.02, failure_rate=0.004),
    "log_in": Action(family="sign_in", spread=0.35, retry_rate=0.012, failure_rate=0.003),
    "http_get": _SERVICE,
    "http_post": _SERVICE,
    "query": _SERVICE,
    "download": Action(family="service", spread=0.6, retry_rate=0.02, failure_rate=0.003),
    "read_mail": _SERVICE,
    "send_mail": _SERVICE,
    "read_file": _FILE,
    "write_file": _FILE,
    "read_range": _FILE,
    "write_range": _FILE,
    "extract_text": Action(family="document", spread=0.5, retry_rate=0.008, failure_rate=0.007),
    "validate": _RULE,
    "match": _RULE,
    "run_transaction": Action(family="program", spread=0.4, retry_rate=0.012, failure_rate=0.0035),
    "open_application": Action(family="program", spread=0.4, retry_rate=0.01, failure_rate=0.002),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One step of a workflow; `median_ms` is what it takes on an average host and day."""

    node_id: str
    action_type: str
    application: str
    target_element: str
    median_ms: float

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
        """The sum of its steps' medians, milliseconds."""
        return sum(node.median_ms for node in self.nodes)
