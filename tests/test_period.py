import re
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rpa_lab.errors import InputError
from rpa_lab.period import EVER, Period, as_utc, before, zone
from tests.strategies import ZONES, hostile_text, moments

NOW = datetime(2026, 11, 3, 12, 34, 56, 789, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# Beside those of all tests: zones that change their clock at midnight.
zones = st.sampled_from((*ZONES, "Africa/Cairo", "America/Havana", "America/Santiago", "America/Scoresbysund"))
times = moments() | st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 30)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
days = st.dates(date(1990, 1, 1), date(2037, 12, 30))


@given(times, zones)
def test_a_moment_lies_in_its_local_day_and_month_and_in_no_neighbour(at: datetime, tz: str) -> None:
    local = at.astimezone(ZoneInfo(tz)).date()
    assert at in Period(local.isoformat()).resolve(tz=tz)
    assert at in Period(f"{local:%Y-%m}").resolve(tz=tz)
    for other in (local - timedelta(days=1), local + timedelta(days=1)):
        if (tz, other) != ("Pacific/Apia", date(2011, 12, 30)):
            assert at not in Period(other.isoformat()).resolve(tz=tz)


@given(st.integers(1990, 2037), zones)
@example(2026, "Europe/Paris")
def test_days_and_months_of_a_year_cover_it_once(year: int, tz: str) -> None:
    assume((year, tz) != (2011, "Pacific/Apia"))
    whole = Period(f"{year}-01-01", f"{year + 1}-01-01").resolve(tz=tz)
    first = date(year, 1, 1)
    by_day = [Period(str(first + timedelta(days=n))).resolve(tz=tz) for n in range((date(year + 1, 1, 1) - first).days)]
    by_month = [Period(f"{year}-{month:02}").resolve(tz=tz) for month in range(1, 13)]
    for parts in (by_day, by_month):
        assert parts[0].start == whole.start
        assert parts[-1].end == whole.end
        assert all(one.end == other.start for one, other in pairwise(parts))
        assert sum((part.length for part in parts), timedelta()) == whole.length


@pytest.mark.parametrize(
    ("day", "tz", "hours"),
    [
        ("2026-10-25", "Europe/Paris", 25),
        ("2026-03-29", "Europe/Paris", 23),
        ("2026-11-01", "America/New_York", 25),
        ("2026-04-05", "Australia/Lord_Howe", 24.5),
        ("2026-04-24", "Africa/Cairo", 23),  # there is no midnight
        ("2026-10-25", "Asia/Tokyo", 24),
    ],
)
def test_a_day_has_as_many_hours_as_its_clocks_show(day: str, tz: str, hours: float) -> None:
    assert Period(day).resolve(tz=tz).length == timedelta(hours=hours)


def test_a_day_that_a_country_left_out_is_no_period() -> None:
    with pytest.raises(InputError, match=r"2011-12-30.* not after its start"):
        Period("2011-12-30").resolve(tz="Pacific/Apia")


@given(times, times, zones)
def test_bounds_are_half_open(one: datetime, other: datetime, tz: str) -> None:
    assume(one != other)
    start, end = sorted((one, other))
    span = Period(start, end).resolve(tz=tz)
    assert (span.start, span.end, span.tz) == (start, end, tz)
    assert start in span
    assert end - MICROSECOND in span
    assert end not in span
    assert start - MICROSECOND not in span


@given(times, times, zones, zones)
def test_a_span_as_text_is_the_same_period_again_in_any_zone(
    one: datetime, other: datetime, tz: str, home: str
) -> None:
    assume(one != other)
    span = Period(*sorted((one, other))).resolve(tz=home)
    for again in (Period(str(span)), Period(span), Period(Period(str(span)))):
        resolved = again.resolve(tz=tz)
        assert (resolved.start, resolved.end) == (span.start, span.end)


@given(st.integers(1, 999), st.sampled_from([("min", 60), ("h", 3600), ("d", 86400), ("w", 604800)]), zones)
def test_a_relative_period_counts_back_from_as_of(number: int, unit: tuple[str, int], tz: str) -> None:
    name, seconds = unit
    for period in (
        Period(f"{number}{name}"),
        Period(f" {number} {name} "),
        Period(timedelta(seconds=number * seconds)),
    ):
        span = period.resolve(as_of=NOW, tz=tz)
        assert span.end == NOW
        assert span.length == timedelta(seconds=number * seconds)
        assert period.is_relative
        assert not period.is_all


def test_now_is_a_whole_minute_that_holds_what_ran_just_now() -> None:
    before = datetime.now(UTC)
    span = Period("1h").resolve()
    after = datetime.now(UTC)
    assert (span.end.second, span.end.microsecond) == (0, 0)
    assert before in span
    assert before < span.end <= after + timedelta(minutes=1)


def test_a_naive_as_of_is_read_in_the_zone() -> None:
    span = Period("1h").resolve(as_of=datetime(2026, 11, 3, 12), tz="Europe/Paris")  # noqa: DTZ001
    assert str(span) == "2026-11-03T10:00:00Z/2026-11-03T11:00:00Z"


def test_all_is_everything() -> None:
    period = Period("all")
    assert period.is_all
    span = period.resolve(tz="Europe/Paris")
    assert (span.start, span.end, span.tz) == (EVER.start, EVER.end, "Europe/Paris")
    assert Period(str(EVER)).resolve() == EVER


@pytest.mark.parametrize(
    ("text", "tz", "span"),
    [
        ("2026-11", "Europe/Paris", "2026-10-31T23:00:00Z/2026-11-30T23:00:00Z"),
        ("2026-12", "UTC", "2026-12-01T00:00:00Z/2027-01-01T00:00:00Z"),
        ("2026-11-03/2026-11-10", "UTC", "2026-11-03T00:00:00Z/2026-11-10T00:00:00Z"),
        ("2026-11-03T08:00/2026-11-03T09:30", "Asia/Kolkata", "2026-11-03T02:30:00Z/2026-11-03T04:00:00Z"),
        ("2026-11-03T08:00Z/PT4H", "Asia/Tokyo", "2026-11-03T08:00:00Z/2026-11-03T12:00:00Z"),
        ("2026-11-03T08:00+02:00/P1W", "UTC", "2026-11-03T06:00:00Z/2026-11-10T06:00:00Z"),
        # a week later is the same time of day, a number of hours later is not
        ("2026-10-24/P7D", "Europe/Paris", "2026-10-23T22:00:00Z/2026-10-30T23:00:00Z"),
        ("2026-10-24T22:00Z/PT4H", "Europe/Paris", "2026-10-24T22:00:00Z/2026-10-25T02:00:00Z"),
        ("2026-10-24T22:00Z/PT24H", "Europe/Paris", "2026-10-24T22:00:00Z/2026-10-25T22:00:00Z"),
        ("2026-10-24T22:00Z/P1D", "Europe/Paris", "2026-10-24T22:00:00Z/2026-10-25T23:00:00Z"),
        ("2026-10-25T01:30Z/PT15M", "Europe/Paris", "2026-10-25T01:30:00Z/2026-10-25T01:45:00Z"),
        # naive and aware bounds together have an order in the zone only
        ("2026-11-03T10:00/2026-11-03T09:30Z", "Asia/Tokyo", "2026-11-03T01:00:00Z/2026-11-03T09:30:00Z"),
    ],
)
def test_what_is_said_and_what_is_meant(text: str, tz: str, span: str) -> None:
    assert str(Period(text).resolve(tz=tz)) == span
    assert str(Period(text)) == text


def test_a_naive_datetime_is_refused_with_the_way_out() -> None:
    naive = datetime(2026, 11, 3, 10)  # noqa: DTZ001
    said = 'period start 2026-11-03 10:00 has no time zone; pass an aware datetime or Period("2026-11-03")'
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        Period(naive, NOW)
    with pytest.raises(InputError, match=r"^period end 2026-11-03 10:00 has no time zone; "):
        Period("2026-11-01", naive)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "can't be understood"),
        ("30", "can't be understood"),
        ("d", "can't be understood"),
        ("-3d", "can't be understood"),
        ("0d", "is empty"),
        ("30 days ago", "can't be understood"),
        ("2026-13", "names no month"),
        ("2026-02-30", "can't be understood"),
        ("2026-11-03T10:00Z", "has one bound only"),
        ("2026-11-03/2026-11-03", "not after its start"),
        ("2026-11-10/2026-11-03", "not after its start"),
        ("2026-11-10/PT0S", "not after its start"),
        ("2026-11-10/P", "can't be understood"),
        ("2026-11-10/P1Y", "can't be understood"),
        ("9999-12-31", "out of range"),
        ("9999-12", "out of range"),
        ("2026-11-10/P99999999999D", "out of range"),
        ("2026-11-10/P9999999D", "out of range"),
    ],
)
def test_a_wrong_period_says_what_is_expected(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=re.escape(problem)) as raised:
        Period(text)
    assert "not after" in problem or "expected '30d'" in str(raised.value)
    assert isinstance(raised.value, ValueError)


@given(
    hostile_text()
    | st.from_regex(
        r"\d{1,7} ?(min|h|d|w)|\d{4}-\d\d(-\d\d)?(T\d\d:\d\dZ?)?(/(\d{4}-\d\d-\d\d|P\d{1,12}[DW]))?", fullmatch=True
    ),
    zones,
)
@example("0001-01-01", "Asia/Tokyo")
@example("9998-12-31/P1D", "America/New_York")
@example("9999-12-30T23:00/9999-12-31T23:00", "America/New_York")
def test_text_is_a_period_or_an_input_error(text: str, tz: str) -> None:
    try:
        span = Period(text).resolve(as_of=NOW, tz=tz)
    except InputError:
        return
    assert span.start < span.end
    assert span.start in span
    assert span.describe().endswith(f"({tz})")


def test_equal_periods_are_equal_and_hash_alike() -> None:
    assert Period("2026-11-03") == Period("2026-11-03", "2026-11-04")
    assert hash(Period("2026-11-03")) == hash(Period("2026-11-03", "2026-11-04"))
    assert len({Period("7d"), Period("1w"), Period(timedelta(days=7))}) == 1
    assert Period("2026-11-03/P1D") != Period("2026-11-03/PT24H")
    assert Period("2026-11-03") != "2026-11-03"
    assert repr(Period("30d")) == "Period('30d')"


def test_a_span_says_its_days_in_words() -> None:
    assert Period("2026-11-03").resolve().describe() == "3 November 2026 (UTC)"
    assert (
        Period("2026-11-03/P2D").resolve(tz="Asia/Tokyo").describe()
        == "3 November 2026 to 4 November 2026 (Asia/Tokyo)"
    )
    hours = Period("2h").resolve(as_of=datetime(2026, 11, 3, 1, 30, tzinfo=UTC), tz="Europe/Paris")
    assert hours.describe() == "3 November 2026 00:30 to 3 November 2026 02:30 (Europe/Paris)"


def test_a_fixed_offset_is_a_zone_as_well() -> None:
    span = Period("2026-11-03").resolve(tz=timezone(timedelta(hours=-3, minutes=-30)))
    assert str(span) == "2026-11-03T03:30:00Z/2026-11-04T03:30:00Z"
    assert span.describe() == "3 November 2026 (UTC-03:30)"


@given(hostile_text() | st.sampled_from(["UTC+99:00", "Europe", "europe/nowhere"]))
def test_a_wrong_zone_is_an_input_error(name: str) -> None:
    assume(name not in available_timezones())
    with pytest.raises(InputError, match=r"^tz .* is no time zone; expected an IANA name such as 'Europe/Paris'$"):
        zone(name)


@given(times, zones)
def test_as_utc_of_a_local_time_is_the_first_moment_at_which_the_clock_shows_it(at: datetime, tz: str) -> None:
    local = at.astimezone(ZoneInfo(tz)).replace(tzinfo=None, fold=0)
    found = as_utc(local, tz=tz)
    assert found.utcoffset() == timedelta(0)
    assert found <= at
    assert found.astimezone(ZoneInfo(tz)).replace(tzinfo=None, fold=0) == local
    assert at - found in (timedelta(0), timedelta(hours=1), timedelta(minutes=30))


def test_as_utc_of_a_time_that_the_clock_skips_is_what_it_would_have_shown() -> None:
    skipped = datetime(2026, 3, 29, 2, 30)  # noqa: DTZ001
    assert as_utc(skipped, tz="Europe/Paris") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_the_period_before_is_as_long_by_the_clock_where_it_was_changed() -> None:
    changed = Period("2026-10-19/2026-10-26").resolve(tz="Europe/Paris")  # seven days and an hour
    assert str(before(changed)) == "2026-10-11T22:00:00Z/2026-10-18T22:00:00Z"
    after = Period("2026-10-26/2026-11-02").resolve(tz="Europe/Paris")
    assert before(after) == changed
    day = Period("24h").resolve(as_of=datetime(2026, 11, 3, 9, 30, tzinfo=UTC))
    assert str(before(day)) == "2026-11-01T09:30:00Z/2026-11-02T09:30:00Z"
    with pytest.raises(InputError, match="is out of range"):
        before(Period("0001-03-01/2026-11-01").resolve())


@given(days, st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata"]), st.integers(1, 400))
def test_the_days_before_are_as_many_and_end_where_the_others_begin(day: date, tz: str, many: int) -> None:
    span = Period(day, day + timedelta(days=many)).resolve(tz=tz)
    assert before(span) == Period(day - timedelta(days=many), day).resolve(tz=tz)
