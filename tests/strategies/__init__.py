"""Every Hypothesis strategy of the tests, by subject; tests take them from here: ``strategies.steps()``."""

from tests.strategies.calls import sessions
from tests.strategies.frames import execution_rows, executions, frame, recoveries, resources, steps
from tests.strategies.logs import event_rows, lifecycle_events
from tests.strategies.profiles import PROFILES, load_profile
from tests.strategies.queries import filters
from tests.strategies.records import (
    NODES,
    RESULTS,
    WORKFLOWS,
    execution_metrics,
    hostile_metrics,
    recovery_metrics,
    resource_metrics,
    step_metrics,
)
from tests.strategies.robot import robot_suites
from tests.strategies.runs import (
    attempts,
    recoveries_of_runs,
    runs_of_two_periods,
    runs_with_steps,
    told_runs,
    watched_runs,
    worked_runs,
)
from tests.strategies.samples import compared_rows, days_of_groups, slowed_workflows
from tests.strategies.settings import calendars, sla_targets
from tests.strategies.stores import store_histories, storings
from tests.strategies.times import CLOCK_CHANGES, ZONES, clock_moments, durations_ms, moments
from tests.strategies.values import ERRORS, error_texts, hostile_text, hostile_values, json_objects, words

__all__ = [
    "CLOCK_CHANGES",
    "ERRORS",
    "NODES",
    "PROFILES",
    "RESULTS",
    "WORKFLOWS",
    "ZONES",
    "attempts",
    "calendars",
    "clock_moments",
    "compared_rows",
    "days_of_groups",
    "durations_ms",
    "error_texts",
    "event_rows",
    "execution_metrics",
    "execution_rows",
    "executions",
    "filters",
    "frame",
    "hostile_metrics",
    "hostile_text",
    "hostile_values",
    "json_objects",
    "lifecycle_events",
    "load_profile",
    "moments",
    "recoveries",
    "recoveries_of_runs",
    "recovery_metrics",
    "resource_metrics",
    "resources",
    "robot_suites",
    "runs_of_two_periods",
    "runs_with_steps",
    "sessions",
    "sla_targets",
    "slowed_workflows",
    "step_metrics",
    "steps",
    "store_histories",
    "storings",
    "told_runs",
    "watched_runs",
    "words",
    "worked_runs",
]
