"""Since when an attribution's first cause has been one: the change point of its step, or of the runs as a whole."""

from __future__ import annotations

from dataclasses import replace

from rpa_lab.analysis.attribution.result import Attribution
from rpa_lab.analysis.before_after import from_first_to_last
from rpa_lab.analysis.history import HistoryAnalyzer
from rpa_lab.period import Span, zone
from rpa_lab.storage.store import TimeSeriesStore

__all__ = ["dated"]


def dated(found: Attribution, store: TimeSeriesStore, spans: tuple[Span, Span]) -> Attribution:
    """The same, with the change point of its first sure cause, where there is one.

    Of a step that takes longer its own level is looked at; retries, waits and other runs move only the level of the
    workflow's executions.

    Parameters
    ----------
    found : Attribution
        Of one workflow.
    store : TimeSeriesStore
        Where its records are.
    spans : tuple of Span
        The baseline and the current period.

    Returns
    -------
    Attribution
        `found` itself where no cause is sure, or no level moved in its direction.
    """
    cause = found.first_cause
    if cause is None:
        return found
    later = max(span.start for span in spans)
    point = HistoryAnalyzer(store).change_point(
        found.workflow_id,
        from_first_to_last(*spans),
        node_id=cause["node_id"] if cause["kind"] == "time" else None,
        near=later.astimezone(zone(found.tz)).date(),
        level=found.level,
    )
    forward = spans[1].start == later
    if point is None or (point.change_percent > 0) != ((cause["change_ms"] > 0) == forward):
        return found
    return replace(found, change_point=point)
