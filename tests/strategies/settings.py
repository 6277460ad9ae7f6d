"""What a store's owner sets: calendars and promises."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st

from rpa_lab.storage.settings_calendar import Calendar, Shift
from rpa_lab.storage.settings_targets import CompletedBy, Completes, SlaTarget, Within
from tests.strategies.records import WORKFLOWS
from tests.strategies.times import DAYS, FIRST, ZONES

__all__ = ["calendars", "sla_targets"]


@st.composite
def calendars(draw: st.DrawFn, *, tz: str | None = None) -> Calendar:
    """Shifts by weekday, those over midnight and those that overlap among them; holidays around the clock's change."""
    minutes = st.integers(0, 24 * 60) | st.sampled_from([0, 60, 90, 120, 150, 180, 360, 480, 1080, 1320, 1440])

    def shift(begin: int, end: int) -> Shift:
        return Shift(begin=begin % 1440, end=end if end > begin % 1440 else end + 1440)

    shifts = st.builds(shift, minutes, minutes).filter(lambda one: one.end - one.begin < 1440 or one.begin == 0)
    of_days = st.lists(st.lists(shifts, max_size=3).map(tuple), min_size=7, max_size=7)
    days = st.integers(0, DAYS).map(lambda day: (FIRST + timedelta(days=day)).date())
    return Calendar(
        shifts=tuple(draw(of_days)),
        holidays=tuple(sorted(draw(st.sets(days, max_size=2)))),
        tz=tz or draw(st.sampled_from(ZONES)),
    )


def sla_targets() -> st.SearchStrategy[SlaTarget]:
    """A promise of any kind, to one workflow or to all."""
    measures = st.sampled_from(["duration", "queue_wait", "turnaround"])
    promises = st.one_of(
        st.builds(Within, measure=measures, limit_ms=st.sampled_from([1.0, 1000.0, 300_000.0, 7_200_000.0])),
        st.builds(CompletedBy, clock=st.times().map(lambda at: at.replace(second=0, microsecond=0))),
        st.just(Completes()),
    )
    return st.builds(
        SlaTarget,
        name=st.sampled_from(["quick", "on time"]),
        promise=promises,
        share=st.sampled_from([0.0, 50.0, 95.0, 100.0]),
        workflow_id=st.none() | st.sampled_from(WORKFLOWS[:2]),
    )
