from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator

import pytest
from hypothesis import given

from rpa_lab.journal import redact as module
from rpa_lab.journal.encode import check
from rpa_lab.journal.redact import HOUSE, MARK, redact, redact_name
from rpa_lab.schema import TABLES
from tests import strategies
from tests.journal.lines import HARMLESS, HARMLESS_NAMES, SECRET, WITH_SECRET, WITH_SHAPED_SECRET

LIMIT = 20_000

FRAGMENTS = (
    *(
        "password",
        "token",
        "api key",
        "secret",
        "Cookie",
        "Authorization",
        "pin",
        "=",
        ":",
        ": ",
        "'",
        '"',
        '\\"',
        "\\",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        "<",
        ">",
        "</",
        "://",
        "@",
        "%3D",
        "%22",
        "&quot;",
        "&",
        "?",
        "eyJhbGciOiJIUzI1NiJ9.",
    ),
    *("Bearer ", "-----BEGIN RSA PRIVATE KEY-----", "-----END PRIVATE KEY-----", " ", "\n", "x", "hunter2", MARK, "--"),
    *(
        "mysql -p",
        "curl -u a:b",
        "is ",
        "None",
        "|",
        "\u200b",
        "é",
        "İ",
        "\x00",
        "<password>",
        "value=",
        "a:b@c",
        "…",
        ", ",
    ),
)
"""What texts consist of that are hard to read."""

WORST = (
    *(
        "a",
        "a=",
        "a-",
        "://",
        "://a:",
        "http://",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY----- ",
    ),
    *(
        "eyJ",
        "-eyJ",
        "eyJ.a",
        "token",
        "token=",
        "token: ",
        "pass='",
        'pass="',
        '{"password": "',
        '{\\"password\\": \\"',
    ),
    *(
        '"',
        "'",
        "\\",
        '\\"',
        "pw=(",
        "pw=[[",
        "pw={",
        "<password>",
        "<password a",
        "&lt;password&gt;",
        "bearer ",
        "Basic Ym90 ",
    ),
    *(
        "curl -u ",
        "docker login -p",
        "mysql -p",
        "net use ",
        "net user a ",
        "a:bcdefgh1@",
        "@",
        "oracle a/b@",
        "typed 'x' ",
    ),
    *(
        'name="password" value=',
        'value="x" name="password" ',
        "cookie: a=b; ",
        "Authorization: Digest ",
        "('password', ",
    ),
    *(
        "--password ",
        "%22password%22%3A%22",
        "AKIA0123456789ABCDEF ",
        "?code=abcdefghijklmnopq",
        "password:\n",
        "pin=",
        "пароль: ",
    ),
    *(
        "pass\u200bword=",
        "ｐａｓｓ",
        "passphrase: a b c ",
        'password="x" + ',
        "pass=f(a, b)",
        "token=https://",
        "-pw ",
        "a.b-c_",
    ),
)
"""What a text can be made of so that patterns try a lot, and in vain."""


def made_up(seed: int) -> Iterator[str]:
    """Secrets of several kinds, all letters or digits but for a few signs."""
    choose = random.Random(seed)
    yield "".join(choose.choices(string.ascii_letters + string.digits, k=14)) + "9"
    yield "".join(choose.choices("0123456789abcdef", k=20)) + "a1"
    yield choose.choice(["Summer", "Winter", "Otter"]) + str(choose.randrange(1_000, 10_000)) + "!"
    yield "hunter2SECRET0"
    yield (
        "".join(choose.choices(string.ascii_lowercase, k=5)) + "-" + "".join(choose.choices(string.digits, k=6)) + "_z"
    )


@pytest.mark.parametrize("line", WITH_SECRET)
def test_a_secret_is_out_of_texts_and_names(line: str) -> None:
    for secret in made_up(seed=len(line)):
        said = line.replace(SECRET, secret)
        assert secret not in redact(said)
        assert secret not in redact_name(said)
        assert secret not in HOUSE.ident(said)


@pytest.mark.parametrize("line", WITH_SHAPED_SECRET)
def test_a_secret_of_a_known_shape_is_out_of_texts_and_names(line: str) -> None:
    secret = "Q7zT0" + "9xKw2"
    secret = (secret * 3)[:14] if "AKIA" in line else secret
    said = line.replace(SECRET, secret)

    assert secret not in redact(said)
    assert secret not in redact_name(said)


@pytest.mark.parametrize("line", HARMLESS)
def test_what_is_no_secret_stays(line: str) -> None:
    assert redact(line) == line
    assert redact_name(line) == line


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_names_stay_what_they_are(name: str) -> None:
    assert redact_name(name) == name


def test_what_stands_around_a_secret_stays() -> None:
    said = (
        "login failed for bot: password='x y', next=invoice; see https://bot:x@erp.example/a?token=x1y&page=2 (case 7)"
    )

    assert redact(said) == (
        f"login failed for bot: password='{MARK}', next=invoice; "
        f"see https://bot:{MARK}@erp.example/a?token={MARK}&page=2 (case 7)"
    )


def test_what_has_no_width_stays_where_there_is_no_secret() -> None:
    for text in ("👩\u200d💻 pressed the key", "می\u200cخواهم token", "ｆｕｌｌ width", "a\ufeffb password field"):
        assert redact(text) == text


@pytest.mark.parametrize("line", [*WITH_SECRET, *WITH_SHAPED_SECRET])
def test_redacting_twice_is_redacting_once(line: str) -> None:
    for hide in (redact, redact_name, HOUSE.ident, HOUSE.json_text):
        once = hide(line.replace(SECRET, "q7Zt09xkPw"))
        assert hide(once) == once


def test_redacting_twice_is_redacting_once_whatever_the_text() -> None:
    choose = random.Random(11)
    for _ in range(3_000):
        once = redact("".join(choose.choices(FRAGMENTS, k=choose.randint(1, 30))))
        assert redact(once) == once


@given(strategies.hostile_text())
def test_no_text_raises(text: str) -> None:
    for hide in (redact, redact_name, HOUSE.ident, HOUSE.json_text):
        hide(text)


@pytest.mark.parametrize("line", [*WITH_SECRET, *WITH_SHAPED_SECRET])
def test_no_part_of_a_secret_that_the_limit_cuts_in_two_is_kept(line: str) -> None:
    secret = "Q7zT09xKw2Lp4v"
    said = line.replace(SECRET, secret)
    for kept in range(0, len(said) + 1, 3):
        before = "an order " * 100
        text = before[: LIMIT - kept - 1] + " " * max(0, LIMIT - kept - len(before)) + said + " and so on" * 1_000
        clean = redact(text, most=LIMIT)[:LIMIT]
        assert not any(secret[at : at + 6] in clean for at in range(len(secret) - 5)), clean[-80:]


def test_of_a_text_that_is_too_long_as_much_is_kept_as_may_be() -> None:
    assert redact("x" * 10**7, most=LIMIT)[:LIMIT] == "x" * LIMIT
    assert redact("x" * (LIMIT + 1), most=LIMIT)[:LIMIT] == "x" * LIMIT


def test_what_was_cut_and_is_written_again_stays_the_same() -> None:
    texts = [f"{'an order ' * 3_000}"[: LIMIT - at] + " password='hunter2SECRET0 x'; and so on" * 9 for at in range(90)]
    contexts = [json.dumps({"a": "b" * (LIMIT // 2 - at), "note": "token=hunter2SECRET0 " * 999}) for at in range(90)]
    rows = {"execution_id": [*map(str, range(90))], "status": ["failed"] * 90, "started_at": [1] * 90}
    once = check(TABLES["executions"], rows | {"error_details": texts, "context": contexts}, 90).rows

    again = check(TABLES["executions"], {name: once[name] for name in once.column_names}, 90)
    assert again.rows.equals(once)
    assert again.corrected == 0
    assert "hunter2" not in str(once.to_pylist())


@pytest.mark.parametrize("piece", WORST)
def test_the_worst_texts_come_to_an_end(piece: str) -> None:
    text = (piece * (LIMIT // len(piece) + 1))[:LIMIT]

    redact(text)  # takes milliseconds; were any step not bounded, minutes
    redact_name(text)


def test_only_short_texts_are_remembered() -> None:
    module._remembered.cache_clear()
    redact("password=x " + "y" * 600)
    redact("nothing suspicious")
    assert module._remembered.cache_info().currsize == 0
    redact("password=x")
    assert module._remembered.cache_info().currsize == 1


def test_ids_that_differed_still_do() -> None:
    ids = [f"https://q.example/items/5?token=a{n}b{n}" for n in range(200)]
    clean = {HOUSE.ident(one) for one in ids}

    assert len(clean) == len(ids)
    assert all(one.startswith("https://q.example/items/5?token=[redacted-") for one in clean)
    for plain in ("3f2a9c01d4e5f60718293a4b", "0b9c6e0e-3f52-4d3c-9a8e-2c5b1f6f7a10", "order 4711", "e1:0a1b2c:7"):
        assert HOUSE.ident(plain) == plain
