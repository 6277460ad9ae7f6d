"""What bots say when they fail: the errors of each family of actions, worded as their libraries word them.

A text may contain ``{application}``, ``{target}``, ``{seconds}`` and ``{key}``, the case that was worked on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rpa_lab.simulate.process import Family, Node, Process

__all__ = ["FAILURES", "Category", "Failure", "failure_line", "failure_trace"]

Category = Literal["timeout", "element_not_found", "application", "network", "authentication", "data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One way to fail: how often relative to the family's others, what is said, and how long it is waited for in vain.

    `wait_s` seconds pass in each attempt before the bot gives up. What is not `retried` fails at the first attempt.
    """

    category: Category
    weight: float
    error: str
    text: str
    wait_s: float = 0
    retried: bool = True

    @property
    def exception_kind(self) -> str:
        """Whether the case broke a rule, or the robot's world broke."""
        return "business" if self.category == "data" else "application"


def _data(weight: float, error: str, text: str) -> Failure:
    return Failure(category="data", weight=weight, error=error, text=text, retried=False)


FAILURES: dict[Family, tuple[Failure, ...]] = {
    "screen": (
        Failure(category="element_not_found", weight=5, error="ElementNotFound", wait_s=10,
                text="no element matches {target} after {seconds:.0f} s"),
        Failure(category="element_not_found", weight=2, error="StaleElementReference",
                text="{target} is no longer attached to the page"),
        Failure(category="timeout", weight=3, error="TimeoutError", wait_s=30,
                text="{application}: waited {seconds:.0f} s for {target} to be enabled"),
        Failure(category="application", weight=1, error="ApplicationError",
                text="{application} shows an unexpected dialog: 'The session has expired'"),
    ),
    "sign_in": (
        Failure(category="authentication", weight=4, error="AuthenticationError", retried=False,
                text="{application} refused the sign-in: the password of the robot's account has expired"),
        Failure(category="authentication", weight=2, error="AuthenticationError", retried=False,
                text="{application} refused the sign-in: the account is locked after 5 attempts"),
        Failure(category="timeout", weight=3, error="TimeoutError", wait_s=45,
                text="{application}: the start page did not appear within {seconds:.0f} s"),
        Failure(category="network", weight=1, error="ConnectionError",
                text="{application}: the connection was closed during the sign-in"),
    ),
    "service": (
        Failure(category="network", weight=3, error="ConnectionError",
                text="{application}: connection reset by peer"),
        Failure(category="network", weight=2, error="ConnectionError",
                text="{application}: name could not be resolved"),
        Failure(category="timeout", weight=4, error="ReadTimeout", wait_s=20,
                text="{application}: no answer from {target} within {seconds:.0f} s"),
        Failure(category="application", weight=2, error="HTTPError",
                text="{application} answered 500 Internal Server Error for {target}"),
        Failure(category="authentication", weight=1, error="HTTPError", retried=False,
                text="{application} answered 401 Unauthorized for {target}"),
    ),
    "file": (
        Failure(category="application", weight=3, error="PermissionError",
                text="{target} is open in another program"),
        Failure(category="network", weight=2, error="OSError", wait_s=5,
                text="{application}: the network path for {target} was not found"),
    ),
    "document": (
        _data(4, "ExtractionError", "{target} of {key}: the total could not be read (confidence 0.41, needed 0.80)"),
        _data(2, "ExtractionError", "{target} of {key} has no text layer and is too blurred to read"),
        Failure(category="application", weight=2, error="ServiceError",
                text="{application}: no free worker for {target}"),
    ),
    "rule": (
        _data(4, "ValidationError", "{key}: rule {target} is not met"),
        _data(3, "ValidationError", "{key}: a mandatory field is empty ({target})"),
        _data(2, "BusinessRuleException", "{key}: amount differs by more than 2 % ({target})"),
        _data(1, "BusinessRuleException", "{key}: already handled, duplicate ({target})"),
    ),
    "program": (
        Failure(category="application", weight=4, error="ApplicationError",
                text="{application}: runtime error in {target}, see the dump list"),
        Failure(category="application", weight=2, error="ApplicationError",
                text="{application} is not responding"),
        Failure(category="timeout", weight=3, error="TimeoutError", wait_s=60,
                text="{application}: {target} was still running after {seconds:.0f} s"),
    ),
}  # fmt: skip


def failure_line(failure: Failure, node: Node) -> str:
    """The failure in one line, as said of this node; ``{key}`` is left for the case.

    Parameters
    ----------
    failure : Failure
        How it failed.
    node : Node
        What failed.

    Returns
    -------
    str

    Examples
    --------
    >>> from rpa_lab.simulate.catalogue import CATALOGUE
    >>> failure_line(FAILURES["screen"][0], CATALOGUE[1].nodes[10])
    'ElementNotFound: no element matches css:button[type=submit] after 10 s'
    """
    text = failure.text.format(
        application=node.application, target=node.target_element, seconds=failure.wait_s, key="{key}"
    )
    return f"{failure.error}: {text}"


def failure_trace(line: str, process: Process, node: Node) -> str:
    """A traceback that ends with the line given.

    Parameters
    ----------
    line : str
        What was said.
    process : Process
        The workflow that ran.
    node : Node
        Its step that failed.

    Returns
    -------
    str
        Several lines.
    """
    at = 20 + 9 * process.nodes.index(node)
    function = node.node_id.replace(" > ", "_").replace(" ", "_")
    return (
        "Traceback (most recent call last):\n"
        f'  File "{process.workflow_id}/main.py", line {at}, in run\n'
        f"    {function}(case)\n"
        f'  File "{process.workflow_id}/steps.py", line {3 * at + 7}, in {function}\n'
        f"    robot.{node.action_type}(TARGET)\n"
        f"{line}"
    )
