"""Times around 25 October 2026, when clocks in Europe go back, durations, and zones.

Five UTC days, with their midnights, the change of the clock and their neighbours by one microsecond drawn often.
Durations are milliseconds with three decimals, as stored.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

__all__ = ["CLOCK_CHANGES", "DAYS", "FIRST", "ZONES", "clock_moments", "durations_ms", "moments"]

ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Tokyo")
"""Zones with and without summer time; Lord Howe moves its clock by 30 minutes, Apia once left out a day."""

CLOCK_CHANGES = {
    "Europe/Paris": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "Pacific/Apia": ("2011-12-30T10:00", "2011-09-24T14:00"),
    "America/Sao_Paulo": ("2018-11-04T03:00", "2018-02-18T02:00"),
    "America/St_Johns": ("2006-10-29T02:31", "2007-03-11T03:31"),
    "Asia/Kolkata": ("2026-10-25T01:00",),
    "UTC": ("2026-10-25T01:00",),
}
"""When clocks were changed, UTC: by an hour, half an hour, a day, at midnight; and two zones in which they weren't."""

FIRST = datetime(2026, 10, 23, tzinfo=UTC)
DAYS = 5
_EDGES = (*(FIRST + timedelta(days=day) for day in range(DAYS)), datetime(2026, 10, 25, 1, tzinfo=UTC))
_NEAR = (timedelta(0), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(hours=1), -timedelta(hours=1))


def moments() -> st.SearchStrategy[datetime]:
    """Aware UTC times within five days, their edges drawn often."""
    near = st.builds(lambda edge, by: max(FIRST, edge + by), st.sampled_from(_EDGES), st.sampled_from(_NEAR))
    within = st.integers(0, DAYS * 86_400_000_000 - 1).map(lambda us: FIRST + timedelta(microseconds=us))
    return near | within


def durations_ms(*, most: float = 1e7) -> st.SearchStrategy[float]:
    """Durations as stored: ms, rounded to a microsecond; a few values are drawn often, so that there are ties."""
    few = st.sampled_from([0.0, 0.001, 1.0, 12.5, 1000.0])
    return few.filter(lambda ms: ms <= most) | st.integers(0, int(most * 1000)).map(lambda us: us / 1000)


@st.composite
def clock_moments(draw: st.DrawFn, *, minutes: int = 3000) -> tuple[str, datetime, datetime, list[datetime]]:
    """A zone, a span of whole minutes about a change of its clock, and moments within it, many near the change."""
    zone = draw(st.sampled_from(sorted(CLOCK_CHANGES)))
    change = datetime.fromisoformat(draw(st.sampled_from(CLOCK_CHANGES[zone]))).replace(tzinfo=UTC)
    start = change - timedelta(minutes=draw(st.integers(0, minutes)))
    end = change + timedelta(minutes=draw(st.integers(1, minutes)))
    near = st.integers(-7_200_000_000, 7_200_000_000) | st.sampled_from([0, -1, 1, 1_800_000_000, 3_600_000_000])
    far = st.integers(0, (end - start) // timedelta(microseconds=1) - 1)
    times = st.lists(
        near.map(lambda us: change + timedelta(microseconds=us))
        | far.map(lambda us: start + timedelta(microseconds=us)),
        max_size=30,
    )
    return zone, start, end, [at for at in draw(times) if start <= at < end]
