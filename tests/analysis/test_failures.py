"""Why runs fail: the rules on real words, the user's rules, the failing step, what healing tried."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.failure_rules import CATEGORIES, RULES
from rpa_lab.analysis.failures import (
    by_category,
    by_day_and_category,
    by_node,
    categorise,
    check_rules,
    failing_steps,
    with_recovery,
)
from rpa_lab.analysis.reliability import ReliabilityAnalyzer
from rpa_lab.errors import InputError
from rpa_lab.integrations.importing import import_files
from rpa_lab.integrations.robotframework import RobotFramework
from rpa_lab.simulate import BadSelector, FailureBurst, Outage, fleet
from rpa_lab.simulate.messages import FAILURES
from rpa_lab.storage.settings import FailureRule
from rpa_lab.storage.store import TimeSeriesStore
from tests import strategies
from tests.analysis.labelled import held_out, labelled, seen

if TYPE_CHECKING:
    from pathlib import Path

    from rpa_lab.simulate.faults.fault import Fault

AT = datetime(2026, 11, 3, 9, tzinfo=UTC)
_TEXTS = ("workflow_id", "exception_kind", "error_message", "step_error", "error_details")


def _said(*texts: str | None, **columns: Any) -> pl.DataFrame:
    """Failures that say this; columns may be given as one value for all."""
    known: dict[str, Any] = dict.fromkeys(_TEXTS) | {"recovery": "none", "error_message": texts} | columns
    values = {name: value if isinstance(value, tuple) else [value] * len(texts) for name, value in known.items()}
    return pl.DataFrame(values, schema=dict.fromkeys(values, pl.String))


def _categories(failures: pl.DataFrame, *rules: FailureRule) -> list[str]:
    return categorise(failures, rules=rules)["category"].to_list()


def _wrong(messages: pl.DataFrame) -> list[tuple[str, str, str]]:
    texts, kinds = tuple(messages["error_message"]), tuple(messages["exception_kind"])
    got = pl.Series("got", _categories(_said(*texts, exception_kind=kinds)))
    return messages.select("error_message", "category", got).filter(pl.col("category") != got).rows()


def test_rules_know_the_messages_that_they_were_made_with() -> None:
    assert labelled().height >= 80
    assert set(labelled()["category"]) == set(CATEGORIES)
    assert _wrong(seen().rename({"message": "error_message"})) == []


def test_rules_know_nine_in_ten_of_the_messages_that_were_held_out() -> None:
    messages = held_out().rename({"message": "error_message"})

    assert len(_wrong(messages)) <= messages.height // 10


_OF_SIMULATED = {
    "timeout": {"timeout"},
    "element_not_found": {"element_not_found"},
    "application": {"application_error", "resource"},  # a file that is open elsewhere, a worker that is not free
    "network": {"network"},
    "authentication": {"authentication"},
    "data": {"data_validation", "business_rule"},
}


def test_what_simulated_bots_say_is_put_where_it_belongs() -> None:
    known = [(family, way) for family, ways in FAILURES.items() for way in ways]
    texts = tuple(
        f"{way.error}: "
        + way.text.format(application="SAP GUI", target="css:#go", seconds=way.wait_s, key="ORD-0000123")
        for _, way in known
    )
    kinds = tuple(way.exception_kind for _, way in known)
    got = _categories(_said(*texts, exception_kind=kinds))

    for (_, way), text, category in zip(known, texts, got, strict=True):
        assert category in _OF_SIMULATED[way.category], text
    by_text = dict(zip(texts, got, strict=True))
    assert by_text["PermissionError: css:#go is open in another program"] == "resource"
    assert by_text["ValidationError: ORD-0000123: a mandatory field is empty (css:#go)"] == "data_validation"


def test_planted_failures_are_found_in_their_category_at_their_step(root: Path) -> None:
    place = {"workflow_id": "order_entry", "node_id": "fetch order"}
    faults: list[Fault] = [
        FailureBurst(**place, onset_day=2, until_day=3, share=1, message="Boom 4711"),
        BadSelector(workflow_id="order_entry", node_id="enter order > save", onset_day=4, share=0.5),
        Outage(application="Exchange", onset_day=5, until_day=6, message="net::ERR_CONNECTION_REFUSED"),
    ]
    made = fleet(7, 2, 5, end=AT.date(), faults=faults)
    store = TimeSeriesStore(root, as_of="latest")
    made.write(store)
    runs = ReliabilityAnalyzer(store).failed_runs(period="all")

    truth = made.executions.filter(status="failed")
    assert runs.height == truth.height
    assert set(runs["category"]) <= set(CATEGORIES)
    burst = runs.filter(error_message="Boom 4711")
    assert burst.height > 0
    assert burst.select("category", "node_id").unique().rows() == [("unknown", "fetch order")]
    selector = runs.filter(pl.col("node_id") == "enter order > save", pl.col("started_at") >= made.start + timedelta(4))
    lost = selector.filter(pl.col("error_message").str.starts_with("ElementNotFound: no element matches"))
    assert lost.height > 0
    assert set(lost["category"]) == {"element_not_found"}
    assert set(runs.filter(pl.col("error_message").str.contains("ERR_CONNECTION"))["category"]) <= {"network"}
    failed = made.steps.filter(status="failed").select("execution_id", "node_id")
    both = runs.join(failed, on="execution_id", how="inner", suffix="_true")
    assert both.height == runs.height
    assert both.filter(pl.col("node_id") != pl.col("node_id_true")).is_empty()


def test_what_robot_framework_says_for_no_reason_is_unknown(shared_data: Path, root: Path) -> None:
    store = TimeSeriesStore(root, as_of="latest")
    import_files(RobotFramework(), sorted((shared_data / "robotframework").glob("*.xml")), store)
    analyzer = ReliabilityAnalyzer(store)
    found, messages = analyzer.failures(period="all"), analyzer.messages(period="all")

    assert found.failed > 100
    assert found.categories.select("category", "failures").rows() == [("unknown", found.failed)]
    assert messages["template"].n_unique() < 10
    assert messages["failures"].sum() == found.failed
    assert found.nodes["node_id"].null_count() < found.nodes.height


def test_users_rules_come_first_and_may_name_categories_of_their_own() -> None:
    said = "ReadTimeout: portal says no"
    failures = _said(said, said, "Lot 17 is closed", "Lot x", workflow_id=("a", "b", "a", "a"))
    rules = (
        FailureRule(category="portal down", contains=("PORTAL says", "never"), workflow_id="a"),
        FailureRule(category="lot", pattern=r"^Lot \d+"),
    )

    assert _categories(failures, *rules) == ["portal down", "timeout", "lot", "unknown"]
    assert categorise(failures, rules=rules)["told_by"].to_list() == ["rule", "message", "rule", None]


def test_rules_of_a_stores_settings_are_asked(root: Path) -> None:
    store = TimeSeriesStore(root, as_of=AT + timedelta(days=1))
    run = {"execution_id": "e", "workflow_id": "w", "started_at": AT, "completed_at": AT, "status": "failed"}
    store.write_frame("executions", pl.DataFrame([run | {"error_message": "ReadTimeout: portal says no"}]))
    analyzer = ReliabilityAnalyzer(store)
    assert analyzer.failed_runs(period="all")["category"].to_list() == ["timeout"]

    (root / "rpa_lab.toml").write_text('[[failure]]\ncategory = "portal down"\ncontains = ["Portal says"]\n')
    assert analyzer.failed_runs(period="all").select("category", "told_by").rows() == [("portal down", "rule")]


def test_every_condition_of_a_rule_has_to_hold() -> None:
    rule = FailureRule(category="x", contains=("no",), pattern="^A", workflow_id="w", exception_kind="business")
    holds = {"workflow_id": "w", "exception_kind": "business"}

    assert _categories(_said("A no", **holds), rule) == ["x"]
    assert _categories(_said("A", "B no", **holds), rule) == ["business_rule", "business_rule"]
    for other in ({"workflow_id": "v"}, {"exception_kind": "application"}, {"exception_kind": None}):
        assert _categories(_said("A no", **(holds | other)), rule) != ["x"]


def test_a_rule_without_words_holds_for_a_run_that_says_nothing() -> None:
    rule = FailureRule(category="batch", workflow_id="nightly")

    assert _categories(_said(None, None, workflow_id=("nightly", "other")), rule) == ["batch", "unknown"]


def test_a_business_failure_without_a_message_is_told_by_the_step_then_by_its_kind() -> None:
    said = _said(
        None, " ", None, None, "Refused",
        exception_kind="business",
        step_error=("ValueError: invalid IBAN", "ValueError: invalid IBAN", None, None, "invalid IBAN"),
        error_details=(None, None, "Traceback\nValueError: invalid IBAN", None, None),
    )  # fmt: skip

    assert categorise(said).select("category", "told_by").rows() == [
        ("data_validation", "step"),
        ("data_validation", "step"),
        ("data_validation", "details"),
        ("business_rule", "kind"),
        ("business_rule", "message"),
    ]
    rules = (
        FailureRule(category="iban", contains=("iban",)),
        FailureRule(category="theirs", exception_kind="business"),
    )
    told = categorise(said, rules=rules)
    assert told["category"].to_list() == ["iban", "iban", "iban", "theirs", "theirs"]
    assert set(told["told_by"]) == {"rule"}


def test_the_first_text_that_a_rule_fits_decides() -> None:
    trace = "Traceback\n  File \"timeout.py\", line 3\n    check_timeout()\nKeyError: 'Total'"
    said = _said(
        "MemoryError", "Step failed", "Step failed", None, "Step failed",
        step_error=("ReadTimeout", "ReadTimeout", None, None, None),
        error_details=(trace, trace, trace, 'File "timeout.py"\nno idea', None),
    )  # fmt: skip

    assert categorise(said).select("category", "told_by").rows() == [
        ("resource", "message"),
        ("timeout", "step"),
        ("data_validation", "details"),
        ("unknown", None),
        ("unknown", None),
    ]


def test_failed_healing_tells_only_where_words_do_not() -> None:
    said = _said("Step failed", "Step failed", "ElementNotFound", recovery=("failed", "recovered", "failed"))

    assert _categories(said) == ["self_healing_failed", "unknown", "element_not_found"]


@given(st.lists(st.tuples(strategies.error_texts(), strategies.error_texts(), strategies.error_texts()), max_size=12))
def test_each_failure_has_one_category_whatever_it_says(texts: list[tuple[str | None, ...]]) -> None:
    plain = [tuple(text and text.encode("utf-8", "replace").decode() for text in row) for row in texts]
    message, step, details = zip(*plain, strict=True) if plain else ((), (), ())
    failures = _said(*message, step_error=step, error_details=details)
    told = categorise(failures)

    assert told.select(failures.columns).equals(failures)
    assert set(told["category"]) <= set(CATEGORIES)
    alone = [categorise(failures.slice(at, 1))["category"].item() for at in range(failures.height)]
    assert told["category"].to_list() == alone


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (FailureRule(category="x", pattern="("), r"failure rule 1 \(x\): pattern '\(' is no regular expression"),
        (FailureRule(category=" ", contains=("a",)), "failure rule 1 has no category"),
    ],
)
def test_a_rule_that_cannot_be_asked_is_refused(rule: FailureRule, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_rules([rule])


def test_built_in_rules_can_be_asked_and_name_known_categories() -> None:
    check_rules(RULES)
    assert {rule.category for rule in RULES} == set(CATEGORIES) - {"unknown"}
    assert all(rule.contains or rule.pattern or rule.exception_kind for rule in RULES)
    assert all(word == word.lower() for rule in RULES for word in rule.contains)


def _step(run: str, node: str, minute: int, status: str, *, index: int) -> dict[str, Any]:
    at = AT + timedelta(minutes=minute)
    return {
        "execution_id": run,
        "step_id": f"{run}{index}",
        "node_id": node,
        "action_type": "click",
        "application": None,
        "target_element": None,
        "status": status,
        "started_at": at,
        "step_index": index,
        "error_details": f"no {node}" if status == "failed" else None,
    }


def test_the_failing_step_is_the_failed_one_that_began_last() -> None:
    steps = [
        _step("a", "form", 1, "failed", index=2),
        _step("a", "form > submit", 1, "failed", index=1),  # the innermost of nested ones
        _step("a", "log out", 5, "completed", index=3),
        _step("b", "open", 0, "failed", index=0),
        _step("b", "again", 3, "failed", index=1),
        _step("c", "open", 0, "completed", index=0),
        _step("c", "read", 2, "completed", index=1),
    ]
    frame = pl.LazyFrame(steps, schema_overrides={"application": pl.String, "target_element": pl.String})
    rows = failing_steps(frame).sort("execution_id").collect()

    assert rows.select("execution_id", "node_id", "step_error", "last_node_id").rows() == [
        ("a", "form > submit", "no form > submit", None),
        ("b", "again", "no again", None),
        ("c", None, None, "read"),
    ]


def test_recovery_says_what_healing_tried_at_the_failing_step() -> None:
    failures = pl.LazyFrame(
        {
            "execution_id": list("abcdef"),
            "step_id": ["a1", "b1", None, "d1", None, "f1"],
            "node_id": ["go", "go", None, "go", "go", "go"],
        }
    )
    tried = pl.LazyFrame(
        [
            ("a", "a1", "go", "failed"),
            ("b", "b0", "go", "failed"),  # another visit of the same node
            ("c", "c1", "x", "failed"),  # which step failed isn't known
            ("d", "d1", "go", "recovered"),
            ("e", None, "go", "failed"),
            ("z", "z1", "go", "failed"),
        ],
        schema=["execution_id", "step_id", "node_id", "status"],
        orient="row",
    )
    found = with_recovery(failures, tried).sort("execution_id").collect()

    assert found["recovery"].to_list() == ["failed", "elsewhere", "failed", "recovered", "failed", "none"]


def test_failures_are_counted_by_category_step_and_local_day() -> None:
    failures = pl.LazyFrame(
        {
            "execution_id": list("abc"),
            "workflow_id": ["w", "w", "v"],
            "node_id": ["go", None, "go"],
            "started_at": [AT, AT + timedelta(hours=14), AT],
            "duration_ms": [5.0, None, None],
            "category": ["timeout", "timeout", "network"],
            "recovery": ["failed", "elsewhere", "none"],
        }
    )

    assert by_category(failures).collect().drop("first_seen", "last_seen").rows() == [
        ("timeout", 2, 2 / 3, 5.0, 1, 1, 1, 1, 0.5),
        ("network", 1, 1 / 3, None, 1, 1, 0, 1, 0.0),
    ]
    assert by_node(failures).collect().drop("share", "last_seen").rows() == [
        ("v", "go", "network", 1),
        ("w", "go", "timeout", 1),
        ("w", None, "timeout", 1),
    ]
    days = by_day_and_category(failures, tz="Asia/Tokyo").collect()
    assert [(str(day), category, n) for day, category, n in days.rows()] == [
        ("2026-11-03", "network", 1),
        ("2026-11-03", "timeout", 1),
        ("2026-11-04", "timeout", 1),
    ]
