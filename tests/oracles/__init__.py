"""Naive twins: what the package computes in Polars, said again over plain rows, slowly and obviously.

Nothing here calls the package's own statistics. Rows are dicts, as `DataFrame.to_dicts` gives them. Tests take all of
them from here: ``oracles.fold(rows)``.
"""

from tests.oracles.attempts import cases, cases_began, first_attempts, success_rate
from tests.oracles.changes import duration_parts, nearest_change, shapley_of_durations
from tests.oracles.durations import (
    bottlenecks,
    duration_statistics,
    durations_by_group,
    durations_by_node,
    self_time_by_node,
    value_by_node,
    waiting_ms,
)
from tests.oracles.folding import END_GROUP, START_GROUP, fold
from tests.oracles.key_figures import kept_promises, workload
from tests.oracles.logs import joined_lifecycle
from tests.oracles.queries import bin_of, compared, grouped, hours_in, measured, meets
from tests.oracles.reliability import breakdown_times, incidence, outages, recovery_savings, streaks
from tests.oracles.statistics import (
    bootstrap_t,
    cliffs_delta,
    closest_places,
    difference_bootstrap,
    exchanged_p_value,
    hodges_lehmann,
    rate_interval,
    unlikely,
    winsorised_level,
)
from tests.oracles.working_time import busy_seconds, minutes_of_work, shifts, worked_seconds

__all__ = [
    "END_GROUP",
    "START_GROUP",
    "bin_of",
    "bootstrap_t",
    "bottlenecks",
    "breakdown_times",
    "busy_seconds",
    "cases",
    "cases_began",
    "cliffs_delta",
    "closest_places",
    "compared",
    "difference_bootstrap",
    "duration_parts",
    "duration_statistics",
    "durations_by_group",
    "durations_by_node",
    "exchanged_p_value",
    "first_attempts",
    "fold",
    "grouped",
    "hodges_lehmann",
    "hours_in",
    "incidence",
    "joined_lifecycle",
    "kept_promises",
    "measured",
    "meets",
    "minutes_of_work",
    "nearest_change",
    "outages",
    "rate_interval",
    "recovery_savings",
    "self_time_by_node",
    "shapley_of_durations",
    "shifts",
    "streaks",
    "success_rate",
    "unlikely",
    "value_by_node",
    "waiting_ms",
    "winsorised_level",
    "worked_seconds",
    "workload",
]
