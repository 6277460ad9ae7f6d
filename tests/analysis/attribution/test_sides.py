"""What is held against what: whether versions ran side by side, and what else they differ by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from rpa_lab.analysis.attribution.sides import Sides, check_versions
from rpa_lab.errors import InputError, UnknownNameError
from rpa_lab.period import Period
from tests.analysis.attribution.recorded import days_of, store_of

OCTOBER = Period("2026-10").resolve()
NOVEMBER = Period("2026-11").resolve()


def _ended(first: range, second: range, *, robots: tuple[str | None, str | None] = ("r", "r")) -> pl.DataFrame:
    """A run of each version on each of its days."""
    rows = [
        {"side": side, "day": date(2026, 10, 1) + timedelta(days=day), "robot_id": robot}
        for side, (days, robot) in enumerate(zip((first, second), robots, strict=True))
        for day in days
    ]
    frame = pl.DataFrame(rows, schema={"side": pl.Int8, "day": pl.Date, "robot_id": pl.String})
    begun = pl.col("day").cast(pl.Datetime("us", "UTC"))
    return frame.with_columns(begun=begun, status=pl.lit("completed"), host=pl.lit(None, pl.String))


def test_periods_are_as_they_were_named() -> None:
    sides = Sides.of_periods(NOVEMBER, OCTOBER)

    assert (sides.spans, sides.versions, sides.later_first, sides.together) == ((NOVEMBER, OCTOBER), None, True, False)
    assert sides.names == ("in the baseline", "in the current period")
    assert sides.when == ""
    assert not Sides.of_periods(OCTOBER, NOVEMBER).later_first


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [(range(20), range(20), True), (range(20), range(8, 20), True), (range(20), range(11, 21), False)],
)
def test_versions_ran_side_by_side_where_they_share_half_of_their_days(
    first: range, second: range, together: bool
) -> None:
    sides = Sides.of_versions(OCTOBER, ("1", "2"), _ended(first, second))

    assert sides.together is together
    assert sides.spans == (OCTOBER, OCTOBER)
    assert sides.names == ("of version 1", "of version 2")
    assert sides.when == " from 1 to 31 October 2026"
    assert bool(sides.warnings) is not together


def test_what_else_versions_differ_by_is_said() -> None:
    apart = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(10), range(10, 20)))
    assert apart.warnings == ("both versions ran on no day: what else changed in between counts as the version's",)
    beside = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(10), range(9, 20)))
    assert beside.warnings[0].startswith("both versions ran on 1 of 20 days only (2026-10-10): what else")
    few = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(10), range(7, 20)))
    assert few.warnings[0].startswith("both versions ran on 3 of 20 days only (2026-10-08 to 2026-10-10): what else")
    other_robots = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(9), range(9), robots=("a", "b")))
    assert other_robots.warnings == ("no robot ran both versions: what robots differ by counts as the version's",)
    unknown = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(9), range(9), robots=("a", None)))
    assert unknown.warnings == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("aabb", "aabb", False),
        ("aaaabbbb" * 3, "aaaaaaab" * 3, True),  # half of the runs on b, and an eighth
        ("ab", "aa", False),  # of two runs that is chance
        ("a" * 300, "b" * 3 + "a" * 300, False),
    ],
)
def test_versions_on_other_robots_are_said_to_be(old: str, new: str, said: bool) -> None:
    rows = [
        {"side": side, "day": date(2026, 10, 1 + number % 20), "robot_id": robot}
        for side, robots in enumerate((old, new))
        for number, robot in enumerate(robots)
    ]
    frame = pl.DataFrame(rows, schema={"side": pl.Int8, "day": pl.Date, "robot_id": pl.String}).with_columns(
        begun=pl.col("day").cast(pl.Datetime("us", "UTC")), status=pl.lit("completed"), host="robot_id"
    )
    sides = Sides.of_versions(OCTOBER, ("1", "2"), frame)
    hosts = Sides.of_versions(OCTOBER, ("1", "2"), frame.with_columns(robot_id=pl.lit(None, pl.String)))
    told_apart = Sides.of_versions(OCTOBER, ("1", "2"), frame, by="robot")

    for what, found in (("robot", sides), ("host", hosts)):
        of_machines = [text for text in found.warnings if "other" in text]
        assert bool(of_machines) is said
        if said:
            did = "('b' did 50 % of the old one's runs and 12 % of the new one's)"
            (text,) = of_machines
            assert text == (
                f"the versions ran on other {what}s {did}: what {what}s differ by counts as the version's; "
                f"by='{what}' tells it apart"
            )
    assert not [text for text in told_apart.warnings if "other" in text]


def test_which_version_is_the_later_one_depends_on_the_runs_and_not_on_the_order() -> None:
    early, late = range(10), range(3, 13)
    one = Sides.of_versions(OCTOBER, ("1", "2"), _ended(early, late))
    other = Sides.of_versions(OCTOBER, ("2", "1"), _ended(late, early))
    assert (one.later_first, other.later_first) == (False, True)
    alike = [Sides.of_versions(OCTOBER, names, _ended(early, early)) for names in (("1", "2"), ("2", "1"))]
    assert [sides.later_first for sides in alike] == [False, True]
    one_only = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(3), range(0)))
    assert one_only.warnings == ()
    nothing = Sides.of_versions(OCTOBER, ("1", "2"), _ended(range(0), range(0)))
    assert nothing.warnings == ()


def test_a_version_without_a_run_is_refused_with_those_there_are(tmp_path: Path) -> None:
    store = store_of(tmp_path, [*days_of(0, 2, 1e3, workflow_version="1.9"), *days_of(3, 1, 1e3)])

    check_versions(store, "w", ("1.9", "1.9"))
    silent = store_of(tmp_path / "silent", days_of(0, 2, 1e3))
    with pytest.raises(InputError, match="no run of w says by which version it was done"):
        check_versions(silent, "w", ("1", "2"))
    with pytest.raises(UnknownNameError, match=r"w has no run of version '2.0'. It has: 1\.9"):
        check_versions(store, "w", ("1.9", "2.0"))
    with pytest.raises(UnknownNameError, match="the store has no workflow 'v'"):
        check_versions(store, "v", ("1.9", "2.0"))
    assert store.now > datetime(2026, 10, 4, tzinfo=UTC)
