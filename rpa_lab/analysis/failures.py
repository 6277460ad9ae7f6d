"""Why runs fail: each failed run in exactly one category, with the step that failed.

The rules of `rpa_lab.toml` are asked first, then the built-in ones (`rpa_lab.analysis.failure_rules`). Each set is
asked of what the run says, from the shortest to the longest: its message, the error of its failing step, its details;
the first text that a rule fits decides, since a traceback mentions much that has nothing to do with the failure. A rule
without words (a business failure, whatever it says) fits the first text that there is, or, where there is none, decides
in the end. Where no words tell, a failed recovery of the failing step does (``self_healing_failed``): of a run whose
element was not found, *element_not_found* says what to mend, that healing failed too is told by `recovery`. What is
left is ``unknown``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import polars as pl

from rpa_lab.analysis.failure_rules import RULES
from rpa_lab.analysis.messages import last_line
from rpa_lab.errors import InputError, quote
from rpa_lab.measures import local_day, total
from rpa_lab.result import Result
from rpa_lab.storage.settings import FailureRule

__all__ = [
    "Failures",
    "by_category",
    "by_day_and_category",
    "by_node",
    "categorise",
    "check_rules",
    "failing_steps",
    "with_recovery",
]

_NO_WORDS: Final = None
"""Stands where rules are asked of no text at all: those that state no words may fit."""

_FILES: Final = r'(?m)^\s*(File ".*|at .*)$'  # a line of a traceback that names a place in some code


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures(Result):
    """The failed runs of one period by category; `categories` has one row each, most frequent first.

    `workflow_id` is None where they are of all workflows. `cancelled` and `abandoned` runs stand beside: nobody knows
    why these ended. `nodes` has one row per failing step and category (see `by_node`), `messages` one per template of
    what the runs said (see `rpa_lab.analysis.messages.message_templates`).
    """

    _table: ClassVar[str | None] = "categories"

    workflow_id: str | None
    time_period: str
    tz: str
    ended: int
    failed: int
    cancelled: int
    abandoned: int
    running: int
    categories: pl.DataFrame
    nodes: pl.DataFrame
    messages: pl.DataFrame
    warnings: tuple[str, ...] = ()


def check_rules(rules: Sequence[FailureRule]) -> None:
    """Refuse rules that can't be asked.

    Raises
    ------
    InputError
        If a rule's pattern is no regular expression, or it names no category.
    """
    for number, rule in enumerate(rules, start=1):
        if not rule.category.strip():
            raise InputError(f"failure rule {number} has no category; expected a name such as 'timeout'")
        if rule.pattern is not None:
            try:
                pl.select(pl.lit("").str.contains(rule.pattern))
            except pl.exceptions.ComputeError as mistake:
                raise InputError(
                    f"failure rule {number} ({rule.category}): pattern {quote(rule.pattern)} is no regular expression "
                    f"({str(mistake).splitlines()[0]})"
                ) from None


def failing_steps(steps: pl.LazyFrame) -> pl.LazyFrame:
    """Of each execution the step that failed.

    It is the failed step that began last: of nested ones the innermost, of several the one that the run didn't survive.

    Parameters
    ----------
    steps : LazyFrame
        Of failed executions: execution_id, step_id, node_id, action_type, application, target_element, status,
        started_at, step_index, error_details.

    Returns
    -------
    LazyFrame
        One row per execution with a step: execution_id, node_id, step_id, action_type, application, target_element,
        step_error (null where no step failed), last_node_id (where none did: the last one on record, after which the
        run broke off).
    """
    failed = pl.col("status") == "failed"
    depth = pl.col("node_id").str.count_matches(" > ", literal=True)
    of_failed = ("node_id", "step_id", "action_type", "application", "target_element")
    return (
        steps.with_columns(_depth=depth)
        .sort("started_at", "_depth", "step_index", "step_id", nulls_last=False)
        .group_by("execution_id")
        .agg(
            *(pl.col(name).filter(failed).last() for name in of_failed),
            step_error=pl.col("error_details").filter(failed).last(),
            last_node_id=pl.when(~failed.any()).then(pl.col("node_id").last()),
        )
    )


def with_recovery(failures: pl.LazyFrame, recoveries: pl.LazyFrame) -> pl.LazyFrame:
    """The failures, and what self-healing tried at the step that failed.

    Parameters
    ----------
    failures : LazyFrame
        execution_id, step_id, node_id (null where the failing step isn't known).
    recoveries : LazyFrame
        execution_id, step_id, node_id, status.

    Returns
    -------
    LazyFrame
        The same rows with `recovery`: ``failed`` (tried, and the step failed all the same), ``recovered`` (it was
        recovered, and failed in the end), ``elsewhere`` (only other steps of the run were tried), ``none``.
    """
    tried = recoveries.select(
        "execution_id", _tried_step="step_id", _tried_node="node_id", _ok=pl.col("status") == "recovered"
    )
    same_step = pl.col("_tried_step") == pl.col("step_id")
    same_node = pl.col("_tried_node") == pl.col("node_id")
    here = pl.when(pl.col("node_id").is_null()).then(pl.lit(value=True)).otherwise(pl.coalesce(same_step, same_node))
    attempts = (
        failures.select("execution_id", "step_id", "node_id")
        .join(tried, on="execution_id", how="inner", validate="1:m")
        .with_columns(_here=here.fill_null(value=False))
        .group_by("execution_id")
        .agg(_failed=(pl.col("_here") & ~pl.col("_ok")).any(), _healed=(pl.col("_here") & pl.col("_ok")).any())
    )
    verdict = (
        pl.when("_failed").then(pl.lit("failed"))
        .when("_healed").then(pl.lit("recovered"))
        .when(pl.col("_failed").is_not_null()).then(pl.lit("elsewhere"))
        .otherwise(pl.lit("none"))
    )  # fmt: skip
    return (
        failures.join(attempts, on="execution_id", how="left", validate="1:1")
        .with_columns(recovery=verdict)
        .drop("_failed", "_healed")
    )


def categorise(failures: pl.DataFrame, *, rules: Sequence[FailureRule] = ()) -> pl.DataFrame:
    """Put each failure into one category.

    Longer texts are asked only where shorter ones told nothing, and each distinct text once.

    Parameters
    ----------
    failures : DataFrame
        workflow_id, exception_kind, error_message, step_error, error_details, recovery (see `with_recovery`).
    rules : sequence of FailureRule
        The user's, asked before the built-in ones.

    Returns
    -------
    DataFrame
        The same rows with `category` (never null) and `told_by`: ``rule`` (one of the user's), ``message``, ``step``,
        ``details``, ``kind`` (the bot said nothing but what kind of failure it is), ``recovery``, or null where it is
        unknown.

    Examples
    --------
    >>> texts = ["ReadTimeout: no answer within 20 s", "Step failed"]
    >>> none = pl.Series([None, None], dtype=pl.String)
    >>> failures = pl.DataFrame({"error_message": texts, "workflow_id": ["w", "w"], "recovery": ["none", "failed"]})
    >>> failures = failures.with_columns(exception_kind=none, step_error=none, error_details=none)
    >>> categorise(failures).select("category", "told_by").rows()
    [('timeout', 'message'), ('self_healing_failed', 'recovery')]
    """
    asked = failures.with_columns(category=pl.lit(None, dtype=pl.String), told_by=pl.lit(None, dtype=pl.String))
    message, step, details = pl.col("error_message"), pl.col("step_error"), pl.col("error_details")
    stages = [(text, rules, "rule") for text in (message, step, details, _NO_WORDS) if rules]
    stages += [
        (message, RULES, "message"),
        (step, RULES, "step"),
        (last_line(), RULES, "details"),
        (details.str.replace_all(_FILES, ""), RULES, "details"),
        (_NO_WORDS, RULES, "kind"),
    ]
    for text, table, name in stages:
        asked = _asked(asked, text, table, name)
    healing = pl.col("category").is_null() & (pl.col("recovery") == "failed")
    return asked.with_columns(
        category=pl.when(healing)
        .then(pl.lit("self_healing_failed"))
        .otherwise(pl.col("category").fill_null("unknown")),
        told_by=pl.when(healing).then(pl.lit("recovery")).otherwise("told_by"),
    )


def by_category(failures: pl.LazyFrame) -> pl.LazyFrame:
    """Failures by category, most frequent first.

    Parameters
    ----------
    failures : LazyFrame
        execution_id, workflow_id, node_id, started_at, duration_ms, category, recovery.

    Returns
    -------
    LazyFrame
        One row per category: category, failures, share (fraction 0-1 of all failures), lost_ms (what these runs took;
        null where it is known of none), workflows and nodes (how many), first_seen, last_seen, recovery_tried (failures
        whose failing step self-healing tried to heal), not_tried, tried_share (fraction 0-1).
    """
    tried = pl.col("recovery").is_in(["failed", "recovered"])
    return (
        failures.group_by("category")
        .agg(
            failures=pl.len().cast(pl.Int64),
            lost_ms=pl.when(pl.col("duration_ms").count() > 0).then(total()),
            workflows=pl.col("workflow_id").drop_nulls().n_unique().cast(pl.Int64),
            nodes=pl.struct("workflow_id", "node_id").filter(pl.col("node_id").is_not_null()).n_unique().cast(pl.Int64),
            first_seen=pl.col("started_at").min(),
            last_seen=pl.col("started_at").max(),
            recovery_tried=tried.sum().cast(pl.Int64),
        )
        .with_columns(
            share=pl.col("failures") / pl.col("failures").sum(),
            not_tried=pl.col("failures") - pl.col("recovery_tried"),
            tried_share=pl.col("recovery_tried") / pl.col("failures"),
        )
        .select(
            *("category", "failures", "share", "lost_ms", "workflows", "nodes", "first_seen", "last_seen"),
            *("recovery_tried", "not_tried", "tried_share"),
        )
        .sort("failures", "category", descending=[True, False])
    )


def by_node(failures: pl.LazyFrame) -> pl.LazyFrame:
    """Failures by the step that failed and category, most frequent first.

    Parameters
    ----------
    failures : LazyFrame
        workflow_id, node_id, started_at, category.

    Returns
    -------
    LazyFrame
        One row per workflow, node and category: workflow_id, node_id (null where no step failed), category, failures,
        share (fraction 0-1 of all failures), last_seen.
    """
    return (
        failures.group_by("workflow_id", "node_id", "category")
        .agg(failures=pl.len().cast(pl.Int64), last_seen=pl.col("started_at").max())
        .with_columns(share=pl.col("failures") / pl.col("failures").sum())
        .select("workflow_id", "node_id", "category", "failures", "share", "last_seen")
        .sort("failures", "workflow_id", "node_id", "category", descending=[True, False, False, False], nulls_last=True)
    )


def by_day_and_category(failures: pl.LazyFrame, *, tz: str) -> pl.LazyFrame:
    """Failures by the day on which their runs started, and category.

    Parameters
    ----------
    failures : LazyFrame
        started_at, category.
    tz : str
        The zone in which days begin.

    Returns
    -------
    LazyFrame
        One row per day and category with a failure: day (Date; null where the start isn't known), category, failures.
    """
    day = local_day(tz=tz)
    return (
        failures.group_by("category", day=day)
        .agg(failures=pl.len().cast(pl.Int64))
        .select("day", "category", "failures")
        .sort("day", "category", nulls_last=True)
    )


def _asked(failures: pl.DataFrame, text: pl.Expr | None, rules: Sequence[FailureRule], name: str) -> pl.DataFrame:
    """The failures without a category yet get one where a rule fits this text; those without such a text must wait."""
    undecided = pl.col("category").is_null()
    if text is None:
        text = pl.lit(None, dtype=pl.String)
    else:
        undecided &= (text.str.strip_chars() != "").fill_null(value=False)
    texts = failures.with_columns(_text=pl.when(undecided).then(text))
    keys = ["_text", "exception_kind"]
    if any(rule.workflow_id is not None for rule in rules):
        keys.append("workflow_id")
    verdicts = texts.filter(undecided).select(keys).unique().with_columns(_verdict=_verdict(rules))
    told = undecided & pl.col("_verdict").is_not_null()
    return (
        texts.join(verdicts, on=keys, how="left", nulls_equal=True, validate="m:1", maintain_order="left")
        .with_columns(
            category=pl.coalesce("category", "_verdict"),
            told_by=pl.when(told).then(pl.lit(name)).otherwise("told_by"),
        )
        .drop("_text", "_verdict")
    )


def _verdict(rules: Sequence[FailureRule]) -> pl.Expr:
    return pl.coalesce(*(pl.when(_fits(rule)).then(pl.lit(rule.category)) for rule in rules))


def _fits(rule: FailureRule) -> pl.Expr:
    """Whether every condition holds that the rule states."""
    text = pl.col("_text")
    holds = pl.lit(value=True)
    if rule.contains:
        holds &= text.str.to_lowercase().str.contains_any([word.lower() for word in rule.contains])
    if rule.pattern is not None:
        holds &= text.str.contains(rule.pattern)
    if rule.exception_kind is not None:
        holds &= pl.col("exception_kind").eq_missing(pl.lit(rule.exception_kind))
    if rule.workflow_id is not None:
        holds &= pl.col("workflow_id").eq_missing(pl.lit(rule.workflow_id))
    return holds
