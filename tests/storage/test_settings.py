"""What `rpa_lab.toml` may say, and each mistake in it said with its place."""

from __future__ import annotations

import re
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab import Lab
from rpa_lab.errors import InputError
from rpa_lab.storage.settings import FailureRule, Settings, parse_settings, read_settings
from rpa_lab.storage.settings_calendar import Calendar, Shift
from rpa_lab.storage.settings_cost import Cost, Minutes
from rpa_lab.storage.settings_targets import CompletedBy, Completes, SlaTarget, Within
from rpa_lab.storage.settings_values import parse_duration_ms
from tests import strategies
from tests.storage.settings_text import settings_toml

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
EXAMPLES = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
OFFICE = (Shift(begin=480, end=720), Shift(begin=780, end=1080))


def _parsed(text: str) -> Settings:
    return parse_settings(text.encode(), place="rpa_lab.toml")


def test_the_zone_is_the_owners(root: Path) -> None:
    root.mkdir()
    (root / "rpa_lab.toml").write_text('tz = "Asia/Tokyo"\n')

    assert read_settings(root) == Settings(tz="Asia/Tokyo")
    assert Lab(root).tz == "Asia/Tokyo"
    assert Lab(root, tz="Europe/Paris").tz == "Europe/Paris"


def test_without_a_file_it_is_utc_and_nothing_is_known(root: Path) -> None:
    assert read_settings(root) == Settings() == _parsed("")
    assert Lab(root).tz == "UTC"
    assert (Settings().calendar, Settings().cost.employee_per_hour) == (None, None)


def test_the_example_of_the_page_means_what_it_says() -> None:
    assert _parsed(EXAMPLES[0]) == Settings(
        tz="Europe/Paris",
        failures=(
            FailureRule(category="portal down", contains=("503 Service", "bad gateway"), workflow_id="invoices"),
            FailureRule(
                category="business_rule", pattern="amount [0-9.]+ exceeds the limit", exception_kind="business"
            ),
        ),
        sla=(
            SlaTarget(
                name="p95 ≤ 4min",
                promise=Within(measure="duration", limit_ms=240_000.0),
                share=95.0,
                workflow_id="invoices",
            ),
            SlaTarget(
                name="nobody waits for long", promise=Within(measure="queue_wait", limit_ms=900_000.0), share=99.0
            ),
            SlaTarget(
                name="turnaround ≤ 4h",
                promise=Within(measure="turnaround", limit_ms=14_400_000.0),
                workflow_id="order entry",
            ),
            SlaTarget(name="completed by 06:00", promise=CompletedBy(clock=time(6)), workflow_id="payroll"),
            SlaTarget(name="success rate ≥ 98 %", promise=Completes(), share=98.0),
        ),
        calendar=Calendar(shifts=(OFFICE,) * 5 + ((), ()), holidays=(date(2026, 12, 25), date(2027, 1, 1))),
        cost=Cost(
            currency="EUR",
            employee_per_hour=42.0,
            robot_per_month=650.0,
            fixed_per_month=900.0,
            manual_minutes=Minutes(by_workflow=(("invoices", 6.5), ("order entry", 11.0))),
            exception_minutes=Minutes(others=12.0),
        ),
    )


def test_each_example_of_the_page_is_understood_and_no_key_is_missing_there() -> None:
    assert len(EXAMPLES) == 2
    nights = _parsed(EXAMPLES[1]).calendar
    assert nights is not None
    assert nights.shifts[6] == (Shift(begin=1320, end=1800),)
    assert nights.shifts[4:6] == ((Shift(begin=360, end=840),), ())
    page = PAGE.read_text(encoding="utf-8")
    for key in ("contains", "queue_wait", "turnaround", "completed_by", "robot_per_hour", "exception_minutes", "share"):
        assert f"`{key}`" in page


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('tz = "Mars/Olympus"', r"rpa_lab\.toml: tz 'Mars/Olympus' is no time zone"),
        ("tz = 5", r"rpa_lab\.toml: tz is 5, expected an IANA name"),
        ("tz = ", r"rpa_lab\.toml is no TOML"),
        (b"\xff", r"rpa_lab\.toml is no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_path(root: Path, text: str | bytes, sentence: str) -> None:
    root.mkdir()
    (root / "rpa_lab.toml").write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(InputError, match=re.escape(str(root)) + "/" + sentence):
        read_settings(root)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        # what means nothing
        ("timezone = 'UTC'", "rpa_lab.toml has no key 'timezone'. It has: calendar, cost, failure, sla, tz"),
        ("[[failures]]", "rpa_lab.toml has no key 'failures'; did you mean 'failure'?"),
        ("[[sla]]\ndurations = '5min'", "sla[1] has no key 'durations'; did you mean 'duration'?"),
        ("[[sla]]\np95 = '1s'\n[[sla]]\np101 = '1s'", "sla[2] has no key 'p101'"),
        ("[cost]\ncurency = 'EUR'", "rpa_lab.toml: cost has no key 'curency'; did you mean 'currency'?"),
        ("[calendar]\nholiday = []", "calendar has no key 'holiday'; did you mean 'holidays'?"),
        # tables
        ("failure = 'timeout'", "failure is 'timeout', expected tables, [[failure]]"),
        ("[sla]\nduration = '5min'", "sla is {'duration': '5min'}, expected tables, [[sla]]"),
        ("cost = 5", "cost is 5, expected a table, [cost]"),
        # failures
        ("[[failure]]\ncontains = 'x'", "failure[1].category is None, expected the name of a category"),
        ("[[failure]]\ncategory = 'x'", "failure[1].category is 'x', expected a condition beside it, one of contains"),
        ("[[failure]]\ncategory = ' '\ncontains = 'x'", "failure[1].category is ' ', expected a text in quotes"),
        ("[[failure]]\ncategory = 'x'\ncontains = 5", "failure[1].contains is 5, expected a text in quotes or a list"),
        ("[[failure]]\ncategory = 'x'\ncontains = []", "failure[1].contains is [], expected at least one text"),
        ("[[failure]]\ncategory = 'x'\ncontains = ['']", "failure[1].contains is [''], expected a text"),
        (
            "[[failure]]\ncategory = 'x'\npattern = '(a'",
            "pattern is '(a', expected a regular expression of Rust's kind",
        ),
        (
            "[[failure]]\ncategory = 'x'\npattern = '(?=a)'",
            "(look-around, including look-ahead and look-behind, is not",
        ),
        (
            "[[failure]]\ncategory = 'x'\nexception_kind = 'busines'",
            'failure[1].exception_kind is \'busines\', expected "application" or "business"',
        ),
        # promises
        ("[[sla]]\nworkflow = 'x'", "sla[1] makes no promise, expected one of duration, queue_wait, turnaround"),
        ("[[sla]]\nduration = '5s'\np95 = '1s'", "sla[1] makes 2 promises (duration, p95), expected one of"),
        ("[[sla]]\nduration = '5 parsecs'", "sla[1].duration is '5 parsecs', expected a length of time such as '90s'"),
        ("[[sla]]\nduration = 300", "sla[1].duration is 300, expected a length of time"),
        ("[[sla]]\nduration = '0s'", "sla[1].duration is '0s', expected a length of time"),
        ("[[sla]]\nqueue_wait = '5s'\nshare = 101", "sla[1].share is 101, expected percent, a number from 0 to 100"),
        ("[[sla]]\np95 = '5s'\nshare = 90", "sla[1].share is 90, expected nothing beside p95"),
        (
            "[[sla]]\nsuccess_rate = 0.98",
            "sla[1].success_rate is 0.98, expected percent, a number from 0 to 100, above 1 (or 0): 98 for 98 %",
        ),
        ('[[sla]]\nduration = "1h"\nshare = 1', "sla[1].share is 1, expected percent"),
        ("[[sla]]\nsuccess_rate = 98\nshare = 5", "sla[1].share is 5, expected nothing beside success_rate"),
        ("[[sla]]\nsuccess_rate = true", "sla[1].success_rate is True, expected percent"),
        ("[[sla]]\ncompleted_by = '25:00'", "sla[1].completed_by is '25:00', expected a time of day such as '06:00'"),
        # costs
        ("[cost]\nemployee_per_hour = '42'", "cost.employee_per_hour is '42', expected an amount of money"),
        (
            "[cost]\nrobot_per_month = -1",
            "cost.robot_per_month is -1, expected an amount of money, a number, 0 or more",
        ),
        ("[cost]\nfixed_per_month = nan", "cost.fixed_per_month is nan, expected an amount"),
        ("[cost]\nmanual_minutes = 'six'", "cost.manual_minutes is 'six', expected minutes, a number, 0 or more, or a"),
        ("[cost.manual_minutes]\n'order entry' = inf", "cost.manual_minutes.'order entry' is inf, expected minutes"),
        # calendars
        ("[calendar]\nworkdays = 'mo-fr'", "calendar.workdays is 'mo-fr', expected days such as 'mon', 'mon-fri'"),
        ("[calendar]\nhours = '8-18'", "calendar.hours is '8-18', expected hours such as '08:00-18:00'"),
        ("[calendar]\nhours = '08:00-25:00'", "calendar.hours is '08:00-25:00', expected hours"),
        ("[calendar]\nhours = '08:00-08:00'", "calendar.hours is '08:00-08:00', expected hours"),
        ("[calendar.hours]\nmon = 8", "calendar.hours.mon is 8, expected a text in quotes"),
        (
            "[calendar.hours]\nmon-tue = '1:00-2:00'\ntue = '3:00-4:00'",
            "expected hours for each day once; tue has some",
        ),
        (
            "[calendar]\nworkdays = 'mon'\n[calendar.hours]\nmon = '1:00-2:00'",
            "calendar.workdays is 'mon', expected noth",
        ),
        ("[calendar]\nholidays = 2026-12-25", "calendar.holidays is datetime.date(2026, 12, 25), expected a list"),
        ("[calendar]\nholidays = ['25.12.']", "calendar.holidays is '25.12.', expected dates such as 2026-12-25"),
        ("[calendar]\ntz = 'Paris'", "rpa_lab.toml: calendar.tz 'Paris' is no time zone"),
    ],
)
def test_each_mistake_is_one_sentence_with_its_place(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        _parsed(text)
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("rpa_lab.toml")
    assert "\n" not in str(caught.value)


def test_rules_keep_their_order_and_patterns_their_blanks() -> None:
    rules = _parsed(
        "[[failure]]\ncategory = 'b'\npattern = ' x '\n[[failure]]\ncategory = 'a'\nworkflow = 'w'"
    ).failures
    assert [rule.category for rule in rules] == ["b", "a"]
    assert rules[0].pattern == " x "


def test_times_and_dates_may_be_tomls_own_or_texts() -> None:
    for said in ("06:30:00", "'06:30'"):
        assert _parsed(f"[[sla]]\ncompleted_by = {said}").sla[0].promise == CompletedBy(clock=time(6, 30))
    for said in ("2026-12-25", "'2026-12-25'"):
        calendar = _parsed(f"[calendar]\nholidays = [{said}]").calendar
        assert calendar is not None
        assert calendar.holidays == (date(2026, 12, 25),)


def test_days_go_over_the_end_of_the_week_and_a_file_may_begin_with_a_mark() -> None:
    text = "\ufeff[calendar]\nworkdays = ['Sat-Mon', 'wednesday']\nhours = '22:00 – 06:00'"
    calendar = _parsed(text).calendar
    assert calendar is not None
    assert [bool(shifts) for shifts in calendar.shifts] == [True, False, True, False, False, True, True]
    assert calendar.shifts[0] == (Shift(begin=1320, end=1800),)


@given(st.none() | strategies.calendars(), st.lists(strategies.sla_targets(), max_size=4))
def test_what_is_written_is_read_again(calendar: Calendar | None, targets: list[SlaTarget]) -> None:
    assert _parsed(settings_toml("Europe/Paris", calendar, targets)) == Settings(
        tz="Europe/Paris",
        calendar=calendar,
        # a success rate is its own share
        sla=tuple(targets),
    )


@given(st.text(max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        _parsed(text.encode("utf-8", "replace").decode())
    except InputError as mistake:
        assert str(mistake).startswith("rpa_lab.toml")  # noqa: PT017 - the text is the promise


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("90s", 9e4),
        ("5min", 3e5),
        ("1h30min", 54e5),
        ("1.5 h", 54e5),
        ("250ms", 250.0),
        ("2d", 1728e5),
        ("1h 5s", 3605e3),
    ],
)
def test_lengths_of_time(text: str, ms: float) -> None:
    assert parse_duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "5", "5m", "min", "-5s", "5s!", "1e3s", "٥s"])
def test_what_is_no_length_of_time(text: str) -> None:
    assert parse_duration_ms(text) is None
