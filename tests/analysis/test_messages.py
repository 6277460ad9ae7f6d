"""What failures say, grouped into templates."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpa_lab.analysis.messages import message_templates, templates
from tests import strategies
from tests.analysis.labelled import labelled

AT = datetime(2026, 11, 3, tzinfo=UTC)
_WORDS = ("C:\\x", "'a b'", "<n>", "<value>", "12", "a1", "ORA-01017", "WinError 5", "http://", "x@y.z", "2026-11-03")
_PIECES = st.sampled_from((*"'\"` /\\.,-_“”\né\ue000", *_WORDS, "10:30", "0x8001", "deadbeef12345678", "can't"))
_TEXTS = st.lists(_PIECES, max_size=12).map("".join) | st.text(max_size=40) | strategies.hostile_text()


@given(st.lists(_TEXTS, max_size=20))
def test_masking_twice_is_masking_once(texts: list[str]) -> None:
    kept = [text for text in texts if text.isprintable() or max(text, default="") < "\ud800"]
    once = templates(pl.Series([text.encode("utf-8", "replace").decode() for text in kept], dtype=pl.String))

    assert templates(once).to_list() == once.to_list()


@given(st.lists(_TEXTS, min_size=1, max_size=20))
def test_a_template_follows_from_its_text_alone(texts: list[str]) -> None:
    said = pl.Series([text.encode("utf-8", "replace").decode() for text in texts])
    together = templates(said).to_list()

    assert together == [templates(said.gather([at]))[0] for at in range(len(said))]
    assert templates(said.reverse()).to_list() == together[::-1]


@pytest.mark.parametrize(
    ("text", "template"),
    [
        ("Order 4711 of 2026-11-03T10:30:00Z failed", "Order <n> of <date> failed"),
        ("Rechnung vom 03.11.2026: 1.250,00 EUR fehlen", "Rechnung vom <date>: <n> EUR fehlen"),
        ("invoice INV-2026-0118 already paid", "invoice <id> already paid"),
        ("nothing matches css:button[type=submit] after 10 s", "nothing matches css:button[type=submit] after <n> s"),
        ("GET https://erp.example.com/orders/4711?x=1 (retry 3)", "GET <url> (retry <n>)"),
        ("mail to jane.doe+rpa@example.com bounced", "mail to <email> bounced"),
        ("can't open 'Order 17' of \"ACME\"", "can't open '<value>' of \"<value>\""),
        ("[WinError 32] C:\\Reports\\daily.xlsx is in use", "[WinError 32] <path> is in use"),
        ("No such file: /var/spool/in/0001.pdf", "No such file: <path>"),
        ("\\\\fileserver\\invoices\\x was not found", "<path> was not found"),
        ("ORA-01017: logon denied, session 8812", "ORA-01017: logon denied, session <n>"),
        ("500 Server Error for url: http://x/y", "500 Server Error for url: <url>"),
        ("COM error 0x800706BA at 0x7ff6a1b2", "COM error 0x800706BA at <hex>"),
        ("run 3f2504e0-4f89-11d3-9a0c-0305e82c3301 died", "run <uuid> died"),
        ("Timeout 30000ms exceeded, order17 of urllib3", "Timeout <n>ms exceeded, <id> of urllib3"),
        ("('08001', 'No connection could be made')", "('<value>', 'No connection could be made')"),
        ("Duplicate invoice 2026-118", "Duplicate invoice <n>"),
        ("first line\n  second   line", "first line second line"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_differs_from_run_to_run_is_masked_and_codes_are_kept(text: str, template: str) -> None:
    assert templates(pl.Series([text])).to_list() == [template]


def test_nothing_said_stays_nothing_and_long_texts_are_cut() -> None:
    assert templates(pl.Series([None, "x" * 1000], dtype=pl.String)).to_list() == [None, "x" * 400]


def test_real_messages_stay_apart() -> None:
    messages = labelled()["message"]

    assert messages.n_unique() - templates(messages).n_unique() <= 2  # ids of errors that differ in a number only


def test_failures_are_grouped_with_first_and_last_and_an_example() -> None:
    texts = ["order 1 failed", "order 22 failed", None, "no answer"]
    failures = pl.LazyFrame(
        {
            "execution_id": list("abcd"),
            "workflow_id": ["w", "v", "w", "w"],
            "node_id": ["save", "save", None, "open"],
            "started_at": [AT + timedelta(hours=hour) for hour in range(4)],
            "category": ["unknown", "unknown", "unknown", "timeout"],
            "error_message": texts,
            "step_error": [None, None, " ", None],
            "error_details": [None, None, "Traceback\n  File x\nKeyError: 'Total'", None],
        },
        schema_overrides={"step_error": pl.String},
    )
    rows = message_templates(failures).collect().to_dicts()

    assert [(row["template"], row["category"], row["failures"], row["share"]) for row in rows] == [
        ("order <n> failed", "unknown", 2, 0.5),
        ("KeyError: '<value>'", "unknown", 1, 0.25),
        ("no answer", "timeout", 1, 0.25),
    ]
    first = rows[0]
    assert (first["first_seen"], first["last_seen"]) == (AT, AT + timedelta(hours=1))
    assert (first["example"], first["example_execution_id"]) == ("order 22 failed", "b")
    assert (first["workflows"], first["nodes"]) == (["v", "w"], ["save"])
