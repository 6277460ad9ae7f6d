"""``[[failure]]`` of a store's settings: which failures are of which category.

::

    [[failure]]
    category = "portal down"                        # a built-in category, or one of your own
    contains = ["503 Service", "bad gateway"]       # one of these texts is in the message, whatever its case
    workflow = "invoices"                           # and it is a failure of this workflow

    [[failure]]
    category = "business_rule"
    pattern = 'amount [0-9.]+ exceeds the limit'    # a regular expression; single quotes keep its backslashes
    exception_kind = "business"

Rules are asked in the order of the file, before the built-in ones; the first whose conditions all hold decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from rpa_lab.storage.settings_values import Section

__all__ = ["FailureRule", "failure_rules"]

_KEYS = ("category", "contains", "pattern", "workflow", "exception_kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRule:
    """What makes a failure one of a category: every condition that is said has to hold.

    `contains` are literal texts, one of which has to be in the message, whatever their case; `pattern` is a regular
    expression of Rust's kind, which takes linear time.
    """

    category: str
    contains: tuple[str, ...] = ()
    pattern: str | None = None
    workflow_id: str | None = None
    exception_kind: str | None = None


def failure_rules(sections: list[Section]) -> tuple[FailureRule, ...]:
    """The rules that the tables say, in their order.

    Raises
    ------
    InputError
        If one has no category or no condition, or a pattern is no regular expression.
    """
    return tuple(_rule(section) for section in sections)


def _rule(section: Section) -> FailureRule:
    section.only(_KEYS)
    category = section.text("category")
    if category is None:
        raise section.wrong("category", "the name of a category, such as 'timeout'")
    if len(section.said) == 1:
        raise section.wrong("category", f"a condition beside it, one of {', '.join(_KEYS[1:])}")
    return FailureRule(
        category=category,
        contains=section.texts("contains"),
        pattern=_pattern(section),
        workflow_id=section.text("workflow"),
        exception_kind=section.one_of("exception_kind", ("application", "business")),
    )


def _pattern(section: Section) -> str | None:
    pattern = section.text("pattern")
    if pattern is None:
        return None
    pattern = str(section.said["pattern"])  # as it is: blanks at its ends mean something
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as mistake:
        why = next((line[7:] for line in str(mistake).splitlines() if line.startswith("error: ")), str(mistake))
        raise section.wrong("pattern", f"a regular expression of Rust's kind ({why})") from None
    return pattern
