from __future__ import annotations

import json
import time

import pytest

from rpa_lab.journal.redact import redact, redact_json, redact_json_text, redact_name

SECRET = "hunter2SECRET0"


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        f"Password: '{SECRET} with blanks'",
        f"db_password = {SECRET};",
        f'{{"passwd": "{SECRET}"}}',
        f"Server=db;Uid=bot;Pwd={SECRET};",
        f"https://bot:{SECRET}@erp.example/login",
        f"GET /x?api_key={SECRET}&page=2",
        f"Authorization: Bearer {SECRET}",
        f"authorization: Basic {SECRET}==",
        f"Cookie: a=1; session={SECRET}",
        f"Set-Cookie: id={SECRET}; HttpOnly",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIx{SECRET}.sig",
        f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"client_secret={SECRET}",
        f"AccountKey={SECRET}==;EndpointSuffix=x",
        f"X-Api-Key: {SECRET}",
        f"userPassword={SECRET}",
        '{"clientSecret": "' + SECRET + '"}',
        "Authorization: Bearer abcdefSECRET" + SECRET,
        "Proxy-Authorization: " + SECRET,
    ],
)
def test_a_secret_is_out(text: str) -> None:
    assert SECRET not in redact(text)
    assert "[redacted]" in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "TimeoutException: element #password was not found",
        "the token has expired for user 'bot'",
        "invoice 4711: total 12.50 differs from 12.05",
        "https://erp.example/orders?page=2",
        "monkey=3",
        "Basic facts about the order",
        "Basic Validation",
        "Digest messages",
        "the bearer presented it",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "name", ["Suite.Auth: login page", "Basic Validation", "Cookie: banner", "reset password: bot"]
)
def test_names_stay_what_they_are(name: str) -> None:
    assert redact_name(name) == name
    assert SECRET not in redact_name(f"open https://bot:{SECRET}@x/?token={SECRET}")


def test_redacting_twice_is_redacting_once() -> None:
    text = f"password={SECRET}; Authorization: Bearer {SECRET}; https://a:{SECRET}@b"

    assert redact(redact(text)) == redact(text)


def test_keys_are_found_by_name_at_any_depth() -> None:
    value = {"a": [{"clientSecret": SECRET, "user": "bot"}], "TOKEN": 5, "keyboard": "us", "password": None}

    assert redact_json(value) == {
        "a": [{"clientSecret": "[redacted]", "user": "bot"}],
        "TOKEN": "[redacted]",
        "keyboard": "us",
        "password": None,
    }
    assert value["TOKEN"] == 5  # the caller's own is as it was


def test_json_that_is_text_is_redacted_as_json_and_other_text_as_text() -> None:
    assert json.loads(redact_json_text(json.dumps({"pwd": [SECRET]}))) == {"pwd": "[redacted]"}
    assert SECRET not in redact_json_text(f"{{broken: password={SECRET}")
    assert SECRET not in redact_json_text("[" * 100_000 + f"password={SECRET}")


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "token" * 4_000, "eyJ" + "a." * 9_000, "a-" * 10_000, "http://" * 2_800, "pass='" * 3_000]
)
def test_cost_grows_with_length_and_not_with_its_square(text: str) -> None:
    def cost(text: str) -> float:
        began = time.process_time()
        for _ in range(5):
            redact.__wrapped__(text)
        return time.process_time() - began

    quarter, whole = cost(text[: len(text) // 4]), cost(text)
    assert whole < 10 * quarter + 0.1  # four times the text; a square would be sixteen times, at some seconds
